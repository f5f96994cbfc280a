"""What to do next, from the state of the series: each recommendation cites the numbers that it follows from.

* The states of the series of a table, from its values and from what people decided about them.
* What an optimization is worth: the time that it saves in one run, times the runs in which it is saved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import histories
from regress_action.analysis.series_state import NOISY, SeriesState, Status, states_of, visible
from regress_action.model.measurements import matches
from regress_action.report import numbers
from regress_action.site.content import attention

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from regress_action.analysis.series_state import SeriesLimits
    from regress_action.history.events import Event
    from regress_action.model.measurements import Series
    from regress_action.site.content import Row
    from regress_action.site.tables import Table


DAYS = 30.0
"""Runs of that many days up to the newest report count."""
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class TimeGain:
    """Seconds that going back to an earlier level saves in one run, and the runs in which that was lost lately."""

    seconds_a_run: float
    runs: int

    @property
    def seconds(self) -> float:
        """The time saved in all of these runs."""
        return self.seconds_a_run * self.runs


def time_gain(
    reference: float | None, level: float | None, unit: str, reports: Sequence[tuple[float, int]]
) -> TimeGain | None:
    """Return what going back from `level` to `reference` saves; None where that is no time, or nothing.

    `unit` is that of both: `s`, or `1/s`, for which the time of one operation counts. `reports` are the time of each
    report (seconds since 1970, NaN where unknown) and its runs.
    """
    if reference is None or level is None or unit not in ("s", "1/s"):
        return None
    if unit == "1/s":
        if reference <= 0 or level <= 0:
            return None
        reference, level = 1 / reference, 1 / level
    saved = level - reference
    newest = max((time for time, _ in reports if not math.isnan(time)), default=math.nan)
    runs = sum(runs for time, runs in reports if newest - time <= DAYS * _DAY_S)
    return TimeGain(saved, runs) if saved > 0 and runs else None


MOST = 50
"""Recommendations that are listed at most."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One thing to do: `title` says what, `evidence` why, `series` is the number of the row in the index.

    The whole part of `weight` is its kind. Within a kind, `saves_s` comes first: the seconds that doing it saves in a
    run, times the runs of the last days.
    """

    title: str
    evidence: str
    series: int
    weight: float
    saves_s: float = 0.0


def recommendations_of(tables: Sequence[Table], rows: Sequence[Row]) -> list[Recommendation]:
    """Return what is worth doing, the largest gain first; nothing without a number behind it."""
    places = {id(row): number for number, row in enumerate(rows)}
    results = []
    for row in attention(rows):
        rule = _RULES.get(row.finding.status)
        if rule:
            title, evidence, weight = rule(tables[row.table], row)
            gain = _gain(tables[row.table], row)
            words = f"{evidence} {_saving(gain)}" if gain else evidence
            results.append(Recommendation(title, words, places[id(row)], weight, gain.seconds if gain else 0.0))
        elif _cannot_fire(row):
            results.append(_blind(row, places[id(row)]))
    results.sort(key=lambda advice: (-math.floor(advice.weight), -advice.saves_s, -advice.weight))
    return results[:MOST]


def _over_budget(table: Table, row: Row) -> tuple[str, str, float]:
    finding, unit = row.finding, row.series.metric.unit
    began = _since(table, finding.since)
    evidence = (
        f"The level is {numbers.quantity(finding.level, unit)}; the budget {row.limits.budget_key} allows "
        f"{numbers.quantity(row.limits.budget, unit)}. {began}"
    )
    return "Bring it back below its budget, or change the budget.", evidence, 4.0 + _cost(row)


def _regressed(table: Table, row: Row) -> tuple[str, str, float]:
    finding, unit = row.finding, row.series.metric.unit
    change = numbers.transition(finding.reference, finding.level, unit)
    evidence = f"The level went {change} ({numbers.change(finding.ratio)}). {_since(table, finding.since)}"
    return "Find the cause in that commit, or accept the level.", evidence + _until_budget(row), 3.0 + _cost(row)


def _slightly_worse(table: Table, row: Row) -> tuple[str, str, float]:
    title, evidence, _ = _regressed(table, row)
    return (
        title,
        f"{evidence} The change is below the threshold of {numbers.factor(row.limits.threshold)}.",
        0.8 + _cost(row) / 10,
    )


def _drifting(_: Table, row: Row) -> tuple[str, str, float]:
    finding = row.finding
    span = f" in {finding.drift_days:.0f} days" if finding.drift_days else ""
    evidence = f"It became {numbers.percent(1 + (finding.drift or 0.0))} worse{span}, without a step to point at."
    return "Profile it now and compare with an old release.", evidence + _until_budget(row), 2.0 + _cost(row)


def _until_budget(row: Row) -> str:
    days = row.finding.days_to_budget
    return "" if days is None else f" At its rate it reaches its budget in {ahead(days)}."


def _near_budget(_: Table, row: Row) -> tuple[str, str, float]:
    finding, unit = row.finding, row.series.metric.unit
    evidence = (
        f"The level is {numbers.quantity(finding.level, unit)} of {numbers.quantity(row.limits.budget, unit)} "
        f"that {row.limits.budget_key} allows."
    )
    return "Plan for the budget before a pull request exceeds it.", evidence, 1.5


def _missing(table: Table, row: Row) -> tuple[str, str, float]:
    return (
        "Restore the benchmark, or remove it on purpose.",
        f"Its last value is from {_at(table, row.finding.since)}.",
        1.2,
    )


def _noisy(_: Table, row: Row) -> tuple[str, str, float]:
    noise = row.finding.noise or 0.0
    evidence = (
        f"Neighbouring reports differ by {100 * noise:.0f} % ({100 * NOISY:.0f} % is the limit). One report shows a "
        f"change from {numbers.factor(visible(noise))} on."
    )
    return "Use longer rounds or more runs, and let regress-action doctor look for the cause.", evidence, 1.0 + noise


_RULES: dict[Status, Callable[[Table, Row], tuple[str, str, float]]] = {
    Status.OVER_BUDGET: _over_budget,
    Status.REGRESSED: _regressed,
    Status.DRIFTING: _drifting,
    Status.NEAR_BUDGET: _near_budget,
    Status.SLIGHTLY_WORSE: _slightly_worse,
    Status.MISSING: _missing,
    Status.NOISY: _noisy,
}


def _cannot_fire(row: Row) -> bool:
    return row.finding.noise is not None and visible(row.finding.noise) > row.limits.threshold


def _blind(row: Row, place: int) -> Recommendation:
    """Return the advice for a threshold that lies below what the noise lets one report show."""
    evidence = (
        f"The threshold is {numbers.factor(row.limits.threshold)}. Neighbouring reports differ by "
        f"{100 * (row.finding.noise or 0.0):.1f} %, and one report shows a change from "
        f"{numbers.factor(visible(row.finding.noise))} on."
    )
    return Recommendation("Measure base and head in pairs, or raise the threshold.", evidence, place, 0.5)


def _gain(table: Table, row: Row) -> TimeGain | None:
    """Return the time that going back to the reference saves; None where nothing was faster before."""
    finding = row.finding
    if finding.status not in _SLOWER:
        return None
    reports = [(column.time, column.runs) for column in table.columns]
    return time_gain(finding.reference, finding.level, row.series.metric.unit, reports)


_SLOWER = frozenset({Status.OVER_BUDGET, Status.REGRESSED, Status.SLIGHTLY_WORSE, Status.DRIFTING})


def _saving(gain: TimeGain) -> str:
    a_run, all_runs = numbers.duration(gain.seconds_a_run), numbers.duration(gain.seconds)
    lately = f"{numbers.count(gain.runs, 'run')} of the last {DAYS:.0f} days"
    return f"Going back saves {a_run} a run: {all_runs} in as many as the {lately}."


def _cost(row: Row) -> float:
    """Return how much worse the level is, for the order within one kind."""
    return min((row.finding.ratio or 1.0) - 1, 0.99)


def _since(table: Table, column: int | None) -> str:
    return "" if column is None else f"It began with {_at(table, column)}."


def _at(table: Table, column: int | None) -> str:
    if column is None:
        return "an unknown commit"
    commit = table.columns[column].commit[:12] or "a report without a commit"
    author = table.columns[column].author
    return f"{commit} by {author}" if author else commit


def ahead(days: float) -> str:
    """Return a time ahead in the unit that people use for it, `about 3 weeks`."""
    for size, noun in ((365.0, "year"), (30.0, "month"), (7.0, "week")):
        if days >= 1.5 * size:
            return f"about {days / size:.0f} {noun}s"
    return f"about {max(1, round(days))} day{'s' if round(days) > 1 else ''}"


def findings_of(table: Table, limits: Sequence[SeriesLimits], events: Sequence[Event]) -> list[SeriesState]:
    """Return the state of every row of the table; `limits` has one entry per row, `events` are the decisions."""
    columns = {column.commit: number for number, column in enumerate(table.columns)}
    rows = table.measured_rows()
    numbers = np.array(rows, np.intp)
    followed = histories.follow(
        histories_of(table, rows), search=lambda values, ways: table.searcher.find_all(values, numbers, ways)
    )
    accepted = [_accepted(table.series[row], table.suite, events, columns) for row in rows]
    states = states_of(followed, [limits[row] for row in rows], accepted, len(table.columns))
    results = [SeriesState(Status.NEW)] * len(table.series)
    for row, state in zip(rows, states, strict=True):
        results[row] = state
    return results


def histories_of(table: Table, rows: Sequence[int]) -> list[histories.BenchmarkHistory]:
    """Return the rows of a table as histories, whose reports are its columns."""
    present = np.isfinite(table.medians)
    moments = [histories.Moment(None, None, None if math.isnan(c.time) else c.time) for c in table.columns]
    places = [np.flatnonzero(present[row]) for row in rows]
    return [
        histories.BenchmarkHistory(
            table.series[row].benchmark, table.series[row].metric, table.medians[row, place], place, moments
        )
        for row, place in zip(rows, places, strict=True)
    ]


def _accepted(series: Series, suite: str, events: Sequence[Event], columns: Mapping[str, int]) -> list[int]:
    """Return the columns of the reports whose level of this series somebody accepted, and nobody took back later."""
    ours = [
        event
        for event in events
        if event.kind.value in {"accepted", "withdrawn"}
        and event.suite in (None, suite)
        and any(
            matches(series.benchmark.name, pattern.benchmark) and matches(series.metric.name, pattern.metric)
            for pattern in event.patterns
        )
    ]
    withdrawn = max((event.time for event in ours if event.kind.value == "withdrawn"), default=None)
    return [
        columns[event.commit]
        for event in ours
        if event.kind.value == "accepted"
        and event.commit is not None
        and event.commit in columns
        and (withdrawn is None or event.time > withdrawn)
    ]
