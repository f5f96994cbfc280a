"""hyperfine 1 and 2 (`--export-json`).

A benchmark is named by its command (or `-n` name) and, in a parameter scan, the parameters. A command with an exit
code other than 0 failed, whatever `-i` let pass, unless every run of it ended with the same code, as those of a linter
do: it is compared with a side that ends with that code alone (`sides`). Without a shell's start-up, which version 1
subtracts, times can be exactly 0.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean, exit_version, with_parameters
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import reported, single, summarise
from regress_action.formats.shape import (
    lenient_number,
    mapping,
    optional_mapping,
    optional_text,
    sequence,
    text,
)
from regress_action.formats.units import base_unit, metric
from regress_action.model.measurements import Benchmark, Environment

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Report

TITLE = "hyperfine"
WRITTEN_BY = "hyperfine --export-json results.json COMMAND"
_NAMES = {"time_wall_clock": "time", "time_cpu": "cpu_time", "memory_peak_resident": "peak_memory"}
_PARTS = frozenset({"time_user", "time_system", "exit_code"})  # their sum is time_cpu
_TIME = metric("time", "s")
_CPU_TIME = metric("cpu_time", "s")
_PEAK_MEMORY = metric("peak_memory", "B")
_LONGEST_PARAMETER = 100
_SIGNALLED = 128
_USAGE_CODES = range(1, 126)  # 126 and 127: the shell could not start it


def sniff(document: Document) -> bool:
    """Whether the file is a version 2 export, or holds the times of commands."""
    content = document.json
    if not isinstance(content, dict) or not isinstance(content.get("results"), list):
        return False
    if "hyperfine_version" in optional_mapping(content.get("metadata")):
        return True
    first = content["results"][0] if content["results"] else {"command": "", "mean": 0}
    return isinstance(first, dict) and {"command", "mean"} <= first.keys() and len(content) == 1


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    content = mapping(document.json, "the file")
    builder = ReportBuilder()
    for where, result in builder.objects(content.get("results"), "results"):
        with builder.tolerant():
            _read_result(result, where, builder)
    return (builder.report(document, TITLE, _origin(content)),)


def _read_result(result: dict[str, Any], where: str, builder: ReportBuilder) -> None:
    """Read one command: its failure, else its rounds."""
    codes = _exit_codes(result, where)
    failed = any(code != 0 for code in codes)
    shared = failed and _same_good_code(codes)
    entry = builder.benchmark(_benchmark(result, where, exit_version(codes[0]) if shared else None))
    if failed and not shared:
        entry.fail(_failure(codes))
        return
    if shared:
        builder.warn(
            f"{entry.benchmark.name} ended with {exit_version(codes[0])} in every run; it is compared with runs that "
            "end so alone."
        )
    if "measurements" in result:
        _read_measurements(sequence(result["measurements"], f"{where}.measurements"), entry, where)
    else:
        _read_times(result, entry, where)


def _same_good_code(codes: list[object]) -> bool:
    """Whether every run ended with one and the same code of the program's own."""
    first = codes[0]
    return type(first) is int and first in _USAGE_CODES and len(codes) > 1 and all(code == first for code in codes)


def _benchmark(result: dict[str, Any], where: str, version: str | None) -> Benchmark:
    name = text(result.get("name") or result.get("command"), f"{where}.command")
    parameters = tuple(
        (clean(key), clean(str(_parameter(value)), _LONGEST_PARAMETER))
        for key, value in sorted(optional_mapping(result.get("parameters")).items())
    )
    return Benchmark(with_parameters(name, parameters), parameters=parameters, version=version)


def _parameter(value: object) -> object:
    inner = value.get("value") if isinstance(value, dict) else value
    return inner if isinstance(inner, str | float) or (type(inner) is int and abs(inner) < 10**18) else "…"


def _exit_codes(result: dict[str, Any], where: str) -> list[object]:
    if "measurements" in result:
        rows = sequence(result["measurements"], f"{where}.measurements")
        return [optional_mapping(row).get("exit_code", 0) for row in rows]
    return sequence(result.get("exit_codes") or [], f"{where}.exit_codes")


def _failure(codes: list[object]) -> str:
    counts = Counter(code if type(code) is int else None for code in codes)
    listed = ", ".join(f"{_code(code)} ({times} of {len(codes)} runs)" for code, times in counts.items() if code != 0)
    return f"The command failed: {listed}."


def _code(code: int | None) -> str:
    if code is None:
        return "ended by a signal"
    if not 0 <= code < 2 * _SIGNALLED:
        return "an exit code out of range"
    return f"exit code {code}" if code <= _SIGNALLED else f"exit code {code}, signal {code - _SIGNALLED}"


def _read_times(result: dict[str, Any], entry: Entry, where: str) -> None:
    times = result.get("times")
    if isinstance(times, list) and times:
        sample = summarise(times, f"{where}.times")
    else:
        middle = result.get("median")
        sample = single(result.get("mean") if middle is None else middle, f"{where}.mean")
    entry.add(_TIME, sample)
    user, system = (lenient_number(result.get(key)) for key in ("user", "system"))
    if user is not None and system is not None and sample.rounds:
        entry.add(_CPU_TIME, reported(user + system, f"{where}.user + system", rounds=sample.rounds))
    sizes = result.get("memory_usage_byte")
    if isinstance(sizes, list) and sizes:
        entry.add(_PEAK_MEMORY, summarise(sizes, f"{where}.memory_usage_byte"))


def _read_measurements(rows: list[Any], entry: Entry, where: str) -> None:
    """Read version 2, where every round has all metrics, each with its unit."""
    values: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        for key, value in optional_mapping(row).items():
            if key not in _PARTS:
                name, unit, number = _value(key, value)
                values.setdefault((name, unit), []).append(number)
    for (name, unit), rounds in values.items():
        entry.add(metric(name, unit), summarise(rounds, f"{where}: {name}"))


def _value(key: str, value: object) -> tuple[str, str, object]:
    """Return the name, the base unit and the number of one metric of one round; None where it holds no number."""
    fields = optional_mapping(value)
    unit, factor = base_unit(optional_text(fields.get("unit")) or ("second" if key.startswith("time_") else "count"))
    number = lenient_number(fields.get("value"))
    return clean(_NAMES.get(key, key)), clean(unit), None if number is None else number * factor


def _origin(content: dict[str, Any]) -> FileOrigin:
    metadata = optional_mapping(content.get("metadata"))
    platform = optional_mapping(metadata.get("platform"))
    system = [optional_text(platform.get(key)) for key in ("os", "architecture")]
    version = optional_text(metadata.get("hyperfine_version"))
    return FileOrigin(
        created=optional_text(metadata.get("start_time")),
        environment=Environment(os=" ".join(filter(None, system)) or "unknown"),
        provenance=(("tool", f"{TITLE} {version}"),) if version else (),
    )
