"""Several reports made into one: runs put on top of each other, files of a run and shards of a matrix side by side."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from regress_action.formats.report_builder import capped
from regress_action.model.errors import InputError
from regress_action.model.measurements import Report, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from regress_action.model.measurements import Environment, Failure


def stack(reports: Sequence[Report]) -> Report:
    """Return other report with the runs of all `reports` in their order.

    A series has NaN for the runs of a report that lacks it. What the reports do not agree on becomes unknown. A
    benchmark that failed in some runs and has a value in others is warned of; without any value it is a failure.

    Raises:
        InputError: The same metric of the same benchmark has two units.
    """
    columns: dict[tuple[str, str], _Column] = {}
    runs = sum(len(report.runs) for report in reports)
    start = 0
    for report in reports:
        for series in report.series:
            columns.setdefault(series.key, _Column(series, runs)).put(series, start)
        start += len(report.runs)
    stacked = tuple(column.series() for column in columns.values())
    failures, warnings = _failures(reports, {series.benchmark.name for series in stacked if series.measured})
    return replace(
        reports[0],
        series=stacked,
        runs=tuple(run for report in reports for run in report.runs),
        commit=_agreed(reports, lambda report: report.commit),
        branch=_agreed(reports, lambda report: report.branch),
        created=min((report.created for report in reports if report.created), default=None),
        failures=failures,
        warnings=capped([warning for report in reports for warning in report.warnings] + warnings),
        provenance=tuple(pair for pair in reports[0].provenance if all(pair in other.provenance for other in reports)),
        conditions=tuple(dict.fromkeys(conditions for report in reports for conditions in report.conditions)),
        saved_s=sum(saved) if (saved := [report.saved_s for report in reports if report.saved_s]) else None,
        planned_pairs=max((report.planned_pairs for report in reports if report.planned_pairs), default=None),
    )


def merge(reports: Sequence[Report]) -> Report:
    """Return one report of all the shards of a matrix, each of which measured other benchmarks of one commit.

    The shards of a matrix may run on other CPU models. The merged report then names the model of every shard in
    the order of their benchmarks, so that it is never compared with a report whose shards ran elsewhere.

    Raises:
        InputError: There is no shard, or they differ in commit, suite or kind of runner, or two measured the same.
    """
    if not reports:
        raise InputError("There is no report to merge.", remedy="Name the reports of all shards.")
    _require_same(reports, "commit", lambda report: report.commit)
    _require_same(reports, "suite", lambda report: report.suite)
    _require_same(reports, "kind of runner", lambda report: _kind(report.environment))
    _distinct(reports)
    ordered = sorted(reports, key=lambda report: min((series.key for series in report.series), default=("", "")))
    return replace(stack(ordered), environment=_environment([report.environment for report in ordered]))


def side_by_side(reports: Sequence[Report]) -> Report:
    """Return one run that wrote all of `reports`, each of which holds other benchmarks of it.

    Raises:
        InputError: There is no report, or two hold the same metric of the same benchmark.
    """
    if not reports:
        raise InputError("No file that the run left holds results.")
    _distinct(reports)
    return replace(
        reports[0],
        series=tuple(series for report in reports for series in report.series),
        failures=tuple(failure for report in reports for failure in report.failures),
        warnings=capped([warning for report in reports for warning in report.warnings]),
    )


@dataclass(slots=True)
class _Column:
    """One series while it grows over the runs of several reports."""

    first: Series
    runs: int
    values: list[float] = field(init=False)
    rounds: list[int] = field(init=False)
    spreads: list[float] = field(init=False)
    dropped: int = 0

    def __post_init__(self) -> None:
        self.values = [math.nan] * self.runs
        self.rounds = [0] * self.runs
        self.spreads = [math.nan] * self.runs

    def put(self, series: Series, start: int) -> None:
        if series.metric.unit != self.first.metric.unit:
            benchmark, name = series.key
            raise InputError(
                f"{benchmark} has its {name} in {self.first.metric.unit} and in {series.metric.unit}: units disagree.",
                meaning="Numbers in different units cannot be the same measurement.",
                remedy="Measure again with one version of the tool, or rename one of the two.",
            )
        end = start + len(series.values)
        self.values[start:end] = series.values
        self.rounds[start : start + len(series.rounds)] = series.rounds
        self.spreads[start : start + len(series.spreads)] = series.spreads
        self.dropped += series.dropped

    def series(self) -> Series:
        first = self.first
        return Series(
            first.benchmark, first.metric, tuple(self.values), tuple(self.rounds), tuple(self.spreads), self.dropped
        )


def _agreed(reports: Iterable[Report], what: Callable[[Report], str | None]) -> str | None:
    values = {what(report) for report in reports}
    return values.pop() if len(values) == 1 else None


def _failures(reports: Sequence[Report], measured: set[str]) -> tuple[tuple[Failure, ...], list[str]]:
    all_of_them = [failure for report in reports for failure in report.failures]
    failed = {failure.benchmark: failure for failure in all_of_them}
    counts = Counter(failure.benchmark for failure in all_of_them)
    never = tuple(failure for name, failure in failed.items() if name not in measured)
    sometimes = [
        f"{name} {'was skipped' if failure.skipped else 'failed'} in {counts[name]} of its runs: {failure.reason}"
        for name, failure in failed.items()
        if name in measured
    ]
    return never, sometimes


def _require_same(reports: Sequence[Report], name: str, what: Callable[[Report], object]) -> None:
    values = {what(report): report.origin for report in reports}
    if len(values) > 1:
        listed = "; ".join(f"{value or 'unknown'} in {origin}" for value, origin in list(values.items())[:3])
        raise InputError(
            f"The shards are not of one {name}: {listed}.",
            meaning="Merged, their numbers would pass for one measurement.",
            remedy="Merge only the shards of one matrix of one workflow run.",
        )


def _kind(environment: Environment) -> str:
    return f"{environment.runner}, {environment.os}, {environment.runtime}"


def _distinct(reports: Sequence[Report]) -> None:
    owners: dict[tuple[str, str], str | None] = {}
    for report in reports:
        for series in report.series:
            if series.key in owners:
                raise InputError(
                    f"{series.key[0]} ({series.key[1]}) is twice there: in {owners[series.key]} and {report.origin}.",
                    meaning="Its runs would be counted twice, or mixed from two machines.",
                    remedy="Name every file once, and let every benchmark run in one shard or file only.",
                )
            owners[series.key] = report.origin


def _environment(environments: Sequence[Environment]) -> Environment:
    first = environments[0]
    cpus = [environment.cpu for environment in environments]
    if len(set(cpus)) == 1:
        return first
    return replace(first, cpu=f"mixed: {', '.join(cpus)}")
