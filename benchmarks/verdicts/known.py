"""The CPython changes that people attributed by hand: are they found, and what is called a change that was none?

One commit is one run of twenty processes. The baseline are the twenty commits up to the one named as base, as
`detect` takes them, and the noise is learned from all commits but the two in question. All labelled changes are
improvements. A neighbouring pair of commits counts as null where the level of the three commits before it and of the
three after it differ by less than 1.5 %; real changes that lasted a month or less are in there, so the false rate is
an upper bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from verdicts import peers
from verdicts.reports import only, processes, single
from verdicts.tables import Table, Target

from regress_action import analysis

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from verdicts.sources import Known, Real, Synthetic

    from regress_action.model.measurements import Report

LEVEL, NULL, STORED = 3, 0.015, 20
FIRST = 5  # commits that a baseline needs


def tables(source: Real | Synthetic, *, quick: bool) -> list[Table]:
    """Return the table of known changes; draws know none."""
    return [Commits(source.known).table(quick=quick)] if source.known else []


@dataclass(frozen=True)
class _Case:
    """A benchmark, and the positions of the base and the head commit."""

    name: str
    base: int
    head: int


class Commits:
    """The commits of one branch, oldest first, as reports."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._order = list(known.commits)
        self._reports = [
            processes(measured["values"], commit=commit, created=f"{measured['date']}T{measured['time']}")
            for commit, measured in known.commits.items()
        ]
        self._learned = cache(self._learn)

    def table(self, *, quick: bool) -> Table:
        """Return how many of the changes, and how many of the nulls, each rule calls a change."""
        changes = [
            _Case(name, self._order.index(base), self._order.index(head)) for name, base, head in self._known.changes
        ]
        nulls = list(self._nulls())[:: 10 if quick else 1]
        rows = [
            ("regress-action, history", _rates(self._each(changes), self._each(nulls))),
            ("regress-action, whole suite", _rates(self._within_suite(changes), self._within_suite(nulls))),
            ("regress-action, one run each", _rates(self._single(changes), self._single(nulls))),
        ]
        for name, rule in peers.on_rounds().items():
            rows.append((name, _rates(*(self._by_peer(rule, cases) for cases in (changes, nulls)))))
        found, false = rows[0][1][:2]
        return Table(
            "CPython: 36 attributed changes, and pairs of commits without one, %",
            f"{len(changes)} changes, all improvements; {len(nulls)} null pairs. The first line judges each benchmark "
            "by itself, as the peers do; the second all of a commit together, corrected for their number.",
            ("changes found", "null: slower", "null: faster"),
            tuple(rows),
            (
                Target("attributed changes found", found, 100.0, at_most=False),
                Target("null pairs called slower", false, 2.0, at_most=True),
            ),
        )

    def _learn(self, without: frozenset[int]) -> analysis.Policy:
        others = [report for number, report in enumerate(self._reports) if number not in without]
        return analysis.Policy(noise=analysis.noise_between(others))

    def _stored(self, base: int) -> Sequence[Report]:
        return self._reports[max(0, base - STORED + 1) : base + 1]

    def _each(self, cases: Iterable[_Case]) -> list[str]:
        verdicts: list[str] = []
        for case in cases:
            stored = [one for report in self._stored(case.base) if (one := only(report, case.name))]
            policy = self._learned(frozenset((case.base, case.head)))
            head = single(self._reports[case.head], case.name)
            verdicts.append(analysis.compare(stored, [head], policy).comparisons[0].verdict)
        return verdicts

    def _within_suite(self, cases: Iterable[_Case]) -> list[str]:
        whole = cache(self._suite)
        return [whole(case.base, case.head)[case.name] for case in cases]

    def _suite(self, base: int, head: int) -> dict[str, str]:
        policy = self._learned(frozenset((base, head)))
        judgement = analysis.compare(self._stored(base), [self._reports[head]], policy)
        return {row.benchmark.name: row.verdict for row in judgement.comparisons}

    def _single(self, cases: Iterable[_Case]) -> list[str]:
        verdicts: list[str] = []
        for case in cases:
            base, head = (single(self._reports[number], case.name) for number in (case.base, case.head))
            verdicts.append(analysis.compare([base], [head]).comparisons[0].verdict)
        return verdicts

    def _by_peer(self, rule: peers.Rule, cases: Iterable[_Case]) -> list[str]:
        verdicts = []
        for case in cases:
            base, head = (self._rounds(case.name, number) for number in (case.base, case.head))
            worse, better = rule(base, head), rule(head, base)
            verdicts.append("regression" if worse else "improvement" if better else "unchanged")
        return verdicts

    def _rounds(self, name: str, number: int) -> list[float]:
        measured = self._known.commits[self._order[number]]["values"][name]
        return [value for process in measured for value in process]

    def _nulls(self) -> Iterable[_Case]:
        levels: dict[str, dict[int, float]] = {}
        for number, report in enumerate(self._reports):
            for series in report.series:
                levels.setdefault(series.benchmark.name, {})[number] = float(np.log(series.values[0]))
        for name, by_commit in sorted(levels.items()):
            for base in range(FIRST, len(self._order) - LEVEL - 1):
                window = range(base - LEVEL, base + LEVEL + 2)
                if not all(number in by_commit for number in window):
                    continue
                before = np.median([by_commit[number] for number in range(base - LEVEL, base)])
                after = np.median([by_commit[number] for number in range(base + 2, base + 2 + LEVEL)])
                if abs(before - after) < NULL:
                    yield _Case(name, base, base + 1)


def _rates(changes: Sequence[str], nulls: Sequence[str]) -> tuple[float, float, float]:
    return _share(changes, "improvement"), _share(nulls, "regression"), _share(nulls, "improvement")


def _share(verdicts: Sequence[str], wanted: str) -> float:
    return 100 * sum(verdict == wanted for verdict in verdicts) / len(verdicts)
