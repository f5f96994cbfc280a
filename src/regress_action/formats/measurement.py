"""What `measure` left behind: a folder with an index and the result file of every run of head and base."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from regress_action.errors import InputError
from regress_action.formats.document import load
from regress_action.formats.naming import clean
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
from regress_action.formats.stacking import stack
from regress_action.formats.tally import utc
from regress_action.formats.units import metric
from regress_action.samples import Benchmark, Environment, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INDEX = "measurement.json"
SOURCE = "measurement"
SCHEMA = 1
_HEAD = "head"
_BASE = "base"
_LONGEST_LABEL = 200
_MOST_WARNINGS = 20
_PLANNED_ENDS = frozenset({"complete", "budget", "decided"})
_MOST_PAIRS = 1_000_000
_PROCESS = (
    (metric("time", "s"), ("wall_s",)),
    (metric("cpu_time", "s"), ("user_s", "system_s")),
    (metric("peak_memory", "B"), ("peak_rss_bytes",)),
)


@dataclass(frozen=True, slots=True)
class Execution:
    """One run as the monitor saw it: `numbers` holds what `measurement.json` tells in finite numbers of it."""

    side: str
    pair: int | None
    failure: str | None
    numbers: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Measurement:
    """The two sides of one measurement, the runs they have in common told apart by `session` and pair."""

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
        return _measurement(folder, _known(mapping(document.json, "the file")))
    except ShapeError as error:
        raise InputError(
            f"{document.path} is not a measurement: {error}{document.problem and f' ({document.problem})'}.",
            meaning="It was changed by hand, or written by another version.",
            remedy="Measure again with this version of regress-action.",
        ) from error


def _known(content: dict[str, Any]) -> dict[str, Any]:
    schema = number(content.get("schema"), "its schema")
    if schema != SCHEMA:
        raise ShapeError(f"its schema is {schema:g}, and {SCHEMA} is known here")
    return content


def _measurement(folder: Path, content: dict[str, Any]) -> Measurement:
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
        reports = [_report(folder, run, session, plain) for run in mine]
        return _side(reports, content, optional_mapping(sides.get(name)), suite, folder)

    head = side(_HEAD)
    if head is None:
        raise ShapeError("it holds no run of the head; the measurement was stopped before the first one ended")
    return Measurement(
        head=replace(head, warnings=(*_warnings(content), *head.warnings)),
        base=side(_BASE),
        session=session,
        command=command,
        suite=suite,
        labels={name: label for name in sides if (label := optional_text(optional_mapping(sides[name]).get("label")))},
        executions=tuple(map(_execution, runs)),
        monitor=MappingProxyType(optional_mapping(content.get("monitor"))),
    )


def _warnings(content: dict[str, Any]) -> list[str]:
    told = [clean(text(warning, "warnings")) for warning in sequence(content.get("warnings", []), "warnings")]
    stopped = optional_mapping(content.get("stopped"))
    if optional_text(stopped.get("word")) in _PLANNED_ENDS:
        return told[:_MOST_WARNINGS]
    why = optional_text(stopped.get("why")) or "it was killed, or is still running"
    return [*told[:_MOST_WARNINGS], f"The measurement did not come to its planned end: {clean(why)}."]


def _command(command: object) -> str:
    if isinstance(command, list):
        return shlex.join(text(part, "command") for part in command)
    return text(command, "command")


def _is_plain(runs: list[dict[str, Any]]) -> bool:
    """Whether no run wrote results although one succeeded: then the command itself is the benchmark."""
    return not any(run.get("result") for run in runs) and any(run.get("failure") is None for run in runs)


def _order(run: dict[str, Any]) -> tuple[float, float]:
    return optional_number(run.get("pair")) or 0.0, optional_number(run.get("position")) or 0.0


def _pair(run: dict[str, Any]) -> int | None:
    pair = optional_number(run.get("pair"))
    return int(pair) if pair is not None and 0 <= pair < _MOST_PAIRS else None


def _report(folder: Path, run: dict[str, Any], session: str, plain: Benchmark | None) -> Report:
    """Return the report of one run, with the run's place in the measurement."""
    failure = optional_text(run.get("failure"))
    report = Report((), (Run(),), source=SOURCE)
    if failure is None:
        try:
            report = _process_report(run, plain) if plain else _result(folder, run.get("result"))
        except InputError as error:
            failure = error.what
    place = Run(
        session=clean(session, _LONGEST_LABEL),
        pair=_pair(run),
        started=utc(optional_text(run.get("started"))),
        wall_s=optional_number(run.get("wall_s")),
        failure=clean(failure) if failure else None,
    )
    return replace(report, runs=(place,))


def _result(folder: Path, result: object) -> Report:
    from regress_action.formats.reading import read  # it reads measurements in turn

    if not isinstance(result, str):
        raise InputError("The run ended well and left no result file.")
    path = folder / result
    # the folder may be an artifact that a stranger made
    if not path.resolve().is_relative_to(folder.resolve()) or path.name == INDEX:
        raise InputError(f"The result {clean(result)} lies outside of the measurement.")
    reports = read(path)
    if len(reports) != 1 or len(reports[0].runs) != 1:
        raise InputError(f"The result {clean(result)} holds more than the one run that made it.")
    return reports[0]


def _process_report(run: dict[str, Any], benchmark: Benchmark) -> Report:
    series = [made for measured, keys in _PROCESS if (made := _process_series(run, benchmark, measured, keys))]
    return Report(tuple(series), (Run(),), source=SOURCE)


def _process_series(
    run: dict[str, Any], benchmark: Benchmark, measured: Metric, keys: tuple[str, ...]
) -> Series | None:
    told = [optional_number(run.get(key)) for key in keys]
    known = [value for value in told if value is not None]
    if len(known) < len(keys):
        return None
    sample = single(sum(known), ", ".join(keys))
    return Series(benchmark, measured, (sample.value,), (sample.rounds,), (sample.spread,), sample.dropped)


def _side(reports: list[Report], content: dict[str, Any], told: dict[str, Any], suite: str, folder: Path) -> Report:
    stacked = stack(reports)
    source = next((report.source for report in reports if report.source != SOURCE), SOURCE)
    environment = _environment(optional_mapping(content.get("environment")))
    dirty = (("dirty", "true"),) if told.get("dirty") is True else ()
    return replace(
        stacked,
        suite=suite,
        commit=_label(told.get("commit")) or stacked.commit,
        branch=_label(told.get("branch")) or stacked.branch,
        created=utc(optional_text(content.get("created"))) or stacked.created,
        environment=environment if environment.known else _first_known(reports, environment),
        source=source,
        origin=clean(str(folder)),
        provenance=tuple(pair for pair in stacked.provenance if pair[0] != "dirty") + dirty,
    )


def _first_known(reports: list[Report], otherwise: Environment) -> Environment:
    return next((report.environment for report in reports if report.environment.known), otherwise)


def _environment(told: dict[str, Any]) -> Environment:
    texts = {
        name: clean(value, _LONGEST_LABEL)
        for name in ("runner", "os", "cpu", "memory", "runtime")
        if (value := optional_text(told.get(name)))
    }
    return Environment(cores=optional_count(told.get("cores")), **texts)


def _label(value: object) -> str | None:
    told = optional_text(value)
    return clean(told, _LONGEST_LABEL) if told else None


def _execution(run: dict[str, Any]) -> Execution:
    numbers = {key: value for key in run if (value := optional_number(run[key])) is not None}
    failure = optional_text(run.get("failure"))
    return Execution(
        side=clean(optional_text(run.get("side")) or "unknown"),
        pair=_pair(run),
        failure=clean(failure) if failure else None,
        numbers=numbers,
    )
