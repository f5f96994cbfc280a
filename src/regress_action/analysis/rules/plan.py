"""When a running measurement is looked at, and what each look may spend of the error rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from regress_action.analysis.numeric.arrays import Floats

_LAST_SHARE = 0.5  # the final look keeps half of alpha, so that a benchmark measured to the end loses little


@dataclass(frozen=True, slots=True)
class Plan:
    """At most `pairs` interleaved pairs, looked at after `minimum` and every `every` more.

    A look before the last spends its share of alpha, all together half of it; the shares add up to one, so by the
    union bound looking often costs no false alarm, whatever the distribution (the simplest form of alpha spending,
    Lan and DeMets, Biometrika 70 (1983) 659-663).
    """

    pairs: int = 10
    minimum: int = 5
    every: int = 1

    @property
    def looks(self) -> tuple[int, ...]:
        """Return the pair counts at which the measurement is looked at, the last being its end."""
        early = range(self.minimum, self.pairs, self.every)
        return (*early, self.pairs)

    def penalty(self, pairs: Floats) -> Floats:
        """Return by what a p-value must be multiplied for a benchmark that was stopped after so many pairs."""
        early = len(self.looks) - 1
        if not early:
            return np.ones_like(pairs)
        at_the_end = pairs >= self.pairs
        return np.where(at_the_end, 1 / _LAST_SHARE, early / (1 - _LAST_SHARE))
