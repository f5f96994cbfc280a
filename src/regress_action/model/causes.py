"""Why a benchmark got slower: the difference of its profiles, function by function, and the changed line behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regress_action.model.measurements import Location
    from regress_action.model.stacks import CostMode, FunctionKey, Stack, StackNode

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

    `text` is the source of the line. `function` is None for a line outside of functions.
    """

    location: Location
    text: str
    evidence: Evidence
    share: float
    share_low: float | None = None
    share_high: float | None = None
    function: FunctionKey | None = None


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
