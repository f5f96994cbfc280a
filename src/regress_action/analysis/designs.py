"""The three designs: paired, history, single. Each turns runs into a difference with its standard error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.arrays import moments
from regress_action.model.comparisons import Mode

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Flags, Floats, Ints

MODES = (Mode.PAIRED, Mode.HISTORY, Mode.SINGLE)
PAIRED, HISTORY, SINGLE, NONE = 0, 1, 2, 3
_TRIM = 10  # one pair in ten is left out at either end
_HALF_LIFE = 5  # runs after which a stored run says half as much about today's level; a baseline needs as many


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


def paired(differences: Floats, tau: Floats, minimum: int) -> Estimate:
    """Estimate from rows × pairs of head minus base, measured next to each other.

    SE² = s²/R + tau², where s² is the trimmed mean's (Yuen, Biometrika 61 (1974) 165-170): from ten pairs on, the
    tenth part at either end is trimmed, because one stalled process would otherwise hide a change of 10 %. tau is
    what no number of pairs removes: two builds of the same code differ in layout. The degrees of freedom are those
    of the pairs alone, h - 1 of the h that are left, which is calibrated where counting tau as certain is not.
    """
    runs, d, variance, df = trimmed(differences)
    with np.errstate(invalid="ignore", divide="ignore"):
        se2 = variance / runs + tau**2
    usable = runs > 1
    return Estimate(
        d=np.where(usable, d, np.nan),
        se=np.where(usable, np.sqrt(se2), np.nan),
        df=df,
        base_runs=runs,
        head_runs=runs.copy(),
        spread=np.sqrt(variance),
        irreducible=tau.copy(),
        weak=runs < minimum,
        design=np.where(usable, PAIRED, NONE).astype(np.int8),
    )


def trimmed(values: Floats, planned: int = 0) -> tuple[Floats, Floats, Floats, Floats]:
    """Return count, trimmed mean, the variance of one value that fits it, and its degrees of freedom.

    What will be left out of a row at the end of `planned` values is left out already, as far as it has enough.
    """
    runs, mean, squares = moments(values)
    cut = np.maximum(runs // _TRIM, np.minimum(planned // _TRIM, np.maximum(runs - 1, 0) // 4)).astype(int)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = squares / (runs - 1)
    if not cut.any():
        return runs, mean, variance, runs - 1
    ranked = np.sort(values, axis=1)
    last = np.maximum(runs.astype(int) - 1 - cut, 0)
    rank = np.arange(values.shape[1])
    inner = np.where((rank >= cut[:, None]) & (rank <= last[:, None]), ranked, np.nan)
    kept, trimmed_mean, _ = moments(inner)
    _, _, squares = moments(_winsorised(ranked, ranked, cut))
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = squares * runs / (kept * (kept - 1))
    some = cut > 0
    return (
        runs,
        np.where(some, trimmed_mean, mean),
        np.where(some, spread, variance),
        np.where(some, kept - 1, runs - 1),
    )


def df_after(planned: int) -> float:
    """Return the degrees of freedom that `trimmed` leaves of so many values."""
    return max(planned - 2 * (planned // _TRIM) - 1.0, 1.0)


def _winsorised(values: Floats, ranked: Floats, cut: Ints) -> Floats:
    """Return the values with `cut` of them at either end drawn in to the next; `ranked` are they in order."""
    runs, rows = (~np.isnan(values)).sum(axis=1), np.arange(len(values))
    return np.clip(values, ranked[rows, cut][:, None], ranked[rows, np.maximum(runs - 1 - cut, 0)][:, None])


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


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known of each row's variance before looking: `df` runs' worth of `variance`; df 0 for nothing.

    Where `learned`, a longer history than the baseline says it all, and the baseline's own variance adds nothing.
    """

    df: Floats
    variance: Floats
    learned: Flags


def history(base: Floats, head: Floats, prior: Prior, minimum: int) -> Estimate:
    """Estimate from independent runs of both sides (rows × runs).

    Welch's test where both sides hold `minimum` runs; otherwise the pooled prediction form, its variance
    moderated by the prior. There a baseline of ten runs or more is trimmed as pairs are: one bad commit among them
    must not hide the next. Where the prior was learned by how far neighbouring runs lie apart, the head is held
    to the level at which the baseline ends, so that what the level did before is not attributed to it.
    """
    runs_b, mean_b, squares_b = moments(base)
    runs_c, mean_c, squares_c = moments(head)
    _, trimmed_mean, trimmed_variance, trimmed_df = trimmed(base)
    with np.errstate(invalid="ignore", divide="ignore"):
        part_b, part_c = squares_b / (runs_b - 1) / runs_b, squares_c / (runs_c - 1) / runs_c
        welch_df = (part_b + part_c) ** 2 / (part_b**2 / (runs_b - 1) + part_c**2 / (runs_c - 1))
        pooled_df = prior.df + trimmed_df + runs_c - 1
        own = np.where(trimmed_df > 0, trimmed_df * trimmed_variance, 0.0)
        pooled = (prior.df * prior.variance + own + squares_c) / pooled_df
        share = 1 / runs_b
    learned, level = prior.learned, trimmed_mean.copy()
    pooled, pooled_df = np.where(learned, [prior.variance, prior.df], [pooled, pooled_df])
    level[learned], share[learned] = _present_level(base[learned])
    both = (runs_b >= minimum) & (runs_c >= minimum)
    usable = (runs_b > 0) & (runs_c > 0) & (pooled_df > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        se2 = np.where(both, part_b + part_c, pooled * (share + 1 / runs_c))
    constant = runs_b + runs_c - 2
    return Estimate(
        d=np.where(usable, mean_c - np.where(both, mean_b, level), np.nan),
        se=np.sqrt(np.where(usable, se2, np.nan)),
        df=np.where(both, np.where(np.isnan(welch_df), constant, welch_df), pooled_df),
        base_runs=runs_b,
        head_runs=runs_c,
        spread=np.sqrt(np.where(usable, pooled, np.nan)),
        irreducible=np.zeros_like(runs_b),
        weak=runs_b < minimum,
        design=np.where(usable, HISTORY, NONE).astype(np.int8),
    )


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
    return MODES[min(int(estimate.design.min(initial=SINGLE)), SINGLE)]
