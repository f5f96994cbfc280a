"""Constants of the normal distribution, for its use where values are finite, few or disturbed."""

from __future__ import annotations

DEVIATION_PER_MAD = 1.4826
"""The standard deviation over the median absolute deviation."""
DEVIATIONS_BETWEEN_DECILES = 2.5631
"""The distance between the outer deciles, in standard deviations."""
MEDIAN_DIFFERENCE = 0.954
"""The median of |x - y| of two independent values, in standard deviations."""
OUTER_DIFFERENCE = 2.326
"""The value of |x - y| that one in ten exceeds, in standard deviations."""
MEDIAN_ERROR = 1.2533
"""The standard error of a median over that of a mean."""
Z_95 = 1.96
"""Standard errors on either side that hold 95 %."""
Z_POWER_80 = 0.84
"""Standard errors beyond the limit at which 80 % are found."""
DEVIATIONS_AT_80 = 1.2816
"""The distance from the mean that one in five exceeds, in standard deviations."""
