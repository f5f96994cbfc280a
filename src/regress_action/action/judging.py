"""A judgement with the exit code that follows from it, made from reports and settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regress_action import analysis
from regress_action.action.policies import policy_of, waivers_said
from regress_action.model.comparisons import Outcome
from regress_action.model.errors import ExitCode
from regress_action.model.measurements import matches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from regress_action.model.comparisons import Judgement, Mode
    from regress_action.model.measurements import Benchmark, Report, Series
    from regress_action.settings import Settings
    from regress_action.settings.model import Override

_EXITS = {Outcome.FAIL: ExitCode.REGRESSION, Outcome.INCOMPLETE: ExitCode.INCOMPLETE}


@dataclass(frozen=True, slots=True)
class Judged:
    """A judgement, the suite it is about, and how the process should end."""

    judgement: Judgement
    suite: str = "default"
    waivers: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """Return the documented exit code of the verdict."""
        return _EXITS.get(self.judgement.summary.verdict, ExitCode.OK)


def judge_reports(
    baseline: Sequence[Report],
    head: Sequence[Report],
    settings: Settings,
    *,
    looked: bool = False,
    root: Path | None = None,
    mode: Mode | None = None,
) -> Judged:
    """Judge `head` against `baseline` after the overrides of the settings were laid over both.

    `looked` says that the measurement was looked at while it ran; the settings' paths are relative to `root`.
    """
    judgement = analysis.compare(
        overridden(baseline, settings.benchmarks),
        overridden(head, settings.benchmarks),
        policy_of(settings, root=root, looked=looked),
        mode=mode,
    )
    return Judged(judgement, head[0].suite if head else settings.suite, waivers_said(settings, root=root))


def judge_against_history(
    references: Sequence[Report], head: Sequence[Report], settings: Settings, *, root: Path | None = None
) -> Judged:
    """Judge `head` against stored reports (oldest first), with the noise that was stored with them."""
    from regress_action.action import learning

    policy = policy_of(settings, root=root)
    baseline = overridden(references, settings.benchmarks)
    learned = learning.known(baseline, head[0].environment.fingerprint) if head else {}
    judgement = analysis.compare(baseline, overridden(head, settings.benchmarks), replace(policy, noise=learned))
    return Judged(judgement, head[0].suite if head else settings.suite, waivers_said(settings, root=root))


def overridden(reports: Sequence[Report], overrides: Sequence[Override]) -> tuple[Report, ...]:
    """Leave out what is ignored and put benchmarks into the services that the overrides name."""
    if not any(override.ignore or override.service for override in overrides):
        return tuple(reports)
    return tuple(
        replace(report, series=tuple(kept for series in report.series if (kept := _laid_over(series, overrides))))
        for report in reports
    )


def _laid_over(series: Series, overrides: Sequence[Override]) -> Series | None:
    benchmark: Benchmark = series.benchmark
    for override in overrides:
        if matches(benchmark.name, override.match) and matches(series.metric.name, override.metric):
            if override.ignore:
                return None
            if override.service:
                benchmark = replace(benchmark, service=override.service)
    return series if benchmark is series.benchmark else replace(series, benchmark=benchmark)
