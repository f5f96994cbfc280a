"""The verdict over reports: against a baseline where there is one, and against their budgets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action import analysis, formats
from regress_action.action.judge import Judged, judge_against_history, judge_reports, load_rules
from regress_action.instruments.storage import BenchmarkStorage
from regress_action.model.comparisons import Outcome, Verdict
from regress_action.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis import Limit
    from regress_action.model.comparisons import Comparison
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
        return self.judge(self.storage.baseline(reports[0].suite), reports)

    def judge(self, baseline: Sequence[Report], reports: Sequence[Report]) -> Judged:
        """Judge `reports` against `baseline` (oldest first); without one, its benchmarks are new and budgets count."""
        own = {(report.commit, report.created) for report in reports}
        others = [other for other in baseline if (other.commit, other.created) not in own]
        judged = judge_against_history(others, reports, self.rules)
        return judged if others else _first(judged)


def _first(judged: Judged) -> Judged:
    """Return the judgement of reports that have no baseline on purpose: new benchmarks alone are no fault there."""
    judgement = judged.judgement
    if not judgement.comparisons or any(row.verdict is not Verdict.NEW for row in judgement.comparisons):
        return judged
    if judgement.summary.verdict is not Outcome.INCOMPLETE:
        return judged
    summary = replace(judgement.summary, verdict=Outcome.PASS)
    return replace(judged, judgement=replace(judgement, summary=summary))


def compare(
    baseline: Sequence[Report | str | Path],
    head: Sequence[Report | str | Path],
    *,
    settings: Settings | None = None,
    root: Path | None = None,
) -> Judged:
    """Judge `head` against `baseline`, as `regress-action compare` does.

    Both are reports, or files and globs in any known format. Each report or file is at least one run.

    Raises:
        InputError: a file cannot be read.
        IncompleteError: nothing was measured, or both sides have no benchmark in common.
        SettingsError: a file that the settings name is wrong or absent.
    """
    return judge_reports(_reports(baseline), _reports(head), load_rules(settings or Settings(), root or Path.cwd()))


def confirmed(first: Judged, again: Judged, *, settings: Settings | None = None, root: Path | None = None) -> Judged:
    """Return `first`, whose alarms stand only where `again`, a second measurement of both sides, shows them too.

    A load has a dozen metrics, each with an error rate of its own. What did not alarm stays as it was judged.
    """
    policy = load_rules(settings or Settings(), root or Path.cwd()).policy
    alarming = {_key(row) for row in first.judgement.comparisons if row.alarms}
    rows = tuple(row for row in again.judgement.comparisons if _key(row) in alarming)
    judgement = analysis.confirm(first.judgement, replace(again.judgement, comparisons=rows), policy)
    return replace(first, judgement=judgement)


def _key(row: Comparison) -> tuple[str, str]:
    return row.benchmark.name, row.metric.name


def _reports(sources: Sequence[Report | str | Path]) -> tuple[Report, ...]:
    """Return the reports among the sources, and those in the files that the others name."""
    reports: list[Report] = []
    for source in sources:
        reports += formats.gather([str(source)]) if isinstance(source, str | Path) else [source]
    return tuple(reports)
