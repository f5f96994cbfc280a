"""The known formats, and which of them a file is in.

A reader is a module of `readers` with three names: `TITLE`, `sniff(document) -> bool`, which must be cheap and
true for its own files only, and `read(document) -> tuple[Report, ...]`. It is imported when it is first asked.
"""

from __future__ import annotations

import importlib
import math
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
)


class UnknownFormatError(InputError):
    """A file is sound and in no format that is known here."""


class Reader(Protocol):
    """What a module of `readers` offers."""

    TITLE: str

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
            f"{document.path} is not a whole {chosen.TITLE} file: {error}.",
            meaning="It was cut, edited by hand, or written by a version that is not known here.",
            remedy="Write it again with the tool itself.",
        ) from error
    return tuple(_checked(report, document) for report in reports)


def _sniffed(document: Document) -> Reader:
    for name in READERS:
        candidate = reader(name)
        if candidate.sniff(document):
            return candidate
    tried = ", ".join(reader(name).TITLE for name in READERS)
    if document.json is None and document.text.lstrip()[:1] in {"{", "["}:
        raise InputError(
            f"{document.path} is not valid JSON: {document.problem}.",
            meaning="The benchmark command was probably stopped while it wrote the file.",
            remedy="Run it again; a timeout or a full disk shows in its output.",
        )
    raise UnknownFormatError(
        f"{document.path} is in no known format.",
        meaning=f"Tried: {tried}.",
        remedy="Name the file the tool wrote as JSON.",
    )


def _checked(report: Report, document: Document) -> Report:
    if not report.series and not report.failures:
        raise InputError(
            f"{document.path} holds no benchmark.",
            meaning=f"It is a valid {report.source} file in which nothing was measured.",
            remedy="Check the selection (-k, --filter, paths) of the benchmark command.",
        )
    measured = any(not math.isnan(value) for series in report.series for value in series.values)
    if report.series and not measured and not report.failures:
        raise InputError(
            f"No benchmark of {document.path} has a finite value: every one is NaN or infinite.",
            meaning="The tool could not compute its own numbers, so there is nothing to compare.",
            remedy="Look at the output of the benchmark command; the timer or the benchmark itself is broken.",
        )
    return report
