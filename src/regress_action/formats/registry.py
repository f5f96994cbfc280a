"""The known formats, and which of them a file is in.

A reader is a module of `readers` with four names: `TITLE`, `WRITTEN_BY` (the command that writes such a file),
`sniff(document) -> bool`, which must be cheap and true for its own files only, and
`read(document) -> tuple[Report, ...]`. It is imported when it is first asked.
"""

from __future__ import annotations

import functools
import importlib
import re
from typing import TYPE_CHECKING, Protocol, cast

from regress_action.formats.shape import ShapeError
from regress_action.model.errors import InputError

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

READERS = (
    "pytest_benchmark",
    "records",
    "pyperf",
    "asv",
    "hyperfine",
    "google_benchmark",
    "go_bench",
    "libtest",
    "vitest",
    "bencher",
    "github_action_benchmark",
    "codspeed",
    "criterion",
    "jmh",
    "benchmarkdotnet",
    "catch2",
    "catch2_console",
    "k6",
    "locust",
    "divan",
    "iai",
    "http_load_text",
    "http_load_json",
    "tinybench",
    "mitata",
    "benchmark_js",
    "julia",
    "haskell_criterion",
    "phpbench",
    "ruby_benchmark",
    "timed_lines",
    "gnu_time",
    "perf_stat",
    "memray",
    "nanobench",
    "junit",
    "csv_series",
)

_BEGINS_AS_JSON = re.compile(r"\s*(?:\{\s*(?:[\"}]|\Z)|\[\s*(?:[\[{\"\d\]NItfn-]|\Z))")
"""A text such as `[a link](…)` begins with a bracket, too."""

# what people give instead of the results: what it is, and what to give
_RECOGNISED = (
    (
        re.compile(r"^\S.* time:\s+\[[\d.]+ \S+ [\d.]+ \S+ [\d.]+ \S+\]", re.MULTILINE),
        "It is the output of Criterion for people, whose numbers are rounded.",
        "Name the folder target/criterion, or run `cargo bench -- --output-format bencher` and keep its output.",
    ),
    (
        re.compile(r"^Name \(time in \S+\)\s+Min", re.MULTILINE),
        "It is the table of pytest-benchmark for people, whose numbers are rounded.",
        "Run pytest with --benchmark-json=results.json and name that file.",
    ),
    (
        re.compile(r"^\s*Time \(mean ± σ\):", re.MULTILINE),
        "It is the output of hyperfine for people, whose numbers are rounded.",
        "Run hyperfine with --export-json results.json and name that file.",
    ),
    (
        re.compile(r"^Benchmark\s+Time\s+CPU\s+Iterations", re.MULTILINE),
        "It is the table of Google Benchmark for people, whose numbers are rounded.",
        "Run it with --benchmark_out=results.json --benchmark_out_format=json and name that file.",
    ),
    (
        re.compile(r"^\s*(?:http_req_duration|iteration_duration)\.*: avg=", re.MULTILINE),
        "It is the summary of k6 for people, whose numbers are rounded.",
        "Run k6 with --summary-export=results.json, or with --out csv=results.csv, and name that file.",
    ),
    (
        re.compile(r"^Timestamp,User Count,Type,Name,"),
        "It is Locust's history of a run by seconds, whose percentiles are of ten seconds each and no result.",
        "Name the file of the same run that ends in _stats.csv, or run locust with --headless --json > results.json.",
    ),
    (
        re.compile(r"^(?:Method,Name,Error,Occurrences|Count,Message,Traceback,Nodes)"),
        "It is Locust's list of the errors of a run, which holds no times.",
        "Name the file of the same run that ends in _stats.csv.",
    ),
)


class UnknownFormatError(InputError):
    """A file is sound and in no format that is known here."""


class Reader(Protocol):
    """What a module of `readers` offers."""

    TITLE: str
    WRITTEN_BY: str

    def sniff(self, document: Document) -> bool:
        """Whether `document` is in this format."""

    def read(self, document: Document) -> tuple[Report, ...]:
        """Return the reports in `document`; none where it only accompanies results."""


def reader(name: str) -> Reader:
    """Return the reader called `name`, with - or _ between its words.

    Raises:
        InputError: No reader has that name.
    """
    module = name.replace("-", "_")
    if module not in READERS:
        raise InputError(f"There is no format called {name!r}.", remedy=f"Known formats: {', '.join(READERS)}.")
    return _loaded(module)


@functools.cache
def _loaded(module: str) -> Reader:
    return cast("Reader", importlib.import_module(f"regress_action.formats.readers.{module}"))


def read_document(document: Document, hint: str | None = None) -> tuple[Report, ...]:
    """Return the reports in `document`, in the format `hint` or in the first that fits.

    Raises:
        InputError: The format is unknown, or the file does not keep to it, or no benchmark in it has a value.
    """
    chosen = reader(hint) if hint else _sniffed(document)
    try:
        reports = chosen.read(document)
    except ShapeError as error:
        raise InputError(
            f"{document.path} cannot be read as {chosen.TITLE}: {error}.",
            meaning=f"It is not what this tool writes{', in spite of the format that was named' if hint else ''}, or a "
            "version writes it that is not known here.",
            remedy=f"Write it with: {chosen.WRITTEN_BY}. `regress-action formats` lists what can be read.",
        ) from error
    return tuple(_checked(report, document) for report in reports)


def _sniffed(document: Document) -> Reader:
    """Return the first reader that takes the document; else say what the file is and what to give instead."""
    for name in READERS:
        candidate = reader(name)
        if candidate.sniff(document):
            return candidate
    if document.json is None and (problem := document.problem) and _BEGINS_AS_JSON.match(document.text):
        raise InputError(
            f"{document.path} is not valid JSON: {problem.what}.", meaning=problem.meaning, remedy=problem.remedy
        )
    for mark, meaning, remedy in _RECOGNISED:
        if mark.search(document.text):
            raise UnknownFormatError(f"{document.path} cannot be read.", meaning=meaning, remedy=remedy)
    kind = "text" if document.json is None else "JSON"
    tried = ", ".join(reader(name).TITLE for name in READERS)
    raise UnknownFormatError(
        f"{document.path} is {kind} in no known format.",
        meaning=f"Tried: {tried}.",
        remedy="Name the file that the benchmark tool wrote. `regress-action formats` lists what can be read, and how "
        "each tool writes it.",
    )


def _checked(report: Report, document: Document) -> Report:
    if not report.series and not report.failures:
        raise InputError(
            f"{document.path} holds no benchmark.",
            meaning=f"It is a valid {report.source} file in which nothing was measured.",
            remedy="Check the selection (-k, --filter, paths) of the benchmark command.",
        )
    return report
