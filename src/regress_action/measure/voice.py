"""Who is told what happens: a program (JSON lines), a person reading a log, or the log of a GitHub job.

Events are flat objects with the key `event`, and with `line`, what a log would say (null: nothing):

    started       session, suite, sides, pairs, warmup, command, out
    setup         side                          setup-finished  side, elapsed_s
    run-started   pair, pairs, side, warmup, elapsed_s, remaining_s
    run-finished  pair, pairs, side, warmup, wall_s, failure, output_tail, elapsed_s, remaining_s
    retried       pair, side, failure           decided         continue, select, why
    warning       message                       finished        stopped, why, good, elapsed_s
    error         what, meaning, remedy, exit_code
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.measure.log import Log

Event = dict[str, Any]
_TAIL_LINES = 10


class Voice(Protocol):
    """Somebody to tell."""

    def say(self, event: str, **details: object) -> None:
        """Tell what happened."""

    def show(self, log: Log) -> None:
        """Show what the suite printed."""


class Lines:
    """JSON lines for a program; one that stopped listening changes nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def say(self, event: str, **details: object) -> None:
        """Write one line."""
        happened = {"event": event, **details}
        with contextlib.suppress(OSError):
            os.write(self._descriptor, (json.dumps(happened | {"line": line_of(happened)}) + "\n").encode())

    def show(self, log: Log) -> None:
        """Show nothing: the log is on disk."""


class Text:
    """Plain lines, one per thing that happened, for a log that is read afterwards."""

    def __init__(self, stream: TextIO, *, show_output: bool = False) -> None:
        # A name that is no valid text must not end the measurement.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
        self._stream = stream
        self._show_output = show_output

    def say(self, event: str, **details: object) -> None:
        """Write one line, unless the event is the beginning of something told at its end; a failure with its tail."""
        if line := line_of({"event": event, **details}):
            self._write(line)
        if (tail := details.get("output_tail")) and not self._show_output:
            self._write(textwrap.indent("\n".join(str(tail).splitlines()[-_TAIL_LINES:]), "    "))

    def show(self, log: Log) -> None:
        """Write what the suite printed, if that was asked for."""
        text = log.content.decode("utf-8", "replace").rstrip()
        if self._show_output and text:
            self._write(text)

    def _write(self, text: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            print(text, file=self._stream, flush=True)


class Job(Text):
    """Text for the log of a GitHub job: a group per pair, and nothing the suite prints is a command."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream, show_output=True)
        self._group: object = None

    def say(self, event: str, **details: object) -> None:
        """Open a group where a pair begins, and close it where the next or the end comes."""
        group = _group(event, details)
        if group != self._group and event not in {"warning", "retried"}:
            if self._group:
                self._write("::endgroup::")
            if group:
                self._write(f"::group::{group}")
            self._group = group
        if line := line_of({"event": event, **details}):
            self._write(harmless(line))

    def show(self, log: Log) -> None:
        """Write what the suite printed with the runner's ears closed."""
        if log.content:
            # The suite cannot guess the word that opens them again.
            word = os.urandom(16).hex()
            self._write(f"::stop-commands::{word}")
            super().show(log)
            self._write(f"::{word}::")


def harmless(text: str) -> str:
    """Return a text, which may quote the suite, in a form in which a runner finds no command."""
    return re.sub(r"((?:^|[\r\n])\s*):(?=:)", r"\1: ", text).replace("##[", "## [")


def choose(*, events: int | None, show_output: bool) -> Voice:
    """Return who listens: a program, a GitHub job, or a person."""
    if events is not None:
        return Lines(events)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        return Job(sys.stdout)
    return Text(sys.stdout, show_output=show_output)


def _group(event: str, details: Event) -> str | None:
    if event in {"setup", "setup-finished"}:
        return f"setup of {details['side']}"
    if event in {"run-started", "run-finished"}:
        return "warm-up" if details["warmup"] else f"pair {details['pair']}/{details['pairs']}"
    return None


def line_of(event: Event) -> str | None:
    """Return one plain line for an event, None for those that a log can do without."""
    write = _LINES.get(event["event"])
    return write(event) if write else None


def _started_line(event: Event) -> str:
    what = f"{event['pairs']} pairs of base and head" if len(event["sides"]) > 1 else f"{event['pairs']} runs"
    return f"measuring {what} · {event['command']}"


def _finished_line(event: Event) -> str:
    good = ", ".join(f"{count} of {side}" for side, count in event["good"].items())
    return f"{event['why']} · good runs: {good} · {clock(event['elapsed_s'])} in all"


def _run_line(event: Event) -> str:
    place = "warm-up" if event["warmup"] else f"pair {event['pair']}/{event['pairs']}"
    result = event["failure"] or seconds(event["wall_s"])
    left = event["remaining_s"]
    return " · ".join(
        [place, event["side"], result, *([f"about {clock(left)} left"] if left and left >= 1 else [])],
    )


def seconds(amount: float) -> str:
    """Return `1.82 s`, `31 ms`, or `2:05` above a minute."""
    if amount >= 60:  # noqa: PLR2004 - a minute
        return clock(amount)
    return f"{amount:.2f} s" if amount >= 1 else f"{1000 * amount:.0f} ms"


def clock(amount: float) -> str:
    """Return `0:40` or `1:02:03`."""
    minutes, rest = divmod(round(amount), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


_LINES: dict[str, Callable[[Event], str]] = {
    "started": _started_line,
    "setup-finished": lambda event: f"setup · {event['side']} · {seconds(event['elapsed_s'])}",
    "run-finished": _run_line,
    "retried": lambda event: f"pair {event['pair']} · {event['side']} · {event['failure']}, trying again",
    "decided": lambda event: f"decision · {event['why']}",
    "warning": lambda event: f"warning · {event['message']}",
    "finished": _finished_line,
}
