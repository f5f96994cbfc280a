"""Look at a running measurement: which benchmarks are decided, and which deserve the rest of the budget?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import designs, distributions, tests
from regress_action.analysis.arrays import plain
from regress_action.analysis.comparison import analyse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.arrays import Flags, Floats
    from regress_action.analysis.grading import Analysis
    from regress_action.analysis.policy import Policy, SamplingPlan
    from regress_action.model.measurements import Report

_FUTILE = 0.03  # the chance of a decision below which more pairs are a waste
_TOLERATED = 1.05  # times the variance of a pair, for fewer rounds in it
_FEWEST_ROUNDS = 0.25
_WORTHWHILE = 0.5  # the chance below which pairs go to others once the threshold is ruled out


@dataclass(frozen=True, slots=True)
class InterimAnalysis:
    """What a look says: whether to `proceed`, with which benchmarks, and how many are decided after `pairs` pairs.

    Of `benchmarks`, `decided` need no more pairs, and `given_up` are too noisy for the pairs that are left.
    Before `minimum` pairs nothing is decided. `rounds` is the share of their rounds that the undecided need.
    """

    proceed: bool
    minimum: int
    undecided: tuple[str, ...] = ()
    pairs: int = 0
    benchmarks: int = 0
    decided: int = 0
    given_up: int = 0
    rounds: float = 1.0


def analyse_interim(
    baseline: Sequence[Report],
    head: Sequence[Report],
    policy: Policy,
    plan: SamplingPlan,
    pairs_done: int | None = None,
) -> InterimAnalysis:
    """Judge what was measured so far; `pairs_done` is the number of whole pairs, counted from the reports if None.

    A benchmark is decided when every metric of it is proven worse, better or unchanged, or cannot be compared at
    all; what is suspected because its pairs seem alike is not. It is given up when it has hardly a chance of being
    decided by the pairs that are left. What was decided earlier and not measured in the latest pair stays decided.
    """
    analysis = analyse(baseline, head, replace(policy, plan=plan))
    latest = analysis.estimates.latest
    done = pairs_done if pairs_done is not None else int(analysis.estimates.estimate.base_runs.max(initial=0))
    if latest is None:
        return InterimAnalysis(proceed=True, minimum=plan.minimum)
    settled = _settled(analysis)
    futile = ~settled & _futile(analysis, plan, policy.alpha)
    names = [benchmark.name for benchmark in analysis.matrix.rows.benchmarks]
    unsettled = latest & ~settled & ~futile
    undecided = _names(names, unsettled)
    given_up = set(_names(names, futile & ~analysis.results.unchanged)) - set(undecided)
    total = len(set(names))
    interim = InterimAnalysis(
        proceed=True,
        pairs=done,
        minimum=plan.minimum,
        benchmarks=total,
        decided=total - len(given_up),
        given_up=len(given_up),
    )
    if done < plan.minimum:
        return interim
    if done >= plan.pairs or not undecided:
        return replace(interim, proceed=False)
    decided = total - len(undecided) - len(given_up)
    return replace(interim, undecided=undecided, decided=decided, rounds=_rounds(analysis, unsettled))


def _rounds(analysis: Analysis, rows: Flags) -> float:
    """Return the share of their rounds with which a pair of any of the rows would have 5 % more variance.

    With a share f of the rounds a pair's variance is that between processes, plus that within them divided by f. Where
    processes differ by much more than their rounds explain, shorter runs show as much in less time.
    """
    of_rounds = analysis.estimates.of_rounds
    if of_rounds is None:
        return 1.0
    seen = analysis.estimates.estimate.spread**2
    within = np.minimum(of_rounds, seen)
    explained = rows & (within > 0)
    shares = within[explained] / (_TOLERATED * seen[explained] - (seen[explained] - within[explained]))
    return round(max(float(shares.max()), _FEWEST_ROUNDS), 2) if len(shares) else 1.0


def _names(names: Sequence[str], rows: Flags) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names[row] for row in plain(np.flatnonzero(rows))))


def _settled(analysis: Analysis) -> Flags:
    """Return the rows of which nothing more is to be learned: even the smallest change is proven or ruled out."""
    results = analysis.results
    compared = ~np.isnan(analysis.estimates.estimate.d)
    unchanged = results.unchanged & (results.ruled_out <= results.smallest)
    proven = ((results.regression | results.improvement) & ~results.suspected) | unchanged
    return np.asarray(~compared | (proven & ~analysis.estimates.estimate.weak))


def _futile(analysis: Analysis, plan: SamplingPlan, alpha: float) -> Flags:
    """Return the rows that will hardly get any further by the end of the plan (conditional power).

    A row whose threshold is ruled out goes on for the smallest change only where that is likely to be detected. What
    the end will judge is foreseen, the mean without the outermost pairs and its spread, so that one stalled process
    does not look like noise and half of the pairs do not speak for all.
    """
    estimate, results = analysis.estimates.estimate, analysis.results
    differences = analysis.estimates.head - analysis.estimates.base
    now = np.maximum(estimate.base_runs, 1.0)
    _, middle, variance, _ = designs.trimmed(differences, plan.pairs)
    spread = np.sqrt(variance) * (1 + 1 / now)
    half = distributions.t_quantile(0.025, np.full(len(now), designs.df_after(plan.pairs))) * np.sqrt(
        spread**2 / plan.pairs + estimate.irreducible**2
    )
    wander = np.maximum(spread * np.sqrt(np.maximum(1 / now - 1 / plan.pairs, 0)), 1e-9)
    size = np.maximum(results.smallest, half)
    changed = _beyond((size - middle) / wander) + _beyond((size + middle) / wander)

    def unchanged(margin: Floats) -> Floats:
        by_interval = _beyond((middle - (margin - half)) / wander)
        return np.maximum(by_interval, _chance_of_few(differences, margin, plan.pairs, alpha))

    tolerated = np.where(results.unchanged, 0.0, unchanged(results.margin))
    chance = changed + np.maximum(tolerated, unchanged(results.smallest))
    return np.asarray((now < plan.pairs) & (chance < np.where(results.unchanged, _WORTHWHILE, _FUTILE)))


def _chance_of_few(differences: Floats, margin: Floats, planned: int, alpha: float) -> Floats:
    """Return the chance that of `planned` pairs so few end beyond `margin` that counting them rules it out.

    The pairs to come are predicted from those that are there by the beta-binomial distribution of Jeffreys' prior; a
    normal one of the same mean and variance stands for it.
    """
    now = (~np.isnan(differences)).sum(axis=1)
    left = np.maximum(planned - now, 0)
    beyond = tests.count_beyond(differences, margin)
    allowed = tests.most_allowed(now + left, alpha) - beyond
    share = (beyond + 0.5) / (now + 1)
    wander = np.sqrt(left * share * (1 - share) * (now + 1 + left) / (now + 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((allowed >= 0) & (left > 0), _beyond((left * share - allowed - 0.5) / wander), 0.0)


def _beyond(z: Floats) -> Floats:
    """Return the chance that a normal deviate exceeds `z`."""
    tail = distributions.two_sided_p(z, np.inf) / 2
    return np.where(z > 0, tail, 1 - tail)
