"""What the markers `performance`, `benchmark` and `regression` of one test ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTIONS = (
    "performance(service=, budget=, metric=, min_runs=, timeout=, isolated=): measure this test in fresh processes",
    "benchmark(group=, min_rounds=, max_time=, ...): measure this test, or configure its benchmark fixture",
    "codspeed_benchmark: the same as benchmark",
    "regression(service=, budget=, metric=): a performance test that guards against a known regression",
)
METRICS = ("time", "cpu_time", "peak_memory")
TIMING_ARGUMENTS = frozenset(
    {
        "group",
        "min_time",
        "max_time",
        "min_rounds",
        "max_rounds",
        "timer",
        "disable_gc",
        "warmup",
        "warmup_iterations",
        "calibration_precision",
        "cprofile",
        "precision",
        "confidence",
    }
)
MEASURING_FIXTURES = ("benchmark", "codspeed_benchmark")
BENCHMARK_MARKERS = ("benchmark", "codspeed_benchmark")
_KNOWN = frozenset({"service", "budget", "metric", "min_runs", "timeout", "isolated"})
_QUANTITY = re.compile(r"([0-9.]+)\s*([a-zA-Z]+)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9}
_LONGEST_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class PerformanceTest:
    """One test that is to be measured.

    `budgets` are (limit, unit) pairs in seconds or bytes. `runs` is None where the session decides.
    `times_whole_test` says that the test itself is the benchmark because it uses no benchmark fixture.
    """

    nodeid: str
    service: str | None = None
    budgets: tuple[tuple[float, str], ...] = ()
    metrics: tuple[str, ...] = ("time",)
    runs: int | None = None
    timeout_s: float = _LONGEST_TIMEOUT_S
    isolated: bool = False
    times_whole_test: bool = False
    path: str = ""
    line: int = 1


def performance_test(item: pytest.Item) -> PerformanceTest | None:
    """Return what the markers and fixtures of `item` ask for, None for an ordinary test.

    Raises:
        pytest.UsageError: a marker has an argument that is not known, or a value that cannot be read.
    """
    marks = [mark for name in ("performance", "regression") if (mark := item.get_closest_marker(name))]
    uses_fixture = any(name in getattr(item, "fixturenames", ()) for name in MEASURING_FIXTURES)
    if not (marks or uses_fixture or any(map(item.get_closest_marker, BENCHMARK_MARKERS))):
        return None
    given: dict[str, Any] = {}
    for mark in reversed(marks):
        given |= mark.kwargs
    if unknown := given.keys() - _KNOWN:
        raise pytest.UsageError(
            f"{item.nodeid}: the marker has no argument {', '.join(sorted(unknown))}.\n"
            f"Its arguments are {', '.join(sorted(_KNOWN))}."
        )
    path, line, _ = item.location
    return PerformanceTest(
        nodeid=item.nodeid,
        service=given.get("service"),
        budgets=tuple(_budget(item.nodeid, budget) for budget in _several(given.get("budget"))),
        metrics=_metrics(item.nodeid, _several(given.get("metric", "time"))),
        runs=_runs(item.nodeid, given.get("min_runs")),
        timeout_s=_timeout(item.nodeid, given.get("timeout", _LONGEST_TIMEOUT_S)),
        isolated=bool(given.get("isolated", bool(marks))),
        times_whole_test=not uses_fixture,
        path=path.replace("\\", "/"),
        line=(line or 0) + 1,
    )


def timing_mark(item: pytest.Item) -> pytest.Mark | None:
    """Return the marker that says how a benchmark is timed.

    Raises:
        ValueError: it has an argument that is not known.
    """
    mark = next(filter(None, map(item.get_closest_marker, BENCHMARK_MARKERS)), None)
    if mark is not None and mark.args:
        raise ValueError("Positional arguments are not allowed in the benchmark marker. Write their names.")
    if mark is not None and (unknown := mark.kwargs.keys() - TIMING_ARGUMENTS):
        raise ValueError(
            f"Unknown kwargs passed to benchmark marker: {', '.join(sorted(unknown))}. "
            f"Its arguments are {', '.join(sorted(TIMING_ARGUMENTS))}."
        )
    return mark


def _several(value: object) -> Sequence[object]:
    return () if value is None else value if isinstance(value, list | tuple) else (value,)


def _runs(nodeid: str, runs: object) -> int | None:
    if runs is None or (isinstance(runs, int) and not isinstance(runs, bool) and runs >= 1):
        return runs
    raise pytest.UsageError(f"{nodeid}: min_runs is {runs!r}.\nGive a whole number from 1.")


def _timeout(nodeid: str, timeout: object) -> float:
    if isinstance(timeout, int | float) and not isinstance(timeout, bool) and 0 < timeout < float("inf"):
        return float(timeout)
    raise pytest.UsageError(f"{nodeid}: the timeout is {timeout!r}.\nGive seconds as a number above zero.")


def _budget(nodeid: str, budget: object) -> tuple[float, str]:
    """Return a limit and its unit: a plain number is seconds."""
    if isinstance(budget, int | float) and not isinstance(budget, bool):
        return float(budget), "s"
    parts = _QUANTITY.fullmatch(str(budget).strip())
    unit = parts[2].lower() if parts else ""
    if not parts or unit not in _UNITS:
        raise pytest.UsageError(
            f"{nodeid}: the budget {budget!r} is not a quantity.\nWrite seconds as a number, or like '50ms' or '20MB'."
        )
    return float(parts[1]) * _UNITS[unit], "B" if unit.endswith("b") else "s"


def _metrics(nodeid: str, metrics: Sequence[object]) -> tuple[str, ...]:
    names = tuple(str(metric) for metric in metrics)
    if unknown := [name for name in names if name not in METRICS]:
        raise pytest.UsageError(
            f"{nodeid}: the metric {unknown[0]!r} is not one that is measured here.\n"
            f"These are {', '.join(METRICS)}; further numbers go into benchmark.extra_info."
        )
    return names
