"""What the order of pairs shows: who ran first in each, and how much neighbouring pairs are alike.

* An effect of the order (the second of two runs finds a warm cache, or a hot processor) is the same in every pair and
  changes its sign with the order. It is estimated and taken off where it is there.
* Where each side drifts by itself, neighbouring pairs are alike and say less than as many independent ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from regress_action.analysis import distributions
from regress_action.analysis.arrays import medians, moments
from regress_action.analysis.autocorrelation import MOST_CORRELATED, lag_one, variance_of_mean

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Floats, Ints

_FEWEST = 5  # pairs from which their order is looked at
_A_SIDE = 2  # pairs of either order from which its effect is estimated
_EFFECT = 0.01  # significance from which the order of a pair is taken to matter
_FEWEST_ALONE = 12  # pairs from which the interval of a row by itself is widened by what its neighbours seem alike
_SUITE = 10  # rows that share one estimate of how neighbouring pairs are correlated
_USUAL_CORRELATION = 0.25  # standard deviation of what neighbouring pairs are correlated by, before they are looked at


@dataclass(frozen=True, slots=True)
class PairOrder:
    """What the order of its pairs says of each row.

    `effect` is by how much the second run of a pair is worse than the first, 0 where that is not shown, and `scaling`
    what the variance of the mean difference is multiplied by where it was taken off. `correlation` is that of
    neighbouring pairs as it is expected to be, `cautious` one standard deviation more, and `evidence` by how many
    standard errors the estimate lies above zero.
    """

    effect: Floats
    scaling: Floats
    correlation: Floats
    cautious: Floats
    evidence: Floats

    def spent(self, variance: Floats, df: Floats) -> tuple[Floats, Floats]:
        """Return the variance of one pair and its degrees of freedom less the one that the effect has used."""
        return variance * self.scaling, np.where(self.effect != 0, np.maximum(df - 1, 1.0), df)

    def widened(self, variance: Floats, df: Floats, pairs: Floats) -> tuple[Floats, Floats]:
        """Return both as they are for the mean of an AR(1) series of so many pairs."""
        inflation = np.maximum(pairs, 1) * variance_of_mean(self.correlation, pairs)
        with np.errstate(invalid="ignore", divide="ignore"):
            seen = np.maximum((pairs - inflation) / (pairs - 1), 1 / np.maximum(pairs, 1))  # by a sample's variance
            wide = np.where(self.correlation > 0, variance * inflation / seen, variance)
        fewer = np.maximum(df * (1 - self.correlation) / (1 + self.correlation), 1.0)
        return wide, np.where(self.correlation > 0, fewer, df)

    def taken_cautiously(self) -> Self:
        """Return the same with neighbours as much alike as the pairs cannot exclude."""
        return replace(self, correlation=self.cautious)


def effect_of_order(differences: Floats, second: Ints) -> tuple[Floats, Floats]:
    """Return by how much the second run of a pair is worse, per row, and the factor of the variance once it is off.

    `differences` are head minus base (rows × pairs), `second` is +1 for pairs whose head ran second, -1 for the others
    and 0 where that is unknown. The effect is half of what the means of both orders differ by, and is 0 unless
    Student's t of that difference is significant at 1 % and two pairs of either order are there. With it the estimate
    is the mean of both orders' means: n² / (4 a b) times the variance of a plain mean, with n - 2 degrees of freedom.
    """
    (head_second, mean_a, squares_a), (head_first, mean_b, squares_b) = (
        moments(np.where(second == sign, differences, np.nan)) for sign in (1, -1)
    )
    pairs = (~np.isnan(differences)).sum(axis=1)
    estimable = (head_second + head_first == pairs) & (pairs >= _FEWEST)
    estimable &= np.minimum(head_second, head_first) >= _A_SIDE
    df = np.maximum(pairs - 2, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        se = np.sqrt((squares_a + squares_b) / df * (1 / head_second + 1 / head_first))
        shown = estimable & (se > 0) & (distributions.two_sided_p((mean_a - mean_b) / se, df) < _EFFECT)
        scaling = (pairs - 1) / df * pairs**2 / (4 * head_second * head_first)
    return np.where(shown, (mean_a - mean_b) / 2, 0.0), np.where(shown, scaling, 1.0)


def correlation_of_pairs(differences: Floats, sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the correlation of neighbouring pairs of each row (rows × pairs, in their order): expected, cautious, z.

    `differences` are head minus base, `sums` both together. Where nothing is shared by the two runs of a pair, both are
    correlated alike and independent of each other, so that the sums tell as much again. What a machine does to both
    runs is in the sums alone: they count by the variance of the differences over theirs, one at most.

    Of a few pairs the estimate says little, so it is drawn to zero as far as it is uncertain: expected is the mean of a
    normal posterior whose prior has standard deviation 0.25, cautious one standard deviation more, and z the estimate
    in its standard errors. It is too small by (1 + 3 ρ) / n (Kendall, Biometrika 41 (1954) 403-404), which is put right
    first. Of fewer than twelve pairs of a row by itself nothing is expected. A suite of ten rows or more shares one
    estimate. Its rows share the moments in which they were measured, so that they are not independent of each other:
    they count as their square root.
    """
    pairs = (~np.isnan(differences)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        of_differences, of_sums = ((pairs * lag_one(values) + 1) / (pairs - 3) for values in (differences, sums))
        weight = np.minimum(moments(differences)[2] / moments(sums)[2], 1.0)
        weight = np.where(np.isfinite(of_sums) & np.isfinite(weight), weight, 0.0)
        estimates = (of_differences + weight * np.where(weight > 0, of_sums, 0.0)) / (1 + weight)
        variances = pairs / (pairs - 3.0) ** 2 * (1 + weight**2) / (1 + weight) ** 2
    usable = np.isfinite(estimates) & (pairs >= _FEWEST)
    rows = np.count_nonzero(usable)
    if rows >= _SUITE:
        estimates = np.where(usable, estimates[usable].mean(), np.nan)
        variances = np.where(usable, float(medians(variances[usable][None])[0]) / np.sqrt(rows), np.nan)
    seen = usable & ((pairs >= _FEWEST_ALONE) | (rows >= _SUITE))
    estimates, variances = np.where(usable, estimates, 0.0), np.where(usable, variances, 1.0)
    drawn = _USUAL_CORRELATION**2 / (_USUAL_CORRELATION**2 + variances)
    expected = np.clip(estimates * drawn, 0.0, MOST_CORRELATED)
    cautious = np.clip(estimates * drawn + np.sqrt(variances * drawn), 0.0, MOST_CORRELATED)
    evidence = estimates / np.sqrt(variances)
    return np.where(seen, expected, 0.0), np.where(usable, cautious, 0.0), np.where(seen, evidence, 0.0)
