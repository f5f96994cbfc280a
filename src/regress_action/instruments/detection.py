"""The verdict over one report: against a baseline where there is one, and against its budgets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action import analysis
from regress_action.action import learning
from regress_action.action.judging import Judged, overridden
from regress_action.action.policies import policy_of, waivers_said
from regress_action.instruments.storage import BenchmarkStorage
from regress_action.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from regress_action.model.measurements import Report


class RegressionDetector:
    """Judge reports against the baselines of a storage, by the same rules as `regress-action detect`.

    `settings` hold the thresholds file, the waivers and `fail_on`; paths in them are relative to `root`. `limits` are
    further budgets, as markers of tests give them.
    """

    def __init__(
        self,
        storage: BenchmarkStorage | str = ".regress/history",
        *,
        settings: Settings | None = None,
        limits: Sequence[analysis.Limit] = (),
        root: Path | None = None,
    ) -> None:
        self.storage = storage if isinstance(storage, BenchmarkStorage) else BenchmarkStorage(storage, root=root)
        self.settings = settings or Settings()
        self.limits = tuple(limits)
        self.root = root

    def detect(self, report: Report) -> Judged:
        """Judge `report` against what the storage holds for its suite.

        Raises:
            HistoryError: the storage cannot be read.
            IncompleteError: the report holds no measurement, or shares no benchmark with its baseline.
        """
        return self.detect_all([report])

    def detect_all(self, reports: Sequence[Report]) -> Judged:
        """Judge several reports of one suite and commit together, as `detect` does with one."""
        return self.judge(self.storage.load(reports[0].suite), reports)

    def judge(self, baseline: Sequence[Report], reports: Sequence[Report]) -> Judged:
        """Judge `reports` against `baseline` (oldest first); without one, its benchmarks are new and budgets count."""
        own = {(report.commit, report.created) for report in reports}
        others = [other for other in baseline if (other.commit, other.created) not in own]
        references = overridden(others, self.settings.benchmarks)
        policy = policy_of(self.settings, root=self.root)
        judgement = analysis.compare(
            references,
            overridden(reports, self.settings.benchmarks),
            replace(
                policy,
                limits=(*policy.limits, *self.limits),
                noise=learning.known(references, reports[0].environment.fingerprint),
            ),
        )
        return Judged(judgement, reports[0].suite, waivers_said(self.settings, root=self.root))
