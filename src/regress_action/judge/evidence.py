"""The evidence: every run of both sides, laid out as one row per benchmark × metric and one column per run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from regress_action.errors import InputError
from regress_action.judge.arrays import moments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.judge.arrays import Flags, Floats, Ints
    from regress_action.samples import Benchmark, Metric, Report, Series

_MAXIMUM_DROPPED = 0.2

Identity = tuple[str, str, str, str, str | None]
"""Benchmark, metric, unit, direction and the version of the body."""

_IDENTITY = tuple(
    map(attrgetter, ("benchmark.name", "metric.name", "metric.unit", "metric.direction", "benchmark.version"))
)


@dataclass(slots=True)
class Rows:
    """What the rows are: the newest description of each, and why some values were not taken."""

    index: dict[tuple[str, str], int] = field(default_factory=dict)
    identities: list[Identity] = field(default_factory=list)
    benchmarks: list[Benchmark] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    clashes: dict[int, str] = field(default_factory=dict)
    invalid: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.identities)

    def place(self, identities: Sequence[Identity], series: Sequence[Series]) -> Ints:
        """Return the row of each series, adding rows as needed; -1 where unit, direction or body differ."""
        if not self.identities:
            self._begin(identities, series)
        return np.array([self._row(*one) for one in zip(identities, series, strict=True)], dtype=np.int64)

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

    def _begin(self, identities: Sequence[Identity], series: Sequence[Series]) -> None:
        """Take over a whole first report at once; a name that occurs twice is left to `place`."""
        index = {identity[:2]: row for row, identity in enumerate(identities)}
        if len(index) == len(identities):
            self.index, self.identities = index, list(identities)
            self.benchmarks = [one.benchmark for one in series]
            self.metrics = [one.metric for one in series]


@dataclass(frozen=True, slots=True)
class Side:
    """All runs of one side: `values` is rows × runs, NaN where a run holds none; the rest is one entry per run.

    `sessions` numbers what was measured together on one machine; `fingerprints` numbers the environments as in
    `environments`. `newest` marks the rows that the newest commit of the side was meant to measure, `listed` those that
    any report names.
    """

    values: Floats
    sessions: Ints
    fingerprints: Ints
    pairs: tuple[tuple[str, int] | None, ...]
    newest: Flags
    listed: Flags
    blocks: tuple[tuple[Ints, slice, Report], ...]


def lay_out(baseline: Sequence[Report], head: Sequence[Report]) -> tuple[Rows, Side, Side, tuple[str, ...]]:
    """Return rows, baseline, head and the environments' fingerprints; the head's description of a row wins.

    Raises:
        InputError: when a series does not hold one value per run of its report.
    """
    rows = Rows()
    environments: dict[str, int] = {}
    head_blocks = _blocks(head, rows)
    base_blocks = _blocks(baseline, rows)
    sides = [
        _side(blocks, _ordered(reports), rows, environments)
        for blocks, reports in ((base_blocks, baseline), (head_blocks, head))
    ]
    return rows, sides[0], sides[1], tuple(environments)


def _ordered(reports: Sequence[Report]) -> list[Report]:
    """Return the reports oldest first, as given where a time is missing."""
    if all(report.created for report in reports):
        return sorted(reports, key=lambda report: report.created or "")
    return list(reports)


def _blocks(reports: Sequence[Report], rows: Rows) -> list[Ints]:
    """Return the rows of every series of every report, newest report first described."""
    blocks: list[Ints] = []
    known: list[list[str | None]] | None = None
    for report in reversed(_ordered(reports)):
        columns = [list(map(attribute, report.series)) for attribute in _IDENTITY]
        if columns != known:  # reports of one suite list the same series in the same order
            block = rows.place(list(zip(*columns, strict=True)), report.series)
            known = columns
        blocks.append(block)
    return blocks[::-1]


def _clash(newer: Identity, older: Identity) -> str | None:
    if newer[2] != older[2]:
        return f"its unit changed from {older[2]!r} to {newer[2]!r}"
    if newer[3] != older[3]:
        return f"its direction changed from {older[3]} is better to {newer[3]} is better"
    if None not in (newer[4], older[4]):
        return "its body changed, so the older runs measured something else"
    return None


def _side(blocks: list[Ints], reports: list[Report], rows: Rows, environments: dict[str, int]) -> Side:
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
    values[~np.isfinite(values)] = np.nan
    return Side(values[:-1], sessions, fingerprints, pairs, newest[:-1], listed[:-1], tuple(placed))


def _values(report: Report, rows: Rows, block: Ints) -> Floats:
    try:
        values = np.array([series.values for series in report.series], dtype=float)
        values = values.reshape(len(report.series), len(report.runs))
    except ValueError as error:
        raise InputError(
            f"A series of {report.origin or 'a report'} does not hold one value per run ({len(report.runs)} runs).",
            meaning="It is unknown which value belongs to which run.",
            remedy="Write the report again, or leave this file out.",
        ) from error
    for position in np.flatnonzero([series.dropped for series in report.series]):
        series = report.series[position]
        if series.dropped > _MAXIMUM_DROPPED * (series.dropped + sum(series.rounds)):
            values[position] = np.nan
            rows.invalid[int(block[position])] = f"{series.dropped} of its rounds were no finite numbers"
    return values


def grown(side: Side, rows: int) -> Side:
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


def by_session(values: Floats, side: Side) -> Floats:
    """Return one value per session, oldest first: runs of one session share its machine and are not independent."""
    numbers = np.unique(side.sessions)
    if len(numbers) == len(side.sessions):
        return values  # numbered as they were met, so sorted already
    return np.stack([moments(values[:, side.sessions == number])[1] for number in numbers], axis=1)


def ranks(side: Side) -> Ints:
    """Return for each run the column of its session in `by_session`."""
    return np.unique(side.sessions, return_inverse=True)[1]
