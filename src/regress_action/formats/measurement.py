"""What `measure` left behind: a folder with an index and the result file of every run of head and base.

* One run of a measurement: what the monitor saw of it, and what its result file says.
"""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import dataclass, field, replace
from itertools import islice
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from regress_action.formats.document import load
from regress_action.formats.naming import clean
from regress_action.formats.readers import criterion, gnu_time, hyperfine, junit, perf_stat
from regress_action.formats.registry import UnknownFormatError, read_document
from regress_action.formats.report_builder import utc
from regress_action.formats.rounds import single
from regress_action.formats.shape import (
    ShapeError,
    mapping,
    number,
    optional_count,
    optional_mapping,
    optional_number,
    optional_text,
    sequence,
    text,
)
from regress_action.formats.stacking import side_by_side, stack
from regress_action.formats.units import metric
from regress_action.model.errors import InputError
from regress_action.model.measurements import (
    COMPILED,
    MOST_PLANNED_PAIRS,
    Benchmark,
    Conditions,
    Environment,
    Failure,
    Metric,
    Report,
    Run,
    Series,
)
from regress_action.model.resources import Doing, RunResources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
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

INDEX = "measurement.json"
SCHEMA = 1
_HEAD = "head"
_BASE = "base"
_MOST_FILES = 3
_MOST_WARNINGS = 20
_LONGEST_NAME = 100
_SHORTEST_S, _LONGEST_S = 1e-6, 1e3
_MOST_SAVED_S = 1e8
_LARGEST_AMOUNT = 1e18
_SMALLEST_CPU_LIMIT = 1e-3
_ANY_PROGRAM = (SOURCE, gnu_time.TITLE, hyperfine.TITLE, perf_stat.TITLE)  # measure programs of every kind
_MOST_FAILURES = 50
_FAILED = re.compile(r"^(?:FAILED|ERROR) (?P<node>[^\s:]+\.py::.+?)(?: - (?P<reason>.*))?$", re.MULTILINE)
_PLANNED_ENDS = frozenset({"complete", "budget", "decided"})


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
    if not samples or samples < 1 or not wall_s or wall_s < _SHORTEST_S or run.get("failure") is not None:
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
        session=clean(session, _LONGEST_LABEL),
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


@dataclass(frozen=True, slots=True)
class Measurement:
    """The two sides of one measurement, the runs they have in common distinguished by `session` and pair."""

    head: Report
    base: Report | None
    session: str
    command: str
    suite: str = "default"
    labels: Mapping[str, str] = field(default_factory=dict)
    executions: tuple[Execution, ...] = ()
    monitor: Mapping[str, Any] = field(default_factory=dict)


def read_measurement(folder: Path) -> Measurement:
    """Read the measurement in `folder`, finished or not.

    A run whose result file is missing, damaged or of no known format is a failed run that says so. A command that
    writes no results is itself the benchmark, named after the suite or the command: `time`, `cpu_time` and
    `peak_memory` of its processes.

    Raises:
        InputError: There is no index, it is not one, or no run of the head is in it.
    """
    document = load(folder / INDEX)
    try:
        return _measurement(folder, _check_schema(mapping(document.json, "the file")))
    except ShapeError as error:
        raise InputError(
            f"{document.path} is not a measurement: {error}{document.problem and f' ({document.problem})'}.",
            meaning="It was changed by hand, or written by another version.",
            remedy="Measure again with this version of regress-action.",
        ) from error


def _check_schema(content: dict[str, Any]) -> dict[str, Any]:
    schema = number(content.get("schema"), "its schema")
    if schema != SCHEMA:
        raise ShapeError(f"its schema is {schema:g}, and {SCHEMA} is known here")
    return content


def _measurement(folder: Path, content: dict[str, Any]) -> Measurement:
    """Return the measurement of an index whose schema is known: a report per side."""
    runs = [mapping(run, f"runs[{at}]") for at, run in enumerate(sequence(content.get("runs"), "runs"))]
    command = _command(content.get("command"))
    suite = clean(optional_text(content.get("suite")) or "default", _LONGEST_LABEL)
    plain = Benchmark(suite if suite != "default" else clean(command)) if _is_plain(runs) else None
    sides = mapping(content.get("sides"), "sides")
    session = text(content.get("session"), "session")

    def side(name: str) -> Report | None:
        mine = sorted((run for run in runs if run.get("side") == name), key=_order)
        if not mine:
            return None
        reports = [report_of(folder, run, session, plain) for run in mine]
        compiled = any(run.get("compiled") is True for run in mine)
        return _side(reports, content, optional_mapping(sides.get(name)) | {"compiled": compiled}, suite, folder)

    head = side(_HEAD)
    if head is None:
        raise ShapeError("it holds no run of the head; the measurement was stopped before the first one ended")
    base = side(_BASE)
    return Measurement(
        head=replace(
            head,
            warnings=(*_warnings(content), *head.warnings),
            saved_s=_saved_s(content),
            planned_pairs=_planned_pairs(content) if base else None,
        ),
        base=base,
        session=session,
        command=command,
        suite=suite,
        labels={name: label for name in sides if (label := optional_text(optional_mapping(sides[name]).get("label")))},
        executions=tuple(map(execution_of, runs)),
        monitor=MappingProxyType(optional_mapping(content.get("monitor"))),
    )


def _warnings(content: dict[str, Any]) -> list[str]:
    warnings = [clean(text(warning, "warnings")) for warning in sequence(content.get("warnings", []), "warnings")]
    head = optional_mapping(optional_mapping(content.get("sides")).get("head"))
    if head.get("dirty") is True:
        warnings.insert(0, _uncommitted([name for name in sequence(head.get("changed", []), "changed") if name]))
    stopped = optional_mapping(content.get("stopped"))
    if optional_text(stopped.get("word")) in _PLANNED_ENDS:
        return warnings[:_MOST_WARNINGS]
    why = optional_text(stopped.get("why")) or "it was killed, or is still running"
    return [*warnings[:_MOST_WARNINGS], f"The measurement did not come to its planned end: {clean(why).rstrip('.')}."]


def _uncommitted(names: Sequence[object]) -> str:
    """Return the warning about files that no commit holds, with the first of their names."""
    shown = ", ".join(clean(text(name, "changed")) for name in names[:_MOST_FILES])
    more = " and others" if len(names) > _MOST_FILES else ""
    listed = f": {shown}{more}" if shown else ""
    return f"The head holds uncommitted changes or new files, which were measured with it{listed}."


def _command(command: object) -> str:
    if isinstance(command, list):
        return shlex.join(text(part, "command") for part in command)
    return text(command, "command")


def _is_plain(runs: list[dict[str, Any]]) -> bool:
    """Whether no run wrote results although one succeeded: then the command itself is the benchmark."""
    return all(run.get("result") is None for run in runs) and any(run.get("failure") is None for run in runs)


def _order(run: dict[str, Any]) -> tuple[float, float]:
    return optional_number(run.get("pair")) or 0.0, optional_number(run.get("position")) or 0.0


def _side(reports: list[Report], content: dict[str, Any], fields: dict[str, Any], suite: str, folder: Path) -> Report:
    """Return the report of one side, with what the index states of it in place of what its files state."""
    stacked = stack(reports)
    source = next((report.source for report in reports if report.source != SOURCE), SOURCE)
    environment = _environment(optional_mapping(content.get("environment")))
    dirty = (("dirty", "true"),) if fields.get("dirty") is True else ()
    compiled = (COMPILED,) if fields["compiled"] and source in _ANY_PROGRAM else ()
    return replace(
        stacked,
        suite=suite,
        commit=_label(fields.get("commit")) or stacked.commit,
        branch=_label(fields.get("branch")) or stacked.branch,
        created=utc(optional_text(content.get("created"))) or stacked.created,
        environment=environment if environment.is_known else _first_known(reports, environment),
        source=source,
        origin=clean(str(folder)),
        provenance=(*(pair for pair in stacked.provenance if pair[0] != "dirty"), *dirty, *compiled),
        conditions=(_conditions(content),),
    )


def _first_known(reports: list[Report], otherwise: Environment) -> Environment:
    return next((report.environment for report in reports if report.environment.is_known), otherwise)


def _environment(fields: dict[str, Any]) -> Environment:
    texts = {
        name: clean(value, _LONGEST_LABEL)
        for name in ("runner", "os", "cpu", "memory", "runtime")
        if (value := optional_text(fields.get(name)))
    }
    return Environment(cores=optional_count(fields.get("cores")), **texts)


def _label(value: object) -> str | None:
    label = optional_text(value)
    return clean(label, _LONGEST_LABEL) if label else None


def _conditions(content: dict[str, Any]) -> Conditions:
    """Return what the measurement tells of its machine; nothing of a probe where an older version measured.

    Steal is set against the CPU time wanted, that of the runs and what was taken from them, because a machine of many
    cores on which one works would make little of it.
    """
    probe = optional_mapping(content.get("probe"))
    looks = _objects(probe.get("looks"))
    times = [time for time in _numbers(looks, "median_s") if _SHORTEST_S <= time <= _LONGEST_S]
    spreads = _numbers(looks, "spread")
    steal = _steal(_objects(content.get("runs")))
    work = optional_text(probe.get("work"))
    if not (times and work):
        return Conditions(steal=steal)
    spread = median(spreads) if spreads else None
    return Conditions(clean(work, _LONGEST_NAME), median(times), min(times), max(times), spread, steal)


def _planned_pairs(content: dict[str, Any]) -> int | None:
    """Return how many pairs were planned, None where that is not told or nobody looked before the last one."""
    plan = optional_mapping(content.get("plan"))
    pairs = optional_count(plan.get("pairs"))
    return pairs if 1 <= pairs <= MOST_PLANNED_PAIRS and plan.get("looks") is not False else None


def _saved_s(content: dict[str, Any]) -> float | None:
    """Return the seconds that an early decision spared, None where none did."""
    saved = optional_number(optional_mapping(content.get("stopped")).get("saved_s"))
    return saved if saved and 0 < saved <= _MOST_SAVED_S else None


def _steal(runs: list[dict[str, Any]]) -> float | None:
    stolen, used = _numbers(runs, "steal_s"), _numbers(runs, "user_s") + _numbers(runs, "system_s")
    wanted = sum(stolen) + sum(used)
    share = sum(stolen) / wanted if stolen and wanted > 0 else -1.0
    return round(share, 4) if 0 <= share <= 1 else None


def _objects(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _numbers(objects: list[dict[str, Any]], key: str) -> list[float]:
    return [value for entry in objects if (value := optional_number(entry.get(key))) is not None]
