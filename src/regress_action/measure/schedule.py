"""In which order the sides run, and when the measurement ends."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_PAIRS = 5
DEFAULT_PAIRS = 10
MAX_CONSECUTIVE_FAILURES = 3
MOST_SHORT_PAIRS = 40
_PAIRS_S = 60.0
_SAFE = 0.95  # of a budget, as later pairs may take longer
_ANALYSIS_S = 0.5
_INTERIM_ANALYSES = 6  # each one before the last costs some certainty, so a long plan takes longer steps


def abba_order(sides: Sequence[str], pair: int) -> tuple[str, ...]:
    """Return the sides of a pair, counted from 1, in ABBA order, so that a steady drift affects both alike."""
    return tuple(sides) if pair % 2 else tuple(reversed(sides))


def looks(pairs: int) -> tuple[int, ...]:
    """Return after how many pairs a plan of `pairs` pairs is analysed; the last is its end.

    The first analysis follows the fifth pair. The steps grow by the same factor each time, as what a pair more would
    show shrinks.
    """
    factor = pairs / MIN_PAIRS
    early = {round(MIN_PAIRS * factor ** (look / _INTERIM_ANALYSES)) for look in range(_INTERIM_ANALYSES)}
    return (*sorted(look for look in early if MIN_PAIRS <= look < pairs), pairs)


def affordable_pairs(asked: int | None, pairs_s: Sequence[float], elapsed_s: float, budget_s: float | None) -> int:
    """Return how many pairs are planned: those that were asked for, else ten, and up to forty within a minute.

    `pairs_s` are the seconds of the pairs so far. The first is left out, as much happens there only once. Where the
    budget, of which `elapsed_s` are spent, holds fewer, so many are planned: a plan that is cut has paid for its end.
    """
    pair_s = max(sum(pairs_s[1:]) / len(pairs_s[1:]), 1e-6)
    within_minute = len(pairs_s) + (_PAIRS_S - sum(pairs_s)) / pair_s
    left_s = _SAFE * ((budget_s or math.inf) - elapsed_s) - _INTERIM_ANALYSES * _ANALYSIS_S
    within_budget = len(pairs_s) + left_s / pair_s
    wanted = asked or min(max(within_minute, DEFAULT_PAIRS), MOST_SHORT_PAIRS)
    return math.floor(min(wanted, max(within_budget, MIN_PAIRS)))


def planned_pairs(asked: int | None, said: int | None) -> int:
    """Return the pairs of a plan: what a measurement says, within the bounds of what was asked for."""
    most = asked or MOST_SHORT_PAIRS
    return min(max(said or asked or DEFAULT_PAIRS, MIN_PAIRS), most)


def seconds_saved(full_runs_s: Sequence[float], spent_s: float, planned: int, budget_s: float | None) -> float | None:
    """Return the seconds that an early decision saved, None where that is less than a run and so may be noise.

    Without decisions there would have been `planned` runs like the `full_runs_s` of the whole suite, or as many as the
    budget allows; `spent_s` is what all runs took, those of a part of the suite included.
    """
    if not full_runs_s:
        return None
    run_s = sum(full_runs_s) / len(full_runs_s)
    saved_s = min(planned * run_s, budget_s or math.inf) - spent_s
    return round(saved_s, 3) if saved_s >= run_s else None


@dataclass(slots=True)
class Clock:
    """How long the measurement takes and may take, in seconds since `started`."""

    budget_s: float | None
    started: float = field(default_factory=time.monotonic)
    pairs_s: list[float] = field(default_factory=list)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def pair_s(self) -> float:
        """The mean time of the pairs so far."""
        return sum(self.pairs_s) / len(self.pairs_s) if self.pairs_s else 0.0

    @property
    def used_up(self) -> bool:
        """Whether another whole pair would end after the budget does."""
        return self.budget_s is not None and bool(self.pairs_s) and self.elapsed_s + self.pair_s > self.budget_s

    def remaining_s(self, pairs: float) -> float | None:
        """Estimate the time of `pairs` more pairs, at most the rest of the budget; None before the first pair ended."""
        if not self.pairs_s:
            return None
        estimate = pairs * self.pair_s
        return estimate if self.budget_s is None else max(0.0, min(estimate, self.budget_s - self.elapsed_s))
