"""A measurement while it runs: a live display for a person, a line per thing that happened for a log.

Also here: which benchmarks a change can reach, in lines for a log.

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
from regress_action.report.numbers import count, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console, RenderableType

    from regress_action.model.changes import AffectedBenchmarks


ProgressEvent = dict[str, Any]
# Drawing takes a millisecond or two of a core that the suite may want, so it is done rarely.
_FRAMES_PER_S = 2
_TAIL_LINES = 10
_ALWAYS_PRINTED = frozenset({"warning", "retried", "decided", "finished"})
_STYLES = {"warning": "yellow", "retried": "yellow", "decided": "cyan", "finished": "bold"}


def follow(events: Iterable[ProgressEvent], console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
    """Show a measurement until its events end: moving on a terminal, line by line anywhere else."""
    view = ProgressView(clock)
    moving = console.is_terminal and not console.is_dumb_terminal
    live = Live(view, console=console, refresh_per_second=_FRAMES_PER_S, transient=True)
    with live if moving else nullcontext():
        for event in events:
            view.update(event)
            if not moving or event["event"] in _ALWAYS_PRINTED or event.get("failure"):
                _print_event(event, console)


def _print_event(event: ProgressEvent, console: Console) -> None:
    """Print what a log would say of an event, and of a failed run how its output ended."""
    style = "red" if event.get("failure") else _STYLES.get(event["event"], "")
    if event.get("line"):
        console.print(Text(plain(event["line"]), style=style), soft_wrap=True)
    for line in (event.get("output_tail") or "").splitlines()[-_TAIL_LINES:]:
        console.print(Text(f"    {plain(line)}", style="dim"), soft_wrap=True)


@dataclass(slots=True)
class ProgressView:
    """What a person wants to know now: which pair, which side, how long, how long still, and the figures so far."""

    clock: Callable[[], float]
    command: str = ""
    pairs: int = 0
    activity: str = "preparing"
    activity_since: float = 0.0
    pairs_done: float = 0.0
    ends_at: float | None = None
    wall_times_s: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    started_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.started_at = self.activity_since = self.clock()

    def update(self, event: ProgressEvent) -> None:
        """Change what is shown."""
        match event["event"]:
            case "started":
                self.command, self.pairs = plain(event["command"]), event["pairs"]
                self.wall_times_s = {plain(side): [] for side in event["sides"]}
            case "setup":
                self._begin(f"setup of {plain(event['side'])}")
            case "run-started":
                self.pairs = event["pairs"]
                place = "warm-up" if event["warmup"] else f"{event['unit']} {event['pair']} of {event['pairs']}"
                self._begin(f"{place}, {plain(event['side'])}")
                self._expect(event["remaining_s"])
            case "run-finished":
                self._finish(event)

    def _begin(self, activity: str) -> None:
        self.activity, self.activity_since = activity, self.clock()

    def _expect(self, remaining_s: float | None) -> None:
        self.ends_at = None if remaining_s is None else self.clock() + remaining_s

    def _finish(self, event: ProgressEvent) -> None:
        self._expect(event["remaining_s"])
        if event["warmup"]:
            return
        side = plain(event["side"])
        self.pairs_done += 1 / max(1, len(self.wall_times_s))
        if event["failure"]:
            self.failures[side] = self.failures.get(side, 0) + 1
        else:
            self.wall_times_s.setdefault(side, []).append(event["wall_s"])

    def __rich__(self) -> RenderableType:
        """Return the display as of now."""
        now = self.clock()
        left = f" · about {_clock(self.ends_at - now)} left" if self.ends_at is not None and self.ends_at > now else ""
        activity = Text.assemble((self.activity, "bold"), f" for {_clock(now - self.activity_since)}")
        total = Text(f"{_clock(now - self.started_at)} in all{left}", style="dim")
        bar = ProgressBar(total=max(1, self.pairs), completed=self.pairs_done, width=40)
        command = Text(self.command, style="dim", no_wrap=True, overflow="ellipsis")
        return Padding(Group(command, self._figures(), activity, bar, total), (0, 1))

    def _figures(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for side, wall_times_s in self.wall_times_s.items():
            typical = f"median {_seconds(statistics.median(wall_times_s))}" if wall_times_s else ""
            last = f"last {_seconds(wall_times_s[-1])}" if wall_times_s else ""
            failures = Text(f"{count} failed", style="red") if (count := self.failures.get(side)) else Text()
            table.add_row(side, f"{len(wall_times_s)} runs", typical, last, failures)
        return table


def _seconds(amount: float) -> str:
    return f"{amount:.2f} s" if amount >= 1 else f"{1000 * amount:.0f} ms"


def _clock(amount: float) -> str:
    minutes, seconds = divmod(round(amount), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


_SIDES = 2
_MOST = 20


def affected_lines(result: AffectedBenchmarks, pairs: int) -> Iterator[str]:
    """Yield what is measured and why, and what is not and what that saves of `pairs` pairs."""
    if result.problem is not None:
        yield f"Every benchmark is measured, because what they execute is not known: {plain(result.problem)}."
        return
    reached = [entry for entry in result.benchmarks if entry.reason is not None]
    for entry in reached[:_MOST]:
        yield f"  measured: {plain(entry.name)}: {plain(entry.reason or '')}"
    if len(reached) > _MOST:
        yield f"  … and {len(reached) - _MOST} more"
    for entry in result.unreachable[:_MOST]:
        yield f"  cannot be caused by this diff: {plain(entry.name)}"
    if len(result.unreachable) > _MOST:
        yield f"  … and {len(result.unreachable) - _MOST} more"
    saved_s = sum(entry.run_s for entry in result.unreachable) * pairs * _SIDES
    total = count(len(result.benchmarks), "benchmark")
    saved = f"; leaving out the others saves at most {duration(saved_s)}, for tracing slows runs" if saved_s else ""
    yield f"{len(reached)} of {total} may be reached by what changed{saved}."
