"""vitest's benchmarks: `--outputJson` of versions 1 to 4, `--reporter=json` of version 5.

Neither keeps samples, so the median (the mean in version 1) and its count are what there is. Times are milliseconds.
Paths are absolute; a benchmark is named by its suite, which begins with the file's relative path, and its own name.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder
from regress_action.formats.rounds import Sample, single
from regress_action.formats.shape import mapping, optional_count, optional_number, optional_text, sequence, text
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from regress_action.formats.document import Document
    from regress_action.model.measurements import Report

TITLE = "vitest"
_TIME = metric("time", "s")
_MS = 1e-3


def sniff(document: Document) -> bool:
    """Whether the file has groups of benchmarks by file, or test results with benchmarks."""
    content = document.json
    if not isinstance(content, dict):
        return False
    files = content.get("files")
    if isinstance(files, list):
        return any(isinstance(file, dict) and "groups" in file for file in files)
    return "numTotalTests" in content and isinstance(content.get("testResults"), list)


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    content = mapping(document.json, "the file")
    builder = ReportBuilder()
    if "files" in content:
        for at, file in enumerate(sequence(content["files"], "files")):
            _read_groups(mapping(file, f"files[{at}]"), f"files[{at}]", builder)
    else:
        for at, result in enumerate(sequence(content["testResults"], "testResults")):
            _read_tests(mapping(result, f"testResults[{at}]"), f"testResults[{at}]", builder)
    return (builder.report(document.path, TITLE, FileOrigin()),)


def _read_groups(file: dict[str, Any], where: str, builder: ReportBuilder) -> None:
    """Read one file of versions 1 to 4; an entry without a rate did not finish."""
    for at, listed in enumerate(sequence(file.get("groups"), f"{where}.groups")):
        here = f"{where}.groups[{at}]"
        group = mapping(listed, here)
        suite = text(group.get("fullName"), f"{here}.fullName")
        for number_, entry in enumerate(sequence(group.get("benchmarks"), f"{here}.benchmarks")):
            place = f"{here}.benchmarks[{number_}]"
            bench = mapping(entry, place)
            name = clean(f"{suite} > {text(bench.get('name'), f'{place}.name')}")
            if bench.get("mean") is None:
                builder.fail(name, "The benchmark did not finish.")
            else:
                middle = bench.get("median") if bench.get("median") is not None else bench["mean"]
                builder.add(Benchmark(name), _TIME, _sample(middle, bench, "sampleCount", place))


def _read_tests(result: dict[str, Any], where: str, builder: ReportBuilder) -> None:
    """Read one file of version 5, where a test may hold several benchmarks and each several tasks."""
    file = PurePosixPath(optional_text(result.get("name")) or "").name
    for at, listed in enumerate(sequence(result.get("assertionResults"), f"{where}.assertionResults")):
        here = f"{where}.assertionResults[{at}]"
        test = mapping(listed, here)
        title = " > ".join(filter(None, (file, text(test.get("fullName"), f"{here}.fullName"))))
        if test.get("status") == "failed":
            builder.fail(clean(title), "The test failed.")
            continue
        for number_, bench in enumerate(sequence(test.get("benchmarks") or [], f"{here}.benchmarks")):
            tasks = mapping(bench, f"{here}.benchmarks[{number_}]").get("tasks")
            for task_number, entry in enumerate(sequence(tasks, f"{here}.benchmarks[{number_}].tasks")):
                place = f"{here}.benchmarks[{number_}].tasks[{task_number}]"
                task = mapping(entry, place)
                latency = mapping(task.get("latency"), f"{place}.latency")
                name = clean(f"{title} > {text(task.get('name'), f'{place}.name')}")
                middle = latency.get("p50") if latency.get("p50") is not None else latency.get("mean")
                builder.add(Benchmark(name), _TIME, _sample(middle, latency, "samplesCount", place))


def _sample(middle: object, spread: dict[str, Any], count: str, where: str) -> Sample:
    deviation = optional_number(spread.get("sd"))
    sample = single(middle, f"{where}.median", factor=_MS)
    rounds = max(sample.rounds, optional_count(spread.get(count)))
    return replace(sample, rounds=rounds, spread=math.nan if deviation is None else deviation * _MS)
