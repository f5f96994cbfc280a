"""What the order of pairs shows: who ran first in each, and how much neighbouring pairs are alike.

* An effect of the order (the second of two runs finds a warm cache, or a hot processor) is the same in every pair and
  changes its sign with the order. It is estimated and taken off where it is there.
* Where each side drifts by itself, neighbouring pairs are alike and say less than as many independent ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from regress_action.analysis import distributions
from regress_action.analysis.arrays import medians, moments
from regress_action.analysis.autocorrelation import MOST_CORRELATED, lag_one, variance_of_mean

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Flags, Floats, Ints
    from regress_action.analysis.run_matrix import Scale

_FEWEST = 5  # pairs from which their order is looked at
_A_SIDE = 2  # pairs of either order from which its effect is estimated
_EFFECT = 0.01  # significance from which the order of a pair is taken to matter
_FEWEST_ALONE = 12  # pairs from which the interval of a row by itself is widened by what its neighbours seem alike
_SUITE = 10  # rows that share one estimate of how neighbouring pairs are correlated
_BEYOND_DOUBT = 3.0  # standard errors from which neighbouring pairs are said to be alike
_SEEM_ALIKE = 1.2  # standard errors from which the neighbouring pairs of a suite seem alike
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

    def of(self, rows: Flags) -> Self:
        """Return what is said of some rows."""
        return replace(self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def taken_cautiously(self) -> Self:
        """Return the same with neighbours as much alike as the pairs cannot exclude."""
        return replace(self, correlation=self.cautious)

    def beyond_doubt(self) -> Floats:
        """Return the correlation of the rows whose neighbouring pairs are beyond doubt alike, 0 for the others."""
        return np.where(self.evidence > _BEYOND_DOUBT, self.correlation, 0.0)

    def seem_alike(self, timed: Flags) -> Flags:
        """Return the rows of a suite whose neighbouring pairs seem alike, which so few of them do not prove."""
        alike = np.zeros(len(timed), dtype=bool)
        for family in (timed, ~timed):
            if np.count_nonzero(self.evidence[family]) >= _SUITE:
                alike[family] = self.evidence[family] > _SEEM_ALIKE
        return alike


def of(scale: Scale, base: Floats, head: Floats, second: Ints) -> PairOrder:
    """Return what the order of the pairs shows (rows × pairs), of times and of all else apart.

    Neighbours are compared after the effect of who ran first is off.
    """
    effect, scaling = effect_of_order(head - base, second)
    counted = scale.exact | scale.linear  # whole numbers stay whole
    effect, scaling = np.where(counted, 0.0, effect), np.where(counted, 1.0, scaling)
    level, sums = head - base - second * effect[:, None], base + head
    correlation, cautious, evidence = np.zeros((3, len(level)))
    for timed in (True, False):
        family = (scale.timed == timed) & ~scale.exact
        correlation[family], cautious[family], evidence[family] = correlation_of_pairs(level[family], sums[family])
    return PairOrder(effect, scaling, correlation, cautious, evidence)


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
    estimate, the mean over its rows. These were measured in the same moments and may move together, so that they tell
    less than as many independent ones: see `_variance_of_shared`. What is expected of a suite is multiplied by the
    chance that there is any correlation: a mean of many rows that is near zero is evidence of none.
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
        shared = float(estimates[usable].mean())
        of_mean = _variance_of_shared((differences[usable], sums[usable]), weight[usable], shared)
        estimates = np.where(usable, shared, np.nan)
        variances = np.where(usable, float(medians(variances[usable][None])[0]) * of_mean, np.nan)
    seen = usable & ((pairs >= _FEWEST_ALONE) | (rows >= _SUITE))
    estimates, variances = np.where(usable, estimates, 0.0), np.where(usable, variances, 1.0)
    drawn = _USUAL_CORRELATION**2 / (_USUAL_CORRELATION**2 + variances)
    expected = np.clip(estimates * drawn, 0.0, MOST_CORRELATED)
    if rows >= _SUITE:
        expected = expected * _chance_of_any(estimates**2 / variances, drawn)
    cautious = np.clip(estimates * drawn + np.sqrt(variances * drawn), 0.0, MOST_CORRELATED)
    evidence = estimates / np.sqrt(variances)
    return np.where(seen, expected, 0.0), np.where(usable, cautious, 0.0), np.where(seen, evidence, 0.0)


def _chance_of_any(square: Floats, drawn: Floats) -> Floats:
    """Return the chance that there is a correlation rather than none, where both are as likely beforehand.

    `square` is that of its estimate in standard errors, `drawn` the variance of its normal prior as a share of that and
    the estimate's together.
    """
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-square * drawn / 2) / np.sqrt(1 - drawn)))


def _variance_of_shared(sides: tuple[Floats, Floats], weight: Floats, correlation: float) -> float:
    """Return the variance of the mean of all rows' lag-one correlations, as a share of that of one row's.

    Where the values of two rows have correlation r, their lag-one correlations have about r². So it is 1 / rows plus
    the mean r² of different rows, beyond what series of so many values that have nothing to do with each other show by
    chance. Differences and sums of the pairs count as they do in the estimate, and rows are never taken for fewer than
    their square root.
    """
    rows = len(weight)
    of_sums = float(np.mean(weight**2))
    beyond = [_mean_square_correlation(values) - _by_chance(values, correlation) for values in sides]
    shared = max((beyond[0] + of_sums * np.nan_to_num(beyond[1])) / (1 + of_sums), 0.0)
    return float(min(1 / rows + (1 - 1 / rows) * shared, 1 / math.sqrt(rows)))


def _mean_square_correlation(values: Floats) -> float:
    """Return the mean squared correlation of two different rows, over all of them."""
    _, mean, squares = moments(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = np.nan_to_num((values - mean[:, None]) / np.sqrt(squares)[:, None])
    rows = np.count_nonzero(unit.any(axis=1))
    return float((np.square(unit.T @ unit).sum() - rows) / (rows * (rows - 1))) if rows > 1 else math.nan


def _by_chance(values: Floats, correlation: float) -> float:
    """Return what that is expected to be of independent first-order series of as many values.

    It is tr(M²), where M is the expectation of x xᵀ / xᵀx of a series x around its own mean. With λ the eigenvalues of
    its covariance those of M are the integrals of λ / (1 + 2 λ t) Π (1 + 2 λ t)^-½ over all t > 0, the product one over
    all λ; here over log t, by the trapezoidal rule. Of white noise it is 1 / (n - 1).
    """
    pairs = int(medians((~np.isnan(values)).sum(axis=1)[None].astype(float))[0])
    place = np.arange(pairs)
    covariance = np.clip(correlation, 0.0, MOST_CORRELATED) ** np.abs(place[:, None] - place)
    centred = covariance - covariance.mean(axis=0)
    eigenvalues = np.linalg.eigvalsh(centred - centred.mean(axis=1, keepdims=True))[1:, None]  # the first is 0
    t = np.exp(np.linspace(-20, 10, 400)) / eigenvalues.sum()
    grown = 1 + 2 * eigenvalues * t
    expected = (t * eigenvalues / grown * np.prod(grown**-0.5, axis=0)).sum(axis=1)
    return float(np.square(expected / expected.sum()).sum())
