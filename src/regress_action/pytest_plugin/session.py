"""A pytest session that measures: which tests, in which processes, and what becomes of the numbers.

What follows from the numbers: the report, its place in the history, the verdict, and the section at the end.
"""

from __future__ import annotations

import os
import random
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from regress_action.instruments.environment import inspect_environment
from regress_action.pytest_plugin.isolation import IsolatedRuns, ProcessOutcome, chosen_cpu
from regress_action.pytest_plugin.markers import PerformanceTest, performance_test
from regress_action.pytest_plugin.measuring import measure_whole
from regress_action.pytest_plugin.network_limit import NOT_COVERED
from regress_action.pytest_plugin.options import DEFAULT_RUNS, PerformanceRequest
from regress_action.pytest_plugin.records import entries_of_fixtures, records_of_entries, report_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.action.judge import Judged
    from regress_action.analysis import Limit
    from regress_action.model.measurements import Report, Series


LARGEST_SEED = 2**31
_LONGEST_REASON = 500


class PerformanceSession:
    """Measure the performance tests of this session, write the report, and judge it against the history."""

    def __init__(self, config: pytest.Config, request: PerformanceRequest) -> None:
        self.config = config
        self.request = request
        self.tests: dict[str, PerformanceTest] = {}
        self.failures: dict[str, str] = {}
        self.skipped: dict[str, str] = {}
        self.entries: list[dict[str, Any]] = []
        self.report: Report | None = None
        self.judged: Judged | None = None
        self.notes: list[str] = []
        self.environment = inspect_environment(processes=request.runs or DEFAULT_RUNS)
        seed = random.SystemRandom().randrange(LARGEST_SEED) if request.seed is None else request.seed
        self.isolated = IsolatedRuns(config, seed, request.limits)

    def pytest_report_header(self) -> list[str]:
        """Name the seed that decides the order of the measurements, and what of the machine will hurt them."""
        return [
            f"performance: order of measurements by --performance-seed={self.isolated.seed}",
            *(f"performance: {finding}" for finding in self.environment.findings),
        ]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note what is to be measured."""
        self.tests = {item.nodeid: test for item in items if (test := performance_test(item))}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Measure the isolated tests first, every one in all of its processes."""
        if session.config.option.collectonly or session.testsfailed or self._disabled:
            return
        isolated = [test for item in session.items if (test := self.tests.get(item.nodeid)) and test.isolated]
        runs = {test.nodeid: self.request.runs or test.runs or DEFAULT_RUNS for test in isolated}
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        for at, (nodeid, number) in enumerate(self.isolated.measure(isolated, runs)):
            if terminal and terminal.isatty:
                terminal.rewrite(f"measuring {at + 1}/{sum(runs.values())}: {nodeid}, run {number + 1}", erase=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Report an isolated test by what its processes wrote, without running it here."""
        outcomes = self.isolated.outcomes.get(item.nodeid)
        if outcomes is None:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in _reports(item, outcomes):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Measure a marked test that uses no benchmark fixture as a whole."""
        test = self.tests.get(pyfuncitem.nodeid)
        if test is None or not test.times_whole_test or self._disabled:
            return None
        self.entries += measure_whole(pyfuncitem, test)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the tests that failed or were skipped, and so gave no value."""
        if report.failed and report.nodeid in self.tests:
            self.failures[report.nodeid] = _reason(report)[:_LONGEST_REASON]
        elif report.skipped and report.nodeid in self.tests and isinstance(report.longrepr, tuple):
            self.skipped[report.nodeid] = report.longrepr[2].removeprefix("Skipped: ")[:_LONGEST_REASON]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the files that were asked for, judge, and let the verdict decide the exit status."""
        if session.config.option.collectonly:
            return
        if self._disabled:
            self.notes.append("--benchmark-disable: nothing was measured or judged, so there is no report.")
            return
        from regress_action.model.errors import RegressError

        runs = self._runs()
        if benchmarks := self.config.pluginmanager.get_plugin("regress-benchmark-session"):
            benchmarks.finish(session, records_of_entries(runs[0] if runs else ()))
        if NOT_COVERED in self._networks:
            self.notes.append(f"The network was {NOT_COVERED}.")
        if not (runs or self.failures):
            self.notes.append("No performance test ran, so there is no report.")
            return
        try:
            conclude(self, runs)
        except RegressError as error:
            self.notes.append(str(error))
            session.exitstatus = int(error.exit_code)
            return
        if self.judged and self.request.detect and self.judged.exit_code and not session.exitstatus:
            session.exitstatus = int(self.judged.exit_code)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the verdict, or what was measured."""
        show(self, terminalreporter)

    def read(self, runs: Sequence[Sequence[dict[str, Any]]], suite: str) -> Report:
        """Return the report of the session from the entries of each of its runs."""
        report = report_of(
            runs, self.tests, self.failures, skipped=self.skipped, suite=suite, root=self.config.rootpath
        )
        applied = [("order seed", str(self.isolated.seed)), ("PYTHONHASHSEED of isolated tests", "0")]
        if (cpu := chosen_cpu()) is not None:
            applied.append(("CPU of isolated tests", str(cpu)))
        applied += [(f"limit of {name}", str(limit)) for name, limit in self.request.limits.items()]
        applied += [("network of isolated tests", network) for network in sorted(self._networks)]
        return replace(report, provenance=(*report.provenance, *applied, *self.environment.values))

    @property
    def _networks(self) -> set[str]:
        """What held of the limit of the network, in words."""
        return {outcome.network for runs in self.isolated.outcomes.values() for outcome in runs if outcome.network}

    @property
    def _disabled(self) -> bool:
        option = self.config.option
        return bool(getattr(option, "benchmark_disable", False) and not getattr(option, "benchmark_enable", False))

    def _runs(self) -> list[list[dict[str, Any]]]:
        """Return the entries of every run: the first also holds those of the tests that were not isolated."""
        runs = [entries] if (entries := self.entries + entries_of_fixtures(self.config)) else []
        for outcomes in self.isolated.outcomes.values():
            for number, outcome in enumerate(outcomes):
                if number == len(runs):
                    runs.append([])
                runs[number] += outcome.entries
        return [run for run in runs if run]


def _reports(item: pytest.Item, outcomes: Sequence[ProcessOutcome]) -> Iterator[pytest.TestReport]:
    """Yield the reports of the phases, from the last process, which is the one that may have failed."""
    last = outcomes[-1]
    seconds = sum(outcome.seconds for outcome in outcomes)
    for content in last.reports:
        reason = content["longrepr"]
        restored = {**content, "longrepr": tuple(reason) if isinstance(reason, list) else reason}  # JSON has no tuples
        report = item.config.hook.pytest_report_from_serializable(config=item.config, data=restored)
        report.duration = seconds if report.when == "call" else 0.0
        yield report
    if not last.reports:
        yield pytest.TestReport(
            item.nodeid, item.location, dict.fromkeys(item.keywords, 1), "failed", last.text, "call", duration=seconds
        )


def _reason(report: pytest.TestReport) -> str:
    """Return why a test failed, in one line: its error, or what became of its process."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(crash.message if crash else report.longreprtext).strip().splitlines()
    return lines[0] if lines else "The test failed."


def conclude(session: PerformanceSession, runs: Sequence[Sequence[dict[str, Any]]]) -> None:
    """Make the report, write it where it was asked for, and judge it if that was asked.

    A history without a baseline gets this report as its first, so that the next session has something to compare with.

    Raises:
        RegressError: a file cannot be written, or the history or the thresholds cannot be read.
    """
    from regress_action.instruments.detection import RegressionDetector
    from regress_action.instruments.storage import BenchmarkStorage
    from regress_action.model.files import write_replace
    from regress_action.model.records import encode
    from regress_action.settings import load

    request, folder = session.request, session.config.invocation_params.dir
    settings = load({"thresholds": request.thresholds or ""}, root=folder)
    session.report = report = session.read(runs, settings.suite)
    if request.report:
        write_replace(folder / request.report, encode(report))
        session.notes.append(f"Report: {os.path.relpath(folder / request.report, folder)}")
    if not request.judges:
        return
    storage = BenchmarkStorage(request.history, root=folder)
    detector = RegressionDetector(storage, settings=settings, limits=limits_of(session.tests.values()), root=folder)
    baseline = storage.baseline(report.suite)
    session.judged = detector.judge(baseline, [report])
    if not baseline and not session.failures:
        storage.append(report)
        session.notes.append(
            f"The history {request.history} held no baseline. This report is its first one; later sessions are "
            f"compared with it. Add further ones with `regress-action record`."
        )


def limits_of(tests: Sequence[PerformanceTest] | Any) -> tuple[Limit, ...]:  # noqa: ANN401 - any iterable of tests
    """Return the budgets of the markers as limits of the policy: seconds limit `time`, bytes `peak_memory`."""
    from regress_action.analysis import BudgetRule, Limit

    names = {"s": "time", "B": "peak_memory"}
    return tuple(
        Limit(benchmark=test.nodeid, metric=names[unit], budgets=(BudgetRule("budget", names[unit], limit, unit),))
        for test in tests
        for limit, unit in test.budgets
    )


def show(session: PerformanceSession, terminal: pytest.TerminalReporter) -> None:
    """Print the verdict where one was asked for, else the measured values."""
    if session.config.option.collectonly or not (session.report or session.notes):
        return
    terminal.section("performance", sep="-", blue=True)
    if session.judged:
        from rich.console import Console

        from regress_action.report import terminal as page

        console = Console(file=sys.stdout, highlight=False, width=terminal._tw.fullwidth)  # noqa: SLF001 - the width that pytest found
        page.show(session.judged.judgement, console, verbose=session.request.compare)
        for waiver in session.judged.waivers:
            console.print(f"Waiver in force: {waiver}", markup=False)
    elif session.report:
        for line in listed(session.report):
            terminal.write_line(line)
    if session.isolated.repeated:
        repeated = session.isolated.repeated
        terminal.write_line(f"{repeated} disturbed {'run was' if repeated == 1 else 'runs were'} repeated.")
    for note in session.notes:
        terminal.write_line(note)


def listed(report: Report) -> list[str]:
    """Return a line for every benchmark and metric: the median of its runs, and how many there are."""
    from regress_action.model.escaping import plain

    return [f"{plain(series.benchmark.name)} {series.metric.name}: {_value(series)}" for series in report.series]


def _value(series: Series) -> str:
    from statistics import median

    from regress_action.report.numbers import quantity

    values = series.measured
    runs = f"{len(values)} run{'s' if len(values) != 1 else ''}"
    return f"{quantity(median(values), series.metric.unit)} ({runs})" if values else "no value"
