"""A whole test measured: the function is called in calibrated rounds, like the body of a benchmark.

Also here: the process that measures one isolated test: it applies the limits, measures, and writes down what
happened.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from regress_action.pytest_plugin import network_limit
from regress_action.pytest_plugin.benchmark_fixture import BenchmarkFixture
from regress_action.pytest_plugin.markers import performance_test, timing_mark
from regress_action.pytest_plugin.options import timing_of
from regress_action.pytest_plugin.records import entries_of_fixtures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.pytest_plugin.markers import PerformanceTest


def measure_whole(item: pytest.Function, test: PerformanceTest) -> list[dict[str, Any]]:
    """Call the test with its fixtures in timed rounds, and return its entry for a result file.

    CPU time and peak memory are measured in further calls, because both would slow the timed ones.
    """
    marker = timing_mark(item)
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
    options = replace(timing_of(item.config, timing_mark(item)), timer=time.process_time)
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


VARIABLE = "REGRESS_PERFORMANCE_CHILD"
"""Environment variable that holds the orders of such a process as JSON."""

_FIRST_TO_BE_ENDED = "1000"


class MeasuringProcess:
    """The plugin of a process that measures one test and reports to the session that started it."""

    def __init__(self, config: pytest.Config, orders: Mapping[str, Any]) -> None:
        self._config = config
        self._orders = orders
        self._entries: list[dict[str, Any]] = []
        self._reports: list[dict[str, Any]] = []
        self._network = apply_limits(orders.get("limits", {}), cpu=orders.get("cpu"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep only the test that was ordered: an identifier may name several."""
        items[:] = [item for item in items if item.nodeid == self._orders["nodeid"]]

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Measure a test that uses no benchmark fixture as a whole."""
        test = performance_test(pyfuncitem)
        gc.collect()
        gc.freeze()
        if test is None or not test.times_whole_test:
            return None
        self._entries += measure_whole(pyfuncitem, test)
        return True

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the report of every phase, in the form in which pytest hands reports from process to process."""
        config = self._config
        self._reports.append(config.hook.pytest_report_to_serializable(config=config, report=report))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write the reports and the entries for the session that started this process."""
        entries = self._entries + entries_of_fixtures(self._config)
        content = {"reports": self._reports, "entries": entries, "network": self._network}
        Path(self._orders["out"]).write_text(json.dumps(content, default=str), encoding="utf-8")


def orders() -> dict[str, Any] | None:
    """Return what this process was ordered to measure, None in an ordinary session."""
    text = os.environ.get(VARIABLE)
    return json.loads(text) if text else None


def apply_limits(limits: Mapping[str, Any], *, cpu: int | None = None) -> str | None:
    """Limit this process: `memory_bytes`, `files` and `network`; pin it to `cpu`.

    Where the machine does not allow a limit, the process goes on without it. The kernel is told to end this process
    before the session that waits for it, should memory run out.

    Returns:
        What holds of the limit of the network, None where there is none.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_BE_ENDED, encoding="ascii")
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        for name, kind in (("memory_bytes", resource.RLIMIT_AS), ("files", resource.RLIMIT_NOFILE)):
            if limits.get(name):
                resource.setrlimit(kind, (int(limits[name]), int(limits[name])))
    if cpu is not None and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {cpu})
    return network_limit.apply(limits["network"]) if limits.get("network") else None
