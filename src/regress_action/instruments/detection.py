"""The verdict over reports: against a baseline where there is one, and against their budgets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.action.judge import Judged, judge_against_history, load_rules
from regress_action.instruments.storage import BenchmarkStorage
from regress_action.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis import Limit
    from regress_action.model.measurements import Report


class RegressionDetector:
    """Judge reports against the baselines of a storage, by the same rules as `regress-action detect`.

    `settings` name the thresholds file, the waivers and `fail_on`; paths in them are relative to `root`. `limits` are
    further budgets, as markers of tests give them.

    Raises:
        SettingsError: a file that the settings name is wrong or absent.
    """

    def __init__(
        self,
        storage: BenchmarkStorage | str = ".regress/history",
        *,
        settings: Settings | None = None,
        limits: Sequence[Limit] = (),
        root: Path | None = None,
    ) -> None:
        self.storage = storage if isinstance(storage, BenchmarkStorage) else BenchmarkStorage(storage, root=root)
        rules = load_rules(settings or Settings(), root or Path.cwd())
        self.rules = replace(rules, policy=replace(rules.policy, limits=(*rules.policy.limits, *limits)))

    def detect(self, *reports: Report) -> Judged:
        """Judge the reports of one suite and commit against what the storage holds for the suite.

        Raises:
            HistoryError: the storage cannot be read.
            IncompleteError: the reports hold no measurement, or share no benchmark with their baseline.
        """
        return self.judge(self.storage.load(reports[0].suite), reports)

    def judge(self, baseline: Sequence[Report], reports: Sequence[Report]) -> Judged:
        """Judge `reports` against `baseline` (oldest first); without one, its benchmarks are new and budgets count."""
        own = {(report.commit, report.created) for report in reports}
        others = [other for other in baseline if (other.commit, other.created) not in own]
        return judge_against_history(others, reports, self.rules)
