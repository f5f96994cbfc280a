"""The slope of a line through points of which some lie far off: Theil and Sen's median of all pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.model import normal

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope with its 95 % interval, in units of y for one of x."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1f} [{self.low:.1f}, {self.high:.1f}]"


def robust_slope(x: Sequence[float], y: Sequence[float]) -> Slope:
    """Return the Theil–Sen slope of `y` over `x`; three zeros of fewer than three points.

    The interval takes the order statistics that Kendall's distribution of concordant pairs gives (Sen 1968, Hollander
    and Wolfe 1973, section 9.3).
    """
    count = len(x)
    if count < 3:  # noqa: PLR2004 - no interval of fewer
        return Slope(0.0, 0.0, 0.0)
    first, second = np.triu_indices(count, k=1)
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    slopes = np.sort((ys[second] - ys[first]) / (xs[second] - xs[first]))
    margin = normal.Z_95 * np.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = round((len(slopes) - margin) / 2)
    high = round((len(slopes) + margin) / 2)
    return Slope(
        float(np.median(slopes)), float(slopes[max(low, 0)]), float(slopes[min(max(high, 0), len(slopes) - 1)])
    )
