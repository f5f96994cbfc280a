"""`data.js` of github-action-benchmark: a series per benchmark becomes one report per commit."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from regress_action.formats.units import base_unit
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Direction, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Mapping

_BIGGER: Final = frozenset({"benchmarkjs", "pytest", "customBiggerIsBetter"})
_EXPLICIT: Final = frozenset({"customBiggerIsBetter", "customSmallerIsBetter"})
_METRICS: Final = {"s": "time", "B": "memory", "1/s": "throughput", "B/s": "throughput"}
_PER_ITERATION: Final = re.compile(r"(?i)\s*/\s*(iter|iteration|op|call)s?$")
_PER_SECOND: Final = re.compile(r"(?i)^(iters?|ops?|calls|reqs?|requests)\s*/\s*s(ec|econd)?$")


def read_data_js(text: str, where: str, *, branch: str | None = None) -> tuple[Report, ...]:
    """Read the `data.js` of github-action-benchmark; `branch` is the one it was kept for.

    Its direction table is corrected where the unit says otherwise (operations per second of JMH). Its spreads have no
    fixed meaning and are left out, and so are the people's names and addresses in it.

    Raises:
        InputError: the file is not what it should be.
    """
    start = text.find("{")
    if start < 0 or "BENCHMARK_DATA" not in text[:start]:
        raise _unreadable(where, "it does not begin with window.BENCHMARK_DATA")
    try:
        suites = orjson.loads(text[start:].rstrip().removesuffix(";"))["entries"]
        return tuple(
            _entry(suite, entry, branch) for suite, entries in suites.items() for entry in entries if entry["benches"]
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise _unreadable(where, f"{type(error).__name__}: {error}") from error


def _entry(suite: str, entry: Mapping[str, Any], branch: str | None) -> Report:
    tool = str(entry["tool"])
    series = (_bench(bench, tool) for bench in entry["benches"] if "\t" not in str(bench["unit"]))
    return Report(
        series=tuple({row.key: row for row in series}.values()),
        runs=(Run(),),
        suite=suite,
        commit=str(entry["commit"]["id"]),
        branch=branch,
        created=datetime.fromtimestamp(entry["date"] / 1000, UTC).isoformat(timespec="seconds"),
        source="github-action-benchmark",
        provenance=(("tool", tool),),
    )


def _bench(bench: Mapping[str, Any], tool: str) -> Series:
    written = str(bench["unit"]).strip()
    unit, factor = base_unit("1/s" if _PER_SECOND.match(written) else _PER_ITERATION.sub("", written))
    name = str(bench["name"]).removesuffix(f" - {written}").strip()
    higher = tool in _BIGGER or (tool not in _EXPLICIT and unit.endswith("/s"))
    metric = Metric(
        _METRICS.get(unit, unit.lower().replace(" ", "_") or "value"),
        unit or "value",
        Direction.HIGHER if higher else Direction.LOWER,
    )
    return Series(Benchmark(name or "unnamed"), metric, (float(bench["value"]) * factor,))


def _unreadable(where: str, why: str) -> InputError:
    return InputError(
        f"{where} cannot be imported: {why}.",
        meaning="Nothing was stored.",
        remedy="Give the data.js that github-action-benchmark keeps on its branch, unchanged.",
    )
