"""How far values of one level spread, whatever single disturbed runs say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.numeric.arrays import medians, quantiles

if TYPE_CHECKING:
    from regress_action.analysis.numeric.arrays import Floats

_NORMAL_MAD = 1.4826
_NORMAL_DECILES = 2.5631
_SMALL = np.array([1.0, 1.0, 1.196, 1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107])  # by the number of runs


def robust_deviations(values: Floats) -> Floats:
    """Estimate the standard deviation of each row, ignoring NaN, so that single disturbed runs do not move it.

    The larger of the median absolute deviation, with the finite-sample factors of Croux and Rousseeuw (1992), and
    the distance of the outer deciles: noise in clusters, where three of four runs agree to the digit, would look
    silent to the first alone.
    """
    runs = np.count_nonzero(~np.isnan(values), axis=1)
    deviation = _NORMAL_MAD * medians(np.abs(values - medians(values)[:, None]))
    factor = np.where(runs < len(_SMALL), _SMALL[np.minimum(runs, len(_SMALL) - 1)], runs / np.maximum(runs - 0.8, 1))
    ordered = np.sort(values, axis=1)
    low, high = (quantiles(ordered, share) for share in (0.1, 0.9))
    deviations: Floats = np.maximum(deviation * factor, (high - low) / _NORMAL_DECILES)
    return deviations
