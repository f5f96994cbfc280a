"""Which design each row can use, and what it then says: the strongest that the runs allow wins."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regress_action.analysis import baseline_drift, designs, exact_tests, noise, pair_order
from regress_action.analysis.arrays import SMALLEST_DEVIATION, Flags, Floats, medians, moments, plain
from regress_action.analysis.policy import LayoutBound
from regress_action.analysis.resolution import rounding_error
from regress_action.analysis.run_matrix import by_session
from regress_action.analysis.stability import settle
from regress_action.model import normal
from regress_action.model.comparisons import Mode
from regress_action.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.analysis.arrays import Ints
    from regress_action.analysis.pair_order import PairOrder
    from regress_action.analysis.policy import Policy
    from regress_action.analysis.run_matrix import RowIndex, Scale, SideRuns
    from regress_action.model.measurements import Environment, Noise


_BORROWED_DF = 4.0  # how many runs' worth the machine's usual spread counts where a baseline is too short
_LEARNED_DF = 20.0  # the most that a learned spread counts
_RECENT = 10  # stored runs that show how noisy the machine is now
_SUITE = 20  # benchmarks that show together how far two builds lie apart
_A_SIDE = 5  # benchmarks that got faster, or slower, from which the scatter of a suite is read
_BY_CHANCE = 1.17  # standard error of a robust deviation, times √n (Rousseeuw and Croux, J. Am. Stat. Assoc. 88 (1993))
_STANDS_OUT = 0.01  # significance at which a row is noisier than its suite
_NEAREST_QUARTER = 0.3186  # standard deviations, within which a quarter of normal values lie
_LOPSIDED = 1.5  # times the distance of the nearer side
_MOST_ONE_SIDED = 4.0  # times the usual spread of two builds, where nearly all differences have one sign
_NOISIER = 0.05  # significance at which recent noise is taken to be more than what was learned


@dataclass(slots=True)
class RowEstimates:
    """The estimate of each row and what stands in the way of trusting it.

    `base` and `head` are the runs used (rows × runs, on the scale of `badness`), taken from those columns of the
    sides, or from all of them. `spread` is the robust one of a stored baseline. `latest` marks the rows that the
    last of the pairs measured; None where nothing was paired. `learned` is the learned noise of the rows that rest
    on it. `correlation` is that of neighbouring pairs where they are beyond doubt alike, else 0; `alike` rows
    are those of a suite whose pairs seem so. `coarse` rows hold
    values on a lattice that is wider than their noise. `layout` is what layout may change of the rows that were
    measured in compiled code, of which each side is one build. `p_counts` are exact p-values of counts, `p_order`
    those that order statistics allow a single new run, and `p_line` those of several new runs if their baseline drifts
    as it may; NaN where none applies. `drifting` baselines drift. `widened` is the factor by which an interval is wider
    than the standard error says, since its stored runs missed their own predictions by more.
    `cautious` is the estimate in pairs whose neighbours are as much alike as they cannot exclude; None without
    pairs. `of_rounds` is the variance of one pair's difference that the rounds inside its two runs explain, NaN
    where that is unknown.
    """

    estimate: designs.Estimate
    base: Floats
    head: Floats
    foreign: Flags
    unstable: Flags
    cut: Flags
    spread: Floats
    coarse: Flags
    correlation: Floats
    alike: Flags
    layout: Mapping[int, LayoutBound]
    p_counts: Floats
    p_order: Floats
    p_line: Floats
    drifting: Flags
    widened: Floats
    latest: Flags | None = None
    learned: Mapping[int, Noise] = field(default_factory=dict)
    base_columns: list[int] | None = None
    head_columns: list[int] | None = None
    of_rounds: Floats | None = None
    cautious: designs.Estimate | None = None


@dataclass(frozen=True, slots=True)
class RunMatrix:
    """Both sides, on the scale of badness, with what they are; `compiled` where a compiler laid out the code."""

    rows: RowIndex
    base: SideRuns
    head: SideRuns
    scale: Scale
    base_values: Floats
    head_values: Floats
    environment: Environment
    compiled: bool = False


def estimate_rows(matrix: RunMatrix, policy: Policy, mode: Mode | None) -> RowEstimates:
    """Estimate every row by the strongest design that its runs allow, or by `mode`.

    Raises:
        InputError: when the paired design is asked for and no run says which other run it belongs to.
    """
    matched = _matched(matrix.base, matrix.head) if mode in (None, Mode.PAIRED) else []
    if mode is Mode.PAIRED and not matched:
        raise InputError(
            "The paired design was asked for, but no run of the head was measured next to one of the baseline.",
            meaning="Pairs share a session and a pair number in the report; these files hold none.",
            remedy="Measure both sides together with  regress-action run --base REF , or leave the design open.",
        )
    estimates = _paired(matrix, policy, matched) if matched else _stored(matrix, policy, mode)
    smallest = np.where(matrix.scale.linear, 0.0, SMALLEST_DEVIATION)
    estimates.estimate.se = np.fmax(estimates.estimate.se, np.where(np.isnan(estimates.estimate.se), np.nan, smallest))
    estimates.p_counts = exact_tests.count_p_values(
        estimates.base, estimates.head, matrix.scale.linear & ~matrix.scale.exact
    )
    estimates.estimate.weak &= ~matrix.scale.exact
    return estimates


def _matched(base: SideRuns, head: SideRuns) -> list[tuple[int, int]]:
    """Return the columns of base and head that were measured next to each other."""
    partners = {pair: column for column, pair in enumerate(base.pairs) if pair is not None}
    matched = [(partners[pair], column, pair) for column, pair in enumerate(head.pairs) if pair in partners]
    return [(base, head) for base, head, _ in sorted(matched, key=lambda match: match[2])]


def _paired(matrix: RunMatrix, policy: Policy, matched: list[tuple[int, int]]) -> RowEstimates:
    base_columns, head_columns = (list(columns) for columns in zip(*matched, strict=True))
    base, head = matrix.base_values[:, base_columns], matrix.head_values[:, head_columns]
    tau = noise.per_row(matrix.scale, policy.session_spread.paired, policy.session_spread)
    rounding = rounding_error(base, head, matrix.scale.linear, matrix.scale.seconds)
    second = _second(matrix, base_columns, head_columns)
    order = pair_order.of(matrix.scale, base, head, second)
    base, head = base + second * order.effect[:, None] / 2, head - second * order.effect[:, None] / 2
    prior = _suite_prior(matrix.scale, head - base, order)
    tau = _spread_of_builds(matrix.scale, head - base, tau, prior, order)
    irreducible = np.hypot(tau, rounding)
    fields = (head - base, irreducible, policy.minimum_pairs, prior)
    estimate, cautious = designs.paired(*fields, order), designs.paired(*fields, order.taken_cautiously())
    together = ~np.isnan(head - base)
    unpaired = estimate.design == designs.NONE
    estimate.take(unpaired, _single(matrix, base, head, policy, tau))
    return RowEstimates(
        estimate,
        np.where(together, base, np.nan),
        np.where(together, head, np.nan),
        *_nothing_wrong(len(base)),
        coarse=rounding > 0,
        correlation=order.beyond_doubt(),
        alike=order.seem_alike(matrix.scale.timed),
        layout=_layout(matrix, policy),
        p_counts=np.full(len(base), np.nan),
        p_order=np.full(len(base), np.nan),
        p_line=np.full(len(base), np.nan),
        drifting=np.zeros(len(base), dtype=bool),
        widened=np.ones(len(base)),
        cautious=cautious,
        latest=~np.isnan(base[:, -1]) | ~np.isnan(head[:, -1]),
        base_columns=base_columns,
        head_columns=head_columns,
        of_rounds=_of_rounds_in_pairs(matrix.base, base_columns) + _of_rounds_in_pairs(matrix.head, head_columns),
    )


def _layout(matrix: RunMatrix, policy: Policy) -> dict[int, LayoutBound]:
    """Return the bound of every row of compiled code: the learned one of this kind of machine, else the assumed one."""
    if not (matrix.compiled or policy.layout):
        return {}
    place, assumed = matrix.environment.fingerprint, LayoutBound(policy.layout_bound)
    learned = ((row, policy.layout.get((place, *key))) for key, row in matrix.rows.index.items())
    return {row: bound or assumed for row, bound in learned if bound or matrix.compiled}


def _second(matrix: RunMatrix, base_columns: list[int], head_columns: list[int]) -> Ints:
    """Return +1 for pairs whose head ran second, -1 for those whose base did, 0 where that is unknown."""
    base, head = matrix.base.positions[base_columns], matrix.head.positions[head_columns]
    return np.where((base >= 0) & (head >= 0), np.sign(head - base), 0)


def _of_rounds_in_pairs(side: SideRuns, columns: list[int]) -> Floats:
    """Return, for each row, the mean variance of a run's log value that its rounds explain, NaN where unknown.

    The variance of a median of n rounds is π/2 of that of their mean.
    """
    variances = np.full(side.values.shape, np.nan)
    for block, place, report in side.blocks:
        for row, series in zip(plain(block), report.series, strict=True):
            if row >= 0 and len(series.spreads) == len(series.rounds) == len(series.values):
                values, spreads, rounds = (np.array(of, float) for of in (series.values, series.spreads, series.rounds))
                with np.errstate(invalid="ignore", divide="ignore"):
                    variances[row, place] = np.where(rounds > 1, (spreads / values) ** 2 / rounds * math.pi / 2, np.nan)
    chosen = variances[:, columns]
    return moments(chosen)[1]


def _suite_prior(scale: Scale, values: Floats, order: PairOrder) -> designs.Prior:
    """Return what the other benchmarks of the suite say about the variance of each row (rows × pairs).

    As many rows as there are, so many degrees of freedom the prior has at most. A row that is significantly noisier
    than the suite is judged by its own variance (cf. Phipson et al., Ann. Appl. Stat. 10 (2016) 946-963): the prior is
    one of what is common.
    """
    _, _, variance, df = designs.trimmed(values)
    variance, df = order.spent(variance, df)
    prior = designs.no_prior(len(values))
    for timed in (True, False):
        family = (scale.timed == timed) & ~scale.linear & ~scale.exact
        strength, typical = noise.fit(variance[family], df[family], float(np.count_nonzero(family)))
        prior.df[family], prior.variance[family] = strength, typical
    with np.errstate(invalid="ignore"):
        noisier = variance > prior.variance * special.fdtri(np.maximum(df, 1), np.maximum(prior.df, 1), 1 - _STANDS_OUT)
    prior.df[noisier] = 0
    return prior


def _spread_of_builds(
    scale: Scale, differences: Floats, tau: Floats, prior: designs.Prior, order: PairOrder | None = None
) -> Floats:
    """Return how far two builds of the same code lie apart, per row: `tau`, or more where the suite shows more.

    What identical code differs by in layout is the same in every pair and in no benchmark's own noise. It shows in how
    the differences of a whole suite scatter, in standard errors: by one where `tau` and the noise of each, with what
    the `order` of its pairs shows, explain them.
    This is the scale of the empirical null of Efron (2004). It is a robust estimate of a few dozen values, so what
    lies within one standard error of chance is not taken for layout.
    """
    wide = tau.copy()
    family = scale.timed & ~scale.linear & ~scale.exact & (tau > 0)
    usable = np.flatnonzero(family)
    estimate = designs.paired(
        differences[family], tau[family], 0, prior.of(family), order.of(family) if order else None
    )
    finite = np.isfinite(estimate.d)
    usable, d, se = usable[finite], estimate.d[finite], estimate.se[finite]
    if len(usable) < _SUITE:
        return wide
    scatter = _scatter(d / se)
    if scatter <= 1 + _BY_CHANCE / math.sqrt(len(usable)):
        return wide
    explained = float(medians((se**2 - tau[usable] ** 2)[None, :])[0])
    beyond = math.sqrt(max(scatter**2 * float(medians(se[None, :] ** 2)[0]) - explained, 0.0))
    one_sided = min(np.count_nonzero(d < 0), np.count_nonzero(d > 0)) < _A_SIDE
    wide[family] = np.maximum(tau[family], np.minimum(beyond, _MOST_ONE_SIDED * tau[family]) if one_sided else beyond)
    return wide


def _scatter(d: Floats) -> float:
    """Return how far the differences of a suite scatter, robustly: around their median, unless they are lopsided.

    Layout makes as many benchmarks faster as slower, and by as much. What the code did lies on one side: half of a
    suite that became slower by 20 to 50 % must not pass for what two builds of the same code differ by. So where those
    on one side lie much nearer to no change, it is their distance that counts; where hardly any lie there, the code
    moved most, and the distance of the quarter that lies nearest to no change counts, on either side.
    """
    around = float(medians(np.abs(d - medians(d[None, :])[0])[None, :])[0])
    sides = [np.abs(d[d < 0]), np.abs(d[d > 0])]
    if min(map(len, sides)) < _A_SIDE:
        quarter = float(np.quantile(np.abs(d), 0.25)) / _NEAREST_QUARTER
        return min(quarter, normal.DEVIATION_PER_MAD * around)
    nearer = min(float(medians(side[None, :])[0]) if len(side) >= _A_SIDE else math.inf for side in sides)
    return normal.DEVIATION_PER_MAD * (nearer if around > _LOPSIDED * nearer else around)


def _nothing_wrong(rows: int) -> tuple[Flags, Flags, Flags, Floats]:
    false = np.zeros(rows, dtype=bool)
    return false, false.copy(), false.copy(), np.zeros(rows)


def _stored(matrix: RunMatrix, policy: Policy, mode: Mode | None) -> RowEstimates:
    """Estimate every row from the stored runs of the same kind of machine, or borrow what separates two sessions.

    Runs of one session share its machine and count once. Of a baseline whose level changed only the runs since then
    are used. Rows with one session on either side, or with stored runs of other machines only, fall back to the
    single design, whose noise is borrowed.
    """
    scale, head = matrix.scale, matrix.head_values
    base, foreign = _same_machine(matrix)
    sessions_b, sessions_c = by_session(base, matrix.base), by_session(head, matrix.head)
    may_drift = _may_drift(matrix, sessions_b, sessions_c, policy)
    drift = baseline_drift.of(np.where(may_drift[:, None], sessions_b, np.nan))
    level_b, level_c = drift.taken_off(sessions_b, sessions_c, drift.certain)
    stability = settle(np.where(scale.linear[:, None], np.nan, level_b))
    sessions_b = np.where(~scale.linear[:, None] & np.isnan(stability.values), np.nan, sessions_b)
    used = np.where(np.isnan(sessions_b)[:, matrix.base.sessions], np.nan, base)
    prior, moderated = _prior(matrix, np.where(np.isnan(sessions_b), np.nan, level_b), level_c, policy)
    drift = replace(drift, possible=drift.possible & ~stability.cut)
    estimate, p_line = baseline_drift.history(drift, sessions_b, sessions_c, prior, policy.minimum_runs)
    estimate.weak &= ~moderated
    rounding = rounding_error(sessions_b, sessions_c, scale.linear, scale.seconds)
    estimate.se, estimate.irreducible = np.hypot(estimate.se, rounding), np.hypot(estimate.irreducible, rounding)
    one_session = (estimate.base_runs <= 1) & (estimate.head_runs <= 1)
    borrowed = np.ones_like(one_session) if mode is Mode.SINGLE else (one_session | foreign)
    if mode is not Mode.HISTORY and borrowed.any():
        every = np.where(foreign[:, None], matrix.base_values, used)
        estimate.take(borrowed, _single(matrix, every, head, policy, _borrowed_spread(matrix, foreign, policy)))
        used = every
    noisy = ~borrowed & ~scale.exact & (stability.spread > policy.maximum_spread)
    short = stability.cut & (estimate.base_runs < policy.minimum_runs)
    family = scale.timed & ~scale.linear & ~scale.exact
    p_order = exact_tests.order_p_values(sessions_b, sessions_c, family)
    return RowEstimates(
        estimate,
        used,
        head,
        foreign,
        noisy | short,
        stability.cut,
        stability.spread,
        coarse=rounding > 0,
        correlation=np.zeros(len(head)),
        alike=np.zeros(len(head), dtype=bool),
        layout={},
        p_counts=np.full(len(head), np.nan),
        p_order=np.where(scale.exact | scale.linear | (estimate.design != designs.HISTORY), np.nan, p_order),
        p_line=np.where(estimate.design != designs.HISTORY, np.nan, p_line),
        drifting=drift.certain & (estimate.design == designs.HISTORY),
        widened=np.where(borrowed, 1.0, _widened(sessions_b, prior, estimate, scale)),
        learned=_resting_on(prior.learned & ~borrowed & np.isfinite(estimate.d), matrix, policy),
    )


def _widened(base: Floats, prior: designs.Prior, estimate: designs.Estimate, scale: Scale) -> Floats:
    """Return the factor of each row's interval: by its learned noise, or where nothing is learned by its own tails."""
    tails = designs.widened_by_tails(base, estimate)
    return np.where(prior.learned | scale.exact | scale.linear, designs.widened(base, prior), tails)


def _may_drift(matrix: RunMatrix, base: Floats, head: Floats, policy: Policy) -> Flags:
    """Return the rows of several new sessions that rest on no learned noise: such a row ends at its present level."""
    stored = (~np.isnan(base)).sum(axis=1)
    learned = np.zeros(len(head), dtype=bool)
    learned[[row for row, (_, runs) in _learned(matrix, policy) if stored[row] < runs]] = True
    several = (~np.isnan(head)).sum(axis=1) > 1
    return np.asarray(several & ~learned & ~matrix.scale.linear & ~matrix.scale.exact)


def _borrowed_spread(matrix: RunMatrix, foreign: Flags, policy: Policy) -> Floats:
    """Return what separates two sessions of each row: of this kind of machine, or of any where it is `foreign`."""
    usual = noise.between_sessions(matrix.environment, policy.session_spread)
    here = noise.per_row(matrix.scale, usual, policy.session_spread)
    elsewhere = noise.per_row(matrix.scale, policy.session_spread.unknown, policy.session_spread)
    return np.where(foreign, elsewhere, here)


def _same_machine(matrix: RunMatrix) -> tuple[Floats, Flags]:
    """Return the baseline without the runs of other machines, and the rows that have no other runs."""
    base, present = matrix.base_values.copy(), ~np.isnan(matrix.head_values)
    before = ~np.isnan(base).all(axis=1)
    for fingerprint in set(plain(matrix.base.fingerprints)):
        measured_there = present[:, matrix.head.fingerprints == fingerprint].any(axis=1)
        base[np.ix_(~measured_there, matrix.base.fingerprints == fingerprint)] = np.nan
    return base, np.asarray(before & present.any(axis=1) & np.isnan(base).all(axis=1))


def _prior(matrix: RunMatrix, base: Floats, head: Floats, policy: Policy) -> tuple[designs.Prior, Flags]:
    """Return what is known about each row's variance: learned from history, from the suite, or borrowed.

    What was learned gives way to the newest stored runs where these are significantly noisier (F test): noise that
    doubled last week is not the noise of last month.
    """
    runs_b, _, squares_b = moments(base)
    runs_c, _, squares_c = moments(head)
    df = np.maximum(runs_b - 1, 0) + np.maximum(runs_c - 1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (squares_b + squares_c) / df
    usual = noise.between_sessions(matrix.environment, policy.session_spread)
    prior_df = np.where(runs_b < policy.minimum_runs, _BORROWED_DF, 0.0)
    prior = noise.per_row(matrix.scale, usual, policy.session_spread) ** 2
    prior_df[prior == 0] = 0.0
    moderated, learned = np.zeros((2, len(df)), dtype=bool)
    for timed in (True, False):
        family = (matrix.scale.timed == timed) & ~matrix.scale.linear & ~matrix.scale.exact
        strength, typical = noise.fit(variance[family], df[family])
        if strength:
            prior_df[family], prior[family], moderated[family] = strength, typical, True
    recent, steps = noise.recent_spread(base, _RECENT)
    for row, (spread, runs) in _learned(matrix, policy):
        if not 0 < runs_b[row] < runs:  # the baseline shows as much itself
            continue
        prior_df[row], prior[row], learned[row] = min(runs, _LEARNED_DF), spread**2, True
        if steps[row] > 1 and recent[row] ** 2 > spread**2 * special.fdtri(steps[row], runs - 1, 1 - _NOISIER):
            prior_df[row], prior[row] = steps[row], recent[row] ** 2
    return designs.Prior(prior_df, prior, learned), moderated | learned


def _resting_on(learned: Flags, matrix: RunMatrix, policy: Policy) -> dict[int, Noise]:
    rows = matrix.rows
    return {
        row: policy.noise[rows.benchmarks[row].name, rows.metrics[row].name] for row in plain(np.flatnonzero(learned))
    }


def _learned(matrix: RunMatrix, policy: Policy) -> list[tuple[int, tuple[float, int]]]:
    index = matrix.rows.index
    stored = ((index[key], noise) for key, noise in policy.noise.items() if key in index and noise.runs > 1)
    return [(row, (noise.spread, noise.runs)) for row, noise in stored if not matrix.scale.linear[row]]


def _single(matrix: RunMatrix, base: Floats, head: Floats, policy: Policy, tau: Floats) -> designs.Estimate:
    tau, df = tau.copy(), np.full(len(tau), np.inf)
    for row, (spread, runs) in _learned(matrix, policy):
        tau[row], df[row] = spread, runs - 1
    within = _within(base, matrix.base, matrix.scale) + _within(head, matrix.head, matrix.scale)
    within[matrix.scale.linear & ~matrix.scale.exact & (within == 0)] = np.nan
    return designs.single(base, head, within, tau, df)


def _within(values: Floats, side: SideRuns, scale: Scale) -> Floats:
    """Return the variance of each row's level as far as one session shows it: between its runs, or its rounds."""
    runs, _, squares = moments(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = squares / (runs - 1) / runs
    rounds = np.zeros(len(runs))
    if (runs == 1).any():
        for block, _, report in side.blocks:
            for row, series in zip(plain(block), report.series, strict=True):
                if row >= 0 and runs[row] == 1 and series.spreads and series.rounds:
                    rounds[row] = _of_rounds(series.values, series.spreads, series.rounds, linear=scale.linear[row])
    return np.where(runs > 1, between, rounds)


def _of_rounds(
    values: tuple[float, ...], spreads: tuple[float, ...], rounds: tuple[int, ...], *, linear: bool
) -> float:
    for value, spread, count in zip(values, spreads, rounds, strict=False):
        if np.isfinite(value) and np.isfinite(spread) and count > 1 and value:
            return float((spread if linear else spread / value) ** 2 / count)
    return 0.0
