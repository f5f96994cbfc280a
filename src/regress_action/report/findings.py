"""A judgement sorted into what a reader asks for, in the order in which it matters.

Also here: what a page says beyond the judgement: where things are, how to repeat the measurement, how to accept a
change.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Self

from regress_action.model.comparisons import Mode, Verdict
from regress_action.report.numbers import UNDETECTABLE

if TYPE_CHECKING:
    from regress_action.model.comparisons import Comparison, Judgement, ServiceComparison


_DECIDED_WITHOUT_ALARM = {Verdict.UNCHANGED, Verdict.IMPROVEMENT}
_PROVEN = {Verdict.REGRESSION, Verdict.IMPROVEMENT}
_COMPARED = _DECIDED_WITHOUT_ALARM | {Verdict.REGRESSION, Verdict.INCONCLUSIVE}


@dataclass(frozen=True, slots=True)
class Findings:
    """The comparisons of one judgement by kind, each kind in the judgement's own order, worst first.

    The fields stand in the order of their importance. `regressions` are proven and alarm, `suspected` ones would alarm
    if more runs showed them, `slight` ones lie below their threshold or are allowed.
    `over_budget` may repeat a comparison of another kind.
    """

    regressions: list[Comparison] = field(default_factory=list)
    suspected: list[Comparison] = field(default_factory=list)
    over_budget: list[Comparison] = field(default_factory=list)
    failed: list[Comparison] = field(default_factory=list)
    missing: list[Comparison] = field(default_factory=list)
    skipped: list[Comparison] = field(default_factory=list)
    inconclusive: list[Comparison] = field(default_factory=list)
    unstable: list[Comparison] = field(default_factory=list)
    incomparable: list[Comparison] = field(default_factory=list)
    slight: list[Comparison] = field(default_factory=list)
    improvements: list[Comparison] = field(default_factory=list)
    new: list[Comparison] = field(default_factory=list)
    unchanged: list[Comparison] = field(default_factory=list)

    @classmethod
    def of(cls, judgement: Judgement) -> Self:
        """Sort every comparison of the judgement."""
        findings = cls()
        kinds = {
            Verdict.IMPROVEMENT: findings.improvements,
            Verdict.UNCHANGED: findings.unchanged,
            Verdict.INCONCLUSIVE: findings.inconclusive,
            Verdict.NEW: findings.new,
            Verdict.MISSING: findings.missing,
            Verdict.FAILED: findings.failed,
            Verdict.INCOMPARABLE: findings.incomparable,
            Verdict.UNSTABLE_BASELINE: findings.unstable,
        }
        for comparison in judgement.comparisons:
            if comparison.alarms:
                findings.regressions.append(comparison)
            elif comparison.is_suspected:
                findings.suspected.append(comparison)
            elif comparison.verdict is Verdict.REGRESSION:
                findings.slight.append(comparison)
            elif comparison.skipped:
                findings.skipped.append(comparison)
            else:
                kinds[comparison.verdict].append(comparison)
            if comparison.is_over_budget:
                findings.over_budget.append(comparison)
        return findings

    @property
    def unmeasured(self) -> list[Comparison]:
        """What the head has no value of: failed, missing, or skipped by the suite."""
        return [*self.failed, *self.missing, *self.skipped]

    def without_unchanged(self) -> Self:
        """Leave out what is only ever counted in a short page."""
        return replace(self, unchanged=[])

    def first(self, rows: int) -> Self:
        """Keep that many rows, the most important kinds first."""
        kept = {}
        for kind in fields(self):
            comparisons = getattr(self, kind.name)
            kept[kind.name] = comparisons[:rows]
            rows -= len(kept[kind.name])
        return type(self)(**kept)

    def __len__(self) -> int:
        return sum(len(getattr(self, kind.name)) for kind in fields(self))


@dataclass(frozen=True, slots=True)
class Detectability:
    """The smallest change that would have been proven: a badness ratio, and in how many of the `compared` rows.

    `at_threshold` is the number of rows in which a change as large as the row's own threshold would have been proven,
    and `covers_alarms` whether these are about nine in ten. `others` says that rows that proved a change are left out.
    """

    ratio: float
    rows: int
    compared: int
    at_threshold: int
    others: bool = False
    covers_alarms: bool = True


def detectability(judgement: Judgement) -> Detectability | None:
    """Return the ratio that about nine in ten comparisons would have found with 80 % power, None if unknown.

    Rows that proved a change are left out, unless all did. A suite that moved as one, and one session on each side,
    show nothing of how small a change could have been seen.
    """
    if judgement.mode is Mode.SINGLE or judgement.summary.environment_shift is not None:
        return None
    comparable = [comparison for comparison in judgement.comparisons if comparison.verdict in _COMPARED]
    compared = [comparison for comparison in comparable if comparison.verdict not in _PROVEN] or comparable
    smallest = [(ratio, row.threshold) for row in compared if (ratio := _smallest(row)) is not None]
    ratios = sorted(ratio for ratio, _ in smallest)
    if not ratios or all(row.metric.exact for row in compared):
        return None
    most = min(len(ratios), round(len(compared) * 0.9))  # all of up to four: the time of a command is one of three
    ratio = min(ratios[most - 1], UNDETECTABLE)
    at_threshold = sum(value <= threshold for value, threshold in smallest)
    return Detectability(
        ratio,
        sum(value <= ratio for value in ratios),
        len(compared),
        at_threshold,
        others=len(compared) < len(comparable),
        covers_alarms=at_threshold >= most,
    )


def rules_out_alarms(judgement: Judgement) -> bool:
    """Whether a change as large as its threshold is ruled out for every benchmark that both sides have."""
    verdicts = {comparison.verdict for comparison in judgement.comparisons}
    return Verdict.UNCHANGED in verdicts and verdicts <= _DECIDED_WITHOUT_ALARM | {Verdict.NEW}


def _smallest(row: Comparison) -> float | None:
    """Return the smallest ratio that would have been proven, None if unknown; every change of a count or of 0 is."""
    is_exact = row.metric.exact or row.baseline.median == row.head.median == 0
    return 1.0 if is_exact and row.minimum_detectable_ratio is None else row.minimum_detectable_ratio


def moved_services(judgement: Judgement) -> list[ServiceComparison]:
    """Return the services that changed as a whole, worst first."""
    return [service for service in judgement.services if service.verdict in _PROVEN]


def rows_are(judgement: Judgement) -> str:
    """Return what one row is called: a benchmark, unless some benchmark has several metrics."""
    names = [comparison.benchmark.name for comparison in judgement.comparisons]
    return "benchmark" if len(names) == len(set(names)) else "comparison"


@dataclass(frozen=True, slots=True)
class Context:
    """Links, commands and sentences for a page; whatever is None or empty is left out.

    `repository_url` makes commits into links. `reproduce` is one shell command, `accept` one sentence. `waivers` and
    `advice` are sentences, and `elsewhere` is the one that suggests another machine. `folder` is where the page will
    lie, from which links to files lead. `looks` are the numbers of pairs after which the measurement was to be judged
    while it ran, the last being its planned end; empty where it was not.
    """

    suite: str = "default"
    repository_url: str | None = None
    run_url: str | None = None
    summary_url: str | None = None
    dashboard_url: str | None = None
    report_url: str | None = None
    reproduce: str | None = None
    accept: str | None = None
    elsewhere: str | None = None
    waivers: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    folder: str | None = None
    looks: tuple[int, ...] = ()
