"""What the judge is told: error rates, thresholds, budgets, waivers and what is already known about the noise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regress_action.model.comparisons import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.analysis.rules.plan import Plan
    from regress_action.model.measurements import Noise


@dataclass(frozen=True, slots=True)
class BudgetRule:
    """One absolute limit of the thresholds file.

    `key` is as written (`cache_get_ms`), `name` lacks the unit (`cache_get`), `limit` is in the base unit `unit`
    (`s`, `B`, `1/s`, `count`, `ratio`).
    """

    key: str
    name: str
    limit: float
    unit: str


@dataclass(frozen=True, slots=True)
class Limit:
    """Thresholds for what matches three shell-style patterns; of several that match, the last one given wins.

    `regression_threshold` is the badness ratio from which a proven change alarms; None leaves the default.
    """

    service: str = "*"
    benchmark: str = "*"
    metric: str = "*"
    regression_threshold: float | None = None
    budgets: tuple[BudgetRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiver:
    """An accepted regression: up to the ratio `ceiling` it is shown and does not alarm."""

    benchmark: str
    metric: str = "*"
    ceiling: float = 1.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tau:
    """Spread of log values between two sessions that no run of one session can show, by kind of machine."""

    paired: float = 0.0075
    dedicated: float = 0.015
    hosted: float = 0.03
    unknown: float = 0.10


@dataclass(frozen=True, slots=True)
class Policy:
    """Every number the verdict depends on; the defaults are the calibrated ones of docs/statistics.md.

    `alpha` is the false discovery rate per metric family. The `minimum_ratio_*` are the smallest ratios called a
    change at all; `regression_threshold` is the ratio from which a change alarms where no limit says otherwise.
    `severities` are the ratios from which a regression is moderate and above which it is critical. `screen` is
    the p-value below which an unproven slowdown is worth measuring again. `plan` is the one by which the pairs
    were looked at while they were measured; p-values then pay for the looks.
    """

    alpha: float = 0.05
    power: float = 0.8
    minimum_ratio_paired: float = 1.03
    minimum_ratio_history: float = 1.05
    minimum_ratio_exact: float = 1.01
    regression_threshold: float = 1.2
    severities: tuple[float, float] = (1.5, 2.0)
    tau: Tau = Tau()
    minimum_pairs: int = 5
    minimum_runs: int = 5
    maximum_spread: float = 0.10
    screen: float = 0.2
    fail_on: Severity = Severity.CRITICAL
    limits: tuple[Limit, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    noise: Mapping[tuple[str, str], Noise] = field(default_factory=dict)
    plan: Plan | None = None
