"""The answer of `bencher perf`: years of a project with times, commits, branches and units.

Bencher keeps a line per branch, testbed, benchmark and measure, and a point in it per report and iteration. Here a
report is one `Report` again, and its iterations are its runs.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from regress_action.formats import document
from regress_action.formats.naming import clean
from regress_action.formats.shape import (
    ShapeError,
    lenient_number,
    mapping,
    number,
    optional_mapping,
    optional_text,
    sequence,
    text,
)
from regress_action.formats.units import base_unit, metric
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Environment, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Values = Mapping[int, float]
    Key = tuple[str, str]

_NAMES: Final = {"s": "time", "B": "memory", "1/s": "throughput", "B/s": "throughput"}
_SYMBOL: Final = re.compile(r"\(([^()]{1,40})\)\s*$")
_MOST_ITERATIONS: Final = 10_000


def is_perf(source: str) -> bool:
    """Whether `source` is what `bencher perf` prints, and no file of results."""
    try:
        lines = orjson.loads(source)["results"]
        return all("testbed" in line and "metrics" in line for line in lines)
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return False


def read_perf(source: str, where: str) -> tuple[Report, ...]:
    """Read the answer of `bencher perf`, oldest report first.

    Its bounds have no fixed meaning and are left out. A point that cannot be used is left out too.

    Raises:
        InputError: the file is not what it should be, or no point of it can be used.
    """
    grouped: dict[tuple[str, ...], dict[Key, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    metrics: dict[Key, Metric] = {}
    problem = ""
    content, broken, _ = document.parse_json(source)
    if broken is not None:
        raise _unreadable(where, broken.what)
    try:
        lines = sequence(mapping(content, "the file").get("results"), "results")
    except ShapeError as error:
        raise _unreadable(where, str(error)) from error
    for line in lines:
        try:
            for facts, key, measured, iteration, value in _points(mapping(line, "a line")):
                if metrics.setdefault(key, measured).unit == measured.unit:
                    grouped[facts][key][iteration] = value
        except ShapeError as error:
            problem = problem or str(error)
    if lines and not grouped:
        raise _unreadable(where, problem or "no point of it has a finite value")
    return tuple(_report(facts, series, metrics) for facts, series in sorted(grouped.items()))


def _points(line: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Key, Metric, int, float]]:
    """Yield what tells the report of each point, what was measured, its iteration and its value."""
    measured, factor = _metric(mapping(line.get("measure"), "measure"))
    benchmark = clean(text(mapping(line.get("benchmark"), "benchmark").get("name"), "benchmark.name"))
    branch = clean(text(mapping(line.get("branch"), "branch").get("name"), "branch.name"))
    testbed = clean(text(mapping(line.get("testbed"), "testbed").get("name"), "testbed.name"))
    for item in sequence(line.get("metrics"), "metrics"):
        point = mapping(item, "a point")
        value = lenient_number(optional_mapping(point.get("metric")).get("value"))
        iteration = number(point.get("iteration"), "iteration")
        if value is None or not math.isfinite(value * factor) or not 0 <= iteration < _MOST_ITERATIONS:
            continue
        commit = optional_text(optional_mapping(point.get("version")).get("hash")) or ""
        facts = (
            _moment(point.get("start_time")),
            str(point.get("report"))[:100],
            clean(commit or "-"),
            branch,
            testbed,
        )
        yield facts, (benchmark, measured.name), measured, int(iteration), value * factor


def _moment(written: object) -> str:
    try:
        moment = datetime.fromisoformat(text(written, "start_time"))
        return moment.astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError) as error:
        raise ShapeError(f"start_time is {written!r:.60}, which is no time") from error


def _metric(measure: dict[str, Any]) -> tuple[Metric, float]:
    """Return what a measure is: its units read like `nanoseconds (ns)`."""
    written = optional_text(measure.get("units")) or "value"
    symbol = _SYMBOL.search(written)
    unit, factor = base_unit(symbol[1] if symbol else written)
    slug = text(measure.get("slug"), "measure.slug")
    is_builtin = slug in {"latency", "throughput"}
    return metric(clean(_NAMES.get(unit, slug) if is_builtin else slug.replace("-", "_")), clean(unit)), factor


def _report(facts: tuple[str, ...], series: Mapping[Key, Values], metrics: Mapping[Key, Metric]) -> Report:
    """Return one report of Bencher with a run for each of its iterations."""
    moment, identity, commit, branch, testbed = facts
    iterations = sorted({iteration for values in series.values() for iteration in values})
    return Report(
        series=tuple(
            Series(Benchmark(key[0]), metrics[key], tuple(values.get(number_, math.nan) for number_ in iterations))
            for key, values in series.items()
        ),
        runs=(Run(),) * len(iterations),
        commit=None if commit == "-" else commit,
        branch=branch,
        created=moment,
        environment=Environment(runner=testbed),
        source="bencher",
        provenance=(("bencher_report", clean(identity)),),
    )


def _unreadable(where: str, why: str) -> InputError:
    return InputError(
        f"{where} cannot be imported: {why}.",
        meaning="It is not the whole answer of `bencher perf`; nothing was stored.",
        remedy="Write it again: `bencher perf PROJECT --branches … --measures … > perf.json`.",
    )
