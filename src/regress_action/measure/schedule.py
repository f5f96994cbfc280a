"""In which order the sides run, and when the measurement is over."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FEWEST = 5
HOPELESS = 3
_EARLY_LOOKS = 5  # a verdict pays for every look before the last, so that a long plan takes longer steps


def order(sides: Sequence[str], pair: int) -> tuple[str, ...]:
    """Return the sides of a pair, counted from 1, in ABBA order: whatever drifts steadily hits both alike."""
    return tuple(sides) if pair % 2 else tuple(reversed(sides))


def look_step(pairs: int) -> int:
    """Return how many pairs of a plan of `pairs` lie between two looks."""
    return max(1, math.ceil((pairs - FEWEST) / _EARLY_LOOKS))


def is_look(pair: int, every: int) -> bool:
    """Whether the decision is asked for after this pair: the fifth, and then at every `every`th."""
    return pair >= FEWEST and (pair - FEWEST) % every == 0


def spared_s(whole: Sequence[float], spent_s: float, planned: int, budget_s: float | None) -> float | None:
    """Return the seconds that deciding early spared, None where that is less than a run and so may be noise.

    Without decisions there would have been `planned` runs like those of the `whole` suite, or as many as the budget
    allows; `spent_s` is what all runs took, those of a part of the suite included.
    """
    if not whole:
        return None
    run_s = sum(whole) / len(whole)
    saved_s = min(planned * run_s, budget_s or math.inf) - spent_s
    return round(saved_s, 3) if saved_s >= run_s else None


@dataclass(slots=True)
class Clock:
    """How long it takes and may take, in seconds since `started`."""

    budget_s: float | None
    started: float = field(default_factory=time.monotonic)
    pairs_s: list[float] = field(default_factory=list)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def pair_s(self) -> float:
        """What a pair takes, from those so far."""
        return sum(self.pairs_s) / len(self.pairs_s) if self.pairs_s else 0.0

    @property
    def used_up(self) -> bool:
        """Whether another whole pair would end after the budget does."""
        return self.budget_s is not None and bool(self.pairs_s) and self.elapsed_s + self.pair_s > self.budget_s

    def remaining_s(self, pairs: float) -> float | None:
        """Estimate what `pairs` more take, no longer than the budget; None before the first pair ended."""
        if not self.pairs_s:
            return None
        estimate = pairs * self.pair_s
        return estimate if self.budget_s is None else max(0.0, min(estimate, self.budget_s - self.elapsed_s))
