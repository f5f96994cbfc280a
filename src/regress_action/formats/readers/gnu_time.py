"""GNU time (`/usr/bin/time -v`): time, CPU time and peak memory of a command.

The command's own output may stand before it. A command that ended with another status than 0, or by a signal, failed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.shape import number_in
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "GNU time"
WRITTEN_BY = "/usr/bin/time -v -o results.txt COMMAND"
_COMMAND = '\tCommand being timed: "'
_FIELD = re.compile(r"\t(?P<key>[^:]+(?: \(h:mm:ss or m:ss\))?): (?P<value>\S+)\Z")
_ENDED = re.compile(r"Command (?:terminated by signal|exited with non-zero status|stopped by signal) \d+")
_ELAPSED = "Elapsed (wall clock) time (h:mm:ss or m:ss)"
_KIBIBYTE = 1024.0


def sniff(document: Document) -> bool:
    """Whether the file is text with a command that was timed."""
    return document.json is None and _COMMAND in document.text


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    ended: str | None = None
    entry: Entry | None = None
    fields: dict[str, float | None] = {}
    for line in document.lines:
        if match := _ENDED.match(line):
            ended = match[0]
        elif line.startswith(_COMMAND):
            _close(entry, fields)
            fields = {}
            entry = builder.benchmark(Benchmark(clean(line.removeprefix(_COMMAND).removesuffix('"'))))
            if ended:
                entry.fail(f"{ended}.")
            ended = None
        elif entry is not None and line.startswith(f"\t{_ELAPSED}: "):
            fields["elapsed"] = _seconds(line.removeprefix(f"\t{_ELAPSED}: "))
        elif entry is not None and (match := _FIELD.match(line)):
            fields[match["key"]] = number_in(match["value"].rstrip("%"))
    _close(entry, fields)
    return (builder.report(document, TITLE),)


def _close(entry: Entry | None, fields: dict[str, float | None]) -> None:
    """Add the values of one command, unless it failed."""
    if entry is None or entry.failure is not None:
        return
    name = entry.benchmark.name
    if "elapsed" in fields:
        entry.add(metric("time", "s"), single(fields["elapsed"], f"{name}: elapsed"))
    user, system = fields.get("User time (seconds)"), fields.get("System time (seconds)")
    if user is not None and system is not None:
        entry.add(metric("cpu_time", "s"), single(user + system, f"{name}: user and system time"))
    if (peak := fields.get("Maximum resident set size (kbytes)")) is not None:
        entry.add(metric("peak_memory", "B"), single(peak, f"{name}: peak memory", factor=_KIBIBYTE))


def _seconds(text: str) -> float | None:
    """Return the seconds of `h:mm:ss` or `m:ss.cc`."""
    seconds = 0.0
    for part in text.strip().split(":")[:3]:
        number = number_in(part)
        if number is None:
            return None
        seconds = seconds * 60 + number
    return seconds
