"""Which of two suites with the same benchmarks goes on next: rounds of one benchmark alternate, others run alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Waiting(Enum):
    """What a side waits for: to be started, to begin the benchmark that it named, or for its next turn in it."""

    START = "start"
    BENCHMARK = "benchmark"
    TURN = "turn"


@dataclass(slots=True)
class SuiteState:
    """Where one side is: `benchmark` is the one it is in or before, `ahead` the tests that it has not finished."""

    waiting: Waiting | None = Waiting.START
    benchmark: str | None = None
    ahead: set[str] = field(default_factory=set)
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """A turn for side 0 or 1; `alone` where the other one takes no part in this benchmark, so the turn has no end."""

    side: int
    alone: bool


@dataclass(slots=True)
class TurnOrder:
    """The two sides, and what was found out about the benchmark that they are in; `first` begins the first one."""

    first: int = 0
    sides: tuple[SuiteState, SuiteState] = field(default_factory=lambda: (SuiteState(), SuiteState()))
    shared: dict[str, Any] = field(default_factory=dict)
    met: int = 0
    _last: int | None = None

    def next(self) -> Grant | None:
        """Return whose turn it is, None while a side has one or when both have ended."""
        grant = self._choose()
        if grant is not None:
            self._last = grant.side
            self.sides[grant.side].waiting = None
        return grant

    def _choose(self) -> Grant | None:
        alive = [side for side in (self.first, 1 - self.first) if not self.sides[side].ended]
        if not alive or any(self.sides[side].waiting is None for side in alive):
            return None
        for side in alive:
            if len(alive) == 1 or self.sides[side].waiting is Waiting.START:
                return Grant(side, alone=True)
        return self._between()

    def _between(self) -> Grant:
        """Choose between two sides that both wait inside their suites."""
        base, head = self.sides
        if base.benchmark == head.benchmark:
            if base.waiting is head.waiting is Waiting.BENCHMARK:
                return self._meet()
            return Grant(1 - (self._last or 0), alone=False)
        for side in (0, 1):
            if self.sides[side].waiting is Waiting.TURN:  # the other one is done with this benchmark, or never has it
                return Grant(side, alone=True)
        self.shared = {}
        for side in (0, 1):
            if self.sides[side].benchmark not in self.sides[1 - side].ahead:
                return Grant(side, alone=True)
        return Grant(self.first, alone=True)  # two orders of the same benchmarks

    def _meet(self) -> Grant:
        self.shared = {}
        self.met += 1
        return Grant(self.first if self.met % 2 else 1 - self.first, alone=False)

    def asks(self, side: int, message: dict[str, Any]) -> bool:
        """Take one message of a side; return whether its turn is over.

        Raises:
            ValueError: the message has no meaning.
        """
        state = self.sides[side]
        match message:
            case {"hello": str(), "names": list(names)}:
                state.ahead = {name for name in names if isinstance(name, str)}
            case {"at": str(name)}:
                state.benchmark, state.waiting = name, Waiting.BENCHMARK
                return True
            case {"used": True}:
                state.waiting = Waiting.TURN
                return True
            case {"done": str(name)}:
                state.ahead.discard(name)
                state.benchmark = None
            case {"share": dict(values)}:
                self.shared.update(_checked(values))
            case _:
                raise ValueError("unknown message")
        return False


def _checked(values: dict[Any, Any]) -> dict[str, Any]:
    iterations, pin = values.get("iterations"), values.get("pin")
    checked: dict[str, Any] = {}
    if isinstance(iterations, int) and not isinstance(iterations, bool) and iterations > 0:
        checked["iterations"] = iterations
    if isinstance(pin, bool):
        checked["pin"] = pin
    return checked
