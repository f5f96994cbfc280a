"""The process that measures one isolated test: it applies the limits, measures, and writes down what happened."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from regress_action.pytest_plugin.markers import performance_test
from regress_action.pytest_plugin.measuring import measure_whole
from regress_action.pytest_plugin.records import entries_of_fixtures

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "REGRESS_PERFORMANCE_CHILD"
"""Environment variable that holds the orders of such a process as JSON."""

_LONGEST_TEXT = 20_000


class MeasuringProcess:
    """The plugin of a process that measures one test and reports to the session that started it."""

    def __init__(self, config: pytest.Config, orders: Mapping[str, Any]) -> None:
        self._config = config
        self._orders = orders
        self._entries: list[dict[str, Any]] = []
        self._outcome = "crashed"
        self._text = ""
        apply_limits(orders.get("limits", {}), cpu=orders.get("cpu"))

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
        """Keep the outcome of the test: a failure of any phase, a skip, or that it passed."""
        if report.failed or report.skipped or (report.when == "call" and self._outcome != "failed"):
            self._outcome = report.outcome
            self._text = self._text or (_skip_reason(report) if report.skipped else report.longreprtext)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write the outcome and the entries for the session that started this process."""
        entries = self._entries + entries_of_fixtures(self._config)
        content = {"outcome": self._outcome, "text": self._text[-_LONGEST_TEXT:], "entries": entries}
        Path(self._orders["out"]).write_text(json.dumps(content, default=str), encoding="utf-8")


def orders() -> dict[str, Any] | None:
    """Return what this process was ordered to measure, None in an ordinary session."""
    text = os.environ.get(VARIABLE)
    return json.loads(text) if text else None


def apply_limits(limits: Mapping[str, Any], *, cpu: int | None = None) -> None:
    """Limit this process: `memory_bytes`, `files` and `network` (False for loopback only); pin it to `cpu`.

    Where the machine does not allow a limit, the process goes on without it.
    """
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        for name, kind in (("memory_bytes", resource.RLIMIT_AS), ("files", resource.RLIMIT_NOFILE)):
            if limits.get(name):
                resource.setrlimit(kind, (int(limits[name]), int(limits[name])))
    if cpu is not None and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {cpu})
    if limits.get("network") is False:
        sys.addaudithook(_refuse_network)


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect":
        return
    address = arguments[1]
    if isinstance(address, tuple) and str(address[0]) not in {"127.0.0.1", "::1", "localhost"}:
        raise PermissionError(f"This performance test may not use the network, and connects to {address[0]}.")


def _skip_reason(report: pytest.TestReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else report.longreprtext
