"""Catch2's benchmarks as its console reporter prints them, versions 2 and 3, with and without analysis.

Numbers have four to six digits; the XML of the same run (`-r xml`) is exact. The mean and the deviation stand below the
row of a benchmark; without analysis the mean is in the row. What a repeated test case runs again has rounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import reported
from regress_action.formats.units import metric, quantity
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "Catch2 console"
WRITTEN_BY = "./tests '[benchmark]' > results.txt"
_HEADER = "benchmark name "
_RULE = "-----"
_FAILED = " Benchmark failed"
_TIME = metric("time", "s")
_COLUMNS = 6  # three numbers with a unit each


def sniff(document: Document) -> bool:
    """Whether the file is text with the header of the table."""
    return document.json is None and _HEADER in document.text and any(map(_is_header, document.lines))


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    table = _Table(builder)
    for line in document.lines:
        table.read(line)
    table.close()
    return (builder.report(document, TITLE, compiled=True),)


def _is_header(line: str) -> bool:
    return line.startswith(_HEADER) and " samples " in line


class _Table:
    """The state of a walk over the lines: the test case and its sections, and the benchmark whose mean follows."""

    def __init__(self, builder: ReportBuilder) -> None:
        self._builder = builder
        self._entries: dict[str, Entry] = {}
        self._path: list[str] = []
        self._name: list[str] = []
        self._rounds = 0
        self._waiting: Entry | None = None
        self._in_heading = self._in_table = self._is_analysed = False

    def read(self, line: str) -> None:
        """Read one line of a heading or of the table."""
        if _is_header(line):
            self._in_table, self._is_analysed = True, not line.rstrip().endswith("mean")
            self._in_heading, self._rounds, self._name = False, 0, []
            self.close()
        elif line.startswith(_RULE):
            if not self._in_table or not line.strip("-"):
                self._rule()
        elif self._in_heading and line.strip():
            self._path.append(line.strip())
        elif self._in_table:
            self._read_row(line)

    def close(self) -> None:
        """Let the benchmark that still waits for its mean fail."""
        if self._waiting is not None:
            self._waiting.fail("It was started and its mean was not printed.")
            self._waiting = None

    def _rule(self) -> None:
        """A rule opens a heading, closes it, or stands below the header of a table."""
        if self._in_table and not self._name and self._waiting is None and self._rounds == 0:
            self._rounds = -1  # the rule below the header
        elif self._in_heading:
            self._in_heading = False
        else:
            self.close()
            self._in_heading, self._in_table, self._rounds = True, False, 0
            self._path, self._name = [], []

    def _read_row(self, line: str) -> None:
        """Read a row of the table: the beginning of a benchmark, its mean, its failure, or a part of a long name."""
        name, failed, reason = line.partition(_FAILED)
        if failed and name.strip():
            self._start(" ".join([*self._name, name.strip()]), 1, "").fail(clean(f"{failed.strip()}{reason.rstrip()}."))
            self._waiting = None
            return
        parts = line.rsplit(maxsplit=4)
        values = line.split()
        if self._waiting is not None and len(values) == _COLUMNS and (mean := quantity(" ".join(values[:2]))):
            self._waiting.add(_TIME, reported(mean[0], f"{self._waiting.benchmark.name}: mean", rounds=self._rounds))
            self._waiting = None
        elif len(parts) == 5 and parts[1].isdecimal() and parts[2].isdecimal() and len(parts[1]) < 10:  # noqa: PLR2004
            self._start(" ".join([*self._name, parts[0].strip()]), int(parts[1]), " ".join(parts[3:]))
        elif not line.strip():
            self._name = []
        elif line[0] != " ":
            self._name.append(line.strip())  # a long name goes on in the next line

    def _start(self, name: str, rounds: int, last: str) -> Entry:
        """Begin a benchmark and return its entry; without analysis the last column is its mean."""
        self.close()
        full = clean(" / ".join((*self._path, name)))
        if full not in self._entries:
            self._entries[full] = self._builder.benchmark(Benchmark(full))
        entry, self._name, self._rounds = self._entries[full], [], rounds
        mean = quantity(last)
        if self._is_analysed:
            self._waiting = entry
        elif mean is not None:
            entry.add(_TIME, reported(mean[0], f"{full}: mean", rounds=rounds))
        return entry
