"""What the judge is told, made from settings, thresholds file and waivers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.analysis import BudgetRule, Limit, Policy, SamplingPlan, WaiverRule
from regress_action.measure.schedule import interim_step
from regress_action.model.comparisons import Severity
from regress_action.settings import thresholds

if TYPE_CHECKING:
    from regress_action import history
    from regress_action.model.comparisons import Comparison
    from regress_action.settings import Settings


_EVERY_SERVICE = {"default", "*"}


def policy_of(settings: Settings, *, root: Path | None = None, looked: bool = False) -> Policy:
    """Return the policy that these settings ask for; paths in them are relative to `root`.

    `looked` says that the measurement was looked at while it ran, for which the p-values have to pay.

    In the thresholds file the service `default` stands for every service; overrides of `regress.yml` win over both.
    """
    limits = _limits(thresholds.load((root or Path()) / settings.thresholds)) if settings.thresholds else ()
    overrides = tuple(
        Limit(benchmark=override.match, metric=override.metric, regression_threshold=override.threshold)
        for override in settings.benchmarks
        if override.threshold is not None
    )
    return Policy(
        fail_on=settings.fail_on,
        limits=(*limits, *overrides),
        waivers=tuple(
            WaiverRule(benchmark=one.benchmark, metric=one.metric, ceiling=one.ceiling, reason=one.reason)
            for one in waivers_of(settings, root=root)
        ),
        plan=plan_of(settings) if looked else None,
    )


def waivers_of(settings: Settings, *, root: Path | None = None) -> tuple[history.Waiver, ...]:
    """Return the reviewed waivers of the repository that are in force today."""
    path = (root or Path()) / settings.waivers
    if not path.is_file():
        return ()
    from regress_action import history

    today = datetime.now(UTC).date()
    return history.in_force(history.parse_waivers(path.read_text(encoding="utf-8"), str(path), today), today)


def waivers_said(settings: Settings, *, root: Path | None = None) -> tuple[str, ...]:
    """Return a line for each waiver in force, for every report to list, used or not."""
    return tuple(
        f"{one.benchmark} ({one.metric}) up to {one.ceiling:g}× until {one.expires}: {one.reason}"
        for one in waivers_of(settings, root=root)
    )


def plan_of(settings: Settings) -> SamplingPlan:
    """Return when a measurement with these settings is looked at."""
    return SamplingPlan(pairs=settings.runs, every=interim_step(settings.runs))


def ratio_that_fails(settings: Settings, comparison: Comparison) -> float:
    """Return the ratio from which a regression of this comparison has the severity that fails."""
    policy = policy_of(settings)
    moderate, critical = policy.severities
    bands = {Severity.MODERATE: moderate, Severity.CRITICAL: critical}
    return max(bands.get(policy.fail_on, 1.0), comparison.threshold)


def _limits(loaded: thresholds.Thresholds) -> tuple[Limit, ...]:
    """Return one limit per service, `default` first, since the last that matches wins."""
    ratios = dict(loaded.ratios)
    services = dict.fromkeys([*ratios, *(budget.service for budget in loaded.budgets)])
    return tuple(
        Limit(
            service="*" if service in _EVERY_SERVICE else service,
            regression_threshold=ratios.get(service),
            budgets=tuple(
                BudgetRule(key=budget.key, name=budget.name, limit=budget.limit, unit=budget.unit)
                for budget in loaded.budgets
                if budget.service == service
            ),
        )
        for service in sorted(services, key=lambda name: name not in _EVERY_SERVICE)
    )
