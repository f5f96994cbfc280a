"""What `measure` left behind: a folder with an index and the result file of every run of head and base."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from regress_action.formats.document import load
from regress_action.formats.measured_run import LONGEST_LABEL, SHORTEST_S, SOURCE, Execution, execution_of, report_of
from regress_action.formats.naming import clean
from regress_action.formats.readers import gnu_time, hyperfine, perf_stat
from regress_action.formats.report_builder import utc
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
from regress_action.model.errors import InputError
from regress_action.model.measurements import (
    COMPILED,
    MOST_PLANNED_PAIRS,
    Benchmark,
    Conditions,
    Environment,
    Report,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

INDEX = "measurement.json"
SCHEMA = 1
_HEAD = "head"
_BASE = "base"
_MOST_FILES = 3
_MOST_WARNINGS = 20
_LONGEST_NAME = 100
_LONGEST_S = 1e3
_MOST_SAVED_S = 1e8
_ANY_PROGRAM = (SOURCE, gnu_time.TITLE, hyperfine.TITLE, perf_stat.TITLE)  # measure programs of every kind
_PLANNED_ENDS = frozenset({"complete", "budget", "decided"})


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
    suite = clean(optional_text(content.get("suite")) or "default", LONGEST_LABEL)
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
        name: clean(value, LONGEST_LABEL)
        for name in ("runner", "os", "cpu", "memory", "runtime", "toolchain")
        if (value := optional_text(fields.get(name)))
    }
    return Environment(cores=optional_count(fields.get("cores")), **texts)


def _label(value: object) -> str | None:
    label = optional_text(value)
    return clean(label, LONGEST_LABEL) if label else None


def _conditions(content: dict[str, Any]) -> Conditions:
    """Return what the measurement tells of its machine; nothing of a probe where an older version measured.

    Steal is set against the CPU time wanted, that of the runs and what was taken from them, because a machine of many
    cores on which one works would make little of it.
    """
    probe = optional_mapping(content.get("probe"))
    looks = _objects(probe.get("looks"))
    times = [time for time in _numbers(looks, "median_s") if SHORTEST_S <= time <= _LONGEST_S]
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
