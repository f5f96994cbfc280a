"""A measurement while it runs: a moving picture for a person, a line per thing that happened for a log.

The events are those of the measuring process: flat objects with the keys `event` and `line`, what a log would say.
"""

from __future__ import annotations

import statistics
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from regress_action.model.escaping import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.console import Console, RenderableType

Event = dict[str, Any]
# Drawing takes a millisecond or two of a core that the suite may want, so it is done rarely.
_FRAMES_PER_S = 2
_TAIL_LINES = 10
_ALWAYS_TOLD = frozenset({"warning", "retried", "decided", "finished"})
_STYLES = {"warning": "yellow", "retried": "yellow", "decided": "cyan", "finished": "bold"}


def follow(events: Iterable[Event], console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
    """Show a measurement until its events end: moving on a terminal, line by line anywhere else."""
    picture = Picture(clock)
    moving = console.is_terminal and not console.is_dumb_terminal
    live = Live(picture, console=console, refresh_per_second=_FRAMES_PER_S, transient=True)
    with live if moving else nullcontext():
        for event in events:
            picture.take(event)
            if not moving or event["event"] in _ALWAYS_TOLD or event.get("failure"):
                _tell(event, console)


def _tell(event: Event, console: Console) -> None:
    """Print what a log would say of an event, and of a failed run how its output ended."""
    style = "red" if event.get("failure") else _STYLES.get(event["event"], "")
    if event.get("line"):
        console.print(Text(plain(event["line"]), style=style), soft_wrap=True)
    for line in (event.get("output_tail") or "").splitlines()[-_TAIL_LINES:]:
        console.print(Text(f"    {plain(line)}", style="dim"), soft_wrap=True)


@dataclass(slots=True)
class Picture:
    """What a person wants to know now: which pair, which side, how long, how long still, and the figures so far."""

    clock: Callable[[], float]
    command: str = ""
    pairs: int = 0
    doing: str = "preparing"
    since: float = 0.0
    done: float = 0.0
    ends: float | None = None
    walls: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.since = self.clock()

    def take(self, event: Event) -> None:
        """Change what is shown."""
        match event["event"]:
            case "started":
                self.command, self.pairs = plain(event["command"]), event["pairs"]
                self.walls = {plain(side): [] for side in event["sides"]}
            case "setup":
                self._begin(f"setup of {plain(event['side'])}")
            case "run-started":
                place = "warm-up" if event["warmup"] else f"pair {event['pair']} of {event['pairs']}"
                self._begin(f"{place}, {plain(event['side'])}")
                self._expect(event["remaining_s"])
            case "run-finished":
                self._finish(event)

    def _begin(self, doing: str) -> None:
        self.doing, self.since = doing, self.clock()

    def _expect(self, remaining_s: float | None) -> None:
        self.ends = None if remaining_s is None else self.clock() + remaining_s

    def _finish(self, event: Event) -> None:
        self._expect(event["remaining_s"])
        if event["warmup"]:
            return
        side = plain(event["side"])
        self.done += 1 / max(1, len(self.walls))
        if event["failure"]:
            self.failed[side] = self.failed.get(side, 0) + 1
        else:
            self.walls.setdefault(side, []).append(event["wall_s"])

    def __rich__(self) -> RenderableType:
        """Return the picture of this moment."""
        now = self.clock()
        left = f" · about {_clock(self.ends - now)} left" if self.ends is not None and self.ends > now else ""
        doing = Text.assemble((self.doing, "bold"), f" for {_clock(now - self.since)}")
        total = Text(f"{_clock(now - self.began)} in all{left}", style="dim")
        bar = ProgressBar(total=max(1, self.pairs), completed=self.done, width=40)
        command = Text(self.command, style="dim", no_wrap=True, overflow="ellipsis")
        return Padding(Group(command, self._figures(), doing, bar, total), (0, 1))

    def _figures(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for side, walls in self.walls.items():
            typical = f"median {_seconds(statistics.median(walls))}" if walls else ""
            last = f"last {_seconds(walls[-1])}" if walls else ""
            failed = Text(f"{count} failed", style="red") if (count := self.failed.get(side)) else Text()
            table.add_row(side, f"{len(walls)} runs", typical, last, failed)
        return table


def _seconds(amount: float) -> str:
    return f"{amount:.2f} s" if amount >= 1 else f"{1000 * amount:.0f} ms"


def _clock(amount: float) -> str:
    minutes, seconds = divmod(round(amount), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
