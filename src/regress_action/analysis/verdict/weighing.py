"""Which design each row can use, and what it then says: the strongest that the evidence allows wins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.evidence import machine
from regress_action.analysis.evidence.layout import by_session
from regress_action.analysis.evidence.stability import settle
from regress_action.analysis.numeric import moderation
from regress_action.analysis.numeric.arrays import Flags, Floats, moments, plain
from regress_action.analysis.verdict import designs
from regress_action.model.comparisons import Mode
from regress_action.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.analysis.evidence.layout import Rows, Side
    from regress_action.analysis.evidence.scale import Scale
    from regress_action.analysis.rules.policy import Policy
    from regress_action.model.measurements import Environment, Noise


_BORROWED_DF = 4.0  # how many runs' worth the machine's usual spread counts where a baseline is too short
_LEARNED_DF = 20.0  # the most that a learned spread counts
_SE_FLOOR = 1e-4  # relative; no clock and no code layout is steadier


@dataclass(slots=True)
class Weighed:
    """The estimate of each row and what stands in the way of trusting it.

    `base` and `head` are the runs used (rows × runs, on the scale of `badness`), taken from those columns of the
    sides, or from all of them. `spread` is the robust one of a stored baseline. `latest` marks the rows that the
    last of the pairs measured; None where nothing was paired. `taught` is the learned noise of the rows that
    rest on it.
    """

    estimate: designs.Estimate
    base: Floats
    head: Floats
    foreign: Flags
    unstable: Flags
    cut: Flags
    spread: Floats
    latest: Flags | None = None
    taught: Mapping[int, Noise] = field(default_factory=dict)
    base_columns: list[int] | None = None
    head_columns: list[int] | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Both sides, on the scale of badness, with what they are."""

    rows: Rows
    base: Side
    head: Side
    scale: Scale
    base_values: Floats
    head_values: Floats
    environment: Environment


def weigh(evidence: Evidence, policy: Policy, mode: Mode | None) -> Weighed:
    """Estimate every row by the strongest design that its runs allow, or by `mode`.

    Raises:
        InputError: when the paired design is asked for and no run says which other run it belongs to.
    """
    matched = _matched(evidence.base, evidence.head) if mode in (None, Mode.PAIRED) else []
    if mode is Mode.PAIRED and not matched:
        raise InputError(
            "The paired design was asked for, but no run of the head was measured next to one of the baseline.",
            meaning="Pairs share a session and a pair number in the report; these files hold none.",
            remedy="Measure both sides together with  regress-action run --base REF , or leave the design open.",
        )
    weighed = _paired(evidence, policy, matched) if matched else _stored(evidence, policy, mode)
    floor = np.where(evidence.scale.linear, 0.0, _SE_FLOOR)
    weighed.estimate.se = np.fmax(weighed.estimate.se, np.where(np.isnan(weighed.estimate.se), np.nan, floor))
    weighed.estimate.weak &= ~evidence.scale.exact
    return weighed


def _matched(base: Side, head: Side) -> list[tuple[int, int]]:
    """Return the columns of base and head that were measured next to each other."""
    partners = {pair: column for column, pair in enumerate(base.pairs) if pair is not None}
    matched = [(partners[pair], column, pair) for column, pair in enumerate(head.pairs) if pair in partners]
    return [(base, head) for base, head, _ in sorted(matched, key=lambda match: match[2])]


def _paired(evidence: Evidence, policy: Policy, matched: list[tuple[int, int]]) -> Weighed:
    base_columns, head_columns = (list(columns) for columns in zip(*matched, strict=True))
    base, head = evidence.base_values[:, base_columns], evidence.head_values[:, head_columns]
    tau = machine.per_row(evidence.scale, policy.tau.paired, policy.tau)
    estimate = designs.paired(head - base, tau, policy.minimum_pairs)
    together = ~np.isnan(head - base)
    lone = estimate.design == designs.NONE
    estimate.take(lone, _single(evidence, base, head, policy, tau))
    return Weighed(
        estimate,
        np.where(together, base, np.nan),
        np.where(together, head, np.nan),
        *_nothing_wrong(len(base)),
        latest=~np.isnan(base[:, -1]) | ~np.isnan(head[:, -1]),
        base_columns=base_columns,
        head_columns=head_columns,
    )


def _nothing_wrong(rows: int) -> tuple[Flags, Flags, Flags, Floats]:
    false = np.zeros(rows, dtype=bool)
    return false, false.copy(), false.copy(), np.zeros(rows)


def _stored(evidence: Evidence, policy: Policy, mode: Mode | None) -> Weighed:
    scale, head = evidence.scale, evidence.head_values
    base, foreign = _same_machine(evidence)
    sessions_b, sessions_c = by_session(base, evidence.base), by_session(head, evidence.head)
    stability = settle(np.where(scale.linear[:, None], np.nan, sessions_b))
    sessions_b = np.where(scale.linear[:, None], sessions_b, stability.values)
    used = np.where(np.isnan(sessions_b)[:, evidence.base.sessions], np.nan, base)
    prior, moderated = _prior(evidence, sessions_b, sessions_c, policy)
    estimate = designs.history(sessions_b, sessions_c, prior, policy.minimum_runs)
    estimate.weak &= ~moderated
    alone = (estimate.base_runs <= 1) & (estimate.head_runs <= 1)
    lone = np.ones_like(alone) if mode is Mode.SINGLE else (alone | foreign)
    if mode is not Mode.HISTORY and lone.any():
        usual = machine.between_sessions(evidence.environment, policy.tau)
        tau = machine.per_row(scale, usual, policy.tau)
        elsewhere = machine.per_row(scale, policy.tau.unknown, policy.tau)
        whole = np.where(foreign[:, None], evidence.base_values, used)
        estimate.take(lone, _single(evidence, whole, head, policy, np.where(foreign, elsewhere, tau)))
        used = whole
    noisy = ~lone & ~scale.linear & ~scale.exact & (stability.spread > policy.maximum_spread)
    short = stability.cut & (estimate.base_runs < policy.minimum_runs)
    weighed = Weighed(estimate, used, head, foreign, noisy | short, stability.cut, stability.spread)
    weighed.taught = _resting_on(prior.taught & ~lone & np.isfinite(estimate.d), evidence, policy)
    return weighed


def _same_machine(evidence: Evidence) -> tuple[Floats, Flags]:
    """Return the baseline without the runs of other machines, and the rows that have no other runs."""
    base, present = evidence.base_values.copy(), ~np.isnan(evidence.head_values)
    before = ~np.isnan(base).all(axis=1)
    for fingerprint in set(plain(evidence.base.fingerprints)):
        measured_there = present[:, evidence.head.fingerprints == fingerprint].any(axis=1)
        base[np.ix_(~measured_there, evidence.base.fingerprints == fingerprint)] = np.nan
    return base, np.asarray(before & present.any(axis=1) & np.isnan(base).all(axis=1))


def _prior(evidence: Evidence, base: Floats, head: Floats, policy: Policy) -> tuple[designs.Prior, Flags]:
    """Return what is known about each row's variance: learned from history, from the suite, or borrowed."""
    runs_b, _, squares_b = moments(base)
    runs_c, _, squares_c = moments(head)
    df = np.maximum(runs_b - 1, 0) + np.maximum(runs_c - 1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (squares_b + squares_c) / df
    usual = machine.between_sessions(evidence.environment, policy.tau)
    prior_df = np.where(runs_b < policy.minimum_runs, _BORROWED_DF, 0.0)
    prior = machine.per_row(evidence.scale, usual, policy.tau) ** 2
    prior_df[prior == 0] = 0.0
    moderated, taught = np.zeros((2, len(df)), dtype=bool)
    for timed in (True, False):
        family = (evidence.scale.timed == timed) & ~evidence.scale.linear & ~evidence.scale.exact
        strength, typical = moderation.fit(variance[family], df[family])
        if strength:
            prior_df[family], prior[family], moderated[family] = strength, typical, True
    for row, (spread, runs) in _learned(evidence, policy):
        if 0 < runs_b[row] < runs:  # else the baseline shows as much itself
            prior_df[row], prior[row], taught[row] = min(runs, _LEARNED_DF), spread**2, True
    return designs.Prior(prior_df, prior, taught), moderated | taught


def _resting_on(taught: Flags, evidence: Evidence, policy: Policy) -> dict[int, Noise]:
    rows = evidence.rows
    return {
        row: policy.noise[rows.benchmarks[row].name, rows.metrics[row].name] for row in plain(np.flatnonzero(taught))
    }


def _learned(evidence: Evidence, policy: Policy) -> list[tuple[int, tuple[float, int]]]:
    index = evidence.rows.index
    known = ((index[key], noise) for key, noise in policy.noise.items() if key in index and noise.runs > 1)
    return [(row, (noise.spread, noise.runs)) for row, noise in known if not evidence.scale.linear[row]]


def _single(evidence: Evidence, base: Floats, head: Floats, policy: Policy, tau: Floats) -> designs.Estimate:
    tau, df = tau.copy(), np.full(len(tau), np.inf)
    for row, (spread, runs) in _learned(evidence, policy):
        tau[row], df[row] = spread, runs - 1
    within = _within(base, evidence.base, evidence.scale) + _within(head, evidence.head, evidence.scale)
    within[evidence.scale.linear & ~evidence.scale.exact & (within == 0)] = np.nan
    return designs.single(base, head, within, tau, df)


def _within(values: Floats, side: Side, scale: Scale) -> Floats:
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
