"""`--leak-check`: every test is repeated unchanged, with its fixtures, and fails when its memory grows for ever."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol  # by which pytest-rerunfailures repeats tests

from regress_action.instruments.leaks import LeakDetector, LeakResult

if TYPE_CHECKING:
    from regress_action.pytest_plugin.options import PerformanceRequest

_LONGEST_S = 60.0
_LEAST_BYTES = 64.0
_FRAMEWORK = (
    "/_pytest/",
    "/pluggy/",
    "/pytest_",
    "/re/",
    "/fnmatch.py",
    "/linecache.py",
    "/reprlib.py",
    "/asyncio/events.py",
    "<frozen",
)
"""Files that allocate for the test framework, and for caches of the interpreter that fill over thousands of calls."""


class LeakCheck:
    """Repeat every test that passes, and fail those that leak.

    Each repetition sets up and tears down the fixtures of the test; those of its module and session stay. A test that
    is marked `performance(isolated=True)` or uses a benchmark fixture is run once, because it repeats itself.
    """

    def __init__(self, request: PerformanceRequest) -> None:
        self._detector = LeakDetector(
            iterations=request.leak_iterations, longest_s=_LONGEST_S, least_bytes=_LEAST_BYTES, ignored=_FRAMEWORK
        )
        self.results: dict[str, LeakResult] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run the test, repeat it when it passed, and report it with what its memory did."""
        if not isinstance(item, pytest.Function) or "benchmark" in item.fixturenames:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = _run(item)
        if all(report.passed for report in reports):
            self._repeat(item, reports)
        item.session._setupstate.teardown_exact(nextitem)  # noqa: SLF001 - what the last repetition left standing
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how many tests were repeated, and how many leaked."""
        if self.results:
            leaking = sum(result.is_leak for result in self.results.values())
            terminalreporter.section("memory", sep="-", blue=True)
            terminalreporter.write_line(f"{len(self.results)} tests were repeated; {leaking} leak.")

    def _repeat(self, item: pytest.Function, reports: list[pytest.TestReport]) -> None:
        notes = _PytestNotes(item)

        def once() -> None:
            item._initrequest()  # noqa: SLF001 - fresh fixtures
            for report in _run(item):
                if report.failed:
                    raise _RepetitionFailedError(report.longreprtext)
            notes.forget()

        call = next(report for report in reports if report.when == "call")
        try:
            result = self._detector.check(once)
        except _RepetitionFailedError as error:
            _fail(call, f"The test passed once and failed when it was repeated:\n{error}")
            return
        finally:
            gc.collect()
        self.results[item.nodeid] = result
        if result.is_leak:
            _fail(call, "\n".join(result.lines()))


class _PytestNotes:
    """What pytest itself keeps of every repetition of a test, and would be taken for a leak of the test."""

    def __init__(self, item: pytest.Function) -> None:
        self._item = item
        definitions: Any = item._fixtureinfo.name2fixturedefs.values()  # noqa: SLF001 - no public way
        lists = [getattr(fixture, "_finalizers", []) for several in definitions for fixture in several]
        self._finalizers = [(finalizers, len(finalizers)) for finalizers in lists]

    def forget(self) -> None:
        """Drop the captured output, and the notes by which a wider fixture would end those of earlier repetitions."""
        self._item._report_sections.clear()  # noqa: SLF001 - likewise
        self._item.user_properties.clear()
        for finalizers, count in self._finalizers:
            del finalizers[count:]


def _run(item: pytest.Function) -> list[pytest.TestReport]:
    """Run the test once, and tear down nothing beyond its own fixtures."""
    around: Any = item.parent  # as the next item it keeps the fixtures of the module, the class and the session
    return runtestprotocol(item, nextitem=around, log=False)


class _RepetitionFailedError(Exception):
    """A repetition of a test that had passed failed."""


def _fail(report: pytest.TestReport, text: str) -> None:
    failed: Any = report
    failed.outcome, failed.longrepr = "failed", text
