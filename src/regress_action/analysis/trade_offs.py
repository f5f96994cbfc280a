"""Trade-offs: a regression of one metric that the thresholds file allows while something else is proven to be better.

A regression is only allowed up to a ratio, and only where the whole interval of the improvement lies beyond the one
that is asked for: an estimate that reaches it proves nothing. What a machine may have done is no improvement either:
nothing is traded where the whole suite moved, and nothing that is suspected only allows anything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action.analysis.arrays import ROUNDING
from regress_action.analysis.policy import metric_named, threshold_asked
from regress_action.model.comparisons import Note, NoteCode, Severity, TradeOff, TradeOffState, Verdict
from regress_action.model.measurements import Direction, Metric, matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regress_action.analysis.policy import Policy, TradeOffRule
    from regress_action.model.comparisons import Comparison, ServiceComparison

_TIME = Metric("time", "s")


def with_trade_offs(
    comparisons: Sequence[Comparison],
    services: Sequence[ServiceComparison],
    policy: Policy,
    *,
    suite_moved: bool,
) -> tuple[Comparison, ...]:
    """Return the comparisons in which a regression that a trade-off allows is `slight`.

    Where a rule is about a regression and does not allow it, the comparison says why. Of several rules the first that
    allows it counts.
    """
    if not policy.trade_offs:
        return tuple(comparisons)
    by_key = {(row.benchmark.name, row.metric.name): row for row in comparisons}
    by_service = {service.service or "": service for service in services}
    return tuple(_judged(row, by_key, by_service, policy, suite_moved=suite_moved) for row in comparisons)


def unused(comparisons: Sequence[Comparison], policy: Policy) -> Iterator[Note]:
    """Yield a note for each rule that can allow nothing: no such metric, or it alarms from more than is allowed."""
    for rule in policy.trade_offs:
        rows = [row for row in comparisons if _is_about(rule, row)]
        ceilings = [_badness(rule.factor, row.metric.direction) for row in rows]
        alarms = [threshold_asked(row.benchmark, row.metric, policy) or policy.regression_threshold for row in rows]
        if all(ceiling < alarm for ceiling, alarm in zip(ceilings, alarms, strict=True)):
            yield Note(NoteCode.UNUSED_TRADE_OFF, (min(alarms),) if alarms else (), (rule.rule, rule.service))


def _judged(
    row: Comparison,
    by_key: Mapping[tuple[str, str], Comparison],
    by_service: Mapping[str, ServiceComparison],
    policy: Policy,
    *,
    suite_moved: bool,
) -> Comparison:
    if not row.reaches_threshold or row.ratio is None:
        return row
    name, service = row.benchmark.name, row.benchmark.service or ""
    applicable = [
        _trade_off(
            row,
            rule,
            by_service.get(service) if rule.of_service else by_key.get((name, metric_named(rule.other))),
            suite_moved=suite_moved,
        )
        for rule in policy.trade_offs
        if _is_about(rule, row)
    ]
    if not applicable:
        return row
    trade_off = next((trade_off for trade_off in applicable if trade_off.state is TradeOffState.HOLDS), applicable[0])
    severity = Severity.SLIGHT if trade_off.state is TradeOffState.HOLDS else row.severity
    return replace(row, trade_off=trade_off, severity=severity)


def _is_about(rule: TradeOffRule, row: Comparison) -> bool:
    return (
        row.metric.name == metric_named(rule.metric)
        and matches(row.benchmark.service or "", rule.service)
        and matches(row.benchmark.name, rule.benchmark)
    )


def _trade_off(
    row: Comparison, rule: TradeOffRule, other: Comparison | ServiceComparison | None, *, suite_moved: bool
) -> TradeOff:
    """Return what a rule says about a regression; `other` is what has to be better."""
    metric = _TIME if rule.of_service else getattr(other, "metric", Metric(metric_named(rule.other), ""))
    ceiling, needed = _badness(rule.factor, row.metric.direction), _badness(rule.needed, metric.direction)
    ratio, low, high = (None, None, None) if other is None else (other.ratio, other.ratio_low, other.ratio_high)
    if suite_moved:
        state = TradeOffState.SUITE_MOVED
    elif other is None or ratio is None or high is None:
        state = TradeOffState.NOT_COMPARED
    elif other.verdict is not Verdict.IMPROVEMENT or other.confirmed is False or high > min(1.0, needed + ROUNDING):
        state = TradeOffState.NOT_PROVEN
    elif row.ratio is None or row.ratio > ceiling * (1 + ROUNDING):
        state = TradeOffState.TOO_LARGE
    else:
        state = TradeOffState.HOLDS
    return TradeOff(rule.rule, ceiling, metric, needed, state, ratio, low, high, rule.of_service)


def _badness(factor: float, direction: Direction) -> float:
    """Return a factor of values as a badness ratio."""
    return 1 / factor if direction is Direction.HIGHER else factor
