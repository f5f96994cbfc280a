"""The bounds of every reader of profiles, and what is built within them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regress_action.model.errors import InputError
from regress_action.model.stacks import CostMode, StackFrame, StackProfile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regress_action.model.stacks import Stack

FILE_BYTES = 64 * 2**20
MOST_STACKS = 200_000
DEEPEST = 512
LONGEST_NAME = 400
HIGHEST_LINE = 10_000_000
LARGEST_COST = 1e15


def damaged(name: str, why: str) -> InputError:
    """Return the error for a file that is not what it seems."""
    return InputError(
        f"{name} is no profile that can be read: {why}.",
        meaning="Nothing of it is used.",
        remedy="Write collapsed stacks, speedscope's JSON, pprof's or callgrind's format.",
    )


def frame(function: object, path: object = "", line: object = 0) -> StackFrame:
    """Return a frame with a name and a path of bounded length, and a plausible line."""
    number = line if isinstance(line, int) and 0 <= line <= HIGHEST_LINE else 0
    return StackFrame(str(function)[:LONGEST_NAME], str(path or "")[:LONGEST_NAME], number)


@dataclass(slots=True)
class StackBuilder:
    """Adds up the costs of stacks, the frames nearest to the leaf where one is too deep."""

    name: str
    mode: CostMode
    costs: dict[Stack, float] = field(default_factory=dict)
    total: float = 0.0

    def add(self, frames: Iterable[StackFrame], cost: float) -> None:
        """Add the cost of a stack, root first.

        Raises:
            InputError: there are too many stacks, or the cost is no finite, positive number.
        """
        if not (math.isfinite(cost) and 0 <= cost <= LARGEST_COST):
            raise damaged(self.name, f"a stack has the cost {cost!r}")
        stack = tuple(frames)[-DEEPEST:]
        if stack and cost:
            self.costs[stack] = self.costs.get(stack, 0.0) + cost
            if len(self.costs) > MOST_STACKS:
                raise damaged(self.name, f"it has more than {MOST_STACKS} different stacks")

    def profile(self) -> StackProfile:
        """Return what was added."""
        return StackProfile(self.mode, self.costs)
