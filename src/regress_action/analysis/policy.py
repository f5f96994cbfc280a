"""The rules of a judgement: error rates, thresholds, budgets, waivers and what is already known about the noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.arrays import ROUNDING
from regress_action.model.comparisons import Note, NoteCode, Severity
from regress_action.model.measurements import is_called, matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regress_action.analysis.arrays import Floats
    from regress_action.model.measurements import Benchmark, Metric, Noise


@dataclass(frozen=True, slots=True)
class BudgetRule:
    """One absolute limit of the thresholds file.

    `key` is as written (`cache_get_ms`), `name` lacks the unit (`cache_get`), `limit` is in the base unit `unit`
    (`s`, `B`, `1/s`, `count`, `ratio`).
    """

    key: str
    name: str
    limit: float
    unit: str


@dataclass(frozen=True, slots=True)
class TradeOffRule:
    """A regression of `metric` is allowed up to `factor` where `other` is at `needed` times its baseline or better.

    Both are factors of the values, so 1.1 allows 10 % more of something of which less is better. `rule` is as
    written. `of_service` asks for the time of the whole service instead of another metric of the same benchmark.
    """

    rule: str
    metric: str
    factor: float
    other: str
    needed: float
    service: str = "*"
    benchmark: str = "*"
    of_service: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """RowThresholds for what matches three shell-style patterns; of several that match, the last one given wins.

    `regression_threshold` is the badness ratio from which a proven change alarms, `service_threshold` that for a whole
    service; None leaves the default. `quorum` is how many benchmarks of a service (2 or more), or which share of them
    (at most 1), have to lean to the worse for a proven regression of the service to alarm below its threshold.
    """

    service: str = "*"
    benchmark: str = "*"
    metric: str = "*"
    regression_threshold: float | None = None
    service_threshold: float | None = None
    quorum: float | None = None
    budgets: tuple[BudgetRule, ...] = ()


@dataclass(frozen=True, slots=True)
class WaiverRule:
    """An accepted regression: up to the ratio `ceiling` it is shown and does not alarm."""

    benchmark: str
    metric: str = "*"
    ceiling: float = 1.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SessionSpread:
    """Spread of log values between two sessions that no run of one session can show, by kind of machine."""

    paired: float = 0.0075
    dedicated: float = 0.015
    hosted: float = 0.03
    unknown: float = 0.10


@dataclass(frozen=True, slots=True)
class LayoutBound:
    """The ratio that the layout of a single build may change at most, and from how many builds that is known.

    No builds: it is assumed.
    """

    ratio: float
    builds: int = 0


LayoutKey = tuple[str, str, str]
"""Fingerprint of the environment, benchmark, metric."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Every number the verdict depends on; the defaults are the calibrated ones of docs/statistics.md.

    `alpha` is the false discovery rate per metric family. The `minimum_ratio_*` are the smallest ratios called a
    change at all; `regression_threshold` is the ratio from which a change alarms where no limit says otherwise.
    `severities` are the ratios from which a regression is moderate and above which it is critical. `screen` is
    the p-value below which an unproven slowdown is worth measuring again. `plan` is the one by which the pairs
    were looked at while they were measured; p-values and intervals then pay for the looks. `layout_bound` is the
    ratio that the layout of a single build of compiled code is assumed to change at most; `layout` holds those that a
    history taught. A benchmark that it names is compiled code, whatever its files say.
    """

    alpha: float = 0.05
    power: float = 0.8
    minimum_ratio_paired: float = 1.03
    minimum_ratio_history: float = 1.05
    minimum_ratio_exact: float = 1.01
    regression_threshold: float = 1.2
    service_threshold: float = 1.1
    severities: tuple[float, float] = (1.5, 2.0)
    session_spread: SessionSpread = SessionSpread()
    minimum_pairs: int = 5
    minimum_runs: int = 5
    maximum_spread: float = 0.10
    screen: float = 0.2
    fail_on: Severity = Severity.CRITICAL
    limits: tuple[Limit, ...] = ()
    waivers: tuple[WaiverRule, ...] = ()
    trade_offs: tuple[TradeOffRule, ...] = ()
    noise: Mapping[tuple[str, str], Noise] = field(default_factory=dict)
    plan: SamplingPlan | None = None
    layout_bound: float = 1.25
    layout: Mapping[LayoutKey, LayoutBound] = field(default_factory=dict)


_LAST_SHARE = 0.5  # the final look keeps half of alpha, so that a benchmark measured to the end loses little


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """Interleaved pairs that are looked at after each of `looks` of them; the last is the end.

    A look before the last spends its share of alpha, all together half of it; the shares add up to one, so by the
    union bound looking often costs no false alarm, whatever the distribution (the simplest form of alpha spending,
    Lan and DeMets, Biometrika 70 (1983) 659-663). `looks.paid_for_looks` gives the last look what the others leave.
    """

    looks: tuple[int, ...] = (5, 6, 7, 8, 9, 10)

    @property
    def minimum(self) -> int:
        """The number of pairs at the first look."""
        return self.looks[0]

    @property
    def pairs(self) -> int:
        """The number of pairs at the end."""
        return self.looks[-1]

    def penalty(self, pairs: Floats) -> Floats:
        """Return by what a p-value must be multiplied for a benchmark that was stopped after so many pairs."""
        early = len(self.looks) - 1
        if not early:
            return np.ones_like(pairs)
        at_the_end = pairs >= self.pairs
        return np.where(at_the_end, 1 / _LAST_SHARE, early / (1 - _LAST_SHARE))


_MEMORY = ("memory_limit", "memory", "peak_memory")
_ROUNDED = 1e-9  # 0.6 × 5 is a little more than 3


@dataclass(frozen=True, slots=True)
class RowThresholds:
    """The badness ratio from which each row alarms, and the one that somebody wrote down for it (NaN for none)."""

    alarm: Floats
    asked: Floats


def threshold_asked(benchmark: Benchmark, metric: Metric, policy: Policy) -> float | None:
    """Return the threshold that a limit gives this metric: that of the last one that matches."""
    given = (
        limit.regression_threshold
        for limit in reversed(policy.limits)
        if limit.regression_threshold is not None and _matches(limit, benchmark, metric)
    )
    return next(given, None)


def service_threshold(service: str | None, policy: Policy) -> float:
    """Return the ratio from which a change of a whole service alarms: that of the last limit that names one."""
    given = (
        limit.service_threshold
        for limit in reversed(policy.limits)
        if limit.service_threshold is not None and matches(service or "", limit.service)
    )
    return next(given, policy.service_threshold)


def quorum_of(service: str | None, benchmarks: int, policy: Policy) -> int | None:
    """Return how many of the benchmarks of a service make a quorum: that of the last limit that names one."""
    given = (
        limit.quorum
        for limit in reversed(policy.limits)
        if limit.quorum is not None and matches(service or "", limit.service)
    )
    asked = next(given, None)
    if asked is None:
        return None
    return math.ceil(asked * benchmarks - _ROUNDED) if asked <= 1 else int(asked)


def severity_of(ratio: float, threshold: float, policy: Policy) -> Severity:
    """Return the severity of a proven regression by the bands of the policy."""
    moderate, critical = policy.severities
    if ratio < threshold * (1 - ROUNDING):
        return Severity.SLIGHT
    if ratio > critical * (1 + ROUNDING):
        return Severity.CRITICAL
    return Severity.MODERATE if ratio >= moderate * (1 - ROUNDING) else Severity.MINOR


def row_thresholds(benchmarks: Sequence[Benchmark], metrics: Sequence[Metric], policy: Policy) -> RowThresholds:
    """Return the thresholds of every row; without limits nothing is matched at all."""
    asked = np.full(len(benchmarks), np.nan)
    if any(limit.regression_threshold is not None for limit in policy.limits):
        rows = zip(benchmarks, metrics, strict=True)
        asked = np.array([threshold_asked(*row, policy) for row in rows], dtype=float)
    return RowThresholds(np.where(np.isnan(asked), policy.regression_threshold, asked), asked)


def budget_rules(
    benchmarks: Sequence[Benchmark], metrics: Sequence[Metric], policy: Policy
) -> tuple[dict[int, BudgetRule], list[Note]]:
    """Return the budget of each row that has one, and a note for every rule that applies to nothing."""
    rule_of_row: dict[int, BudgetRule] = {}
    idle = []
    for limit in policy.limits:
        rows = [
            row
            for row, (benchmark, metric) in enumerate(zip(benchmarks, metrics, strict=True))
            if limit.budgets and _matches(limit, benchmark, metric)
        ]
        for rule in limit.budgets:
            chosen = list(_rows_of(rule, limit.service, rows, benchmarks, metrics))
            rule_of_row.update(dict.fromkeys(chosen, rule))
            if not chosen:
                idle.append(Note(NoteCode.UNUSED_BUDGET, names=(rule.key, limit.service, rule.name)))
    return rule_of_row, idle


def waiver_of(benchmark: Benchmark, metric: Metric, policy: Policy) -> WaiverRule | None:
    """Return the waiver with the highest ceiling that covers this row."""
    matching = (
        waiver
        for waiver in policy.waivers
        if matches(benchmark.name, waiver.benchmark) and matches(metric.name, waiver.metric)
    )
    return max(matching, key=lambda waiver: waiver.ceiling, default=None)


def _matches(limit: Limit, benchmark: Benchmark, metric: Metric) -> bool:
    return (
        matches(benchmark.service or "", limit.service)
        and matches(benchmark.name, limit.benchmark)
        and matches(metric.name, limit.metric)
    )


def _rows_of(
    rule: BudgetRule, service: str, rows: Sequence[int], benchmarks: Sequence[Benchmark], metrics: Sequence[Metric]
) -> Iterator[int]:
    """Yield the rows a rule is about: a metric of that name, else the main metric of a benchmark of that name."""
    fitting = [row for row in rows if _same_kind(rule.unit, metrics[row].unit)]
    by_metric = [row for row in fitting if _is_metric(rule, metrics[row].name)]
    if by_metric:
        yield from by_metric
        return
    main: dict[str, int] = {}
    for row in fitting:
        if is_called(benchmarks[row].name, rule.name, service):
            chosen_row = main.get(benchmarks[row].name)
            if chosen_row is None or _importance(metrics[row].name) < _importance(metrics[chosen_row].name):
                main[benchmarks[row].name] = row
    yield from main.values()


def _same_kind(wanted: str, unit: str) -> bool:
    if wanted == "1/s":
        return unit.endswith("/s")
    return unit == wanted or (wanted == "count" and unit not in ("s", "B", "1/s", "B/s"))


def _is_metric(rule: BudgetRule, metric: str) -> bool:
    return metric == metric_named(rule.name)


def metric_named(name: str) -> str:
    """Return the metric that a name in the thresholds file is about: `memory` is `peak_memory`."""
    return "peak_memory" if name in _MEMORY else name


def _importance(metric: str) -> int:
    """Return the rank of a metric among those of one unit: the plain one before percentiles and CPU time."""
    main = ("time", "latency", "latency_p50", "peak_memory", "throughput")
    return main.index(metric) if metric in main else len(main)
