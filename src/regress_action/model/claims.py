"""A claim about two commits, like "1.3x faster", and what a measurement says of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regress_action.model.measurements import Metric


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
