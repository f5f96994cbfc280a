"""What two sides have to agree on before they are compared: environments kept apart, exit codes shared."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action.formats.naming import EXIT_CODE, clean
from regress_action.model.measurements import Failure, Report, Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.model.measurements import Environment

IMPORTED = "github-action-benchmark"
_PART = re.compile(r" > |/|::| ?\[|\(")
_FIELDS = ("runner", "os", "cpu", "cores", "runtime")
_UNKNOWN = ("unknown", 0)


def matched(baseline: Sequence[Report], head: Sequence[Report]) -> tuple[tuple[Report, ...], tuple[Report, ...]]:
    """Return both sides so that only like is compared with like.

    Where the head was measured in several environments, each is judged by itself: what differs between them (the
    interpreter, the machine) is added to the names of the benchmarks of both sides. A benchmark whose every run ended
    with an exit code other than 0 counts only where the other side ended with the same code; else it failed. Names out
    of an imported history, which lack the package, get the one that the head has.
    """
    head_side = tuple(head)
    base_side = _with_packages(baseline, head_side)
    if differing := _differing([report.environment for report in head_side]):
        base_side = tuple(_labelled(report, differing) for report in base_side)
        head_side = tuple(_labelled(report, differing) for report in head_side)
    head_side = _with_single_failures(base_side, head_side)
    base_codes, head_codes = _exit_codes(base_side), _exit_codes(head_side)
    if not base_codes and not head_codes:
        return base_side, head_side
    return (
        tuple(_without_unshared(report, head_codes) for report in base_side),
        tuple(_without_unshared(report, base_codes) for report in head_side),
    )


def _with_packages(baseline: Sequence[Report], head: Sequence[Report]) -> tuple[Report, ...]:
    """Give benchmarks out of an imported history, which has no packages, the names that the head has for them."""
    if all(report.source != IMPORTED for report in baseline):
        return tuple(baseline)
    full: dict[str, set[str]] = {}
    for report in head:
        for series in report.series:
            full.setdefault(series.benchmark.name.rpartition(".")[2], set()).add(series.benchmark.name)
    full_names = {name for names in full.values() for name in names}

    def named(series: Series) -> Series:
        candidates = full.get(series.benchmark.name, set())
        if series.benchmark.name in full_names or len(candidates) != 1:
            return series
        return replace(series, benchmark=replace(series.benchmark, name=next(iter(candidates))))

    return tuple(
        replace(report, series=tuple(map(named, report.series))) if report.source == IMPORTED else report
        for report in baseline
    )


def _with_single_failures(baseline: Sequence[Report], head: Sequence[Report]) -> tuple[Report, ...]:
    """Let the failure of a group be that of its benchmarks, so that none of them counts as failed and as missing.

    A tool may name the test, the parent or the function that failed, and the benchmarks in it only when it works.
    """
    failed = {failure.benchmark for report in head for failure in report.failures}
    measured = {series.benchmark.name for report in head for series in report.series}
    names = {series.benchmark.name for report in baseline for series in report.series}
    if not failed - names or not names - measured:
        return tuple(head)
    parts: dict[str, list[str]] = {}
    for name in sorted(names - measured):
        for mark in _PART.finditer(name):
            if (group := name[: mark.start()]) in failed - names:
                parts.setdefault(group, []).append(name)
    if not parts:
        return tuple(head)
    return tuple(
        replace(
            report,
            failures=tuple(
                replace(failure, benchmark=name)
                for failure in report.failures
                for name in parts.get(failure.benchmark, [failure.benchmark])
            ),
        )
        for report in head
    )


def _differing(environments: Sequence[Environment]) -> tuple[str, ...]:
    """Return the fields in which known environments differ; the size of the memory is no reason to keep them apart."""
    return tuple(
        field
        for field in _FIELDS
        if len({value for environment in environments if (value := getattr(environment, field)) not in _UNKNOWN}) > 1
    )


def _labelled(report: Report, fields: tuple[str, ...]) -> Report:
    """Return the report with what tells its environment apart added to every name."""
    values = [getattr(report.environment, field) for field in fields]
    label = ", ".join(
        f"{value} cores" if field == "cores" else value
        for field, value in zip(fields, values, strict=True)
        if value not in _UNKNOWN
    )
    if not label:
        return report
    return replace(
        report,
        series=tuple(
            replace(series, benchmark=replace(series.benchmark, name=clean(f"{series.benchmark.name} [{label}]")))
            for series in report.series
        ),
        failures=tuple(
            replace(failure, benchmark=clean(f"{failure.benchmark} [{label}]")) for failure in report.failures
        ),
    )


def _exit_codes(reports: Sequence[Report]) -> set[tuple[str, str]]:
    """Return the benchmarks that ended with a code other than 0 in every run, with their codes."""
    return {
        (series.benchmark.name, series.benchmark.version or "")
        for report in reports
        for series in report.series
        if _ended_badly(series)
    }


def _ended_badly(series: Series) -> bool:
    return (series.benchmark.version or "").startswith(EXIT_CODE)


def _without_unshared(report: Report, others: set[tuple[str, str]]) -> Report:
    """Return the report without the benchmarks whose exit code the other side does not have; these failed."""
    failed = {
        series.benchmark.name: series.benchmark.version
        for series in report.series
        if _ended_badly(series) and (series.benchmark.name, series.benchmark.version) not in others
    }
    if not failed:
        return report
    reasons = tuple(Failure(name, f"The command failed: {code} in every run.") for name, code in failed.items())
    return replace(
        report,
        series=tuple(series for series in report.series if series.benchmark.name not in failed),
        failures=report.failures + reasons,
    )
