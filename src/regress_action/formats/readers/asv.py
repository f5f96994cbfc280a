"""airspeed velocity, result versions 1 and 2 (`results/<machine>/<commit>-<env>.json`).

A file is one run of one commit. What a number means (time, memory, a tracked value and its unit) stands in
`benchmarks.json` beside or above it; without that file the names asv itself goes by decide. A value of `null`
failed and `NaN` was skipped on purpose. Lower is better, by asv's own convention, for all but rates.
"""

from __future__ import annotations

import functools
import itertools
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from regress_action.formats.document import load
from regress_action.formats.naming import clean
from regress_action.formats.readers.asv_rows import rows
from regress_action.formats.rounds import Sample, single, summarise
from regress_action.formats.shape import (
    mapping,
    number,
    optional_count,
    optional_mapping,
    optional_number,
    optional_text,
)
from regress_action.formats.tally import Origin, Tally
from regress_action.formats.units import base_unit, metric
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Environment

if TYPE_CHECKING:
    from pathlib import Path

    from regress_action.formats.document import Document
    from regress_action.formats.readers.asv_rows import Cell, Row
    from regress_action.model.measurements import Metric, Report

TITLE = "asv"
INDEX = "benchmarks.json"
_KINDS = {"time": ("time", "s"), "memory": ("memory", "B"), "peakmemory": ("peak_memory", "B")}
_PREFIXES = {"time": "time", "timeraw": "time", "mem": "memory", "peakmem": "peakmemory", "track": "track"}


def sniff(document: Document) -> bool:
    """Whether the file holds the results of a commit, or is one of the two files beside them."""
    found = document.json
    if not isinstance(found, dict):
        return False
    return _accompanies(found) or (isinstance(found.get("results"), dict) and "commit_hash" in found)


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file; nothing for the files that accompany results."""
    content = mapping(document.json, "the file")
    if _accompanies(content):
        return ()
    index = _index(document.path)
    tally = Tally()
    for row in rows(content):
        known = optional_mapping(index.get(row.name))
        kind = optional_text(known.get("type")) or _kind(row.name)
        measured, factor = _metric(kind, optional_text(known.get("unit")))
        for cell in row.cells:
            benchmark = _benchmark(row, cell, known.get("param_names"))
            if cell.value is None:
                tally.fail(benchmark.name, "The benchmark failed, or took longer than its timeout.")
            elif not (isinstance(cell.value, float) and math.isnan(cell.value)):
                _read_cell(cell, benchmark, measured, factor, tally)
    return (tally.report(document.path, TITLE, _origin(content)),)


def _accompanies(content: dict[str, Any]) -> bool:
    """Whether this describes benchmarks or a machine."""
    if "machine" in content:
        return "results" not in content
    return any(isinstance(entry, dict) and {"code", "type", "unit"} <= entry.keys() for entry in content.values())


def _read_cell(cell: Cell, benchmark: Benchmark, measured: Metric, factor: float, tally: Tally) -> None:
    value = number(cell.value, f"{benchmark.name}: result")
    signed = value < 0 and measured.name == "value"
    if signed:
        measured = metric(measured.name, measured.unit, signed=True)
    if cell.samples:
        sample = summarise(cell.samples, f"{benchmark.name}: samples", factor=factor, signed=signed)
    else:
        sample = single(value, f"{benchmark.name}: result", factor=factor, signed=signed)
        if sample.rounds and cell.repeats > 1:
            sample = Sample(sample.value, cell.repeats, factor * cell.spread)
    tally.add(benchmark, measured, sample)


def _benchmark(row: Row, cell: Cell, names: object) -> Benchmark:
    told = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    labels = itertools.chain(told, (f"param{at}" for at in itertools.count(len(told) + 1)))
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
    return metric("value", clean(unit)), factor


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


def _origin(content: dict[str, Any]) -> Origin:
    machine = optional_mapping(content.get("params"))
    python = (optional_text(content.get("python")) or "").replace("\\", "/").rpartition("/")[2]
    packages = (
        f"{name} {version}" if isinstance(version, str) else name
        for name, version in sorted(optional_mapping(content.get("requirements")).items())
    )
    return Origin(
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


def _cores(told: object) -> object:
    return int(told) if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) < 7 else told  # noqa: PLR2004


def _moment(content: dict[str, Any]) -> str | None:
    """Return the date of the commit, which asv orders its results by."""
    milliseconds = optional_number(content.get("date"))
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
