"""Why a verdict is what it is, as a code and the numbers that the comparison itself does not hold.

`analysis` makes these values and `report` words them, so a number is printed in one way and a sentence stands in one
place. Where a judgement was read back from JSON, only the sentence is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regress_action.model.comparisons import Comparison, Mode


class ReasonCode(StrEnum):
    """What decided a verdict, and which fields of the reason belong to it."""

    PROVEN = "proven"  # design, and `waiver` where one covers it
    SUSPECTED = "suspected"  # design
    ONE_NEW_RUN = "one-new-run"  # design; a single new run is not far enough beyond all stored ones
    CODE_LAYOUT = "code-layout"  # design, margin: what code layout alone can change between two builds
    SLOW_PATH = "slow-path"  # design, count: runs of the head that are far slower than the rest
    RULED_OUT = "ruled-out"  # design, ruled_out, pairs_beyond
    UNDECIDED = "undecided"  # design, margin, weak
    COARSE_CLOCK = "coarse-clock"  # design; its values are whole ticks that are wider than their noise
    MOVED_WITH_SUITE = "moved-with-suite"  # design; suspected, since everything moved together
    APART_FROM_SUITE = "apart-from-suite"  # design; it did not move, or less, while everything else did
    DIRECTION_UNKNOWN = "direction-unknown"  # design; it changed, and nobody knows whether for the better
    NEW = "new"
    MISSING = "missing"
    SKIPPED = "skipped"  # text: what the suite said; the verdict is missing
    FAILED = "failed"  # text: what the suite said
    UNUSABLE_ROUNDS = "unusable-rounds"  # count
    BELOW_CLOCK = "below-clock"
    UNIT_CHANGED = "unit-changed"  # before, text
    DIRECTION_CHANGED = "direction-changed"  # before, text
    BODY_CHANGED = "body-changed"
    OTHER_MACHINE = "other-machine"  # text: the CPU model of the head
    UNSTABLE_BASELINE = "unstable-baseline"  # spread
    LEVEL_CHANGED = "level-changed"  # count: runs since then
    CONFIRMED = "confirmed"  # design of the second measurement, again
    NOT_REPEATED = "not-repeated"  # design of the second measurement, again
    NOTHING_SUSTAINED = "nothing-sustained"
    TOO_FEW_RUNS = "too-few-runs"
    DRIFTING = "drifting"  # count: runs followed; seen_again
    STEPPED = "stepped"  # before: since what, text: the commit of the step; seen_again
    CREPT = "crept"  # before: since what, text: the commit it began with, count: steps; seen_again


@dataclass(frozen=True, slots=True)
class WaiverApplied:
    """The accepted ratio that covers a regression, and the reason somebody wrote down."""

    ceiling: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason; `ReasonCode` says which fields a code uses.

    `design` is how this comparison was measured. `margin` is the smallest badness ratio called a change, `ruled_out`
    the one that is ruled out, and `pairs_beyond` how many pairs lay beyond it where counting them decided. `spread` is
    the standard deviation of log values. `weak` marks runs that cannot show how far runs of the same code lie apart.
    `again` is the second measurement. `text` and `before` may be somebody else's words and are data.
    """

    code: ReasonCode
    design: Mode | None = None
    margin: float | None = None
    ruled_out: float | None = None
    pairs_beyond: int | None = None
    spread: float | None = None
    count: int | None = None
    weak: bool = False
    seen_again: bool = True
    before: str = ""
    text: str = ""
    waiver: WaiverApplied | None = None
    again: Comparison | None = None


class NoteCode(StrEnum):
    """What a reader must know about a comparison as a whole, and which numbers and names of the note belong to it."""

    SUITE_SHIFT = "suite-shift"  # numbers: the ratio
    LEARNED_NOISE = "learned-noise"  # numbers: comparisons, largest spread, its runs; names: its metric and benchmark
    OTHER_MACHINE = "other-machine"  # numbers: benchmarks; names: the CPU model of the head
    LEVEL_CHANGED = "level-changed"  # numbers: benchmarks
    CORRELATED_PAIRS = "correlated-pairs"  # numbers: the largest correlation, comparisons
    UNUSED_BUDGET = "unused-budget"  # names: key, service, and the name that nothing has
    OTHER_SPEED = "other-speed"  # numbers: the ratio of the probe's times
    SAME_SPEED = "same-speed"  # numbers: the ratio of the probe's times
    SPEED_VARIES = "speed-varies"  # numbers: slowest over fastest probe, undecided comparisons
    CPU_STOLEN = "cpu-stolen"  # numbers: the share, undecided comparisons
    UNREACHABLE = "unreachable"  # numbers: benchmarks that the change cannot reach, all benchmarks
    CONTROL_FLOOR = "control-floor"  # numbers: controls that moved, the largest ratio, regressions within it
    ENVIRONMENT_DIFFERS = "environment-differs"  # names: the field, then its value at the baseline and at the head


@dataclass(frozen=True, slots=True)
class Note:
    """One note; `NoteCode` says what its numbers and names are. Names are data."""

    code: NoteCode
    numbers: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
