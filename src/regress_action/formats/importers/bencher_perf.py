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

from regress_action.formats.shape import lenient_number
from regress_action.formats.units import base_unit
from regress_action.formats.units import metric as metric_named
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Environment, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Values = Mapping[int, float]

_NAMES: Final = {"s": "time", "B": "memory", "1/s": "throughput", "B/s": "throughput"}
_SYMBOL: Final = re.compile(r"\(([^()]+)\)\s*$")


def is_perf(text: str) -> bool:
    """Whether `text` is what `bencher perf` prints, and no file of results."""
    try:
        lines = orjson.loads(text)["results"]
        return all("testbed" in line and "metrics" in line for line in lines)
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return False


def read_perf(text: str, where: str) -> tuple[Report, ...]:
    """Read the answer of `bencher perf`, oldest report first.

    Its bounds have no fixed meaning and are left out. Values that are no finite numbers are left out.

    Raises:
        InputError: the file is not what it should be.
    """
    grouped: dict[tuple[str, ...], dict[tuple[str, Metric], dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    try:
        for line in orjson.loads(text)["results"]:
            metric, factor = _metric(line["measure"])
            key = str(line["benchmark"]["name"]), metric
            for point, facts in _points(line):
                if (value := lenient_number(point["metric"]["value"])) is not None and math.isfinite(value):
                    grouped[facts][key][int(point["iteration"])] = value * factor
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{where} cannot be imported: {type(error).__name__}: {error}.",
            meaning="It is not the whole answer of `bencher perf`; nothing was stored.",
            remedy="Write it again: `bencher perf PROJECT --branches … --measures … > perf.json`.",
        ) from error
    return tuple(_report(facts, series) for facts, series in sorted(grouped.items()))


def _points(line: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
    """Yield each point of a line, and what tells its report from others."""
    for point in line["metrics"]:
        moment = datetime.fromisoformat(point["start_time"]).astimezone(UTC).isoformat(timespec="seconds")
        commit = point["version"].get("hash") or ""
        yield point, (moment, str(point["report"]), commit, str(line["branch"]["name"]), str(line["testbed"]["name"]))


def _metric(measure: Mapping[str, Any]) -> tuple[Metric, float]:
    """Return what a measure is: its units read like `nanoseconds (ns)`."""
    written = str(measure.get("units") or "value")
    symbol = _SYMBOL.search(written)
    unit, factor = base_unit(symbol[1] if symbol else written)
    slug = str(measure["slug"])
    is_builtin = slug in {"latency", "throughput"}
    return metric_named(_NAMES.get(unit, slug) if is_builtin else slug.replace("-", "_"), unit), factor


def _report(facts: tuple[str, ...], series: Mapping[tuple[str, Metric], Values]) -> Report:
    moment, identity, commit, branch, testbed = facts
    iterations = sorted({iteration for values in series.values() for iteration in values})
    return Report(
        series=tuple(
            Series(
                Benchmark(name or "unnamed"), metric, tuple(values.get(iteration, math.nan) for iteration in iterations)
            )
            for (name, metric), values in series.items()
        ),
        runs=(Run(),) * len(iterations),
        commit=commit or None,
        branch=branch,
        created=moment,
        environment=Environment(runner=testbed),
        source="bencher",
        provenance=(("bencher_report", identity),),
    )
