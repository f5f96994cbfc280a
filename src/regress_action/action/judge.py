"""The rules of a judgement, made once from settings and files, and judgements with the exit code that follows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from regress_action import analysis, formats
from regress_action.analysis import BudgetRule, Limit, Policy, SamplingPlan, TradeOffRule, WaiverRule
from regress_action.analysis.policy import threshold_asked
from regress_action.measure.schedule import looks, planned_pairs
from regress_action.model import escaping
from regress_action.model.comparisons import Mode, Outcome, Severity, Verdict
from regress_action.model.errors import ExitCode, HistoryError, InputError, RegressError, UsageError
from regress_action.model.measurements import Aliases, Direction, matches
from regress_action.report import notes
from regress_action.settings.gate import GateFiles, read_gate_files
from regress_action.settings.sources import FolderFiles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from regress_action.history import Checkout, History
    from regress_action.model.comparisons import Comparison, Judgement
    from regress_action.model.measurements import Report, Series
    from regress_action.settings import Settings
    from regress_action.settings.gate import Thresholds
    from regress_action.settings.model import Override

_EXITS = {Outcome.FAIL: ExitCode.REGRESSION, Outcome.INCOMPLETE: ExitCode.INCOMPLETE}
_EVERY_SERVICE = {"default", "*"}
_MOST_WARNINGS = 5
_MOST_LOCK_FILES = 4


@dataclass(frozen=True, slots=True)
class JudgingRules:
    """What a judgement follows: values only, nothing is read from disk any more.

    `pairs` is how many were asked for, None where the measurement decides by its time. `waivers` holds a line for each
    waiver in force, for every report to list, used or not.
    """

    policy: Policy
    pairs: int | None = None
    overrides: tuple[Override, ...] = ()
    waivers: tuple[str, ...] = ()
    suite: str = "default"
    aliases: Aliases = field(default_factory=Aliases)

    def plan_of(self, head: Sequence[Report]) -> SamplingPlan:
        """Return after how many pairs a measurement with these settings, of which `head` is one side, is analysed."""
        said = max((report.planned_pairs for report in head if report.planned_pairs), default=None)
        return SamplingPlan(looks(planned_pairs(self.pairs, said)))

    def asked_threshold(self, comparison: Comparison) -> float:
        """Return the threshold that the settings ask for, which the noise of a comparison may exceed."""
        asked = threshold_asked(comparison.benchmark, comparison.metric, self.policy)
        return self.policy.regression_threshold if asked is None else asked

    def ratio_that_fails(self, comparison: Comparison) -> float:
        """Return the ratio from which a regression of this comparison has the severity that fails."""
        moderate, critical = self.policy.severities
        bands = {Severity.MODERATE: moderate, Severity.CRITICAL: critical}
        return max(bands.get(self.policy.fail_on, 1.0), comparison.threshold)


def load_rules(settings: Settings, root: Path) -> JudgingRules:
    """Read the files that the settings of a person name, relative to `root`, and return the rules.

    Raises:
        SettingsError: a file is wrong, or the thresholds file is absent.
    """
    return rules_of(settings, read_gate_files(settings, FolderFiles(root)))


def rules_of(settings: Settings, files: GateFiles) -> JudgingRules:
    """Return the rules that the settings and the files ask for.

    In the thresholds file the service `default` stands for every service; overrides of `regress.yml` win over both.
    """
    overrides = tuple(
        Limit(benchmark=override.match, metric=override.metric, regression_threshold=override.threshold)
        for override in settings.benchmarks
        if override.threshold is not None
    )
    waivers = tuple(
        WaiverRule(benchmark=waiver.benchmark, metric=waiver.metric, ceiling=waiver.ceiling, reason=waiver.reason)
        for waiver in files.waivers
    )
    return JudgingRules(
        policy=Policy(
            fail_on=settings.fail_on,
            limits=(*_limits(files.thresholds), *overrides),
            waivers=waivers,
            trade_offs=_trade_offs(files.thresholds),
        ),
        pairs=settings.runs,
        overrides=settings.benchmarks,
        waivers=tuple(
            f"{waiver.benchmark} ({waiver.metric}) up to {waiver.ceiling:g}× until {waiver.expires}: {waiver.reason}"
            for waiver in files.waivers
        ),
        suite=settings.suite,
        aliases=files.aliases,
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """A judgement, the suite it is about, and how the process should end.

    `baseline` and `head` are what was judged, `looks` the numbers of pairs after which it was planned to be judged.
    """

    judgement: Judgement
    suite: str = "default"
    waivers: tuple[str, ...] = ()
    baseline: tuple[Report, ...] = ()
    head: tuple[Report, ...] = ()
    looks: tuple[int, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """Return the documented exit code of the verdict."""
        return _EXITS.get(self.judgement.summary.verdict, ExitCode.OK)


def was_looked_at(baseline: Sequence[Report], head: Sequence[Report]) -> bool:
    """Whether the reports are both sides of one measurement that was analysed while it ran."""
    return len(baseline) == len(head) == 1 and head[0].planned_pairs is not None


def judge_reports(
    baseline: Sequence[Report],
    head: Sequence[Report],
    rules: JudgingRules,
    *,
    interim: bool = False,
    mode: Mode | None = None,
) -> Judged:
    """Judge `head` against `baseline` after the overrides of the rules were applied to both.

    `interim` says that the measurement was analysed while it ran, which the p-values have to account for.
    """
    base_side, head_side = formats.matched(*_prepared(baseline, head, rules))
    policy = replace(rules.policy, plan=rules.plan_of(head) if interim else None)
    judgement = analysis.compare(base_side, head_side, policy, mode=mode)
    judgement = _with_removed(judgement, _removed(baseline, head, rules))
    judged = _judged(_with_renamings(judgement, base_side, head_side), head, rules, warned=(*head, *baseline))
    planned = policy.plan.looks if policy.plan else ()
    return replace(judged, baseline=tuple(base_side), head=tuple(head_side), looks=planned)


def with_stored_builds(rules: JudgingRules, history: History, head: Report, branch: str | None = None) -> JudgingRules:
    """Return the rules with what the layout of stored builds of the suite did to each benchmark, but not the head's.

    A verdict of pairs does not depend on the history: where it cannot be read, the bound of layout stays assumed.
    """
    from regress_action.action.baseline import LEARNING_WINDOW
    from regress_action.history import Selection

    try:
        stored = history.load(Selection(suite=head.suite, branch=branch, last=LEARNING_WINDOW))
    except RegressError:
        return rules
    builds = [report for report in stored if report.commit != head.commit]
    policy = replace(rules.policy, layout=analysis.layout_bounds(builds, rules.policy))
    return replace(rules, policy=policy)


def judge_against_history(references: Sequence[Report], head: Sequence[Report], rules: JudgingRules) -> Judged:
    """Judge `head` against stored reports (oldest first), with the noise that was stored with them."""
    from regress_action.action.baseline import stored_noise  # needs the history, which `compare` does without

    baseline, head_side = formats.matched(*_prepared(references, head, rules))
    noise = stored_noise(baseline, head[0].environment.fingerprint) if head else {}
    judgement = analysis.compare(baseline, head_side, replace(rules.policy, noise=noise))
    judgement = _with_removed(judgement, _removed(references[-1:], head, rules))
    judged = _judged(_with_renamings(judgement, baseline[-1:], head_side), head, rules, warned=head)
    return replace(judged, baseline=tuple(baseline), head=tuple(head_side))


def with_changed_packages(judged: Judged, checkout: Checkout, carried: Sequence[str] = ()) -> Judged:
    """Return the judgement with a note for each lock file that differs between the two commits, and its packages.

    A lock file that `carried` names was the head's on both sides. Commits that this clone does not hold are passed
    over: the verdict does not depend on them.
    """
    base, head = (side[-1].commit if side else None for side in (judged.baseline, judged.head))
    if not base or not head or base == head:
        return judged
    from regress_action.advice import lock_files  # files without a commit need no packages

    paired = judged.judgement.mode is Mode.PAIRED
    said = []
    try:
        changed = checkout.difference(base, head, ("--name-only", "-z", "--no-renames")).split("\0")
        for path in [name for name in changed if lock_files.is_lock_file(name)][:_MOST_LOCK_FILES]:
            contents = (checkout.file(commit, path, lock_files.LARGEST) for commit in (base, head))
            before, after = (None if content is None else content.decode("utf-8", "replace") for content in contents)
            if packages := lock_files.changed_packages(path, before, after):
                is_carried = any(f"/{path}".endswith(f"/{name.strip('/')}") for name in carried)
                said.append(notes.changed_packages(path, packages, paired=paired, carried=is_carried))
    except (HistoryError, InputError):
        return judged
    return replace(judged, judgement=replace(judged.judgement, notes=(*judged.judgement.notes, *said)))


def _prepared(
    baseline: Sequence[Report], head: Sequence[Report], rules: JudgingRules
) -> tuple[tuple[Report, ...], tuple[Report, ...]]:
    """Return both sides under the newest names and after the overrides; what was removed on purpose is left out."""
    if rules.aliases:
        head = [rules.aliases.applied(report) for report in head]
        present = {series.benchmark.name for report in head for series in report.series}
        renamed = (rules.aliases.applied(report) for report in baseline)
        baseline = [rules.aliases.without_removed(report, present=present) for report in renamed]
    return overridden(baseline, rules.overrides), overridden(head, rules.overrides)


def _removed(baseline: Sequence[Report], head: Sequence[Report], rules: JudgingRules) -> tuple[str, ...]:
    """Return the benchmarks of the baseline that were removed on purpose."""
    if not rules.aliases.removed:
        return ()
    present = {series.benchmark.name for report in map(rules.aliases.applied, head) for series in report.series}
    before = {series.benchmark.name for report in map(rules.aliases.applied, baseline) for series in report.series}
    return tuple(sorted(name for name in before if rules.aliases.is_gone(name, present)))


def _with_removed(judgement: Judgement, names: tuple[str, ...]) -> Judgement:
    """Return the judgement with the names, and a note about them where there are some."""
    said = (notes.removed_on_purpose(names),) if names else ()
    return replace(judgement, notes=(*judgement.notes, *said), removed=names)


def selected(
    baseline: Sequence[Report], head: Sequence[Report], pattern: str
) -> tuple[tuple[Report, ...], tuple[Report, ...]]:
    """Return both sides with the benchmarks only that match `pattern`, by their full or a short name.

    Raises:
        UsageError: nothing matches; the nearest names are listed.
    """

    def chosen(reports: Sequence[Report]) -> tuple[Report, ...]:
        return tuple(
            replace(report, series=tuple(row for row in report.series if matches(row.benchmark.name, pattern)))
            for report in reports
        )

    before, after = chosen(baseline), chosen(head)
    if not any(report.series for report in (*before, *after)):
        names = sorted({row.benchmark.name for report in (*baseline, *head) for row in report.series})
        near = get_close_matches(pattern, names, n=3, cutoff=0.3) or names[:3]
        raise UsageError(
            f"No benchmark matches {pattern!r}.",
            meaning=f"The results hold {'one name' if len(names) == 1 else f'{len(names)} names'}.",
            remedy="They are like: " + ", ".join(map(escaping.plain, near)),
        )
    return before, after


def overridden(reports: Sequence[Report], overrides: Sequence[Override]) -> tuple[Report, ...]:
    """Leave out what is ignored; give benchmarks the services and metrics the directions that the overrides name."""
    if not any(override.ignore or override.service or override.direction for override in overrides):
        return tuple(reports)
    return tuple(
        replace(report, series=tuple(kept for series in report.series if (kept := _override(series, overrides))))
        for report in reports
    )


def _judged(judgement: Judgement, head: Sequence[Report], rules: JudgingRules, *, warned: Sequence[Report]) -> Judged:
    """Return the judgement with a note for everything that the files of `warned` had wrong, and for unused waivers."""
    warnings = list(dict.fromkeys(warning for report in warned for warning in report.warnings))
    more = (
        (f"{len(warnings) - _MOST_WARNINGS} more warnings about the files.",) if len(warnings) > _MOST_WARNINGS else ()
    )
    unused = _unused_waivers(judgement, rules)
    noted = replace(judgement, notes=(*judgement.notes, *unused, *warnings[:_MOST_WARNINGS], *more))
    return Judged(noted, head[0].suite if head else rules.suite, rules.waivers)


def _with_renamings(judgement: Judgement, baseline: Sequence[Report], head: Sequence[Report]) -> Judgement:
    """Return the judgement with a note for each benchmark that was probably renamed, and the line that says so."""
    verdicts = {row.verdict for row in judgement.comparisons}
    if not {Verdict.MISSING, Verdict.NEW} <= verdicts:
        return judgement
    from regress_action.advice.renames import probable_renamings

    pairs = probable_renamings(*([series for report in side for series in report.series] for side in (baseline, head)))
    notes = [
        f"{pair.old} is missing and {pair.new} is new; {pair.why}. If it was renamed, put this under `aliases` in "
        f"regress-aliases.yml:  {pair.line}"
        for pair in pairs[:_MOST_WARNINGS]
    ]
    return replace(judgement, notes=(*judgement.notes, *notes))


def _unused_waivers(judgement: Judgement, rules: JudgingRules) -> tuple[str, ...]:
    """Return a note for each waiver in force whose benchmark is not among those compared: it may be misspelt."""
    rows = judgement.comparisons
    return tuple(
        f"The waiver for {waiver.benchmark} ({waiver.metric}) matches no benchmark of this report."
        for waiver in rules.policy.waivers
        if not any(
            matches(row.benchmark.name, waiver.benchmark) and matches(row.metric.name, waiver.metric) for row in rows
        )
    )


def _override(series: Series, overrides: Sequence[Override]) -> Series | None:
    benchmark, metric = series.benchmark, series.metric
    for override in overrides:
        if matches(benchmark.name, override.match) and matches(series.metric.name, override.metric):
            if override.ignore:
                return None
            if override.service:
                benchmark = replace(benchmark, service=override.service)
            if override.direction:
                metric = replace(metric, direction=Direction(override.direction))
    unchanged = benchmark is series.benchmark and metric is series.metric
    return series if unchanged else replace(series, benchmark=benchmark, metric=metric)


def _limits(thresholds: Thresholds) -> tuple[Limit, ...]:
    """Return one limit per service, `default` first, since the last that matches wins."""
    ratios, of_services, quorums = map(dict, (thresholds.ratios, thresholds.service_ratios, thresholds.quorums))
    services = dict.fromkeys([*ratios, *of_services, *quorums, *(budget.service for budget in thresholds.budgets)])
    return tuple(
        Limit(
            service=_pattern(service),
            regression_threshold=ratios.get(service),
            service_threshold=of_services.get(service),
            quorum=quorums.get(service),
            budgets=tuple(
                BudgetRule(key=budget.key, name=budget.name, limit=budget.limit, unit=budget.unit)
                for budget in thresholds.budgets
                if budget.service == service
            ),
        )
        for service in sorted(services, key=lambda name: name not in _EVERY_SERVICE)
    )


def _trade_offs(thresholds: Thresholds) -> tuple[TradeOffRule, ...]:
    return tuple(
        TradeOffRule(
            rule=entry.rule,
            metric=entry.metric,
            factor=entry.factor,
            other=entry.other,
            needed=entry.needed,
            service=_pattern(entry.service),
            benchmark=entry.benchmark,
            of_service=entry.of_service,
        )
        for entry in thresholds.trade_offs
    )


def _pattern(service: str) -> str:
    return "*" if service in _EVERY_SERVICE else service
