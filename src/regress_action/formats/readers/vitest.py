"""vitest's benchmarks: `--outputJson` of versions 1 to 4, `--reporter=json` of version 5.

Neither keeps samples, so the median (the mean in version 1) and its count are what there is. Times are milliseconds.
Paths are absolute; a benchmark is named by its suite, which begins with the file's name or relative path, and its own
name. Files of one name in several folders or projects are distinguished by the folder.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import reported
from regress_action.formats.shape import mapping, optional_text, text
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regress_action.formats.document import Document
    from regress_action.formats.rounds import Sample
    from regress_action.model.measurements import Report

TITLE = "vitest"
WRITTEN_BY = "vitest bench --outputJson results.json   (5: vitest bench --reporter=json --outputFile=results.json)"
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
    key, path_key, read_file = (
        ("files", "filepath", _read_groups) if "files" in content else ("testResults", "name", _read_tests)
    )
    files = list(builder.objects(content.get(key), key))
    folders = _folders(optional_text(file.get(path_key)) or "" for _, file in files)
    for (where, file), folder in zip(files, folders, strict=True):
        with builder.tolerant():
            read_file(file, where, builder, {"folder": folder})
    return (builder.report(document, TITLE),)


def _folders(paths: Iterable[str]) -> list[str]:
    """Return the folder of each path below the folder that all of them have in common."""
    folders = [PurePosixPath(path).parent.parts for path in paths]
    shared = 0
    while folders and all(len(parts) > shared for parts in folders) and len({parts[shared] for parts in folders}) == 1:
        shared += 1
    return [clean("/".join(parts[shared:])) if parts[shared:] else "." for parts in folders]


def _read_groups(file: dict[str, Any], where: str, builder: ReportBuilder, facts: dict[str, str]) -> None:
    """Read one file of versions 1 to 4; an entry without a rate did not finish."""
    for here, group in builder.objects(file.get("groups"), f"{where}.groups"):
        suite = text(group.get("fullName"), f"{here}.fullName")
        for place, bench in builder.objects(group.get("benchmarks"), f"{here}.benchmarks"):
            with builder.tolerant():
                name = clean(f"{suite} > {text(bench.get('name'), f'{place}.name')}")
                entry = builder.benchmark(Benchmark(name), facts)
                if bench.get("mean") is None:
                    entry.fail("The benchmark did not finish.")
                else:
                    entry.add(_TIME, _sample(bench, "median", "sampleCount", place))


def _read_tests(result: dict[str, Any], where: str, builder: ReportBuilder, facts: dict[str, str]) -> None:
    """Read one file of version 5, where a test may hold several benchmarks and each several tasks."""
    file = PurePosixPath(optional_text(result.get("name")) or "").name
    for here, test in builder.objects(result.get("assertionResults"), f"{where}.assertionResults"):
        title = " > ".join(filter(None, (file, optional_text(test.get("fullName")))))
        if test.get("status") == "failed":
            builder.benchmark(Benchmark(clean(title)), facts).fail("The test failed.")
            continue
        for there, bench in builder.objects(test.get("benchmarks") or [], f"{here}.benchmarks"):
            for place, task in builder.objects(bench.get("tasks"), f"{there}.tasks"):
                with builder.tolerant():
                    name = clean(f"{title} > {text(task.get('name'), f'{place}.name')}")
                    latency = mapping(task.get("latency"), f"{place}.latency")
                    builder.benchmark(Benchmark(name), facts).add(_TIME, _sample(latency, "p50", "samplesCount", place))


def _sample(statistics: dict[str, Any], middle: str, count: str, where: str) -> Sample:
    value = statistics.get(middle)
    return reported(
        statistics.get("mean") if value is None else value,
        f"{where}.{middle}",
        rounds=statistics.get(count),
        spread=statistics.get("sd"),
        factor=_MS,
    )
