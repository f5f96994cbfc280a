"""The next step of a bisection: measure a commit, or stop with an answer; values only.

Also here: which commit to measure next: the one whose pairs tell most about the first bad commit for what they cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.bisection.observations import Observations
from regress_action.analysis.bisection.posterior import Posterior, posterior
from regress_action.model.changes import Ending

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from regress_action.analysis.arrays import Flags, Floats


BATCHES = (1, 2, 3, 5, 8, 12)
"""How many pairs are measured of one commit before the next is chosen."""

_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(41)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()


@dataclass(frozen=True, slots=True)
class Choice:
    """A commit to measure, how many pairs of it, and how many bits they are expected to tell."""

    commit: int
    pairs: int
    bits: float


def choose(
    contains: Flags,
    now: Posterior,
    *,
    available: Collection[int],
    measured: Mapping[int, int],
    build_cost: float,
    batches: tuple[int, ...] = BATCHES,
) -> Choice | None:
    """Return the commit of most expected information for its cost; None where no commit is available.

    A commit tells only whether it has the change, so what its pairs tell of the first bad commit is the mutual
    information between that and a Gaussian mean (the entropy-driven choice of MacKay, Neural Computation 4 (1992) 590).
    `measured` has the pairs of each commit so far; building one that is not in it costs `build_cost` pairs. More pairs
    of a measured commit tell less, because its build stays the same.
    """
    if not available:
        return None
    commits = np.array(sorted(available), dtype=np.intp)
    has_change = contains[commits] @ now.first
    so_far = np.array([measured.get(int(commit), 0) for commit in commits], dtype=float)
    extra = np.where(so_far > 0, 0.0, build_cost)
    best: tuple[float, Choice] | None = None
    for pairs in batches:
        new = _precision(now, so_far + pairs) - _precision(now, so_far)
        bits = information(has_change, abs(now.step) * np.sqrt(np.maximum(new, 0.0)))
        gain = bits / (pairs + extra)
        at = int(np.argmax(gain))
        if best is None or gain[at] > best[0]:
            best = float(gain[at]), Choice(int(commits[at]), pairs, float(bits[at]))
    return best[1] if best else None


def _precision(now: Posterior, pairs: Floats) -> Floats:
    """Return the inverse variance of the mean of so many pairs of one build; 0 for none."""
    variance = now.pair_spread**2 / np.maximum(pairs, 1) + now.build_spread**2
    return np.where(pairs > 0, 1 / variance, 0.0)


def information(probability: Floats, separation: Floats) -> Floats:
    """Return the bits that one Gaussian mean tells about a yes-or-no question; both arguments and it have one shape.

    The mean is N(0, 1) for no and N(`separation`, 1) for yes, which has that probability.
    """
    p = np.clip(probability, 1e-12, 1 - 1e-12)[:, None]
    separation = np.asarray(separation, dtype=float)[:, None]
    half = separation**2 / 2
    log_odds = np.log(p / (1 - p))
    left = _entropy(log_odds + separation * _NODES - half) @ _NODE_WEIGHTS
    right = _entropy(log_odds + separation * _NODES + half) @ _NODE_WEIGHTS
    p = p[:, 0]
    before = _entropy(log_odds)[:, 0]
    return np.maximum(0.0, before - (1 - p) * left - p * right)


def _entropy(log_odds: Floats) -> Floats:
    """Return the entropy in bits of a yes-or-no question with these natural log odds."""
    size = np.abs(log_odds)
    no = np.exp(-size)
    bits: Floats = (np.log1p(no) + size * no / (1 + no)) / np.log(2)
    return bits


_FIRST_PAIRS = 10
_MORE_PAIRS = 10
_MOST_OF_BAD = 60
_MOST_OF_COMMIT = 120
_SETTLED = 0.95
_SMALLEST_CHANGE = 0.01
_LEAST_BITS = 2e-3
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class MeasurementStep:
    """Measure so many pairs of this commit against the good one."""

    commit: int
    pairs: int


@dataclass(frozen=True)
class Bisection:
    """What a bisection knows: the graph, what was measured, and what cannot be built.

    `contains[i, c]` says whether commit i contains candidate c; both count the same commits, oldest first, and the last
    is the bad one. `measured` has the log ratios of each commit to the good one, `skipped` those without a measurement.
    `target` is the probability to stop at, `build_cost` the cost of a build in pairs. `exact` says that runs of one
    commit do not differ, so that one pair tells as much as ten.
    """

    contains: Flags
    prior: Floats
    measured: Mapping[int, Sequence[float]] = field(default_factory=dict)
    skipped: frozenset[int] = frozenset()
    target: float = 0.99
    build_cost: float = 10.0
    exact: bool = False

    @property
    def bad(self) -> int:
        """The position of the bad commit."""
        return len(self.contains) - 1

    @property
    def builds(self) -> int:
        """How many commits between the good and the bad one were built and measured."""
        return sum(1 for commit, values in self.measured.items() if len(values) and commit != self.bad)

    @cached_property
    def posterior(self) -> Posterior:
        """What the measurements say."""
        return posterior(self.contains, self.prior, Observations.of(self.measured))

    def next_step(self) -> MeasurementStep | Ending:
        """Return the commit to measure, or why to stop."""
        of_bad = len(self.measured.get(self.bad, ()))
        if not of_bad:
            return MeasurementStep(self.bad, self._batch(_FIRST_PAIRS))
        now = self.posterior
        if now.unchanged > 1 - _SETTLED:
            return self._before_search(now, of_bad)
        if now.first[now.best] >= self.target:
            return Ending.FOUND
        return self._search(now)

    def _before_search(self, now: Posterior, of_bad: int) -> MeasurementStep | Ending:
        """Return the step while it is open whether anything changed: more of the bad commit, which has any change.

        A difference whose 95 % interval lies within 1 % is not worth a search.
        """
        half = _Z95 * now.pair_spread / of_bad**0.5
        if now.unchanged >= _SETTLED or abs(self.level(self.bad) or 0.0) + half <= _SMALLEST_CHANGE:
            return Ending.NO_CHANGE
        if of_bad >= self._batch(_MOST_OF_BAD):
            return Ending.NO_CHANGE if now.unchanged > 1 - now.unchanged else Ending.UNDECIDED
        return MeasurementStep(self.bad, self._batch(_MORE_PAIRS))

    def _search(self, now: Posterior) -> MeasurementStep | Ending:
        counts = {commit: len(values) for commit, values in self.measured.items() if len(values)}
        chosen = choose(
            self.contains,
            now,
            available=[
                commit
                for commit in range(len(self.contains))
                if commit not in self.skipped and counts.get(commit, 0) < _MOST_OF_COMMIT
            ],
            measured=counts,
            build_cost=self.build_cost,
            batches=(1,) if self.exact else BATCHES,
        )
        if chosen is None or chosen.bits < _LEAST_BITS:
            return Ending.INDISTINGUISHABLE
        return MeasurementStep(chosen.commit, chosen.pairs)

    def _batch(self, pairs: int) -> int:
        return pairs // 5 if self.exact else pairs

    def interval(self, ending: Ending) -> tuple[float, float, float]:
        """Return the log ratio after the change to before it and the ends of its 95 % interval.

        Where no change was seen, they are those of the bad commit to the good one.
        """
        now = self.posterior
        middle, error = now.step, now.step_error
        if ending in (Ending.NO_CHANGE, Ending.UNDECIDED):
            middle = self.level(self.bad) or 0.0
            error = now.pair_spread / len(self.measured[self.bad]) ** 0.5
        return middle, middle - _Z95 * error, middle + _Z95 * error

    def level(self, commit: int) -> float | None:
        """Return the mean log ratio of a measured commit, None for another."""
        values = self.measured.get(commit)
        return sum(values) / len(values) if values else None
