"""The answer of a bisection: the first commit with a change, how sure that is, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
class BisectionResult:
    """What a bisection ended with.

    `suspects` are the commits of the range, most probable first, at most `KEPT`. `unchanged` is the probability that no
    commit changed the benchmark. `ratio` is the badness ratio after the change to before it, with its 95 % interval;
    all three None where nothing was measured. `builds` counts the commits that were built between the good and the bad
    one. `packages` are what a culprit that is a bump of a lock file changed, and `of_packages` the bisection among
    them, whose commits have a package's change as their subject.
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
    record: str | None = None

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
