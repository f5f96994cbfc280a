"""Tail probabilities and quantiles of Student's t, χ² and the binomial distribution, from `scipy.special`.

Here rather than at every use, so that what an undefined argument gives is decided once: NaN for an unknown one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    import numpy.typing as npt

    from regress_action.analysis.arrays import Floats, Ints

_MEDIAN = 0.5


def two_sided_p(t: npt.ArrayLike, df: npt.ArrayLike) -> Floats:
    """Return P(|T| ≥ |t|) for `df` degrees of freedom (may be fractional or infinite); NaN where either is NaN."""
    return np.asarray(2 * special.stdtr(df, -np.abs(t)))


def t_quantile(tail: npt.ArrayLike, df: npt.ArrayLike) -> Floats:
    """Return the t ≥ 0 with P(T > t) = `tail`; NaN unless 0 < tail ≤ 0.5 and `df` > 0."""
    tail, df = np.asarray(tail, float), np.asarray(df, float)
    usable = (tail > 0) & (tail <= _MEDIAN) & (df > 0)
    return np.where(usable, -special.stdtrit(df, np.where(usable, tail, _MEDIAN)), np.nan)


def chi_square_tail(statistic: Floats, df: Ints) -> Floats:
    """Return P(χ² ≥ statistic); 1 where there is no degree of freedom."""
    return np.where(df > 0, special.chdtrc(np.maximum(df, 1), np.maximum(statistic, 0.0)), 1.0)


def binomial(successes: int, trials: int, share: float = 0.5) -> float:
    """Return the probability of at most so many successes in trials of which each succeeds with that probability."""
    return float(special.bdtr(successes, trials, share))


def log_choose(number: Ints, chosen: Ints) -> Floats:
    """Return the logarithm of the number of ways to choose so many of so many."""
    return np.asarray(special.gammaln(number + 1) - special.gammaln(chosen + 1) - special.gammaln(number - chosen + 1))
