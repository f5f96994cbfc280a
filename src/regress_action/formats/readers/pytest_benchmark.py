"""pytest-benchmark, versions 2 to 5 (`--benchmark-json`, `--benchmark-save`).

One file is one run. A benchmark is named by `fullname`; its service is its group, else its module without
`test_` and `bench_`. Numbers in `extra_info` become metrics when their key ends in a unit (`units.metric_from_key`).
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import Sample, reported, single, summarise
from regress_action.formats.shape import (
    mapping,
    optional_count,
    optional_mapping,
    optional_text,
    text,
)
from regress_action.formats.units import metric, metric_from_key
from regress_action.model.measurements import Benchmark, Environment, Location

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.formats.document import Document
    from regress_action.model.measurements import Metric, Report

TITLE = "pytest-benchmark"
WRITTEN_BY = "pytest --benchmark-json=results.json"
_TIME = metric("time", "s")
_CPU_TIME = metric("cpu_time", "s")
_CPU_TIMERS = frozenset({"process_time", "thread_time"})
_AFFIX = re.compile(r"^(test|bench(mark)?|perf)_|_(test|bench(mark)?|perf)$")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_LONGEST_PARAMETER = 100
_NOWHERE = frozenset({"unversioned", "(unknown)", "(detached head)"})


def sniff(document: Document) -> bool:
    """Whether the file has the three parts that this tool alone writes together."""
    content = document.json
    return isinstance(content, dict) and {"benchmarks", "machine_info", "commit_info"} <= content.keys()


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    content = mapping(document.json, "the file")
    builder = ReportBuilder()
    for where, entry in builder.objects(content.get("benchmarks"), "benchmarks"):
        with builder.tolerant():
            _read_benchmark(entry, where, builder)
    return (builder.report(document, TITLE, _origin(content)),)


def _read_benchmark(entry: dict[str, Any], where: str, builder: ReportBuilder) -> None:
    fullname = text(entry.get("fullname") or entry.get("name"), f"{where}.fullname")
    benchmark = builder.benchmark(
        _benchmark(fullname, optional_text(entry.get("group")), _parameters(entry.get("params")))
    )
    if entry.get("stats") is None:
        benchmark.fail("The benchmark raised before it was timed.")
        return
    timer = optional_text(optional_mapping(entry.get("options")).get("timer"))
    main = _CPU_TIME if timer in _CPU_TIMERS else _TIME
    benchmark.add(main, _sample(mapping(entry["stats"], f"{where}.stats"), f"{where}.stats"))
    for measured, sample in _extras(optional_mapping(entry.get("extra_info")), main, f"{where}.extra_info"):
        benchmark.add(measured, sample)


def _sample(stats: dict[str, Any], where: str) -> Sample:
    data = stats.get("data")
    # a file that was cut for publication keeps fewer rounds than its own median stands for
    if isinstance(data, list) and data and stats.get("rounds", len(data)) == len(data):
        return summarise(data, f"{where}.data")
    middle = stats.get("median", stats.get("mean"))
    return reported(middle, f"{where}.median", rounds=stats.get("rounds"), spread=stats.get("stddev"))


def _extras(info: dict[str, Any], main: Metric, where: str) -> Iterator[tuple[Metric, Sample]]:
    """Yield the numbers of `extra_info` whose key has a unit; two keys of one stem keep their whole keys as names."""
    named = {key: parts for key in map(clean, info) if (parts := metric_from_key(key))}
    stems = Counter([main.name, *(measured.name for measured, _ in named.values())])
    for raw, value in info.items():
        key = clean(raw)
        if key in named and isinstance(value, int | float | str) and not isinstance(value, bool):
            measured, factor = named[key]
            name = key if stems[measured.name] > 1 else measured.name
            yield (
                replace(measured, name=name),
                single(value, f"{where}.{key}", factor=factor, signed=measured.signed),
            )


@functools.lru_cache(maxsize=4096)
def _benchmark(fullname: str, group: str | None, parameters: tuple[tuple[str, str], ...]) -> Benchmark:
    path = PurePosixPath(fullname.partition("::")[0])
    inside = path.suffix == ".py" and not path.is_absolute() and ".." not in path.parts
    service = group or (_AFFIX.sub("", path.stem) if inside else None)
    return Benchmark(
        name=clean(fullname),
        service=clean(service) if service else None,
        parameters=parameters,
        location=Location(clean(str(path))) if inside else None,
    )


def _parameters(params: object) -> tuple[tuple[str, str], ...]:
    # the address inside an unserialisable value is another one in every process
    return tuple(
        (
            clean(name),
            "…" if isinstance(value, list | dict) else clean(_ADDRESS.sub("", str(value)), _LONGEST_PARAMETER),
        )
        for name, value in optional_mapping(params).items()
    )


def _origin(content: dict[str, Any]) -> FileOrigin:
    commit = optional_mapping(content.get("commit_info"))
    version = optional_text(content.get("version"))
    tool = (("tool", f"{TITLE} {version}"),) if version else ()
    dirty = (("dirty", "true"),) if commit.get("dirty") is True else ()
    return FileOrigin(
        commit=_text_or_none(commit.get("id")),
        branch=_text_or_none(commit.get("branch")),
        created=optional_text(content.get("datetime")),
        environment=_environment(optional_mapping(content.get("machine_info"))),
        provenance=(*tool, *dirty),
    )


def _text_or_none(value: object) -> str | None:
    label = optional_text(value)
    return None if label in _NOWHERE else label


def _environment(machine: dict[str, Any]) -> Environment:
    cpu = optional_mapping(machine.get("cpu"))
    system = [optional_text(machine.get(key)) for key in ("system", "machine")]
    python = [optional_text(machine.get(key)) for key in ("python_implementation", "python_version")]
    return Environment(
        os=" ".join(filter(None, system)) or "unknown",
        cpu=optional_text(cpu.get("brand_raw")) or optional_text(cpu.get("brand")) or "unknown",
        cores=optional_count(cpu.get("count")),
        runtime=" ".join(filter(None, python)) or "unknown",
    )
