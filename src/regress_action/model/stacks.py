"""Profiles as call stacks and as counts of calls: what was profiled, in which mode, and the cost of every stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
