"""Profiles as call stacks and counts of calls, and the cause of a regression that their difference shows.

* What was profiled, in which mode, and the cost of every stack.
* The difference function by function, and the changed line behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.model.measurements import Location


_OUTSIDE = ("<", "/", "[")


class CostMode(StrEnum):
    """What the cost of a stack counts; profiles of two modes are never compared."""

    CPU = "cpu"
    WALL = "wall"
    SAMPLES = "samples"
    INSTRUCTIONS = "instructions"


@dataclass(frozen=True, slots=True)
class StackFrame:
    """A function on the stack and the line that it executes; `path` is empty and `line` 0 where they are unknown."""

    function: str
    path: str = ""
    line: int = 0

    @property
    def key(self) -> FunctionKey:
        """The function without its line."""
        return FunctionKey(self.function, self.path)


@dataclass(frozen=True, slots=True, order=True)
class FunctionKey:
    """What identifies a function in both profiles."""

    function: str
    path: str = ""

    @property
    def is_own(self) -> bool:
        """Whether it lies in the tree that is measured: its path is relative."""
        return bool(self.path) and not self.path.startswith(_OUTSIDE)


Stack = tuple[StackFrame, ...]
"""Frames from the root to the leaf."""


@dataclass(frozen=True, slots=True)
class StackProfile:
    """The cost of every stack of one run, all of its processes together: seconds, or a count for other modes."""

    mode: CostMode
    stacks: Mapping[Stack, float] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """The unit of the costs."""
        return "s" if self.mode in {CostMode.CPU, CostMode.WALL} else "count"

    @property
    def total(self) -> float:
        """The cost of all stacks."""
        return sum(self.stacks.values())


@dataclass(frozen=True, slots=True)
class FunctionCalls:
    """How often a function was called in one run, and its seconds: alone, and with all that it called."""

    calls: float
    own_s: float = 0.0
    total_s: float = 0.0
    line: int = 0


@dataclass(frozen=True, slots=True)
class CallProfile:
    """The calls of every function in one run, and how often it was called from whom."""

    functions: Mapping[FunctionKey, FunctionCalls] = field(default_factory=dict)
    callers: Mapping[tuple[FunctionKey, FunctionKey], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AllocationSite:
    """What the allocations of one line held in a run, in bytes: when most was held, and along the run.

    `number` is how many blocks they were at the peak.
    """

    path: str
    line: int
    bytes: float
    number: float = 0.0
    along: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryProfile:
    """Where the memory of one run was allocated: `peak` bytes were held, `seen` of them when that was looked up."""

    peak: float
    seen: float
    sites: tuple[AllocationSite, ...] = ()


LineTimes = dict[FunctionKey, dict[int, tuple[float, float]]]
"""For every function whose lines were timed: line → how often it was executed, and its seconds with what it calls."""


@dataclass(frozen=True, slots=True)
class StackNode:
    """A function in a merged tree of stacks: the mean cost of a run on either side, with all that it calls."""

    key: FunctionKey
    base: float
    head: float
    line: int = 0
    children: tuple[StackNode, ...] = ()


_OFTEN = 1.5


class Evidence(StrEnum):
    """How a changed line is connected with the cost, strongest first."""

    EXECUTED = "executed"
    ENCLOSING = "enclosing"
    DEFINES = "defines"
    DEPENDENCY = "dependency"


@dataclass(frozen=True, slots=True)
class CostChange:
    """The mean cost of a run on either side, and the difference with its interval of 95 % over the pairs.

    `low` and `high` are None where fewer than two pairs were profiled.
    """

    base: float
    head: float
    low: float | None = None
    high: float | None = None

    @property
    def difference(self) -> float:
        """Head minus base."""
        return self.head - self.base

    @property
    def is_more(self) -> bool:
        """Whether the head costs more for certain, as far as an interval says so."""
        return self.low is not None and self.low > 0

    @property
    def is_less(self) -> bool:
        """Whether the head costs less for certain, as far as an interval says so."""
        return self.high is not None and self.high < 0


@dataclass(frozen=True, slots=True)
class FunctionChange:
    """A function in both profiles: `own` cost includes that of libraries that it calls, `total` that of all it calls.

    `calls_base` and `calls_head` are calls per run, None where calls were not counted. `share` is the part of the whole
    difference that the own cost explains.
    """

    key: FunctionKey
    line: int
    own: CostChange
    total: CostChange
    share: float
    calls_base: float | None = None
    calls_head: float | None = None

    @property
    def is_new(self) -> bool:
        """Whether the base never called it."""
        return self.calls_base == 0 and bool(self.calls_head)

    @property
    def is_vanished(self) -> bool:
        """Whether the head never calls it."""
        return self.calls_head == 0 and bool(self.calls_base)

    @property
    def calls_ratio(self) -> float | None:
        """How many times as often the head calls it, None where that is unknown or it is new."""
        return self.calls_head / self.calls_base if self.calls_base and self.calls_head is not None else None

    @property
    def is_called_more(self) -> bool:
        """Whether the head calls it at least half as often again."""
        return (self.calls_ratio or 0) >= _OFTEN


@dataclass(frozen=True, slots=True)
class MovedCost:
    """Cost that one function lost and another took over; the sum of both did not change."""

    source: FunctionKey
    target: FunctionKey
    amount: float


@dataclass(frozen=True, slots=True)
class Culprit:
    """The changed line that explains most of the difference, the share that it explains, and how it is connected.

    `text` is the source of the line. `function` is None for a line outside of functions. `removed` is the first line
    that was removed before it, where nothing came in its place.
    """

    location: Location
    text: str
    evidence: Evidence
    share: float
    share_low: float | None = None
    share_high: float | None = None
    function: FunctionKey | None = None
    removed: str = ""


@dataclass(frozen=True, slots=True)
class SlowerFunction:
    """A function whose own time for a call grew: the ratio with its interval of 95 %, and its share of the base's time.

    `p_value` is corrected for the number of functions that were tested (Holm 1979).
    """

    key: FunctionKey
    ratio: float
    low: float
    high: float
    share: float
    p_value: float


@dataclass(frozen=True, slots=True)
class MemorySite:
    """A line whose allocations hold more, or less, than before: bytes of a run when most memory is held.

    `number` is how many blocks they are. `is_changed` says that the diff touches the line, `is_growing` that what it
    holds grew all along the head's runs and was held at their end, and did not in the base's.
    """

    location: Location
    function: str
    text: str
    change: CostChange
    number: CostChange
    is_changed: bool = False
    is_growing: bool = False


@dataclass(frozen=True, slots=True)
class MemoryCause:
    """Where the additional memory of the head was allocated, the largest growth first; bytes of a run.

    `total` is the most that was held at a time. `seen` is the part of the head's peak that was looked up.
    """

    benchmarks: tuple[str, ...]
    pairs: int
    total: CostChange
    sites: tuple[MemorySite, ...] = ()
    seen: float = 1.0


@dataclass(frozen=True, slots=True)
class Cause:
    """What the profiles of base and head say about one regression, the function that explains most of it first.

    Costs are per run in `unit`; with `is_scaled` they are per iteration, since the benchmark does as much as fits into
    its time. `cpu_share` is the relative growth of CPU time over that of elapsed time, at most 1; None where only one
    was profiled.
    `unexecuted` are changed files of which no line was seen in the profiles.
    `hottest` is the stack that gained most, `tree` holds all stacks.
    `slower` are functions that calls timed in at least five pairs prove slower.
    """

    benchmarks: tuple[str, ...]
    mode: CostMode
    unit: str
    pairs: int
    total: CostChange
    functions: tuple[FunctionChange, ...] = ()
    culprit: Culprit | None = None
    moved: tuple[MovedCost, ...] = ()
    is_scaled: bool = False
    cpu_share: float | None = None
    unexecuted: tuple[str, ...] = ()
    counted: bool = False
    hottest: Stack = field(default=())
    tree: StackNode | None = field(default=None, repr=False)
    slower: tuple[SlowerFunction, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def ratio(self) -> float | None:
        """The cost of the head over that of the base."""
        return self.total.head / self.total.base if self.total.base > 0 else None
