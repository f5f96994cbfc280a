"""One run of a measurement: what the monitor saw of it, and what its result file says."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from regress_action.formats.document import load
from regress_action.formats.naming import clean
from regress_action.formats.readers import criterion, junit
from regress_action.formats.registry import UnknownFormatError, read_document
from regress_action.formats.report_builder import utc
from regress_action.formats.rounds import single
from regress_action.formats.shape import optional_mapping, optional_number, optional_text
from regress_action.formats.stacking import side_by_side
from regress_action.formats.units import metric
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series
from regress_action.model.resources import Doing, RunResources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SOURCE = "measurement"
_LONGEST_LABEL = 200
_MOST_PAIRS = 1_000_000
_PROCESS = (
    (metric("time", "s"), ("wall_s",)),
    (metric("cpu_time", "s"), ("user_s", "system_s")),
    (metric("peak_memory", "B"), ("peak_rss_bytes",)),
)
_COUNTED = (
    "user_s", "system_s", "minor_faults", "major_faults", "voluntary_switches", "involuntary_switches", "calls",
    "read_bytes", "write_bytes", "throttled_s", "throttled_periods", "periods", "memory_limit_hits", "swap_bytes",
    "swapped_pages",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Execution:
    """One run as the monitor saw it: `numbers` holds what `measurement.json` tells in finite numbers of it."""

    side: str
    pair: int | None
    failure: str | None
    numbers: Mapping[str, float]
    resources: RunResources | None = None


def execution_of(run: dict[str, Any]) -> Execution:
    """Return what the index tells of a run."""
    return Execution(
        side=clean(optional_text(run.get("side")) or "unknown"),
        pair=_pair(run),
        failure=_failure(run),
        numbers={key: value for key in run if (value := optional_number(run[key])) is not None},
        resources=_resources(run),
    )


def _resources(run: dict[str, Any]) -> RunResources | None:
    """Return what a good run used and waited for, None where that was not sampled."""
    seen, wall_s = optional_mapping(run.get("resources")), optional_number(run.get("wall_s"))
    samples = optional_number(seen.get("samples"))
    if not samples or samples < 0 or not wall_s or wall_s <= 0 or run.get("failure") is not None:
        return None

    def shares(key: str) -> dict[Doing, float]:
        counts = optional_mapping(seen.get(key))
        return {doing: max(0.0, optional_number(counts.get(doing)) or 0.0) / samples for doing in Doing}

    def number(key: str) -> float:
        return max(0.0, optional_number(seen.get(key)) or optional_number(run.get(key)) or 0.0)

    return RunResources(
        side=clean(optional_text(run.get("side")) or "unknown"),
        pair=_pair(run),
        wall_s=wall_s,
        moments=shares("moments"),
        threads=shares("threads"),
        samples=int(samples),
        timed_locks=number("timed_locks") / samples,
        locked_files=number("locked_files") / samples,
        cpus=number("cpus") or math.inf,
        peak_memory=number("peak_rss_bytes"),
        cpu_limit=optional_number(seen.get("cpu_limit")),
        memory_limit=optional_number(seen.get("memory_limit_bytes")),
        **{name: number(name) for name in _COUNTED},
    )


def report_of(folder: Path, run: dict[str, Any], session: str, plain: Benchmark | None) -> Report:
    """Return the report of one run, with its place in the measurement.

    With `plain` the process itself is that benchmark; otherwise its result file counts. A run without a readable
    result is a failed run that says why.
    """
    failure = _failure(run)
    report = Report((), (Run(),), source=SOURCE)
    if failure is None:
        try:
            report = _process(run, plain) if plain else _result(folder, run.get("result"))
        except InputError as error:
            failure = clean(error.what)
    place = Run(
        session=clean(session, _LONGEST_LABEL),
        pair=_pair(run),
        started=utc(optional_text(run.get("started"))),
        wall_s=optional_number(run.get("wall_s")),
        failure=failure,
    )
    return replace(report, runs=(place,))


def _failure(run: dict[str, Any]) -> str | None:
    reason = optional_text(run.get("failure"))
    return clean(reason) if reason else None


def _pair(run: dict[str, Any]) -> int | None:
    pair = optional_number(run.get("pair"))
    return int(pair) if pair is not None and 0 <= pair < _MOST_PAIRS else None


def _result(folder: Path, result: object) -> Report:
    """Return what one process wrote, in one file or in several of a folder."""
    if not isinstance(result, str):
        raise InputError("The run ended well and left no result file.")
    try:
        files = _files(folder.resolve(), folder / result)
    except (OSError, ValueError, RuntimeError) as error:  # too long, a null byte or a surrogate, links in a circle
        raise InputError(f"The result {clean(result)} names no file: {error}.") from error
    if files is None:
        raise InputError(f"The result {clean(result)} lies outside of the measurement.")
    if (folder / result).is_dir() and criterion.holds_results(folder / result):
        return _only_run(criterion.read_folder(folder / result), result)
    reports = [report for file in files for report in _reports(file, alone=len(files) == 1)]
    benchmarks = [report for report in reports if report.source != junit.TITLE]
    reports = benchmarks or reports  # beside results, JUnit XML is the log of the tests that made them
    return _only_run(reports, result)


def _only_run(reports: Sequence[Report], result: str) -> Report:
    if any(len(report.runs) != 1 for report in reports):
        raise InputError(f"The result {clean(result)} holds more than the one run that made it.")
    return reports[0] if len(reports) == 1 else side_by_side(reports)


def _files(root: Path, path: Path) -> list[Path] | None:
    """Return the file or the files in the folder `path`; None when one is not below `root`.

    The measurement may be an artifact of a pull request.
    """
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return files if all(file.resolve().is_relative_to(root) for file in files) else None


def _reports(file: Path, *, alone: bool) -> tuple[Report, ...]:
    try:
        return read_document(load(file))
    except UnknownFormatError:
        if alone:
            raise
        return ()  # tables for people and logs lie beside results


def _process(run: dict[str, Any], benchmark: Benchmark) -> Report:
    series = (_process_series(run, benchmark, measured, keys) for measured, keys in _PROCESS)
    return Report(tuple(entry for entry in series if entry), (Run(),), source=SOURCE)


def _process_series(
    run: dict[str, Any], benchmark: Benchmark, measured: Metric, keys: tuple[str, ...]
) -> Series | None:
    values = [value for key in keys if (value := optional_number(run.get(key))) is not None]
    if len(values) < len(keys):
        return None
    sample = single(sum(values), ", ".join(keys))
    return Series(benchmark, measured, (sample.value,), (sample.rounds,), (sample.spread,), sample.dropped)
