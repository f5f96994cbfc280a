"""The loop of a bisection: choose a commit, measure it, keep the result, until the answer is sure enough."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from regress_action.action.bisection.record import BisectionRecord, MeasuredPairs, SkippedCommit
from regress_action.analysis.bisection.search import Bisection, MeasurementStep
from regress_action.model.bisections import Ending
from regress_action.model.errors import IncompleteError, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.action.bisection.commits import CommitRange
    from regress_action.analysis.arrays import Floats

_MINUTE_S = 60
_LEAST_BUILD_COST, _MOST_BUILD_COST = 10.0, 60.0


class PairMeasurer(Protocol):
    """Measures pairs of a commit against the good one."""

    def __call__(self, commit: str, pairs: int, key: tuple[str, str] | None) -> MeasuredPairs:
        """Return the pairs; without a `key` choose the benchmark that changed most clearly.

        Raises:
            IncompleteError: the commit cannot be built, or the benchmark gives no result there.
        """


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """Where a bisection stops: the probability that is enough, and what it may cost."""

    probability: float = 0.99
    builds: int | None = None
    minutes: float | None = None


@dataclass(frozen=True, slots=True)
class SearchState:
    """A bisection between two steps: what is known, of which benchmark, and what the record holds."""

    range: CommitRange
    bisection: Bisection
    key: tuple[str, str] | None
    skipped: tuple[SkippedCommit, ...] = ()
    ending: Ending | None = None

    @property
    def pairs(self) -> int:
        """How many pairs were measured."""
        return sum(len(values) for values in self.bisection.measured.values())

    @property
    def probability(self) -> float:
        """The probability of the most probable commit."""
        return float(self.bisection.posterior.first[self.bisection.posterior.best])


@dataclass
class CommitSearch:
    """One bisection; `on_step` gets the state after each step; `prior` replaces the weights by changed files."""

    range: CommitRange
    record: BisectionRecord
    measure: PairMeasurer
    limits: SearchLimits = field(default_factory=SearchLimits)
    on_step: Callable[[SearchState, MeasurementStep], None] | None = None
    clock: Callable[[], float] = time.monotonic
    prior: Floats | None = None

    @cached_property
    def _empty(self) -> Bisection:
        prior = self.range.weights() if self.prior is None else self.prior
        return Bisection(self.range.contains(), prior, target=self.limits.probability)

    def run(self) -> SearchState:
        """Measure until there is an answer or a limit is reached.

        Raises:
            IncompleteError: the bad commit itself cannot be measured.
        """
        began = self.clock()
        while True:
            state = self.state()
            step = state.bisection.next_step()
            if isinstance(step, Ending):
                return replace(state, ending=step)
            if self._exhausted(state, step, began):
                return replace(state, ending=Ending.BUDGET)
            self._measure(state, step)
            if self.on_step:
                self.on_step(self.state(), step)

    def state(self) -> SearchState:
        """Return what the record says now."""
        position = {commit.id: at for at, commit in enumerate(self.range.commits)}
        pairs = [e for e in self.record.entries if isinstance(e, MeasuredPairs) and e.commit in position]
        skipped = [e for e in self.record.entries if isinstance(e, SkippedCommit) and e.commit in position]
        measured: dict[int, list[float]] = {}
        for entry in pairs:
            measured.setdefault(position[entry.commit], []).extend(entry.ratios)
        bisection = replace(
            self._empty,
            measured=measured,
            skipped=frozenset(position[entry.commit] for entry in skipped),
            build_cost=_build_cost(pairs),
            exact=_are_exact(pairs),
        )
        key = (pairs[0].benchmark, pairs[0].metric) if pairs else None
        return SearchState(self.range, bisection, key, tuple(skipped))

    def _measure(self, state: SearchState, step: MeasurementStep) -> None:
        commit = self.range.commits[step.commit].id
        try:
            self.record.add(self.measure(commit, step.pairs, state.key))
        except (IncompleteError, UsageError) as error:
            if isinstance(error, InputError) or step.commit == state.bisection.bad:
                raise
            self.record.add(SkippedCommit(commit, error.what))

    def _exhausted(self, state: SearchState, step: MeasurementStep, began: float) -> bool:
        minutes, builds = self.limits.minutes, self.limits.builds
        if minutes is not None and self.clock() - began >= _MINUTE_S * minutes:
            return True
        is_new = step.commit not in state.bisection.measured
        return builds is not None and is_new and state.bisection.builds >= builds


def _build_cost(pairs: list[MeasuredPairs]) -> float:
    """Return what a build costs, in pairs, as the builds so far did; within 10 and 60."""
    first: dict[str, MeasuredPairs] = {}
    for entry in pairs:
        first.setdefault(entry.commit, entry)
    costs = sorted(entry.overhead_s / (2 * entry.run_s) for entry in first.values() if entry.run_s > 0)
    typical = costs[len(costs) // 2] if costs else _LEAST_BUILD_COST
    return min(max(typical, _LEAST_BUILD_COST), _MOST_BUILD_COST)


def _are_exact(pairs: list[MeasuredPairs]) -> bool:
    """Whether runs of one commit do not differ: the metric says so, or every pair so far gave the same ratio."""
    if not pairs:
        return False
    return all(entry.exact or (len(entry.ratios) > 1 and len(set(entry.ratios)) == 1) for entry in pairs[:1])
