"""airspeed velocity, result versions 1 and 2 (`results/<machine>/<commit>-<env>.json`).

A file is one run of one commit. What a number means (time, memory, a tracked value and its unit) stands in
`benchmarks.json` beside or above it; without that file the names asv itself goes by decide. A value of `null`
failed and `NaN` was skipped on purpose. Lower is better, by asv's own convention, for all but rates.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from regress_action.errors import InputError
from regress_action.formats.document import load
from regress_action.formats.naming import clean
from regress_action.formats.rounds import Sample, single, summarise
from regress_action.formats.shape import (
    ShapeError,
    mapping,
    number,
    optional_count,
    optional_mapping,
    optional_number,
    optional_text,
    sequence,
)
from regress_action.formats.tally import Origin, Tally
from regress_action.formats.units import base_unit, metric
from regress_action.samples import Benchmark, Environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from regress_action.formats.document import Document
    from regress_action.samples import Metric, Report

TITLE = "asv"
INDEX = "benchmarks.json"
_COMPANIONS = frozenset({INDEX, "machine.json"})
_KINDS = {"time": ("time", "s"), "memory": ("memory", "B"), "peakmemory": ("peak_memory", "B")}
_PREFIXES = {"time": "time", "timeraw": "time", "mem": "memory", "peakmem": "peakmemory", "track": "track"}
_MOST_COMBINATIONS = 100_000
_LONGEST_PARAMETER = 100
_IQR_OF_A_NORMAL = 1.349


def sniff(document: Document) -> bool:
    """Whether the file holds the results of a commit, or is one of the two files beside them."""
    found = document.json
    if not isinstance(found, dict):
        return False
    if document.path.name in _COMPANIONS:
        return True
    return isinstance(found.get("results"), dict) and "commit_hash" in found


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file; nothing for the files that accompany results."""
    if document.path.name in _COMPANIONS:
        return ()
    content = mapping(document.json, "the file")
    index = _index(document.path)
    tally = Tally()
    for name, row in mapping(content.get("results"), "results").items():
        result = _result(name, row, content)
        if result is not None:
            _read_result(result, mapping(index.get(name, {}), f"{INDEX}: {clean(name)}"), tally)
    return (tally.report(document.path, TITLE, _origin(content)),)


@dataclass(frozen=True, slots=True)
class _Result:
    """What one benchmark gave, flat over every combination of its parameters."""

    name: str
    values: Sequence[Any]
    parameters: Sequence[Sequence[Any]]
    version: str | None
    samples: Sequence[Any]
    quartiles: Sequence[tuple[Any, Any]]
    repeats: Sequence[Any]


def _result(name: str, row: object, content: dict[str, Any]) -> _Result | None:
    """Return the row in one form whichever version wrote it; None when the benchmark was skipped as a whole."""
    if isinstance(row, list):
        columns = sequence(content.get("result_columns"), "result_columns")
        known = dict(zip([str(column) for column in columns if isinstance(column, str)], row, strict=False))
        quartiles = list(zip(_flat(known, "stats_q_25"), _flat(known, "stats_q_75"), strict=False))
        repeats = _flat(known, "stats_repeat")
    else:
        known = dict(row) if isinstance(row, dict) else {"result": row}
        versions = optional_mapping(content.get("benchmark_version"))
        known["version"] = versions.get(name)
        stats = [optional_mapping(one) for one in _flat(known, "stats")]
        quartiles = [(one.get("q_25"), one.get("q_75")) for one in stats]
        repeats = [one.get("repeat") for one in stats]
    values = known.get("result")
    return _Result(
        name=name,
        values=values if isinstance(values, list) else [values],
        parameters=[sequence(one, f"{clean(name)}: params") for one in _flat(known, "params")],
        version=optional_text(known.get("version")),
        samples=_flat(known, "samples"),
        quartiles=quartiles,
        repeats=repeats,
    )


def _flat(row: dict[str, Any], column: str) -> list[Any]:
    value = row.get(column)
    return value if isinstance(value, list) else []


def _read_result(result: _Result, known: dict[str, Any], tally: Tally) -> None:
    kind = optional_text(known.get("type")) or _kind(result.name)
    measured, factor = _metric(kind, optional_text(known.get("unit")))
    names = [one if isinstance(one, str) else "" for one in _flat(known, "param_names")]
    combinations = list(_combinations(result))
    if result.values == [None]:
        tally.fail(clean(result.name), "The benchmark failed, or took longer than its timeout.")
        return
    if len(combinations) != len(result.values):
        raise ShapeError(
            f"{clean(result.name)} has {len(result.values)} results for {len(combinations)} combinations of parameters"
        )
    for at, (combination, value) in enumerate(zip(combinations, result.values, strict=True)):
        benchmark = _benchmark(result, combination, names)
        if value is None:
            tally.fail(benchmark.name, "The benchmark failed, or took longer than its timeout.")
        elif not (isinstance(value, float) and math.isnan(value)):
            _add(tally, benchmark, measured, factor, result, at)


def _add(tally: Tally, benchmark: Benchmark, measured: Metric, factor: float, result: _Result, at: int) -> None:
    value = number(result.values[at], f"{benchmark.name}: result")
    signed = value < 0 and measured.name == "value"
    if signed:
        measured = metric(measured.name, measured.unit, signed=True)
    raw = result.samples[at] if at < len(result.samples) else None
    if isinstance(raw, list) and raw:
        sample = summarise(raw, f"{benchmark.name}: samples", factor=factor, signed=signed)
    else:
        sample = single(value, f"{benchmark.name}: result", factor=factor, signed=signed)
        repeats = optional_count(result.repeats[at]) if at < len(result.repeats) else 0
        if sample.rounds and repeats > 1:
            spread = _spread(result.quartiles[at]) if at < len(result.quartiles) else math.nan
            sample = Sample(sample.value, repeats, factor * spread)
    tally.add(benchmark, measured, sample)


def _spread(quartiles: tuple[Any, Any]) -> float:
    low, high = (optional_number(value) for value in quartiles)
    return math.nan if low is None or high is None else max(0.0, high - low) / _IQR_OF_A_NORMAL


def _combinations(result: _Result) -> Iterator[tuple[str, ...]]:
    size = math.prod(len(one) for one in result.parameters)
    if size > _MOST_COMBINATIONS:
        raise ShapeError(f"{clean(result.name)} claims {size} combinations of parameters")
    shown = [
        [clean(one if isinstance(one, str) else "…", _LONGEST_PARAMETER) for one in values]
        for values in result.parameters
    ]
    return itertools.product(*shown)


def _benchmark(result: _Result, combination: tuple[str, ...], names: Sequence[str]) -> Benchmark:
    suffix = f"({', '.join(combination)})" if combination else ""
    labels = itertools.chain(names, (f"param{index}" for index in itertools.count(len(names) + 1)))
    module = result.name.partition(".")[0] if "." in result.name else None
    return Benchmark(
        name=clean(result.name + suffix),
        service=clean(module) if module else None,
        parameters=tuple((clean(label), value) for label, value in zip(labels, combination, strict=False)),
        version=clean(result.version) if result.version else None,
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
        try:
            return optional_mapping(load(folder / INDEX).json)
        except InputError:
            continue
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
