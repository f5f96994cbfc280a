"""What is found out about changes: the first bad commit, a claim about two commits, the benchmarks a change can reach.

* The answer of a bisection: the first commit with a change, how sure that is, and what it rests on.
* A claim about two commits, like "1.3x faster", and what a measurement says of it.
* Which benchmarks a change can reach, and what that saves.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regress_action.model.measurements import Metric


class Ending(StrEnum):
    """Why a bisection stopped."""

    FOUND = "found"
    NO_CHANGE = "no-change"
    UNDECIDED = "undecided"
    INDISTINGUISHABLE = "indistinguishable"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A package of a lock file before and after a commit; None where there was or is none."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A commit of the range and the probability that it made the change.

    `ratio` is the mean badness ratio to the good commit over `pairs` pairs, None where it was not measured; `skipped`
    says why it could not be.
    """

    commit: str
    subject: str
    author: str
    date: str
    files: tuple[str, ...]
    probability: float
    ratio: float | None
    pairs: int
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class OtherChange:
    """A benchmark that changed as well, and by which badness ratio."""

    benchmark: str
    metric: str
    ratio: float


@dataclass(frozen=True, slots=True)
class BisectionResult:
    """What a bisection ended with.

    `suspects` are the commits of the range, most probable first, at most `KEPT`. `unchanged` is the probability that no
    commit changed the benchmark. `ratio` is the badness ratio after the change to before it, with its 95 % interval;
    all three None where nothing was measured. `builds` counts the commits that were built between the good and the bad
    one. `packages` are what a culprit that is a bump of a lock file changed, and `of_packages` the bisection among
    them, whose commits have a package's change as their subject. `others` are benchmarks that changed clearly between
    the same ends and were not searched, the clearest first.
    """

    good: str
    bad: str
    commits: int
    ending: Ending
    target: float
    suspects: tuple[Suspect, ...]
    unchanged: float
    builds: int
    pairs: int
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    benchmark: str | None
    metric: str | None
    skipped: tuple[tuple[str, str], ...] = ()
    packages: tuple[PackageChange, ...] = ()
    of_packages: BisectionResult | None = None
    others: tuple[OtherChange, ...] = ()

    @property
    def first_bad(self) -> Suspect | None:
        """The commit that made the change; None where that is not sure enough."""
        return self.suspects[0] if self.ending is Ending.FOUND and self.suspects else None

    @property
    def candidates(self) -> tuple[Suspect, ...]:
        """The fewest commits of which one made the change with the probability that was asked for."""
        kept: list[Suspect] = []
        for suspect in self.suspects:
            kept.append(suspect)
            if sum(entry.probability for entry in kept) >= self.target:
                break
        return tuple(kept)


KEPT = 50


class ClaimVerdict(StrEnum):
    """Where the whole interval lies: inside the claim, outside of it, or on both sides of its bound."""

    PROVEN = "proven"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Claim:
    """A bound on a metric's ratio of head to base: `at_most` that ratio, or at least.

    The ratio is that of the values themselves, not of badness: 1.2 of a throughput is better. `metric` is its name.
    """

    text: str
    metric: str
    bound: float
    at_most: bool

    def verdict(self, low: float | None, high: float | None) -> ClaimVerdict:
        """Return what an interval of the ratio says of the claim; None for an end that is not known."""
        if low is None or high is None:
            return ClaimVerdict.UNDECIDED
        if (high <= self.bound) if self.at_most else (low >= self.bound):
            return ClaimVerdict.PROVEN
        if (low > self.bound) if self.at_most else (high < self.bound):
            return ClaimVerdict.REFUTED
        return ClaimVerdict.UNDECIDED


@dataclass(frozen=True, slots=True)
class ClaimPair:
    """Two runs next to each other: the value of the base and of the head, in the metric's unit."""

    pair: int
    base: float
    head: float


@dataclass(frozen=True, slots=True)
class ClaimEvidence:
    """What was measured of one benchmark, and its ratio of head to base with the interval; None where too few runs."""

    benchmark: str
    metric: Metric
    pairs: tuple[ClaimPair, ...]
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    verdict: ClaimVerdict
    runs_needed: int | None = None


def verdict_over(evidence: tuple[ClaimEvidence, ...]) -> ClaimVerdict:
    """Return proven where it is of every benchmark, refuted where it is of one, else undecided."""
    verdicts = {entry.verdict for entry in evidence}
    if ClaimVerdict.REFUTED in verdicts:
        return ClaimVerdict.REFUTED
    return ClaimVerdict.PROVEN if verdicts == {ClaimVerdict.PROVEN} else ClaimVerdict.UNDECIDED


@dataclass(frozen=True, slots=True)
class BenchmarkReach:
    """A benchmark and why the change may reach it; `reason` is None where it cannot. `run_s` is what a run takes."""

    name: str
    reason: str | None
    run_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AffectedBenchmarks:
    """All benchmarks of a suite; `problem` says why nothing is known, and then every one counts as reachable."""

    benchmarks: tuple[BenchmarkReach, ...] = ()
    problem: str | None = None

    @property
    def reachable(self) -> tuple[str, ...]:
        """The names of those that the change may reach."""
        return tuple(entry.name for entry in self.benchmarks if entry.reason is not None)

    @property
    def unreachable(self) -> tuple[BenchmarkReach, ...]:
        """Those whose results the change cannot have caused."""
        return tuple(entry for entry in self.benchmarks if entry.reason is None)
