"""What lasts: a history alarms when it is worse beyond its limit, was seen again, and still is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from regress_action.analysis import cumulative_drift, histories, sustained_changes
from regress_action.analysis.policy import Limit, Policy, WaiverRule
from regress_action.model.comparisons import ReasonCode, Severity, Verdict
from regress_action.model.measurements import Direction, Environment, Metric
from regress_action.report.reasons import sentence
from unit.analysis.compared_sides import reason_of
from unit.analysis.stored_reports import past, report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.sustained_changes import SustainedChange
    from regress_action.model.measurements import Report


def noisy(*levels: tuple[int, float], spread: float = 0.01, seed: int = 1) -> list[float]:
    """Draw that many runs at each level."""
    draw = np.random.default_rng(seed)
    flat = np.concatenate([np.full(runs, level) for runs, level in levels])
    return list(flat * np.exp(spread * draw.standard_normal(len(flat))))


def rising(runs: int, by: float, *, before: int = 0, seed: int = 1) -> list[float]:
    """Draw runs that rise evenly by a share of their first level, after some that are level."""
    draw = np.random.default_rng(seed)
    level = np.concatenate([np.ones(before), 1 + by * np.arange(runs) / runs])
    return list(level * np.exp(0.005 * draw.standard_normal(runs + before)))


def judged(
    reports: Sequence[Report], policy: Policy | None = None, *, since: str | None = None
) -> list[SustainedChange]:
    """Judge as the trend stage does."""
    followed = histories.follow(histories.of(reports))
    return list(
        sustained_changes.find_sustained(followed, cumulative_drift.measure(reports, since), policy or Policy())
    )


def commit(number: int) -> str:
    """Return the commit of a report."""
    return f"{number:040x}"


def test_a_settled_step_beyond_the_limit_alarms_and_names_its_commit() -> None:
    """Thirty runs, then twelve that are 60 % slower: moderate, confirmed, between two neighbours."""
    [change] = judged(past(noisy((30, 1.0), (12, 1.6))))
    row = change.comparison
    assert (row.verdict, row.severity, row.confirmed) == (Verdict.REGRESSION, Severity.MODERATE, True)
    assert (change.good, change.bad) == (commit(29), commit(30))
    assert row.ratio == pytest.approx(1.6, rel=0.02)
    assert "in one step at 000000000000 (p < 0.0001)" in sentence(row)


def test_a_young_step_is_not_called_confirmed() -> None:
    """Six runs at a new level may be an episode: undecided, so it neither alarms nor ends an alarm."""
    [change] = judged(past(noisy((30, 1.0), (6, 1.6))))
    assert (change.comparison.verdict, change.comparison.confirmed) == (Verdict.INCONCLUSIVE, None)
    assert not reason_of(change.comparison).seen_again


def test_a_step_that_noise_may_make_is_not_called_confirmed() -> None:
    """Noise that is correlated along time moves a level for a while: shown, and no alarm."""
    shocks = np.random.default_rng(3).normal(0, 0.05, 60)
    values = shocks.copy()
    for run in range(1, 60):
        values[run] += 0.8 * values[run - 1]
    values[48:] += 0.15
    tight = Policy(limits=(Limit(benchmark="par*", regression_threshold=1.05),))

    [one] = judged(past(list(np.exp(values))), tight)

    assert one.comparison.verdict is not Verdict.REGRESSION


def test_a_step_below_the_limit_is_no_alarm() -> None:
    """A tenth is seen and stays below the 1.2 of the policy; with a limit of 1.05 it alarms."""
    reports = past(noisy((40, 1.0), (25, 1.1)))
    assert judged(reports)[0].comparison.verdict is Verdict.UNCHANGED
    tight = Policy(limits=(Limit(benchmark="par*", regression_threshold=1.05),))
    assert judged(reports, tight)[0].comparison.severity is Severity.MINOR


def test_creep_of_steps_that_were_each_too_small_alarms_together() -> None:
    """Four times 7 %: no push alarmed, the release is 31 % ago, and the drift says so."""
    reports = past(noisy((20, 1.0), (20, 1.07), (20, 1.145), (20, 1.225), (20, 1.31)))
    [change] = judged(reports, since=commit(10))
    row = change.comparison
    assert (row.verdict, row.severity) == (Verdict.REGRESSION, Severity.MINOR)
    assert "% slower since the release (" in sentence(row)
    assert (reason_of(row).code, reason_of(row).count) == (ReasonCode.CREPT, 4)
    assert (change.good, change.bad) == (commit(10), commit(99))


@pytest.mark.parametrize("higher", [False, True])
def test_a_drift_that_goes_on_alarms_before_it_reaches_the_limit(higher: bool) -> None:
    """It was there eight runs ago and went on: minor at least, whichever direction is worse."""
    values = rising(40, 0.19)
    metric = Metric("throughput", "1/s", Direction.HIGHER) if higher else Metric("time", "s")
    [change] = judged(past([1 / value for value in values] if higher else values, metric=metric))
    row = change.comparison
    assert (row.verdict, row.severity, row.confirmed) == (Verdict.REGRESSION, Severity.MINOR, True)
    assert reason_of(row).code is ReasonCode.DRIFTING


def test_a_drift_seen_for_the_first_time_is_not_called_confirmed() -> None:
    """What was level eight runs ago has been seen once."""
    [change] = judged(past(rising(12, 0.12, before=30)))
    assert change.comparison.verdict is not Verdict.REGRESSION


@pytest.mark.parametrize("seed", range(40))
def test_noise_alarms_nowhere(seed: int) -> None:
    """Sixty runs of the same code, at the 5 % of a hosted runner."""
    assert judged(past(noisy((60, 1.0), spread=0.05, seed=seed)))[0].comparison.verdict is Verdict.UNCHANGED


def test_what_was_corrected_yesterday_is_not_reported_today() -> None:
    """The level of the last ten runs is still high, the newest run is not: nothing is said, and nothing closed."""
    [change] = judged(past(noisy((30, 1.0), (20, 1.6), (1, 1.0))))
    assert change.comparison.verdict is Verdict.INCONCLUSIVE


def test_what_was_mended_for_good_is_over() -> None:
    """Unchanged, which closes an issue."""
    [change] = judged(past(noisy((30, 1.0), (20, 1.6), (20, 1.0))))
    assert change.comparison.verdict is Verdict.UNCHANGED


def test_what_is_measured_no_more_is_not_judged() -> None:
    """A benchmark that was removed keeps its history and is no news."""
    values = noisy((30, 1.0), (12, 1.6))
    reports = [report(n, {"old": [values[n]], "kept": [1.0]}) for n in range(42)]
    reports += [report(n, {"kept": [1.0]}) for n in range(42, 45)]
    assert [change.comparison.benchmark.name for change in judged(reports)] == ["kept"]


def test_of_several_machines_the_worst_speaks() -> None:
    """Machines alternate; the one that had no run tonight is not forgotten, one that is gone is."""
    other, gone = Environment(cpu="another"), Environment(cpu="gone")
    slow, steady = noisy((30, 1.0), (12, 2.5)), noisy((42, 1.0), seed=2)
    reports = [report(200 + 2 * n, {"parse": [slow[n]]}) for n in range(42)]
    reports += [report(201 + 2 * n, {"parse": [steady[n]]}, environment=other) for n in range(42)]
    reports += [report(n, {"parse": [slow[n]]}, environment=gone) for n in range(42)]
    [change] = judged(reports)
    assert change.comparison.severity is Severity.CRITICAL
    assert change.history.environment == reports[0].environment.fingerprint


def test_a_waiver_keeps_it_from_alarming() -> None:
    """Up to its ceiling."""
    reports = past(noisy((30, 1.0), (12, 1.6)))
    waived = judged(reports, Policy(waivers=(WaiverRule("parse", ceiling=1.8),)))[0].comparison
    assert (waived.verdict, waived.severity) == (Verdict.REGRESSION, Severity.SLIGHT)
    assert (
        judged(reports, Policy(waivers=(WaiverRule("parse", ceiling=1.3),)))[0].comparison.severity is Severity.MODERATE
    )


def test_too_few_runs_prove_nothing() -> None:
    """Neither an alarm nor its end."""
    assert judged(past([1.0, 2.0, 2.0]))[0].comparison.verdict is Verdict.INCONCLUSIVE
