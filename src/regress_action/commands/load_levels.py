"""Load at several levels of `regress-action load --levels`: the runs, and what they say about concurrency."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regress_action.advice.scalability import ScalabilityAnalysis
    from regress_action.instruments.load import LoadResult, LoadTestRunner


def counts(text: str, rate: float | None, see: float | None, against: str | None) -> list[int]:
    """Return the numbers of users of `--levels`.

    Raises:
        UsageError: one is not a whole number above zero, or another option asks for a different kind of load.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(f"{text!r} are no levels of a load.", remedy="Give numbers of users, like 1,2,4,8,16.")
    if rate is not None or see is not None or against is not None:
        raise UsageError(
            "--levels are numbers of users of one target.", remedy="Leave out --rate, --see and --against."
        )
    return [int(part) for part in parts]


def results(
    runner: LoadTestRunner, load: Callable[[], LoadResult], levels: Sequence[int], runs: int
) -> list[LoadResult]:
    """Put the load on with each number of users; every second run goes through them backwards, against drift."""
    measured = []
    for number in range(runs):
        for users in levels if number % 2 == 0 else reversed(levels):
            runner.scenario = replace(runner.scenario, users=users)
            measured.append(load())
    return sorted(measured, key=lambda result: result.scenario.users)


def content(measured: Sequence[LoadResult]) -> dict[str, Any]:
    """Return what `--json` writes, which `regress-action scalability` reads."""
    analysis = _analysis(measured)
    return {
        "schema": 1,
        "results": [result.as_dict() for result in measured],
        "scalability": analysis.as_dict() if analysis else None,
    }


def show(measured: Sequence[LoadResult]) -> None:
    """Print what the levels say, where there was an answer at all."""
    from regress_action.commands import scalability

    if analysis := _analysis(measured):
        click.echo()
        scalability.deliver(analysis, None)


def _analysis(measured: Sequence[LoadResult]) -> ScalabilityAnalysis | None:
    from regress_action.advice.scalability import analyse
    from regress_action.instruments.load.level_files import levels_of

    rows = [(result.scenario.users, result.throughput, result.mean_s) for result in measured if result.throughput]
    failed = max(result.error_share for result in measured)
    return analyse(levels_of(rows, think_s=measured[0].scenario.think_s, failed=failed)) if rows else None
