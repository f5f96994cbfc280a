"""Which of two suites with the same benchmarks goes on next: rounds of one benchmark alternate, others run alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

_LONGEST_ROUND_S = 3600.0


class Waiting(Enum):
    """What a side waits for: to be started, to begin the benchmark that it named, its next turn in it, or to end."""

    START = "start"
    BENCHMARK = "benchmark"
    TURN = "turn"
    END = "end"


@dataclass(slots=True)
class SuiteState:
    """Where one side is: `benchmark` is the one it is in or before, `ahead` the tests that it has not finished.

    `granted` is what its present or last turn was for.
    """

    waiting: Waiting | None = Waiting.START
    granted: Waiting | None = None
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
    """The two sides, and what was found out about the benchmark that they are in; `first` begins the first one.

    Both end at the same time, and with `start_together` they also start so: nothing is timed then.
    """

    first: int = 0
    start_together: bool = False
    sides: tuple[SuiteState, SuiteState] = field(default_factory=lambda: (SuiteState(), SuiteState()))
    shared: dict[str, Any] = field(default_factory=dict)
    met: int = 0
    _last: int | None = None
    _met_at: str | None = None

    def next(self) -> Grant | None:
        """Return whose turn it is, None while a side has one or when both have ended."""
        grant = self._choose()
        if grant is not None:
            self._last = grant.side
            state = self.sides[grant.side]
            state.granted, state.waiting = state.waiting, None
        return grant

    def _choose(self) -> Grant | None:
        alive = [side for side in (self.first, 1 - self.first) if not self.sides[side].ended]
        waiting = [side for side in alive if self.sides[side].waiting is not None]
        if len(waiting) < len(alive):
            return next((Grant(side, alone=True) for side in waiting if self._may_join(side)), None)
        for side in alive:
            if len(alive) == 1 or self.sides[side].waiting is Waiting.START:
                return Grant(side, alone=True)
        return self._between() if alive else None

    def _may_join(self, side: int) -> bool:
        """Whether a side may run beside the other one, which has a turn: both start, or both end."""
        wanted = self.sides[side].waiting
        together = {Waiting.START, Waiting.END} if self.start_together else {Waiting.END}
        return wanted in together and self.sides[1 - side].granted is wanted

    def _between(self) -> Grant:
        """Choose between two sides that both wait inside their suites."""
        base, head = self.sides
        if Waiting.END in {base.waiting, head.waiting}:
            self.shared = {}
            return Grant(self.first if base.waiting is head.waiting else int(base.waiting is Waiting.END), alone=True)
        if base.benchmark == head.benchmark:
            if base.waiting is head.waiting is Waiting.BENCHMARK:
                return self._meet()
            return Grant(1 - (self._last or 0), alone=False)
        for side in (0, 1):
            if self.sides[side].waiting is Waiting.TURN:  # the other one is done with this benchmark, or never has it
                return Grant(side, alone=True)
        for side in (0, 1):
            if self.sides[side].benchmark not in self.sides[1 - side].ahead:
                return self._alone(side)
        return self._alone(self.first)  # two orders of the same benchmarks

    def _alone(self, side: int) -> Grant:
        """Let a side begin a benchmark alone: one that the other has not, or is done with."""
        if self.sides[side].benchmark != self._met_at:
            self.shared = {}
        return Grant(side, alone=True)

    def _meet(self) -> Grant:
        self.shared = {}
        self.met += 1
        self._met_at = self.sides[0].benchmark
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
            case {"finish": True}:
                state.benchmark, state.waiting = None, Waiting.END
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
    iterations, pin, duration_s = values.get("iterations"), values.get("pin"), values.get("duration_s")
    checked: dict[str, Any] = {}
    if isinstance(iterations, int) and not isinstance(iterations, bool) and iterations > 0:
        checked["iterations"] = iterations
    if isinstance(pin, bool):
        checked["pin"] = pin
    if isinstance(duration_s, float) and 0 < duration_s < _LONGEST_ROUND_S:
        checked["duration_s"] = duration_s
    return checked
