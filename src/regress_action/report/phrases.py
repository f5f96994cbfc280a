"""What is said about one comparison, in the metric's own words.

A sentence is a tuple of parts. Parts of type `Name` are foreign (benchmark and metric names, commits, branches), so
that each view can quote them in its own way; `as_text` joins them for a reader of plain text.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from regress_action.model.comparisons import Mode, Severity, TradeOffState, Verdict
from regress_action.model.escaping import NAME_LIMIT as FULL_NAME_LIMIT
from regress_action.model.escaping import plain
from regress_action.model.measurements import Direction
from regress_action.report import numbers
from regress_action.report.numbers import count, percent, quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regress_action.model.comparisons import Comparison, PairNoise, ServiceComparison, TradeOff
    from regress_action.model.measurements import Metric


NAME_LIMIT = 60
_WORTH_LEAVING_OUT = 10  # characters
_WORTH_FOR_TWO = 20
_SEPARATOR = re.compile(r"::|[/.]|(?<![A-Za-z])(?:test|bench|benchmark)_")
_DOUBLE = 2.0
_NEGLIGIBLE = 0.01
MEDIANS_DISAGREE = (
    "* The medians of all runs moved the other way. The change is that of the typical pair, measured side by side."
)


class Name(str):
    """A part of a sentence that somebody else chose."""

    __slots__ = ()


Sentence = tuple[str, ...]


def as_text(sentence: Sentence, limit: int = NAME_LIMIT) -> str:
    """Join a sentence for a reader of plain text."""
    return "".join(plain(part, limit) if isinstance(part, Name) else part for part in sentence)


def what_changed(comparison: Comparison) -> Sentence:
    """Return `cache.evict is 3.1× slower`, with the metric's name where it is not the time."""
    return (*subject(comparison), " is ", comparative(comparison))


def subject(comparison: Comparison) -> Sentence:
    """Return the benchmark's name, and its metric unless that is plain time."""
    name = Name(comparison.benchmark.name)
    return (name,) if comparison.metric.name == "time" else (name, " (", Name(comparison.metric.name), ")")


def common_beginning(comparisons: Iterable[Comparison]) -> str:
    """Return what all names begin with, up to a separator, where leaving it out makes a table easier to read."""
    names = {plain(comparison.benchmark.name, FULL_NAME_LIMIT) for comparison in comparisons}
    if len(names) < 2:  # noqa: PLR2004 - one name has nothing in common
        return ""
    worth = _WORTH_LEAVING_OUT if len(names) > 2 else _WORTH_FOR_TWO  # noqa: PLR2004
    first, last = min(names), max(names)
    shared = first[: next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]
    ends = [separator.end() for separator in _SEPARATOR.finditer(shared)]
    beginning = shared[: ends[-1]] if ends else ""
    return beginning if len(beginning) >= worth and beginning not in names else ""


def comparative(comparison: Comparison) -> str:
    """Return `3.1× slower`, `42 % larger` or `10 % faster`; by the difference where the metric has no ratio."""
    worse, better = _words(comparison.metric)
    ratio = comparison.ratio
    if ratio is None:
        if comparison.difference is None:
            return "changed"
        word = worse if comparison.difference > 0 else better
        return f"{quantity(abs(comparison.difference), comparison.metric.unit)} {word}"
    return compared(ratio, worse, better)


def times_changed(ratio: float) -> str:
    """Return a ratio of times as `7.0× slower` or `10 % faster`."""
    return compared(ratio, "slower", "faster")


def compared(ratio: float, worse: str, better: str) -> str:
    """Return a badness ratio with the word that fits: `3.1× slower` or `10 % faster`."""
    if ratio >= _DOUBLE:
        return f"{numbers.factor(ratio)} {worse}"
    if 0 < ratio <= 1 / _DOUBLE:
        return f"{numbers.factor(1 / ratio)} {better}"
    return f"{percent(ratio).lstrip('+−±')} {worse if ratio >= 1 else better}"


def service_name(service: ServiceComparison) -> Sentence:
    """Return which service it is, or that its benchmarks belong to none."""
    return ("service ", Name(service.service)) if service.service else ("the suite",)


def service_change(service: ServiceComparison) -> Sentence:
    """Return `service cache is 6 % slower as a whole (at least 4 %)`."""
    near = times_changed(service.ratio_low if service.ratio > 1 else service.ratio_high)
    return (
        *service_name(service),
        f" is {times_changed(service.ratio)} as a whole (at least {near.rpartition(' ')[0]})",
    )


def service_evidence(service: ServiceComparison) -> str:
    """Return what a change of a service rests on, in one sentence for people."""
    runs = count(service.runs, "pair") if service.mode is Mode.PAIRED else f"{service.runs} runs, measured apart"
    ends = numbers.interval(service.ratio_low, service.ratio_high, like=service.ratio)
    return f"geometric mean of {service.benchmarks} benchmarks over {runs}, 95 % interval {ends}{_leaning(service)}"


def _leaning(service: ServiceComparison) -> str:
    """Return how many benchmarks of a service that got worse lean that way, and what that makes of a quorum."""
    if service.quorum is None or service.leaning is None or service.verdict is not Verdict.REGRESSION:
        return ""
    lean = f"{service.leaning} of {service.benchmarks} benchmarks lean that way by themselves"
    if not service.has_quorum:
        return f"; {lean}, fewer than the quorum of {service.quorum}"
    below = f", so it alarms below its threshold of {numbers.change(service.threshold)}"
    return f"; {lean}, and the quorum is {service.quorum}{below if service.ratio < service.threshold else ''}"


def trade_off(comparison: Comparison) -> str:
    """Return what a trade-off of the thresholds file says about a regression: both numbers, and whether it is allowed.

    Empty where no trade-off is about it.
    """
    rule = comparison.trade_off
    if rule is None:
        return ""
    asked = f"the trade-off “{plain(rule.rule, FULL_NAME_LIMIT)}”"
    whose = "the time of its service" if rule.of_service else f"its {plain(rule.metric.name, NAME_LIMIT)}"
    match rule.state:
        case TradeOffState.HOLDS:
            return f"It is allowed by {asked}: {whose} is {_other_change(rule)}."
        case TradeOffState.TOO_LARGE:
            why = f"{whose} is {_other_change(rule)}, but the regression is beyond {numbers.change(rule.ceiling)}"
        case TradeOffState.NOT_PROVEN:
            why = (
                f"{whose} is {_other_change(rule)}, which does not prove {compared(rule.needed, *_words(rule.metric))}"
            )
        case TradeOffState.NOT_COMPARED:
            why = f"{whose} was not compared"
        case TradeOffState.SUITE_MOVED:
            why = "the whole suite moved, measured apart, so an improvement may be the machine's"
    return f"It is not allowed by {asked}: {why}."


def _other_change(rule: TradeOff) -> str:
    ends = numbers.interval(rule.ratio_low, rule.ratio_high, like=rule.ratio)
    return f"{compared(rule.ratio or math.nan, *_words(rule.metric))} (95 % interval {ends})"


def grade(comparison: Comparison | ServiceComparison) -> str:
    """Return the severity, and whether a change is only suspected; empty where there is nothing to grade."""
    severity = "" if comparison.severity is Severity.NONE else comparison.severity.value
    suspected = comparison.confirmed is False and comparison.verdict in {Verdict.REGRESSION, Verdict.IMPROVEMENT}
    return f"suspected {severity}".rstrip() if suspected else severity


def moved(comparison: Comparison) -> str:
    """Return both medians; they are distinguished where they differ for sure."""
    differs = comparison.metric.exact or comparison.verdict in {Verdict.REGRESSION, Verdict.IMPROVEMENT}
    before, after = comparison.baseline.median, comparison.head.median
    mark = "*" if medians_disagree(comparison) else ""
    return numbers.transition(before, after, comparison.metric.unit, apart=differs) + mark


def medians_disagree(comparison: Comparison) -> bool:
    """Whether the medians of the sides moved the other way than the typical pair, by more than a per cent each."""
    before, after, ratio = comparison.baseline.median, comparison.head.median, comparison.ratio
    if ratio is None or before is None or after is None:
        return False
    if not all(value > 0 and math.isfinite(value) for value in (ratio, before, after)):
        return False
    medians = (math.log(after) - math.log(before)) * (1 if comparison.metric.direction is not Direction.HIGHER else -1)
    return medians * math.log(ratio) < 0 and min(abs(medians), abs(math.log(ratio))) > _NEGLIGIBLE


def difference(comparison: Comparison) -> str:
    """Return the change in the metric's own unit, positive where it is worse."""
    if comparison.difference is None:
        return "–"
    sign = "+" if comparison.difference > 0 else ""
    return f"{sign}{quantity(comparison.difference, comparison.metric.unit)}"


def at_least(comparison: Comparison) -> Sentence:
    """Return ` (at least 2.9×)` from the near end of the interval, empty where that end proves nothing."""
    low = comparison.ratio_low
    if comparison.ratio is None or low is None or not low > 1:
        return ()
    end = (
        numbers.factor(low, digits=3 if low < _DOUBLE else 2)
        if comparison.ratio >= _DOUBLE
        else f"{percent(low).lstrip('+')}"
    )
    return (f" (at least {end})",)


def interval(comparison: Comparison) -> Sentence:
    """Return `, 95 % interval 2.9 to 3.3×`, empty where there is none."""
    if comparison.ratio is None or comparison.ratio_low is None:
        return ()
    ends = numbers.interval(comparison.ratio_low, comparison.ratio_high, like=comparison.ratio)
    return (f", 95 % interval {ends}",)


def budget(comparison: Comparison) -> Sentence:
    """Return `cache.get is at 7.2 ms, its limit cache_get_ms is 5 ms`."""
    limit = comparison.budget
    if limit is None:
        return ()
    unit = comparison.metric.unit
    measured = quantity(comparison.head.median, unit)
    return (
        *subject(comparison),
        f" is at {measured}, its limit ",
        Name(limit.key),
        f" is {quantity(limit.limit, unit)}",
    )


def pair_noise(noise: PairNoise) -> str:
    """Return both parts of the noise of a pair, and what averages out the larger one."""
    remedy = "only more pairs help" if noise.between > noise.within else "more or longer rounds help"
    return f"{noise.between * 100:.2g} % between processes, {noise.within * 100:.2g} % within them: {remedy}"


def runs_needed(comparison: Comparison, mode: Mode) -> str:
    """Return how many runs would decide an inconclusive comparison."""
    if comparison.runs_needed is None:
        return "–"
    if has_runs_needed(comparison):
        return "measure again"
    return count(comparison.runs_needed, "pair") if mode is Mode.PAIRED else f"{comparison.runs_needed:,} per side"


def has_runs_needed(comparison: Comparison) -> bool:
    """Whether as many runs were measured as decide unchanged code mostly, so that chance or a change is left."""
    measured = min(comparison.baseline.runs, comparison.head.runs)
    return comparison.runs_needed is not None and comparison.runs_needed <= measured


def all_runs_needed(rows: Sequence[Comparison], mode: Mode) -> str:
    """Return how many runs would decide half of the rows that more runs decide, and all of these; empty for none."""
    needed = sorted(row.runs_needed for row in rows if row.runs_needed is not None and not has_runs_needed(row))
    if not needed or mode is Mode.SINGLE:
        return ""
    unit = "pairs" if mode is Mode.PAIRED else "runs per side"
    half = len(needed) if needed[0] == needed[-1] else (len(needed) + 1) // 2
    more = f", {needed[-1]:,} those of {len(needed)}" if len(needed) > half else ""
    return (
        f"About {needed[half - 1]:,} {unit} would rule out the thresholds of {half} of them if nothing changed{more}."
    )


def is_speed(metric: Metric) -> bool:
    """Whether worse means slower."""
    return _words(metric)[0] == "slower"


def _words(metric: Metric) -> tuple[str, str]:
    if metric.direction is Direction.UNKNOWN:
        return "more", "less"
    match metric.unit:
        case "s" | "1/s" | "B/s":
            return "slower", "faster"
        case "B" if metric.direction is Direction.LOWER:
            return "larger", "smaller"
        case "count" if metric.direction is Direction.LOWER:
            return "more", "fewer"
    return "worse", "better"
