"""airspeed velocity, result versions 1 and 2 (`results/<machine>/<commit>-<env>.json`).

A file is one run of one commit. What a number means (time, memory, a tracked value and its unit) stands in
`benchmarks.json` beside or above it; without that file the names asv itself goes by decide. A value of `null`
failed and `NaN` was skipped on purpose. Lower is better, by asv's own convention, for all but rates.
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from regress_action.formats.document import load
from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import reported, summarise
from regress_action.formats.shape import (
    ShapeError,
    lenient_number,
    mapping,
    optional_count,
    optional_mapping,
    optional_number,
    optional_text,
    sequence,
)
from regress_action.formats.units import base_unit, metric
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Direction, Environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Metric, Report

TITLE = "asv"
WRITTEN_BY = "asv run --record-samples; name the results folder"
INDEX = "benchmarks.json"
_KINDS = {"time": ("time", "s"), "memory": ("memory", "B"), "peakmemory": ("peak_memory", "B")}
_PREFIXES = {"time": "time", "timeraw": "time", "mem": "memory", "peakmem": "peakmemory", "track": "track"}
_MOST_COMBINATIONS = 50_000
_LONGEST_PARAMETER = 100
_IQR_OF_A_NORMAL = 1.349


@dataclass(frozen=True, slots=True)
class _Cell:
    """What a benchmark gave for one combination of its parameters.

    `value` is a number, NaN when it was skipped and None when it failed; `samples` are its rounds, where they were
    recorded. Otherwise `repeats` (0 when unknown) and `spread` (NaN when unknown) are what is known of them.
    """

    combination: tuple[str, ...]
    value: Any
    samples: list[Any]
    repeats: int
    spread: float


@dataclass(frozen=True, slots=True)
class _Row:
    """One benchmark: asv's name of it, the hash of its code, and a cell for every combination of its parameters."""

    name: str
    version: str | None
    cells: tuple[_Cell, ...]


def sniff(document: Document) -> bool:
    """Whether the file holds the results of a commit, or is one of the two files beside them."""
    content = document.json
    if not isinstance(content, dict):
        return False
    return _accompanies(content) or (isinstance(content.get("results"), dict) and "commit_hash" in content)


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file; nothing for the files that accompany results."""
    content = mapping(document.json, "the file")
    if _accompanies(content):
        return ()
    index = _index(document.path)
    builder = ReportBuilder()
    versions = optional_mapping(content.get("benchmark_version"))
    columns = [column if isinstance(column, str) else "" for column in _listed(content.get("result_columns"))]
    for name, values in mapping(content.get("results"), "results").items():
        with builder.tolerant():
            row = _row(name, values, columns, optional_text(versions.get(name)))
            _read_row(row, optional_mapping(index.get(name)), builder)
    return (builder.report(document, TITLE, _origin(content)),)


def _read_row(row: _Row, described: dict[str, Any], builder: ReportBuilder) -> None:
    """Read the cells of one benchmark: null failed, NaN was skipped."""
    kind = optional_text(described.get("type")) or _kind(row.name)
    measured, factor = _metric(kind, optional_text(described.get("unit")))
    for cell in row.cells:
        benchmark = _benchmark(row, cell, described.get("param_names"))
        if cell.value is None:
            builder.benchmark(benchmark).fail("The benchmark failed, or took longer than its timeout.")
        elif isinstance(cell.value, float) and math.isnan(cell.value):
            builder.benchmark(benchmark).skip("The suite skips it.")
        else:
            _read_cell(cell, builder.benchmark(benchmark), measured, factor)


def _accompanies(content: dict[str, Any]) -> bool:
    """Whether this describes benchmarks or a machine."""
    if "machine" in content:
        return "results" not in content
    return any(isinstance(entry, dict) and {"code", "type", "unit"} <= entry.keys() for entry in content.values())


def _read_cell(cell: _Cell, entry: Entry, measured: Metric, factor: float) -> None:
    value = lenient_number(cell.value)
    signed = value is not None and value < 0 and measured.name == "value"
    if signed:
        measured = replace(measured, signed=True)
    where = f"{entry.benchmark.name}: result"
    if cell.samples:
        sample = summarise(cell.samples, f"{entry.benchmark.name}: samples", factor=factor, signed=signed)
    else:
        sample = reported(cell.value, where, rounds=cell.repeats, spread=cell.spread, factor=factor, signed=signed)
    entry.add(measured, sample)


def _benchmark(row: _Row, cell: _Cell, names: object) -> Benchmark:
    given = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    labels = itertools.chain(given, (f"param{at}" for at in itertools.count(len(given) + 1)))
    module, dot, _ = row.name.partition(".")
    return Benchmark(
        name=clean(f"{row.name}({', '.join(cell.combination)})" if cell.combination else row.name),
        service=clean(module) if dot else None,
        parameters=tuple((clean(label), value) for label, value in zip(labels, cell.combination, strict=False)),
        version=clean(row.version) if row.version else None,
    )


def _kind(name: str) -> str:
    return _PREFIXES.get(name.rpartition(".")[2].partition("_")[0].lower(), "time")


def _metric(kind: str, written: str | None) -> tuple[Metric, float]:
    if kind in _KINDS:
        name, unit = _KINDS[kind]
        return metric(name, unit), 1.0
    unit, factor = base_unit(written or "count")
    measured = metric("value", clean(unit))
    if measured.direction is Direction.UNKNOWN:  # asv itself takes less for better
        measured = replace(measured, direction=Direction.LOWER)
    return measured, factor


def _index(path: Path) -> dict[str, Any]:
    for folder in (path.parent, path.parent.parent):
        if (index := folder / INDEX).is_file():
            return _parsed(index, index.stat().st_mtime_ns)
    return {}


@functools.lru_cache(maxsize=4)
def _parsed(index: Path, _changed_ns: int) -> dict[str, Any]:
    """Return the index, which hundreds of result files share; a damaged one tells nothing."""
    try:
        return optional_mapping(load(index).json)
    except InputError:
        return {}


def _origin(content: dict[str, Any]) -> FileOrigin:
    """Return commit, date, machine and packages of a result file."""
    machine = optional_mapping(content.get("params"))
    python = (optional_text(content.get("python")) or "").replace("\\", "/").rpartition("/")[2]
    packages = (
        f"{name} {version}" if isinstance(version, str) else name
        for name, version in sorted(optional_mapping(content.get("requirements")).items())
    )
    return FileOrigin(
        commit=optional_text(content.get("commit_hash")),
        created=_moment(content),
        environment=Environment(
            runner=optional_text(machine.get("machine")) or "unknown",
            os=optional_text(machine.get("os")) or "unknown",
            cpu=optional_text(machine.get("cpu")) or "unknown",
            cores=optional_count(_cores(machine.get("num_cpu"))),
            memory=optional_text(machine.get("ram")) or "unknown",
            runtime=", ".join([f"Python {python}".strip(), *packages]),
        ),
    )


def _cores(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 7 else value  # noqa: PLR2004


def _moment(content: dict[str, Any]) -> str | None:
    """Return the date of the commit, which asv orders its results by."""
    milliseconds = optional_number(content.get("date"))
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def _row(name: str, values: object, columns: list[str], version: str | None) -> _Row:
    """Return one benchmark of a result file of version 1 (an object or a number) or 2 (a list).

    Raises:
        ShapeError: The row does not fit its columns or its parameters.
    """
    if isinstance(values, list):
        fields = dict(zip(columns, values, strict=False))  # asv cuts the nulls at the end of a row
        stats = _transposed(fields)
    else:
        fields = values if isinstance(values, dict) else {"result": values}
        stats = [optional_mapping(entry) for entry in _listed(fields.get("stats"))]
    return _Row(name, optional_text(fields.get("version")) or version, tuple(_cells(clean(name), fields, stats)))


def _transposed(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the statistics of version 2, a list per statistic, as those of version 1, an object per combination."""
    lists = {key: _listed(fields.get(f"stats_{key}")) for key in ("q_25", "q_75", "repeat")}
    return [dict(zip(lists, values, strict=True)) for values in itertools.zip_longest(*lists.values())]


def _cells(name: str, fields: dict[str, Any], stats: list[dict[str, Any]]) -> Iterator[_Cell]:
    values = fields.get("result")
    if values is None:  # it failed as a whole
        yield _Cell((), None, [], 0, math.nan)
        return
    values = values if isinstance(values, list) else [values]
    combinations = _combinations(name, _listed(fields.get("params")), len(values))
    samples = _listed(fields.get("samples"))
    for at, (combination, value) in enumerate(zip(combinations, values, strict=True)):
        stat = stats[at] if at < len(stats) else {}
        recorded = _listed(samples[at]) if at < len(samples) else []
        yield _Cell(combination, value, recorded, optional_count(stat.get("repeat")), _spread(stat))


def _combinations(name: str, parameters: list[Any], results: int) -> list[tuple[str, ...]]:
    """Return the values of the parameters of each result; the last parameter changes first."""
    axes = [sequence(axis, f"{name}: params") for axis in parameters]
    size = math.prod(len(axis) for axis in axes)
    if size != results or size > _MOST_COMBINATIONS:
        raise ShapeError(f"{name} has {results} results for {size:.6g} combinations of parameters")
    return list(itertools.product(*([_shown(value) for value in axis] for axis in axes)))


def _shown(value: object) -> str:
    return clean(value if isinstance(value, str) else "…", _LONGEST_PARAMETER)


def _spread(stat: dict[str, Any]) -> float:
    low, high = optional_number(stat.get("q_25")), optional_number(stat.get("q_75"))
    return math.nan if low is None or high is None else max(0.0, high - low) / _IQR_OF_A_NORMAL


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
