"""One run of a measurement: what the monitor saw of it, and what its result file says."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from itertools import islice
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
from regress_action.model.measurements import Benchmark, Failure, Metric, Report, Run, Series
from regress_action.model.resources import Doing, RunResources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SOURCE = "measurement"
LONGEST_LABEL = 200
SHORTEST_S = 1e-6
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
_LARGEST_AMOUNT = 1e18
_SMALLEST_CPU_LIMIT = 1e-3
_MOST_FAILURES = 50
_FAILED = re.compile(r"^(?:FAILED|ERROR) (?P<node>[^\s:]+\.py::.+?)(?: - (?P<reason>.*))?$", re.MULTILINE)


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
    if not samples or samples < 1 or not wall_s or wall_s < SHORTEST_S or run.get("failure") is not None:
        return None

    def shares(key: str) -> dict[Doing, float]:
        counts = optional_mapping(seen.get(key))
        return {doing: _amount(counts.get(doing)) / samples for doing in Doing}

    def number(key: str) -> float:
        return _amount(seen.get(key)) or _amount(run.get(key))

    return RunResources(
        side=clean(optional_text(run.get("side")) or "unknown"),
        pair=_pair(run),
        wall_s=_amount(wall_s),
        moments=shares("moments"),
        threads=shares("threads"),
        samples=int(samples),
        timed_locks=number("timed_locks") / samples,
        locked_files=number("locked_files") / samples,
        cpus=max(1.0, number("cpus") or math.inf),
        peak_memory=number("peak_rss_bytes"),
        cpu_limit=_limit(seen.get("cpu_limit"), _SMALLEST_CPU_LIMIT),
        memory_limit=_limit(seen.get("memory_limit_bytes"), 1.0),
        **{name: number(name) for name in _COUNTED},
    )


def _amount(value: object) -> float:
    """Return an amount of which sums and differences are finite, 0 for what is none."""
    return min(max(0.0, optional_number(value) or 0.0), _LARGEST_AMOUNT)


def _limit(value: object, smallest: float) -> float | None:
    """Return a limit that something may be divided by, None where there is none."""
    amount = _amount(value)
    return amount if amount >= smallest else None


def report_of(folder: Path, run: dict[str, Any], session: str, plain: Benchmark | None) -> Report:
    """Return the report of one run, with its place in the measurement.

    With `plain` the process itself is that benchmark; otherwise its result file counts. A run without a readable
    result is a failed run that says why. One whose command failed has the values of the benchmarks that it measured,
    unless its file ends in the middle.
    """
    failure = _failure(run)
    report = Report((), (Run(),), source=SOURCE)
    if failure is None or (run.get("result") is not None and not plain):
        try:
            report = _process(run, plain) if plain else _result(folder, run.get("result"), complete=failure is not None)
        except InputError as error:
            failure = f"{failure}. {clean(error.what)}" if failure else clean(error.what)
    place = Run(
        session=clean(session, LONGEST_LABEL),
        pair=_pair(run),
        started=utc(optional_text(run.get("started"))),
        wall_s=optional_number(run.get("wall_s")),
        failure=failure,
        position=_position(run),
    )
    if failure and report.series and not report.failures:
        report = replace(report, failures=tuple(_failures_in(run.get("output_tail"))))
    return replace(report, runs=(place,))


def _failures_in(printed: object) -> Iterator[Failure]:
    """Yield the benchmarks that pytest names as failed at the end of what a run printed; its result file has none."""
    for match in islice(_FAILED.finditer(optional_text(printed) or ""), _MOST_FAILURES):
        yield Failure(clean(match["node"]), clean(match["reason"] or "It failed."))


def _failure(run: dict[str, Any]) -> str | None:
    reason = optional_text(run.get("failure"))
    return clean(reason) if reason else None


def _position(run: dict[str, Any]) -> int | None:
    """Return 0 for the run that was the first of its pair, 1 for the second, None for anything else."""
    position = optional_number(run.get("position"))
    return int(position) if position in (0, 1) else None


def _pair(run: dict[str, Any]) -> int | None:
    pair = optional_number(run.get("pair"))
    return int(pair) if pair is not None and 0 <= pair < _MOST_PAIRS else None


def _result(folder: Path, result: object, *, complete: bool) -> Report:
    """Return what one process wrote, in a file or a folder of them; with `complete` none may end in the middle."""
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
    reports = [report for file in files for report in _reports(file, alone=len(files) == 1, complete=complete)]
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


def _reports(file: Path, *, alone: bool, complete: bool) -> tuple[Report, ...]:
    document = load(file)
    if complete and document.json is None and document.xml is None and not document.text.endswith("\n"):
        raise InputError(f"Its result file {clean(file.name)} ends in the middle of a line.")
    try:
        return read_document(document)
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
