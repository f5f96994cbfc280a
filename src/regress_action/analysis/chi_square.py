"""The upper tail of the χ² distribution for whole degrees of freedom, with numpy alone (see `student` for why)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Floats, Ints

_erfc = np.frompyfunc(math.erfc, 1, 1)


def tail(statistic: Floats, freedom: Ints) -> Floats:
    """Return P(χ² ≥ statistic); 1 where there is no degree of freedom.

    The finite sums of Abramowitz and Stegun 26.4.4 and 26.4.5.
    """
    half = np.maximum(statistic, 0.0).astype(float) / 2
    odd = freedom % 2 == 1
    p = np.where(odd, np.asarray(_erfc(np.sqrt(half)), dtype=float), 0.0)
    power = np.where(odd, 0.5, 0.0)
    term = np.exp(-half) * np.where(odd, np.sqrt(half) * 2 / math.sqrt(math.pi), 1.0)  # e^-h h^power / Γ(power + 1)
    while (wanted := 2 * power + 2 <= freedom).any():
        p = np.where(wanted, p + term, p)
        power += 1
        term = term * half / power
    return np.where(freedom > 0, np.minimum(p, 1.0), 1.0)
