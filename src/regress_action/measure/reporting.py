"""Report what happens: as JSON lines to a program, as text to a person, or as text to the log of a GitHub job.

Also here: what a suite printed: its beginning and its end, however much it was.

Events are flat objects with the key `event`, and with `line`, the text for a log (null: none):

    started       session, suite, sides, pairs, warmup, command, out
    setup         side                          setup-finished  side, elapsed_s
    run-started   pair, pairs, unit (pair or run), side, warmup, elapsed_s, remaining_s
    run-finished  pair, pairs, unit, side, warmup, wall_s, failure, kept, output_tail, elapsed_s, remaining_s
    retried       pair, unit, side, failure           decided         continue, select, why
    warning       message                       finished        stopped, why, good, elapsed_s
    interleaved   kind, why: how base and head alternate from now on
    setup-kept    side: an earlier measurement of the same commit has set it up
    profiling     benchmarks, pairs             profiled        runs, failures, elapsed_s
    withheld      names: variables that the suite does not get
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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable


Event = dict[str, Any]
_TAIL_LINES = 10
_LONGEST_LIST = 8
_OUTPUT_LIMIT = 256 * 1024


@dataclass(slots=True)
class OutputLog:
    """Keeps at most `limit` bytes, half from the start and half from the end."""

    limit: int = _OUTPUT_LIMIT
    _head: bytearray = field(default_factory=bytearray)
    _tail: bytearray = field(default_factory=bytearray)
    _total: int = 0

    def add(self, data: bytes) -> None:
        """Append what was printed next."""
        self._total += len(data)
        half = self.limit // 2
        missing = half - len(self._head)
        self._head += data[:missing]
        self._tail += data[missing:] if missing > 0 else data
        # Cut at twice the length, so that a suite that prints much does not have every line moved in memory.
        if len(self._tail) > 2 * half:
            del self._tail[:-half]

    @property
    def content(self) -> bytes:
        """Everything that is kept, with a note of how many bytes are left out."""
        tail = self._tail[-(self.limit // 2) :]
        left_out = self._total - len(self._head) - len(tail)
        gap = f"\n… {left_out} bytes left out …\n".encode() if left_out else b""
        return bytes(self._head + gap + tail)

    def last(self, characters: int = 2000) -> str:
        """Return the end as text that can stand in JSON and on a terminal."""
        text = self.content[-4 * characters :].decode("utf-8", "replace").strip()
        return printable(text, kept="\n\t")[-characters:]


class Reporter(Protocol):
    """Receives what happens."""

    def emit(self, event: str, **details: object) -> None:
        """Report one event."""

    def show_output(self, log: OutputLog) -> None:
        """Show what the suite printed."""


class JsonLinesReporter:
    """JSON lines for a program; a reader that has gone away changes nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def emit(self, event: str, **details: object) -> None:
        """Write one line."""
        record = {"event": event, **details}
        with contextlib.suppress(OSError):
            os.write(self._descriptor, (json.dumps(record | {"line": line_of(record)}) + "\n").encode())

    def show_output(self, log: OutputLog) -> None:
        """Do nothing: the log is on disk."""


class TextReporter:
    """Plain lines, one per event, for a log that is read afterwards."""

    def __init__(self, stream: TextIO, *, show_output: bool = False) -> None:
        # A name that is no valid text must not end the measurement.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
        self._stream = stream
        self._show_output = show_output

    def emit(self, event: str, **details: object) -> None:
        """Write one line for an event that has one; below a failed run the end of its output."""
        if line := line_of({"event": event, **details}):
            self._write(line)
        if (tail := details.get("output_tail")) and not self._show_output:
            self._write(textwrap.indent("\n".join(str(tail).splitlines()[-_TAIL_LINES:]), "    "))

    def show_output(self, log: OutputLog) -> None:
        """Write what the suite printed, if that was asked for."""
        text = log.content.decode("utf-8", "replace").rstrip()
        if self._show_output and text:
            self._write(text)

    def _write(self, text: str) -> None:
        try:
            print(text, file=self._stream, flush=True)
        except OSError:
            # Nobody reads any more, or the disk is full: the measurement goes on without a log.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


class ActionsReporter(TextReporter):
    """Text for the log of a GitHub job: a group per pair, and nothing the suite prints is a command."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream, show_output=True)
        self._group: object = None

    def emit(self, event: str, **details: object) -> None:
        """Open a group where a pair begins, and close it where the next or the end comes."""
        group = _group(event, details)
        if group != self._group and event not in {"warning", "retried", "interleaved"}:
            if self._group:
                self._write("::endgroup::")
            if group:
                self._write(f"::group::{group}")
            self._group = group
        if line := line_of({"event": event, **details}):
            self._write(without_commands(line))

    def show_output(self, log: OutputLog) -> None:
        """Write what the suite printed while the runner obeys no workflow commands."""
        if log.content:
            # Only this token makes the runner obey commands again, and the suite cannot guess it.
            token = os.urandom(16).hex()
            self._write(f"::stop-commands::{token}")
            super().show_output(log)
            self._write(f"::{token}::")


def without_commands(text: str) -> str:
    """Return a text, which may quote the suite, changed so that a runner reads no workflow command in it."""
    return re.sub(r"((?:^|[\r\n])\s*):(?=:)", r"\1: ", text).replace("##[", "## [")


def choose_reporter(*, events: int | None, show_output: bool) -> Reporter:
    """Return the reporter for a program, a GitHub job, or a person."""
    if events is not None:
        return JsonLinesReporter(events)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        return ActionsReporter(sys.stdout)
    return TextReporter(sys.stdout, show_output=show_output)


def _group(event: str, details: Event) -> str | None:
    if event in {"setup", "setup-finished"}:
        return f"setup of {details['side']}"
    if event in {"run-started", "run-finished"}:
        return "warm-up" if details["warmup"] else f"{details['unit']} {details['pair']}/{details['pairs']}"
    return None


def line_of(event: Event) -> str | None:
    """Return one plain line for an event, None for those that a log does not need."""
    write = _LINES.get(event["event"])
    return printable(write(event), kept="\n\t") if write else None


def printable(text: str, kept: str = "") -> str:
    """Return a text, which may come from the suite, with a mark for each character that a terminal could obey.

    Those in `kept` stay.
    """
    return "".join(sign if sign.isprintable() or sign in kept else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _started_line(event: Event) -> str:
    unit, rest = ("pair", " of base and head") if len(event["sides"]) > 1 else ("run", "")
    what = f"{event['pairs']} {unit}{'' if event['pairs'] == 1 else 's'}{rest}"
    return f"measuring {what} · {event['command']}"


def _finished_line(event: Event) -> str:
    good = ", ".join(f"{count} of {side}" for side, count in event["good"].items())
    return f"{event['why']} · good runs: {good} · {clock(event['elapsed_s'])} in all"


def _listed(names: list[str]) -> str:
    rest = len(names) - _LONGEST_LIST
    return ", ".join(names[:_LONGEST_LIST]) + (f" and {rest} more" if rest > 0 else "")


def _run_line(event: Event) -> str:
    worktrees = "warm-up" if event["warmup"] else f"{event['unit']} {event['pair']}/{event['pairs']}"
    failed = event["failure"] and event["failure"] + (", what it measured counts" if event.get("kept") else "")
    result = failed or seconds(event["wall_s"])
    left = event["remaining_s"]
    return " · ".join(
        [worktrees, event["side"], result, *([f"about {clock(left)} left"] if left and left >= 1 else [])],
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
    "setup-kept": lambda event: f"setup · {event['side']} · kept from an earlier measurement of this commit",
    "run-finished": _run_line,
    "retried": lambda event: f"{event['unit']} {event['pair']} · {event['side']} · {event['failure']}, trying again",
    "interleaved": lambda event: event["why"],
    "decided": lambda event: f"decision · {event['why']}",
    "warning": lambda event: f"warning · {event['message']}",
    "withheld": lambda event: f"not passed to the suite: {_listed(event['names'])} · env-pass names more variables",
    "profiling": lambda event: f"profiling · {_listed(event['benchmarks']) or 'the whole suite'}",
    "profiled": lambda event: (
        f"profiled {event['runs']} runs in {clock(event['elapsed_s'])}"
        + (f" · {event['failures']} of them failed" if event["failures"] else "")
    ),
    "finished": _finished_line,
}
