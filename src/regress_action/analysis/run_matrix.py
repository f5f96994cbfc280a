"""The matrix: every run of both sides, laid out as one row per benchmark × metric and one column per run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.arrays import moments, stacked
from regress_action.model.comparisons import Reason, ReasonCode
from regress_action.model.errors import InputError
from regress_action.model.measurements import Direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.arrays import Flags, Floats, Ints
    from regress_action.model.measurements import Benchmark, Metric, Report, Series

_MAXIMUM_DROPPED = 0.2

Identity = tuple[str, str, str, str, str | None]
"""Benchmark, metric, unit, direction and the version of the body."""

_IDENTITY = tuple(
    map(attrgetter, ("benchmark.name", "metric.name", "metric.unit", "metric.direction", "benchmark.version"))
)


@dataclass(slots=True)
class RowIndex:
    """What the rows are: the newest description of each, and why some values were not taken."""

    index: dict[tuple[str, str], int] = field(default_factory=dict)
    identities: list[Identity] = field(default_factory=list)
    benchmarks: list[Benchmark] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    clashes: dict[int, Reason] = field(default_factory=dict)
    invalid: dict[int, Reason] = field(default_factory=dict)
    _described: tuple[Sequence[Benchmark], Sequence[Metric]] = field(default=((), ()), init=False)
    _placed: Ints = field(default_factory=lambda: np.zeros(0, np.int64), init=False)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.identities)

    def place(self, series: Sequence[Series]) -> Ints:
        """Return the row of each series, adding rows as needed; -1 where unit, direction or body differ.

        Reports of one suite nearly always list the same series in the same order, so the last answer is kept.
        """
        described = [entry.benchmark for entry in series], [entry.metric for entry in series]
        if described != self._described:
            self._described = described
            identities = zip(*(map(attribute, series) for attribute in _IDENTITY), strict=True)
            self._placed = np.array(
                [self._row(*entry) for entry in zip(identities, series, strict=True)], dtype=np.int64
            )
        return self._placed

    def _row(self, identity: Identity, series: Series) -> int:
        row = self.index.setdefault(identity[:2], len(self.identities))
        if row == len(self.identities):
            self.identities.append(identity)
            self.benchmarks.append(series.benchmark)
            self.metrics.append(series.metric)
        elif identity != self.identities[row] and (clash := _clash(self.identities[row], identity)):
            self.clashes[row] = clash
            return -1
        return row


@dataclass(frozen=True, slots=True)
class SideRuns:
    """All runs of one side: `values` is rows × runs, NaN where a run holds none; the rest is one entry per run.

    `sessions` numbers what was measured together on one machine; `fingerprints` numbers the environments as in
    `environments`, and `positions` are the runs' in their pairs: 0 for the first, 1 for the second, -1 for unknown.
    `newest` marks the rows that the newest commit of the side was meant to measure, `listed` those that
    any report names.
    """

    values: Floats
    sessions: Ints
    fingerprints: Ints
    pairs: tuple[tuple[str, int] | None, ...]
    positions: Ints
    newest: Flags
    listed: Flags
    blocks: tuple[tuple[Ints, slice, Report], ...]

    @property
    def session_count(self) -> int:
        """The number of sessions; they are numbered from 0 as they were met."""
        return int(self.sessions.max(initial=-1)) + 1


def lay_out(baseline: Sequence[Report], head: Sequence[Report]) -> tuple[RowIndex, SideRuns, SideRuns, tuple[str, ...]]:
    """Return rows, baseline, head and the environments' fingerprints.

    The head describes a row, except for its service, which the baseline decides: thresholds and budgets hang on it, and
    a change could otherwise move what it makes slower to a service without any.

    Raises:
        InputError: when a series does not hold one value per run of its report.
    """
    rows = RowIndex()
    environments: dict[str, int] = {}
    head_blocks = _blocks(head, rows)
    base_blocks = _blocks(baseline, rows)
    _keep_services(rows, _ordered(baseline), base_blocks)
    sides = [
        _side(blocks, _ordered(reports), rows, environments)
        for blocks, reports in ((base_blocks, baseline), (head_blocks, head))
    ]
    return rows, sides[0], sides[1], tuple(environments)


def _keep_services(rows: RowIndex, baseline: Sequence[Report], blocks: Sequence[Ints]) -> None:
    """Give each row of the baseline the service that its newest report names, if it names one.

    `baseline` is ordered oldest first, and `blocks` holds the rows of each of its reports.
    """
    wanted = {int(row) for placed in blocks for row in np.unique(placed)} - {-1}
    for report, placed in zip(reversed(baseline), reversed(blocks), strict=True):
        if not wanted:
            return
        for row, series in zip(placed.tolist(), report.series, strict=True):
            if row in wanted:
                wanted.remove(row)
                service = series.benchmark.service
                if service and service != rows.benchmarks[row].service:
                    rows.benchmarks[row] = replace(rows.benchmarks[row], service=service)


def _ordered(reports: Sequence[Report]) -> list[Report]:
    """Return the reports oldest first, as given where a time is missing."""
    if all(report.created for report in reports):
        return sorted(reports, key=lambda report: report.created or "")
    return list(reports)


def _blocks(reports: Sequence[Report], rows: RowIndex) -> list[Ints]:
    """Return the rows of every series of every report, newest report first described."""
    return [rows.place(report.series) for report in reversed(_ordered(reports))][::-1]


def _clash(newer: Identity, older: Identity) -> Reason | None:
    if newer[2] != older[2]:
        return Reason(ReasonCode.UNIT_CHANGED, before=older[2], text=newer[2])
    if newer[3] != older[3]:
        return Reason(ReasonCode.DIRECTION_CHANGED, before=older[3], text=newer[3])
    if None not in (newer[4], older[4]):
        return Reason(ReasonCode.BODY_CHANGED)
    return None


def _side(blocks: list[Ints], reports: list[Report], rows: RowIndex, environments: dict[str, int]) -> SideRuns:
    total = sum(len(report.runs) for report in reports)
    values = np.full((len(rows) + 1, total), np.nan)  # the last row takes what clashes
    newest, listed = np.zeros(len(rows) + 1, dtype=bool), np.zeros(len(rows) + 1, dtype=bool)
    sessions, fingerprints = np.zeros(total, np.int64), np.zeros(total, np.int64)
    numbers: dict[object, int] = {}
    placed = []
    column = 0
    for number, (block, report) in enumerate(zip(blocks, reports, strict=True)):
        runs = slice(column, column + len(report.runs))
        values[block, runs] = _values(report, rows, block)
        listed[block] = True
        newest[block] |= report.commit == reports[-1].commit
        fingerprints[runs] = environments.setdefault(report.environment.fingerprint, len(environments))
        sessions[runs] = [numbers.setdefault(run.session or number, len(numbers)) for run in report.runs]
        placed.append((block, runs, report))
        column = runs.stop
    pairs = tuple(
        (run.session, run.pair) if run.session is not None and run.pair is not None else None
        for report in reports
        for run in report.runs
    )
    places = [run.position for report in reports for run in report.runs]
    positions = np.array([-1 if place is None else place for place in places], int)
    return SideRuns(values[:-1], sessions, fingerprints, pairs, positions, newest[:-1], listed[:-1], tuple(placed))


def _values(report: Report, rows: RowIndex, block: Ints) -> Floats:
    held = [series.values for series in report.series]
    if not set(map(len, held)) <= {len(report.runs)}:
        raise InputError(
            f"A series of {report.origin or 'a report'} does not hold one value per run ({len(report.runs)} runs).",
            meaning="It is unknown which value belongs to which run.",
            remedy="Write the report again, or leave this file out.",
        )
    values = stacked(held, len(report.runs))
    for position in np.flatnonzero([series.dropped for series in report.series]):
        series = report.series[position]
        if series.dropped > _MAXIMUM_DROPPED * (series.dropped + sum(series.rounds)):
            values[position] = np.nan
            rows.invalid[int(block[position])] = Reason(ReasonCode.UNUSABLE_ROUNDS, count=series.dropped)
    return values


def grown(side: SideRuns, rows: int) -> SideRuns:
    """Return the side with empty rows at its end, for what failed everywhere."""
    more = rows - len(side.values)
    if not more:
        return side
    return replace(
        side,
        values=np.pad(side.values, ((0, more), (0, 0)), constant_values=np.nan),
        newest=np.pad(side.newest, (0, more)),
        listed=np.pad(side.listed, (0, more)),
    )


def by_session(values: Floats, side: SideRuns) -> Floats:
    """Return one value per session, oldest first: runs of one session share its machine and are not independent."""
    if side.session_count == len(side.sessions):
        return values  # numbered as they were met
    sessions = range(side.session_count)
    return np.stack([moments(values[:, side.sessions == number])[1] for number in sessions], axis=1)


@dataclass(frozen=True, slots=True)
class Scale:
    """How each row was transformed.

    `linear` rows have no ratio (signed metrics, or a zero among the values); `sign` is -1 where higher is better;
    `exact` and `timed` repeat the metrics' kinds; `stopped` rows held times of zero or less.
    """

    linear: Flags
    sign: Floats
    exact: Flags
    timed: Flags
    stopped: Flags

    @property
    def seconds(self) -> Flags:
        """The rows that were read from a clock: times, and no rates."""
        return np.asarray(self.timed & (self.sign > 0))


def badness(rows: RowIndex, base: SideRuns, head: SideRuns) -> tuple[Scale, Floats, Floats]:
    """Return the scale, and both sides as rows × runs on it: larger is always worse."""
    timed = np.array([metric.unit == "s" for metric in rows.metrics], dtype=bool)
    signed = np.array([metric.signed for metric in rows.metrics], dtype=bool)
    positive_base, positive_head = _positive(base.values), _positive(head.values)
    stopped = timed & ~signed & ~positive_head
    linear = signed | (~timed & ~(positive_base & positive_head))
    scale = Scale(
        linear=linear,
        sign=np.array([-1.0 if metric.direction is Direction.HIGHER else 1.0 for metric in rows.metrics]),
        exact=np.array([metric.exact for metric in rows.metrics], dtype=bool),
        timed=np.array([metric.unit in ("s", "1/s", "B/s") for metric in rows.metrics], dtype=bool),
        stopped=stopped,
    )
    return scale, _transformed(base.values, scale), _transformed(head.values, scale)


def _positive(values: Floats) -> Flags:
    return np.asarray(~np.any(values <= 0, axis=1))


def _transformed(values: Floats, scale: Scale) -> Floats:
    logs = np.log(np.where(values > 0, values, np.nan))
    if scale.linear.any():
        logs[scale.linear] = values[scale.linear]
    return np.asarray(logs * scale.sign[:, None])
