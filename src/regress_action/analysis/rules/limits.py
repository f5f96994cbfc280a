"""Which limit applies to which benchmark and metric: patterns, and the names of the thresholds file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.model.measurements import matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.analysis.numeric.arrays import Floats
    from regress_action.analysis.rules.policy import BudgetRule, Limit, Policy, Waiver
    from regress_action.model.measurements import Benchmark, Metric

_PARAMETERS = re.compile(r"\[.*\]$|\(.*\)$")
_SEPARATORS = re.compile(r"::|[./\s]")
_PREFIX = re.compile(r"^(?:test|benchmark|bench)_?", re.IGNORECASE)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MEMORY = ("memory_limit", "memory", "peak_memory")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The badness ratio from which each row alarms, and the one that somebody wrote down for it (NaN for none)."""

    alarm: Floats
    asked: Floats


def asked_of(benchmark: Benchmark, metric: Metric, policy: Policy) -> float | None:
    """Return the threshold that a limit gives this metric: that of the last one that matches."""
    given = (
        limit.regression_threshold
        for limit in reversed(policy.limits)
        if limit.regression_threshold is not None and _matches(limit, benchmark, metric)
    )
    return next(given, None)


def thresholds(benchmarks: Sequence[Benchmark], metrics: Sequence[Metric], policy: Policy) -> Thresholds:
    """Return the thresholds of every row; without limits nothing is matched at all."""
    asked = np.full(len(benchmarks), np.nan)
    if any(limit.regression_threshold is not None for limit in policy.limits):
        rows = zip(benchmarks, metrics, strict=True)
        asked = np.array([asked_of(*row, policy) for row in rows], dtype=float)
    return Thresholds(np.where(np.isnan(asked), policy.regression_threshold, asked), asked)


def budgets(
    benchmarks: Sequence[Benchmark], metrics: Sequence[Metric], policy: Policy
) -> tuple[dict[int, BudgetRule], list[str]]:
    """Return the budget of each row that has one, and a sentence for every rule that applies to nothing."""
    found: dict[int, BudgetRule] = {}
    idle = []
    for limit in policy.limits:
        rows = [
            row
            for row, (benchmark, metric) in enumerate(zip(benchmarks, metrics, strict=True))
            if limit.budgets and _matches(limit, benchmark, metric)
        ]
        for rule in limit.budgets:
            chosen = list(_rows_of(rule, limit.service, rows, benchmarks, metrics))
            found.update(dict.fromkeys(chosen, rule))
            if not chosen:
                idle.append(
                    f"The budget {rule.key} of service {limit.service} applies to nothing that was measured: no "
                    f"benchmark or metric of that service is called {rule.name!r}."
                )
    return found, idle


def waiver_of(benchmark: Benchmark, metric: Metric, policy: Policy) -> Waiver | None:
    """Return the waiver with the highest ceiling that covers this row."""
    matching = (
        waiver
        for waiver in policy.waivers
        if matches(benchmark.name, waiver.benchmark) and matches(metric.name, waiver.metric)
    )
    return max(matching, key=lambda waiver: waiver.ceiling, default=None)


def short_name(benchmark: str) -> str:
    """Return the last segment of a benchmark's name in snake case, without parameters and test or bench prefix."""
    last = _SEPARATORS.split(_PARAMETERS.sub("", benchmark.strip()))[-1]
    return _PREFIX.sub("", _HUMP.sub("_", last).lower().replace("-", "_"))


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
    bare = rule.name.removeprefix(f"{service}_")
    main: dict[str, int] = {}
    for row in fitting:
        name = short_name(benchmarks[row].name)
        if name in (rule.name, bare) or name.endswith(f"_{rule.name}"):
            known = main.get(benchmarks[row].name)
            if known is None or _importance(metrics[row].name) < _importance(metrics[known].name):
                main[benchmarks[row].name] = row
    yield from main.values()


def _same_kind(wanted: str, unit: str) -> bool:
    if wanted == "1/s":
        return unit.endswith("/s")
    return unit == wanted or (wanted == "count" and unit not in ("s", "B", "1/s", "B/s"))


def _is_metric(rule: BudgetRule, metric: str) -> bool:
    if rule.name in _MEMORY:
        return metric == "peak_memory"
    if rule.name == "throughput":
        return metric == "throughput"
    return metric == rule.name


def _importance(metric: str) -> int:
    """Return the rank of a metric among those of one unit: the plain one before percentiles and CPU time."""
    main = ("time", "latency", "latency_p50", "peak_memory", "throughput")
    return main.index(metric) if metric in main else len(main)
