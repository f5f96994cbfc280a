"""Criterion.rs: the folder `target/criterion`, the export of critcmp, and the JSON lines of cargo-criterion.

A benchmark is named by its `full_id`, never by its folder, whose name is cut. The value of a linear sample is the slope
of time over iterations, as Criterion itself reports it; of a flat one the median. Only `new/` counts; results that are
half a day older than the newest are left over from a benchmark that was not run, and are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regress_action.formats.document import Document, load
from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import Sample, reported, summarise
from regress_action.formats.shape import (
    ShapeError,
    lenient_number,
    mapping,
    optional_mapping,
    optional_text,
    sequence,
    text,
)
from regress_action.formats.units import base_unit, metric
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from regress_action.model.measurements import Report

TITLE = "Criterion.rs"
WRITTEN_BY = "cargo bench; name the folder target/criterion"
_TIME = metric("time", "s")
_NS = 1e-9
_STALE_S = 12 * 3600.0
_MOST_BENCHMARKS = 20_000
_COMPLETE = "benchmark-complete"


def holds_results(folder: Path) -> bool:
    """Whether `folder` is `target/criterion`, or one like it."""
    return next(_result_folders(folder), None) is not None


def read_folder(folder: Path) -> tuple[Report, ...]:
    """Return the one run whose results `folder` holds.

    Raises:
        InputError: It holds no usable value.
    """
    builder = ReportBuilder()
    folders = sorted(new for new, _ in zip(_result_folders(folder), range(_MOST_BENCHMARKS), strict=False))
    written = {new: (new / "estimates.json").stat().st_mtime for new in folders}
    newest = max(written.values(), default=0.0)
    for new in folders:
        try:
            if newest - written[new] > _STALE_S:
                hours = (newest - written[new]) / 3600
                builder.warn(f"{clean(new.parent.name)} is {hours:.0f} hours older than the newest result: left out.")
            else:
                with builder.tolerant():
                    _read_folder(new, builder)
        except InputError as error:
            builder.warn(error.what)
    try:
        return (builder.report(Document(folder, b""), TITLE, compiled=True),)
    except ShapeError as error:
        raise InputError(
            f"The folder {folder} of Criterion cannot be read: {error}.",
            remedy="Run `cargo bench` again, and name target/criterion.",
        ) from error


def sniff(document: Document) -> bool:
    """Whether the file is the export of critcmp, or the messages of cargo-criterion."""
    content, first = document.json, document.first_line
    if isinstance(first, dict) and "reason" in first:
        return any(line.get("reason") == _COMPLETE for line in document.json_lines)
    benchmarks = optional_mapping(content.get("benchmarks")) if isinstance(content, dict) else {}
    return "criterion_benchmark_v1" in optional_mapping(next(iter(benchmarks.values()), None))


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    if isinstance(document.json, dict) and "benchmarks" in document.json:
        for key, item in optional_mapping(document.json["benchmarks"]).items():
            with builder.tolerant():
                fields = mapping(item, clean(key))
                identity = mapping(fields.get("criterion_benchmark_v1"), f"{clean(key)}.criterion_benchmark_v1")
                entry = builder.benchmark(Benchmark(clean(optional_text(identity.get("full_id")) or key)))
                entry.add(_TIME, _estimate(mapping(fields.get("criterion_estimates_v1"), clean(key)), clean(key)))
    else:
        for line in document.json_lines:
            if line.get("reason") == _COMPLETE:
                with builder.tolerant():
                    _read_message(line, builder)
    return (builder.report(document, TITLE, compiled=True),)


def _result_folders(folder: Path) -> Iterator[Path]:
    return (path.parent for path in folder.rglob("estimates.json") if path.parent.name == "new")


def _read_folder(new: Path, builder: ReportBuilder) -> None:
    """Read one benchmark: its rounds from `sample.json`, else the estimate."""
    identity = mapping(load(new / "benchmark.json").json, "benchmark.json")
    entry = builder.benchmark(Benchmark(clean(text(identity.get("full_id"), "benchmark.json: full_id"))))
    where = entry.benchmark.name
    estimates = {key.lower(): value for key, value in mapping(load(new / "estimates.json").json, where).items()}
    sample = _estimate(estimates, where)
    if (new / "sample.json").is_file():
        rounds = _rounds(load(new / "sample.json").json, where)
        if rounds.rounds:
            linear = optional_mapping(estimates.get("slope")).get("point_estimate") is not None
            middle = sample.value if linear else rounds.value
            sample = Sample(middle, rounds.rounds, rounds.spread, rounds.dropped, rounds.problem)
    entry.add(_TIME, sample)


def _rounds(content: object, where: str) -> Sample:
    """Return the times per iteration; before version 0.4 the file was a list of iterations and a list of times."""
    if isinstance(content, list):
        content = dict(zip(("iters", "times"), content, strict=False))
    fields = mapping(content, f"{where}: sample.json")
    iterations, times = (sequence(fields.get(key), f"{where}: {key}") for key in ("iters", "times"))
    pairs = zip(map(lenient_number, times), map(lenient_number, iterations), strict=False)
    per_iteration = [time / count if time is not None and count else None for time, count in pairs]
    return summarise(per_iteration, f"{where}: times", factor=_NS)


def _estimate(estimates: dict[str, Any], where: str) -> Sample:
    """Return what Criterion calls typical: the slope where there is one, else the mean."""
    typical = optional_mapping(estimates.get("slope")) or optional_mapping(estimates.get("mean"))
    return reported(typical.get("point_estimate"), f"{where}: its estimate", factor=_NS)


def _read_message(line: dict[str, Any], builder: ReportBuilder) -> None:
    """Read a message of cargo-criterion."""
    entry = builder.benchmark(Benchmark(clean(text(line.get("id"), "id"))))
    where = entry.benchmark.name
    unit, factor = base_unit(optional_text(line.get("unit")) or "ns")
    typical = optional_mapping(line.get("typical")) or optional_mapping(line.get("mean"))
    rounds = line.get("measured_values")
    count = len(rounds) if isinstance(rounds, list) else None
    measured = metric("time" if unit == "s" else clean(unit), clean(unit))
    entry.add(measured, reported(typical.get("estimate"), f"{where}: typical", rounds=count, factor=factor))
