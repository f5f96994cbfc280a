"""The three designs: paired, history, single. Each turns runs into a difference with its standard error.

All arrays are rows × runs on the scale of `badness`, NaN where a row holds no value; results are one entry per row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regress_action.analysis import distributions
from regress_action.analysis.arrays import ROUNDING, SMALLEST_DEVIATION, medians, moments
from regress_action.analysis.autocorrelation import serial_correlation, variance_of_mean
from regress_action.model import normal
from regress_action.model.comparisons import Mode

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Flags, Floats, Ints
    from regress_action.analysis.pair_order import PairOrder

MODES = (Mode.PAIRED, Mode.HISTORY, Mode.SINGLE)
PAIRED, HISTORY, SINGLE, NONE = 0, 1, 2, 3
_TRIM = 10  # one value in ten is left out at either end
_FEWEST_TRIMMED = 5  # values from which an outlier can be told from noise
_OUTLIER = np.array([43.0, 18.0, 19.0, 12.5, 13.0])
"""Robust deviations beyond which one of 5, 6, 7, 8 and 9 values is left out: one in 500 normal samples has one.

Where fewer would be enough, leaving out what chance put far away would make the rest look steady, and changes proven.
"""
_HALF_LIFE = 5  # runs after which a stored run says half as much about today's level; a baseline needs as many
_REPLAYED = 20  # newest stored runs that are predicted from those before them
_GREW = 1.9  # times the learned variance, in which the newest five runs show that noise grew; one in nine by chance
_WITHOUT_LARGEST = 0.5561  # mean square of the four smallest of five standard normal values
_FEWEST_TAILS = 20  # stored runs that show how far one of them may lie
_TAIL = 0.065  # chance of a new run farther out than the stored one that the interval reaches
_BEYOND_CHANCE = 1.15  # times Student's interval
_INTERVAL = 0.05
_UNEQUAL = 0.05  # significance at which the head is taken to vary more than its baseline


@dataclass(slots=True)
class Estimate:
    """One entry per row, on the scale of `badness`.

    `d` is head minus baseline, `se` its standard error with `df` degrees of freedom; `base_runs` and `head_runs`
    are the independent runs behind it (pairs count on both sides). `spread` is the standard deviation of one run
    (of one pair's difference in the paired design) and `irreducible` the part of `se` that no further run removes.
    `weak` rows rest on too little to be more than suspected.
    """

    d: Floats
    se: Floats
    df: Floats
    base_runs: Floats
    head_runs: Floats
    spread: Floats
    irreducible: Floats
    weak: Flags
    design: Ints

    def take(self, rows: Flags, other: Estimate) -> None:
        """Replace the given rows by those of another estimate."""
        for name in self.__slots__:
            getattr(self, name)[rows] = getattr(other, name)[rows]


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known of each row's variance before looking: `df` runs' worth of `variance`; df 0 for nothing.

    Where `learned`, a longer history than the baseline says it all, and the baseline's own variance adds nothing.
    """

    df: Floats
    variance: Floats
    learned: Flags

    def of(self, rows: Flags) -> Prior:
        """Return what is known of some rows."""
        return Prior(self.df[rows], self.variance[rows], self.learned[rows])


def no_prior(rows: int) -> Prior:
    """Return a prior that knows nothing of any row."""
    return Prior(np.zeros(rows), np.zeros(rows), np.zeros(rows, dtype=bool))


def paired(
    differences: Floats,
    irreducible: Floats,
    minimum: int,
    prior: Prior | None = None,
    order: PairOrder | None = None,
) -> Estimate:
    """Estimate from rows × pairs of head minus base, measured next to each other.

    SE² = s²/R + irreducible², where s² is the trimmed mean's (Yuen, Biometrika 61 (1974) 165-170), moderated by what
    the suite says about it. `irreducible` is what no number of pairs removes: two builds of the same code differ in
    layout, and a coarse clock rounds. The degrees of freedom are those of the variance alone, which is calibrated
    where counting the irreducible part as certain is not. Of `order`, the effect of who ran first costs a degree of
    freedom (it is taken off the differences before), and the correlation of neighbouring pairs widens the variance of
    their mean as it does for an AR(1) series.
    """
    runs, d, variance, df = trimmed(differences)
    if order is not None:
        variance, df = order.spent(variance, df)
    if prior is not None:
        with np.errstate(invalid="ignore", divide="ignore"):
            moderated = (prior.df * prior.variance + df * variance) / (prior.df + df)
        usable_prior = (prior.df > 0) & (df > 0)
        variance, df = np.where(usable_prior, moderated, variance), np.where(usable_prior, df + prior.df, df)
    if order is not None:
        variance, df = order.widened(variance, df, runs)
    with np.errstate(invalid="ignore", divide="ignore"):
        se2 = variance / runs + irreducible**2
    usable = runs > 1
    return Estimate(
        d=np.where(usable, d, np.nan),
        se=np.where(usable, np.sqrt(se2), np.nan),
        df=df,
        base_runs=runs,
        head_runs=runs.copy(),
        spread=np.sqrt(variance),
        irreducible=irreducible.copy(),
        weak=runs < minimum,
        design=np.where(usable, PAIRED, NONE).astype(np.int8),
    )


def trimmed(values: Floats, planned: int = 0, *, few: bool = True) -> tuple[Floats, Floats, Floats, Floats]:
    """Return count, trimmed mean, the variance of one value that fits it, and its degrees of freedom.

    From ten values on, the tenth part at either end is left out, because one stalled process would otherwise hide a
    change of 10 %. Of five to nine values the outermost at either end are left out only where one of them lies
    farther away than chance puts it: leaving them out always would cost half of the power. What will be
    left out of a row at the end of `planned` values is left out already, as far as it has enough. `few` False never
    trims fewer than ten: a new run that is no part of them may be such an outlier itself.
    """
    runs, mean, squares = moments(values)
    cut = np.maximum(runs // _TRIM, np.minimum(planned // _TRIM, (runs - 1) // 4)).astype(int)
    if few:
        cut = np.where((cut == 0) & _has_outlier(values, runs), 1, cut)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = squares / (runs - 1)
    if not cut.any():
        return runs, mean, variance, runs - 1
    ranked = np.sort(values, axis=1)
    last = runs.astype(int) - 1 - cut
    rank = np.arange(values.shape[1])
    inner = np.where((rank >= cut[:, None]) & (rank <= last[:, None]), ranked, np.nan)
    kept, trimmed_mean, _ = moments(inner)
    _, _, squares = moments(_winsorised(ranked, ranked, cut))
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = squares * runs / (kept * (kept - 1))
    trims = cut > 0
    return (
        runs,
        np.where(trims, trimmed_mean, mean),
        np.where(trims, spread, variance),
        np.where(trims, kept - 1, runs - 1),
    )


def _has_outlier(values: Floats, runs: Floats) -> Flags:
    """Return the rows of five to nine values of which one lies `_OUTLIER` robust deviations from the median."""
    few = (runs >= _FEWEST_TRIMMED) & (runs < _TRIM)
    if not few.any():
        return few
    distance = np.abs(values - medians(values)[:, None])
    farthest = np.where(np.isnan(distance), 0.0, distance).max(axis=1)
    typical = normal.DEVIATION_PER_MAD * medians(distance)
    limit = _OUTLIER[np.where(few, runs, _FEWEST_TRIMMED).astype(int) - _FEWEST_TRIMMED]
    return np.asarray(few & (typical > 0) & (farthest > limit * typical))


def df_after(planned: int) -> float:
    """Return the degrees of freedom that `trimmed` leaves of so many values."""
    return max(planned - 2 * (planned // _TRIM) - 1.0, 1.0)


def _winsorised(values: Floats, ranked: Floats, cut: Ints) -> Floats:
    """Return the values with `cut` of them at either end drawn in to the next; `ranked` are they in order."""
    runs, rows = (~np.isnan(values)).sum(axis=1), np.arange(len(values))
    return np.clip(values, ranked[rows, cut][:, None], ranked[rows, runs - 1 - cut][:, None])


def _present_level(values: Floats) -> tuple[Floats, Floats]:
    """Return the level at which each row ends, and which share of one run's variance it has.

    A winsorised mean whose weights halve every five runs, newest last: where a level wanders from commit to
    commit, what it was twenty commits ago says little about the next run.
    """
    present = ~np.isnan(values)
    runs = present.sum(axis=1)
    age = runs[:, None] - np.cumsum(present, axis=1)
    weights = np.where(present, 0.5 ** (age / _HALF_LIFE), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        weights /= weights.sum(axis=1, keepdims=True)
    level = np.where(present, weights * _winsorised(values, np.sort(values, axis=1), runs // _TRIM), 0.0).sum(axis=1)
    return level, (weights**2).sum(axis=1)


def history(base: Floats, head: Floats, prior: Prior, minimum: int) -> Estimate:
    """Estimate from independent runs of both sides (rows × runs).

    One new run is compared in the prediction form: the pooled variance, moderated by the prior, of a baseline that is
    trimmed as pairs are, for one bad commit among ten must not hide the next. Where the prior was learned from how
    far neighbouring runs lie apart, the head is held to the level at which the baseline ends, so that what the level
    did before is not attributed to the head.

    Several new runs came one after the other. They are compared by their means, all runs counted, because trimming
    only the longer side would compare two different locations of skewed noise. Their variance is the pooled one,
    widened by the serial correlation of the baseline, or Welch's where the head varies more than the baseline does.
    """
    runs_b, _, _ = moments(base)
    runs_c, mean_c, _ = moments(head)
    level, share, pooled, df = _prediction(base, head, prior)
    usable = (runs_b > 0) & (runs_c > 0) & (df > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        se2 = pooled * (share + 1 / runs_c)
    several = usable & (runs_b >= minimum) & (runs_c > 1) & ~prior.learned
    if several.any():
        level[several], se2[several], df[several] = _several(base[several], head[several], pooled[several])
    return Estimate(
        d=np.where(usable, mean_c - level, np.nan),
        se=np.sqrt(np.where(usable, se2, np.nan)),
        df=df,
        base_runs=runs_b,
        head_runs=runs_c,
        spread=np.sqrt(np.where(usable, pooled, np.nan)),
        irreducible=np.zeros_like(runs_b),
        weak=runs_b < minimum,
        design=np.where(usable, HISTORY, NONE).astype(np.int8),
    )


def _prediction(base: Floats, head: Floats, prior: Prior) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the baseline's level, its share of one run's variance, that variance, and its degrees of freedom."""
    runs_b, _, _ = moments(base)
    runs_c, _, squares_c = moments(head)
    _, trimmed_mean, trimmed_variance, trimmed_df = trimmed(base, few=False)
    with np.errstate(invalid="ignore", divide="ignore"):
        df = prior.df + trimmed_df + runs_c - 1
        own = np.where(trimmed_df > 0, trimmed_df * trimmed_variance, 0.0)
        pooled = (prior.df * prior.variance + own + squares_c) / df
        share = 1 / runs_b
    learned, level = prior.learned, trimmed_mean.copy()
    pooled, df = np.where(learned, [prior.variance, prior.df], [pooled, df])
    level[learned], share[learned] = _present_level(base[learned])
    return level, share, pooled, df


def _several(base: Floats, head: Floats, moderated: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the baseline's mean, SE² of the difference to the mean of several new runs, and its degrees of freedom.

    `moderated` is the variance of one run that the prior has moderated; it is used where it is the larger one.
    """
    runs_b, mean_b, squares_b = moments(base)
    runs_c, _, squares_c = moments(head)
    variance_b, variance_c = squares_b / (runs_b - 1), squares_c / (runs_c - 1)
    pooled_df = runs_b + runs_c - 2
    pooled = np.maximum((squares_b + squares_c) / pooled_df, moderated)
    correlation = serial_correlation(base)
    widened_b, widened_c = variance_of_mean(correlation, runs_b), variance_of_mean(correlation, runs_c)
    se2 = pooled * (widened_b + widened_c)
    df = np.maximum(pooled_df * (1 - correlation) / (1 + correlation), 2.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = variance_b * widened_b, variance_c * widened_c
        welch = parts[0] + parts[1]
        welch_df = welch**2 / (parts[0] ** 2 / (runs_b - 1) + parts[1] ** 2 / (runs_c - 1))
        noisier = variance_c > variance_b * special.fdtri(runs_c - 1, runs_b - 1, 1 - _UNEQUAL)
    noisier &= welch > se2 * (1 - ROUNDING)  # the same for as many runs on either side, but for its fewer df
    return mean_b, np.where(noisier, welch, se2), np.where(noisier & np.isfinite(welch_df), welch_df, df)


def replayed_spread(base: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the spread of one run by which the newest stored runs missed their prediction, and its degrees of freedom.

    The third is the spread by which the newest five did, of which the largest miss is left out: one bad commit is not
    noise.

    Each of the last twenty runs of a row (oldest first) is predicted by the level at which the runs before it ended, as
    the head will be: noise that changed, and a level that wanders, are in these errors. Newer ones weigh more, halving
    every five runs. Of the weighted median and the 80 % quantile the one that says more counts, so that a few runs
    after a step of level do not look like noise. NaN and 0 where fewer than ten runs can be predicted from five.
    """
    present = ~np.isnan(base)
    packed = np.take_along_axis(base, np.argsort(present, axis=1, kind="stable"), axis=1)  # newest last
    errors, weights = [], []
    for age in range(min(_REPLAYED, base.shape[1] - _HALF_LIFE)):
        at = base.shape[1] - 1 - age
        before = packed[:, max(at - _REPLAYED, 0) : at]
        level, share = _present_level(before)
        usable = np.count_nonzero(~np.isnan(before), axis=1) >= _HALF_LIFE
        errors.append(np.where(usable, np.abs(packed[:, at] - level) / np.sqrt(1 + share), np.nan))
        weights.append(0.5 ** (age / _HALF_LIFE))
    nothing = np.full(len(base), np.nan), np.zeros(len(base)), np.full(len(base), np.nan)
    if not errors:
        return nothing
    missed = np.stack(errors, axis=1)
    weight = np.where(np.isnan(missed), 0.0, np.array(weights))
    df = weight.sum(axis=1) ** 2 / np.maximum((weight**2).sum(axis=1), 1e-300)
    spread = np.fmax(
        _weighted_quantile(missed, weight, 0.5) * normal.DEVIATION_PER_MAD,
        _weighted_quantile(missed, weight, 0.8) / normal.DEVIATIONS_AT_80,
    )
    enough = np.count_nonzero(weight, axis=1) >= 2 * _HALF_LIFE
    newest = np.sort(missed[:, :_HALF_LIFE], axis=1)[:, : _HALF_LIFE - 1]
    of_newest = np.sqrt((newest**2).mean(axis=1) / _WITHOUT_LARGEST)  # NaN where fewer than five were predicted
    return np.where(enough, spread, nothing[0]), np.where(enough, df, nothing[1]), np.where(enough, of_newest, np.nan)


def _weighted_quantile(values: Floats, weights: Floats, share: float) -> Floats:
    """Return of each row the smallest value up to which so large a share of the weights lies; NaN counts nothing."""
    order = np.argsort(values, axis=1)  # NaN comes last
    ranked, heavy = np.take_along_axis(values, order, axis=1), np.take_along_axis(weights, order, axis=1)
    reached = np.cumsum(heavy, axis=1) >= share * heavy.sum(axis=1, keepdims=True) * (1 - ROUNDING)
    return np.asarray(ranked[np.arange(len(values)), reached.argmax(axis=1)])


def widened(base: Floats, prior: Prior) -> Floats:
    """Return by what factor the interval of each row is widened, beyond the noise that was learned.

    The very statistic is replayed over the newest stored runs: each is predicted from those before it, as the head is.
    Noise that grew, a level that wanders, and neighbours that are alike show in how far that missed. The larger of this
    and the learned noise counts: combined by their degrees of freedom, what was learned outvotes the newest runs. Where
    the newest five alone missed by much more, they say how wide: noise that grew a few runs ago is in these alone.
    Learned noise below the smallest deviation counts as that, as the standard error does.
    """
    factor = np.ones(len(base))
    rows = np.flatnonzero(prior.learned & (prior.variance > 0))
    missed, df, newest = replayed_spread(base[rows])
    variance = np.maximum(prior.variance[rows], SMALLEST_DEVIATION**2)
    wide = np.maximum(np.where(df > 0, missed**2, variance) / variance, 1.0)
    grown = newest**2 > _GREW * variance
    factor[rows] = np.sqrt(np.where(grown, np.fmax(wide, newest**2 / variance), wide))
    return factor


def widened_by_tails(base: Floats, estimate: Estimate) -> Floats:
    """Return by what factor the interval of one new run must be wider, as its stored runs (rows × runs) themselves lie.

    Student's t takes their tails for normal. Of K exchangeable runs and a new one, the new one lies farther out than
    the j-th farthest of the K with probability j / (K + 1) (Vovk, Gammerman and Shafer, 2005): the interval reaches as
    far for the j that is nearest to 6.5 %, two at least, so that one bad commit widens nothing. Fewer than twenty show
    no such tail, and what exceeds Student's by less than 15 % is chance. A standard error below the smallest deviation
    counts as that, since the interval is no narrower.
    """
    runs, _, _ = moments(base)
    rows = (estimate.design == HISTORY) & (estimate.head_runs == 1) & (runs >= _FEWEST_TAILS)
    if not rows.any():
        return np.ones(len(base))
    place = np.maximum(np.round(_TAIL * (runs + 1)), 2).astype(int)
    distance = np.sort(-np.abs(base - trimmed(base, few=False)[1][:, None]), axis=1)  # NaN comes last
    far = -distance[np.arange(len(base)), np.where(rows, place - 1, 0)] * np.sqrt(1 + 1 / np.maximum(runs, 1))
    with np.errstate(invalid="ignore"):
        student = distributions.t_quantile(_INTERVAL / 2, estimate.df) * np.maximum(estimate.se, SMALLEST_DEVIATION)
        factor = far / student
    return np.where(rows & (factor > _BEYOND_CHANCE), factor, 1.0)


def single(base: Floats, head: Floats, within: Floats, tau: Floats, df: Floats) -> Estimate:
    """Estimate from one session on each side; what separates sessions is borrowed: SE² = within + 2 tau².

    `within` is the variance of both sides' levels as far as one session shows it, `df` what is behind tau
    (infinite where it is a constant).
    """
    runs_b, mean_b, _ = moments(base)
    runs_c, mean_c, _ = moments(head)
    usable = (runs_b > 0) & (runs_c > 0)
    return Estimate(
        d=np.where(usable, mean_c - mean_b, np.nan),
        se=np.where(usable, np.sqrt(within + 2 * tau**2), np.nan),
        df=df.copy(),
        base_runs=runs_b,
        head_runs=runs_c,
        spread=tau.copy(),
        irreducible=np.sqrt(2) * tau,
        weak=np.ones_like(usable),
        design=np.where(usable, SINGLE, NONE).astype(np.int8),
    )


def mode_of(estimate: Estimate) -> Mode:
    """Return the strongest design that any row could use."""
    return MODES[int(estimate.design.min(initial=SINGLE))]
