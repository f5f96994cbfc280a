"""What follows from the numbers of a session: the report, its place in the history, and the verdict."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis import Limit
    from regress_action.pytest_plugin.markers import PerformanceTest
    from regress_action.pytest_plugin.session import PerformanceSession


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
