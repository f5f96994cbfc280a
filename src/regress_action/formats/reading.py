"""Paths and patterns as reports."""

from __future__ import annotations

import glob
import re
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.formats import measurement
from regress_action.formats.document import load
from regress_action.formats.readers import criterion
from regress_action.formats.registry import read_document
from regress_action.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.model.measurements import Report

_ASV_INDEX = "benchmarks.json"
_MOST_NAMED = 3
_DIGITS = re.compile(r"(\d+)")


def read(path: Path, *, hint: str | None = None) -> tuple[Report, ...]:
    """Return the reports at `path`, in the format `hint` or the one its content shows.

    A file gives one report. A folder is what `measure` left, of which this is the head (`read_measurement` has
    both sides), the results folder of asv with a report for every commit and environment, or target/criterion.

    Raises:
        InputError: The path, the format or the content is wrong.
    """
    reports = _read(path, hint)
    if not reports:
        raise InputError(
            f"{path} accompanies results and holds none.",
            meaning="asv describes its benchmarks and machines in such files.",
            remedy="Name the results folder, or the files of the commits in it.",
        )
    return reports


def gather(patterns: Sequence[str], *, hint: str | None = None) -> tuple[Report, ...]:
    """Return the reports of every file and folder that the paths and globs name, each once, in natural order.

    Raises:
        InputError: A pattern matches nothing, or what it matches holds no results.
    """
    paths = list(dict.fromkeys(path for pattern in patterns for path in _matches(pattern)))
    reports = tuple(report for path in paths for report in _read(path, hint))
    if not reports:
        raise InputError(
            f"There are no results in {', '.join(patterns) or 'nothing'}.", remedy="Name at least one results file."
        )
    return reports


def _matches(pattern: str) -> list[Path]:
    literal = Path(pattern)
    if literal.exists():
        return [literal]
    paths = sorted(map(Path, glob.glob(pattern, recursive=True)), key=_natural)  # noqa: PTH207 - may be absolute
    if not paths:
        raise InputError(
            f"No file matches {pattern}.",
            meaning="The benchmark command wrote nothing there, or the pattern is not the right one.",
            remedy="Check the path, quote the pattern, and look at the output of the benchmark command.",
        )
    return paths


def _natural(path: Path) -> list[tuple[int, str]]:
    """Order `run-2` before `run-10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(str(path))]


def _read(path: Path, hint: str | None) -> tuple[Report, ...]:
    if path.name == measurement.INDEX or (path / measurement.INDEX).is_file():
        folder = path if path.is_dir() else path.parent
        return (measurement.read_measurement(folder).head,)
    if path.is_dir():
        return _read_folder(path, hint)
    return read_document(load(path), hint)


def _read_folder(folder: Path, hint: str | None) -> tuple[Report, ...]:
    if not (folder / _ASV_INDEX).is_file():
        if criterion.holds_results(folder):
            return criterion.read_folder(folder)
        files = sorted(
            path.name for path in folder.iterdir() if path.suffix in (".jsonl", ".json", ".xml", ".csv", ".txt")
        )
        named = " ".join(f"{folder}/{name}" for name in files[:_MOST_NAMED]) or f"'{folder}/*.json'"
        raise InputError(
            f"{folder} is a folder, and neither a measurement nor the results of asv or Criterion.",
            meaning=f"A measurement holds {measurement.INDEX}, asv writes {_ASV_INDEX}, Criterion new/estimates.json.",
            remedy=f"Name the files in it: {named}",
        )
    readable = (report for path in sorted(folder.glob("*/*.json")) for report in _tolerant(path, hint))
    reports = tuple(sorted(readable, key=lambda report: report.created or ""))
    if not reports:
        raise InputError(f"The asv folder {folder} holds no results.", remedy="Run `asv run` first.")
    return reports


def _tolerant(path: Path, hint: str | None) -> Iterator[Report]:
    """Yield what is readable: asv itself skips foreign and damaged files among its results."""
    try:
        yield from read_document(load(path), hint or "asv")
    except InputError:
        return
