"""The loop of a bisection: choose a commit, measure it, keep the result, until the answer is sure enough.

* What a bisection keeps on disk: a JSON Lines file that grows by a line for each measurement, so that it can resume.
* The state of a search as the result that reports show.

The first line says what is searched; its digest names the file, so another question never reads these answers. Each
line after it is a measurement of a commit or the reason why it was skipped.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from regress_action.analysis.bisection.search import Bisection, MeasurementStep
from regress_action.model import escaping
from regress_action.model.changes import KEPT, BisectionResult, Ending, OtherChange, PackageChange, Suspect
from regress_action.model.errors import IncompleteError, InputError, UsageError
from regress_action.model.files import read_optional, write_replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from regress_action.action.bisection.commits import CommitRange
    from regress_action.analysis.arrays import Floats


RECORD_SCHEMA = 2
_LARGEST = 32 * 1024 * 1024
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class MeasuredPairs:
    """The pairs of one commit, measured in one go: log ratios to the good commit, and how long all of it took.

    `benchmark` and `metric` are what the ratios are of, `run_s` the mean time of a run and `overhead_s` the time
    besides runs, most of which is the build. `others` are benchmarks that changed clearly as well, where the one of the
    ratios was chosen among them.
    """

    commit: str
    benchmark: str
    metric: str
    ratios: tuple[float, ...]
    exact: bool = False
    run_s: float = 0.0
    overhead_s: float = 0.0
    others: tuple[OtherChange, ...] = ()


@dataclass(frozen=True, slots=True)
class SkippedCommit:
    """A commit that could not be measured, and why."""

    commit: str
    reason: str


Entry = MeasuredPairs | SkippedCommit


@dataclass(slots=True)
class BisectionRecord:
    """The file of one bisection and its entries, oldest first."""

    path: Path
    question: Mapping[str, Any]
    entries: list[Entry] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path, question: Mapping[str, Any]) -> BisectionRecord:
        """Return the record of this question below `folder`, with the entries of an earlier, unfinished bisection.

        Raises:
            InputError: the file cannot be read.
        """
        digest = hashlib.sha256(_line({"schema": RECORD_SCHEMA, **question})).hexdigest()[:_DIGITS]
        record = cls(folder / f"{digest}.jsonl", question)
        content = read_optional(record.path, _LARGEST) or b""
        record.entries = [entry for line in content.splitlines()[1:] if (entry := _entry(line))]
        return record

    def add(self, entry: Entry) -> None:
        """Add an entry and write the file anew beside the old one, which it then replaces.

        Raises:
            InfrastructureError: the disk is full or cannot be written.
        """
        self.entries.append(entry)
        lines = [_line({"schema": RECORD_SCHEMA, **self.question}), *(_line(_fields(entry)) for entry in self.entries)]
        write_replace(self.path, b"".join(lines))

    def forget(self) -> None:
        """Leave out what was measured before."""
        self.entries.clear()


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, ensure_ascii=True).encode() + b"\n"


def _fields(entry: Entry) -> dict[str, Any]:
    if isinstance(entry, SkippedCommit):
        return {"commit": entry.commit, "skipped": entry.reason}
    return {
        "commit": entry.commit,
        "benchmark": entry.benchmark,
        "metric": entry.metric,
        "ratios": list(entry.ratios),
        "exact": entry.exact,
        "run_s": round(entry.run_s, 6),
        "overhead_s": round(entry.overhead_s, 6),
        "others": [[other.benchmark, other.metric, other.ratio] for other in entry.others],
    }


def _entry(line: bytes) -> Entry | None:
    """Return the entry of a line, None for one that was damaged: it is measured again."""
    try:
        content = json.loads(line)
        commit = str(content["commit"])
        if "skipped" in content:
            return SkippedCommit(commit, escaping.plain(content["skipped"]))
        ratios = tuple(float(ratio) for ratio in content["ratios"])
        if not ratios or not all(map(math.isfinite, ratios)):
            return None
        return MeasuredPairs(
            commit,
            str(content["benchmark"]),
            str(content["metric"]),
            ratios,
            content.get("exact") is True,
            float(content.get("run_s", 0.0)),
            float(content.get("overhead_s", 0.0)),
            tuple(OtherChange(str(name), str(metric), float(ratio)) for name, metric, ratio in content["others"]),
        )
    except (ValueError, KeyError, TypeError, InputError):
        return None


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
    others: tuple[OtherChange, ...] = ()

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
        return SearchState(self.range, bisection, key, tuple(skipped), others=pairs[0].others if pairs else ())

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


def result_of(
    state: SearchState, *, packages: Sequence[PackageChange] = (), of_packages: BisectionResult | None = None
) -> BisectionResult:
    """Return the result of a search that ended."""
    bisection, ending = state.bisection, state.ending or Ending.BUDGET
    measured = bool(bisection.measured)
    middle, low, high = (math.exp(edge) for edge in bisection.interval(ending)) if measured else (None, None, None)
    return BisectionResult(
        good=state.range.good,
        bad=state.range.bad,
        commits=len(state.range.commits),
        ending=ending,
        target=bisection.target,
        suspects=suspects_of(state),
        unchanged=bisection.posterior.unchanged if measured else math.nan,
        builds=bisection.builds,
        pairs=state.pairs,
        ratio=middle,
        ratio_low=low,
        ratio_high=high,
        benchmark=state.key[0] if state.key else None,
        metric=state.key[1] if state.key else None,
        skipped=tuple((entry.commit, entry.reason) for entry in state.skipped),
        packages=tuple(packages),
        of_packages=of_packages,
        others=state.others,
    )


def suspects_of(state: SearchState) -> tuple[Suspect, ...]:
    """Return the commits by their probability, the older of two equal ones first."""
    bisection = state.bisection
    if not bisection.measured:
        return ()
    first = bisection.posterior.first
    reasons = {entry.commit: entry.reason for entry in state.skipped}
    order = sorted(range(len(first)), key=lambda at: (-first[at], at))
    return tuple(
        Suspect(
            commit=(commit := state.range.commits[at]).id,
            subject=commit.subject,
            author=commit.author,
            date=commit.date,
            files=commit.files,
            probability=float(first[at]),
            ratio=None if (level := bisection.level(at)) is None else math.exp(level),
            pairs=len(bisection.measured.get(at, ())),
            skipped=reasons.get(commit.id),
        )
        for at in order[:KEPT]
    )
