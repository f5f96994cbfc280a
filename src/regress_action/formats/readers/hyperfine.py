"""hyperfine 1 and 2 (`--export-json`).

A benchmark is named by its command (or `-n` name) and, in a parameter scan, the parameters. A command with an
exit code other than 0 failed, whatever `-i` let pass. Without a shell's start-up, which version 1 subtracts,
times can be exactly 0.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import Sample, single, summarise
from regress_action.formats.shape import (
    mapping,
    number,
    optional_mapping,
    optional_text,
    sequence,
    text,
)
from regress_action.formats.units import base_unit, metric
from regress_action.model.measurements import Benchmark, Environment

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "hyperfine"
_NAMES = {"time_wall_clock": "time", "time_cpu": "cpu_time", "memory_peak_resident": "peak_memory"}
_PARTS = frozenset({"time_user", "time_system", "exit_code"})  # their sum is time_cpu
_TIME = metric("time", "s")
_CPU_TIME = metric("cpu_time", "s")
_PEAK_MEMORY = metric("peak_memory", "B")
_LONGEST_PARAMETER = 100
_SIGNALLED = 128


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
    for index, entry in enumerate(sequence(content.get("results"), "results")):
        where = f"results[{index}]"
        result = mapping(entry, where)
        benchmark = _benchmark(result, where)
        codes = _exit_codes(result, where)
        if any(code != 0 for code in codes):
            builder.fail(benchmark.name, _failure(codes))
        elif "measurements" in result:
            _read_measurements(sequence(result["measurements"], f"{where}.measurements"), benchmark, where, builder)
        else:
            _read_times(result, benchmark, where, builder)
    return (builder.report(document.path, TITLE, _origin(content)),)


def _benchmark(result: dict[str, Any], where: str) -> Benchmark:
    name = text(result.get("name") or result.get("command"), f"{where}.command")
    parameters = tuple(
        (clean(key), clean(str(_parameter(value)), _LONGEST_PARAMETER))
        for key, value in sorted(optional_mapping(result.get("parameters")).items())
    )
    shown = ", ".join(f"{key}={value}" for key, value in parameters)
    return Benchmark(clean(f"{name} [{shown}]" if shown else name), parameters=parameters)


def _parameter(value: object) -> object:
    inner = value.get("value") if isinstance(value, dict) else value
    return "…" if isinstance(inner, list | dict) else inner


def _exit_codes(result: dict[str, Any], where: str) -> list[object]:
    if "measurements" in result:
        rows = sequence(result["measurements"], f"{where}.measurements")
        return [mapping(row, f"{where}.measurements").get("exit_code", 0) for row in rows]
    return sequence(result.get("exit_codes") or [], f"{where}.exit_codes")


def _failure(codes: list[object]) -> str:
    counts = Counter(code if isinstance(code, int) else None for code in codes)
    listed = ", ".join(f"{_code(code)} ({times} of {len(codes)} runs)" for code, times in counts.items() if code != 0)
    return f"The command failed: {listed}."


def _code(code: int | None) -> str:
    if code is None:
        return "ended by a signal"
    return f"exit code {code}" if code <= _SIGNALLED else f"exit code {code}, signal {code - _SIGNALLED}"


def _read_times(result: dict[str, Any], benchmark: Benchmark, where: str, builder: ReportBuilder) -> None:
    times = result.get("times")
    if times:
        sample = summarise(sequence(times, f"{where}.times"), f"{where}.times")
    else:
        middle = result.get("median")
        sample = single(result.get("mean") if middle is None else middle, f"{where}.mean")
    builder.add(benchmark, _TIME, sample)
    if result.get("user") is not None and result.get("system") is not None:
        seconds = number(result["user"], f"{where}.user") + number(result["system"], f"{where}.system")
        mean = single(seconds, f"{where}.user + system")
        builder.add(benchmark, _CPU_TIME, Sample(mean.value, mean.rounds and sample.rounds, dropped=mean.dropped))
    if sizes := result.get("memory_usage_byte"):
        place = f"{where}.memory_usage_byte"
        builder.add(benchmark, _PEAK_MEMORY, summarise(sequence(sizes, place), place))


def _read_measurements(rows: list[Any], benchmark: Benchmark, where: str, builder: ReportBuilder) -> None:
    values: dict[tuple[str, str], list[float]] = {}
    for index, row in enumerate(rows):
        for key, value in mapping(row, f"{where}.measurements[{index}]").items():
            if key not in _PARTS:
                _read_value(key, value, f"{where}.measurements[{index}].{clean(key)}", values)
    for (name, unit), rounds in values.items():
        builder.add(benchmark, metric(name, unit), summarise(rounds, f"{where}: {name}"))


def _read_value(key: str, value: object, where: str, values: dict[tuple[str, str], list[float]]) -> None:
    fields = mapping(value, where)
    unit, factor = base_unit(text(fields.get("unit"), f"{where}.unit"))
    seconds = factor * number(fields.get("value"), f"{where}.value")
    values.setdefault((clean(_NAMES.get(key, key)), clean(unit)), []).append(seconds)


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
