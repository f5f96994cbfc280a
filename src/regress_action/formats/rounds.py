"""The rounds of one process, reduced to the value of a run.

The value is the median: after a pause of the machine one slow round says nothing about the program. What is
not finite is dropped and counted; a run that lost more than a fifth of its rounds has no value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regress_action.formats.shape import ShapeError, number

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_LOSS = 0.2
LARGEST_VALUE = 1e100  # what is larger measures nothing, and its square is no float any more
_NUMBERS = frozenset({float, int})


@dataclass(frozen=True, slots=True)
class Sample:
    """The median of the finite `rounds`, their standard deviation `spread`, and how many were `dropped`.

    `value` is NaN when none was finite, `spread` where it is unknown.
    """

    value: float
    rounds: int = 1
    spread: float = math.nan
    dropped: int = 0


def summarise(rounds: Sequence[Any], where: str, *, factor: float = 1.0, signed: bool = False) -> Sample:
    """Reduce the raw `rounds` of one process, times `factor`, to a sample.

    Raises:
        ShapeError: An element is no number or, unless the metric is `signed`, negative.
    """
    finite, dropped = _finite(rounds, where)
    if not finite:
        return Sample(math.nan, 0, dropped=dropped)
    ordered = sorted(finite)
    if ordered[0] < 0 and not signed:
        raise ShapeError(f"{where} is negative ({ordered[0]:g}), which a duration or a size cannot be")
    return Sample(factor * _median(ordered), len(ordered), factor * _deviation(ordered), dropped)


def single(value: Any, where: str, *, factor: float = 1.0, signed: bool = False) -> Sample:  # noqa: ANN401 - raw JSON
    """Reduce one number, without any other statistic, to a sample."""
    return summarise((value,), where, factor=factor, signed=signed)


def combine(samples: Sequence[Sample]) -> Sample:
    """Reduce the samples of one run's processes to the run's: the median of their medians.

    Values inside a process are alike, so a process counts once however many rounds it had. The spread is that of
    all rounds, within and between the processes.
    """
    if len(samples) == 1:
        only = samples[0]
        return only if _enough(only.rounds, only.dropped) else Sample(math.nan, 0, dropped=only.dropped)
    held = [sample for sample in samples if sample.rounds]
    rounds = sum(sample.rounds for sample in held)
    dropped = sum(sample.dropped for sample in samples)
    if not _enough(rounds, dropped):
        return Sample(math.nan, 0, dropped=dropped)
    centre = _median(sorted(sample.value for sample in held))
    squares = sum(_squares(sample) + sample.rounds * (sample.value - centre) ** 2 for sample in held)
    return Sample(centre, rounds, math.sqrt(squares / (rounds - 1)) if rounds > 1 else math.nan, dropped)


def _enough(rounds: int, dropped: int) -> bool:
    return rounds > 0 and dropped <= LARGEST_LOSS * (rounds + dropped)


def _squares(sample: Sample) -> float:
    return 0.0 if math.isnan(sample.spread) else (sample.rounds - 1) * sample.spread**2


def _finite(rounds: Sequence[Any], where: str) -> tuple[Sequence[Any], int]:
    # a NaN makes the sum NaN, and comparisons with that are false
    if _NUMBERS.issuperset(map(type, rounds)) and rounds and sum(map(abs, rounds)) <= LARGEST_VALUE:
        return rounds, 0
    values = [math.nan if value is None else number(value, f"{where}[{at}]") for at, value in enumerate(rounds)]
    finite = [value for value in values if abs(value) <= LARGEST_VALUE]
    return finite, len(values) - len(finite)


def _median(ordered: Sequence[float]) -> float:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _deviation(values: Sequence[float]) -> float:
    count = len(values)
    if count == 1:
        return math.nan
    mean = sum(values) / count
    return math.sqrt(sum([(value - mean) ** 2 for value in values]) / (count - 1))
