"""The rounds of one process, reduced to the value of a run.

The value is the median: after a pause of the machine one slow round says nothing about the program. What is
no usable number is dropped, counted and named; a run that lost more than a fifth of its rounds has no value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regress_action.formats.shape import described, lenient_number, number_in, optional_count, optional_number

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_LOSS = 0.2
LARGEST_VALUE = 1e100  # what is larger measures nothing, and its square is no float any more
_NUMBERS = frozenset({float, int})


@dataclass(frozen=True, slots=True)
class Sample:
    """The median of the usable `rounds`, their standard deviation `spread`, and how many were `dropped`.

    `value` is NaN when none was usable, `spread` where it is unknown. `problem` says what the first dropped one was.
    """

    value: float
    rounds: int = 1
    spread: float = math.nan
    dropped: int = 0
    problem: str = ""


def summarise(rounds: Sequence[Any], where: str, *, factor: float = 1.0, signed: bool = False) -> Sample:
    """Reduce the raw `rounds` of one process, times `factor`, to a sample.

    What is no finite number or, unless the metric is `signed`, negative, is dropped; `where` is its place in the file.
    """
    usable, dropped, problem = _usable(rounds, where, signed=signed)
    if not usable:
        return Sample(math.nan, 0, dropped=dropped, problem=problem)
    ordered = sorted(usable)
    return Sample(factor * _median(ordered), len(ordered), factor * _deviation(ordered), dropped, problem)


def single(value: Any, where: str, *, factor: float = 1.0, signed: bool = False) -> Sample:  # noqa: ANN401 - raw JSON
    """Reduce one number, without any other statistic, to a sample."""
    return summarise((value,), where, factor=factor, signed=signed)


def reported(
    value: Any,  # noqa: ANN401 - raw JSON
    where: str,
    *,
    rounds: object = None,
    spread: object = None,
    factor: float = 1.0,
    signed: bool = False,
) -> Sample:
    """Return the sample of a tool that writes a middle `value`, perhaps with the count of its rounds and their spread.

    The deviation of a single round is unknown, whatever the tool writes for it.
    """
    sample = single(value, where, factor=factor, signed=signed)
    count = optional_count(rounds)
    if not sample.rounds or count <= 1:
        return sample
    deviation = optional_number(spread)
    is_usable = deviation is not None and 0 <= deviation * factor <= LARGEST_VALUE
    return Sample(sample.value, count, deviation * factor if is_usable and deviation is not None else math.nan)


def combine(samples: Sequence[Sample]) -> Sample:
    """Reduce the samples of one run's processes to the run's: the median of their medians.

    Values inside a process are alike, so a process counts once however many rounds it had. The spread is that of
    all rounds, within and between the processes.
    """
    problem = next((sample.problem for sample in samples if sample.problem), "")
    if len(samples) == 1:
        sample = samples[0]
        return sample if _enough(sample.rounds, sample.dropped) else _none(sample.dropped, problem)
    held = [sample for sample in samples if sample.rounds]
    rounds = sum(sample.rounds for sample in held)
    dropped = sum(sample.dropped for sample in samples)
    if not _enough(rounds, dropped):
        return _none(dropped, problem)
    centre = _median(sorted(sample.value for sample in held))
    squares = sum(_squares(sample) + sample.rounds * (sample.value - centre) ** 2 for sample in held)
    return Sample(centre, rounds, math.sqrt(squares / (rounds - 1)) if rounds > 1 else math.nan, dropped, problem)


def _none(dropped: int, problem: str) -> Sample:
    return Sample(math.nan, 0, dropped=dropped, problem=problem)


def _enough(rounds: int, dropped: int) -> bool:
    return rounds > 0 and dropped <= LARGEST_LOSS * (rounds + dropped)


def _squares(sample: Sample) -> float:
    return 0.0 if math.isnan(sample.spread) else (sample.rounds - 1) * sample.spread**2


def _usable(rounds: Sequence[Any], where: str, *, signed: bool) -> tuple[Sequence[Any], int, str]:
    """Return the finite numbers among `rounds`, how many were dropped, and what the first of those was."""
    try:
        # a NaN makes the sum NaN, and comparisons with that are false
        finite = _NUMBERS.issuperset(map(type, rounds)) and sum(map(abs, rounds)) <= LARGEST_VALUE
        if finite and (signed or not rounds or min(rounds) >= 0):
            return rounds, 0, ""
    except OverflowError:  # an integer beyond any float
        pass
    least = -LARGEST_VALUE if signed else 0.0
    usable = [value for value in rounds if type(value) in _NUMBERS and least <= value <= LARGEST_VALUE]
    numbers = (number_in(text) for text in rounds if type(text) is str)
    usable += [value for value in numbers if value is not None and least <= value <= LARGEST_VALUE]
    return usable, len(rounds) - len(usable), _first_problem(rounds, where, least)


def _first_problem(rounds: Sequence[Any], where: str, least: float) -> str:
    """Return what the first element is that is no number between `least` and the largest value."""
    for at, raw in enumerate(rounds):
        value = lenient_number(raw)
        if value is None or not least <= value <= LARGEST_VALUE:
            place = f"{where}[{at}]" if len(rounds) > 1 else where
            negative = value is not None and -math.inf < value < least
            return f"{place} is {described(raw)}{', and a duration or a size cannot be negative' if negative else ''}"
    return ""


def _median(ordered: Sequence[float]) -> float:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _deviation(values: Sequence[float]) -> float:
    count = len(values)
    if count == 1:
        return math.nan
    mean = sum(values) / count
    return math.sqrt(sum([(value - mean) ** 2 for value in values]) / (count - 1))
