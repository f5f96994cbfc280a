"""A whole test measured: the function is called in calibrated rounds, like the body of a benchmark."""

from __future__ import annotations

import gc
import inspect
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from regress_action.pytest_plugin.benchmark_fixture import BenchmarkFixture
from regress_action.pytest_plugin.options import timing_of

if TYPE_CHECKING:
    import pytest

    from regress_action.pytest_plugin.markers import PerformanceTest


def measure_whole(item: pytest.Function, test: PerformanceTest) -> list[dict[str, Any]]:
    """Call the test with its fixtures in timed rounds, and return its entry for a result file.

    CPU time and peak memory are measured in further calls, because both would slow the timed ones.
    """
    marker = item.get_closest_marker("benchmark")
    group = marker.kwargs.get("group") if marker else None
    fixture = BenchmarkFixture(item, timing_of(item.config, marker), group=group)
    arguments = {name: item.funcargs[name] for name in _argument_names(item)}
    try:
        fixture(item.obj, **arguments)
        if "cpu_time" in test.metrics:
            fixture.extra_info["cpu_time_s"] = _cpu_time(item, arguments)
        if "peak_memory" in test.metrics or any(unit == "B" for _, unit in test.budgets):
            fixture.extra_info["peak_memory_bytes"] = _peak_memory(item, arguments)
    finally:
        entry = fixture.as_dict()
    return [entry] if entry else []


def _argument_names(item: pytest.Function) -> tuple[str, ...]:
    return item._fixtureinfo.argnames  # noqa: SLF001 - as pytest's own call of a test does


def _cpu_time(item: pytest.Function, arguments: dict[str, Any]) -> float:
    options = replace(timing_of(item.config, item.get_closest_marker("benchmark")), timer=time.process_time)
    fixture = BenchmarkFixture(item, options)
    fixture(item.obj, **arguments)
    return float(fixture.stats["median"]) if fixture.stats else 0.0


def _peak_memory(item: pytest.Function, arguments: dict[str, Any]) -> int:
    """Return the most bytes that Python held during one call, beyond those that it held before."""
    import tracemalloc

    fixture = BenchmarkFixture(item, timing_of(item.config), enabled=False)
    gc.collect()
    if tracing := tracemalloc.is_tracing():
        tracemalloc.reset_peak()
    else:
        tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        fixture(item.obj, **arguments)
        return max(0, tracemalloc.get_traced_memory()[1] - before)
    finally:
        if not tracing:
            tracemalloc.stop()


def is_coroutine_test(item: pytest.Function) -> bool:
    """Whether the test is a coroutine function that no other plugin has wrapped."""
    return inspect.iscoroutinefunction(item.obj)
