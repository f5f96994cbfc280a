"""Replay: past alarms under two policies, judged by what came after."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from regress_action.analysis.comparison import compare
from regress_action.analysis.policy import Policy
from regress_action.analysis.replay import Alarm, AlarmKey, _missed, _Past, replay
from regress_action.model.comparisons import Severity
from regress_action.model.measurements import Direction, Environment, Metric, Report
from unit.analysis.stored_reports import MACHINE, TIME, past, report


def history(steps: dict[int, float], runs: int = 40, metric: Metric = TIME) -> list[Report]:
    """Make reports of five runs each around 0.07, with 0.5 % noise between them, and steps."""
    draw = np.random.default_rng(1)
    level = 0.07 * np.exp(0.005 * draw.standard_normal(runs))
    for index, ratio in steps.items():
        level[index:] *= ratio
    values = [level[n] * np.exp(0.002 * draw.standard_normal(5)) for n in range(runs)]
    return [report(n, {"parse": of_report}, metric=metric) for n, of_report in enumerate(values)]


def test_a_stricter_threshold_shows_what_it_would_have_found() -> None:
    """A lasting 15 % step raises nothing at 1.2 and appears at 1.1, at its report and borne out by the next ones."""
    seen = replay(history({20: 1.15}), Policy(regression_threshold=1.2), Policy(regression_threshold=1.1))
    assert seen.old.alarms == ()
    assert seen.vanished == ()
    first = seen.appeared[0]
    assert first.place.report == 20
    assert first.commit == f"{20:040x}"
    assert first.ratio == pytest.approx(1.15, abs=0.02)
    assert first.severity is Severity.MINOR
    assert first.sustained is True


def test_a_lasting_worsening_without_an_alarm_was_missed() -> None:
    """The step that 1.2 never saw is its one miss of one; 1.1 has missed nothing."""
    seen = replay(history({20: 1.15}), Policy(regression_threshold=1.2), Policy(regression_threshold=1.1))
    assert (seen.old.worsenings, len(seen.old.missed)) == (1, 1)
    assert seen.old.missed[0].report == pytest.approx(20, abs=1)
    assert not seen.new.missed


def test_an_alarm_that_does_not_last_was_false() -> None:
    """One slow report is an alarm that the following ones do not bear out; a laxer policy makes it vanish."""
    seen = replay(history({20: 1.3, 21: 1 / 1.3}), Policy(), Policy(regression_threshold=1.4))
    (alarm,) = seen.vanished
    assert alarm.sustained is False
    assert (seen.old.false, seen.new.false) == (1, 0)
    assert (seen.old.false_rate, seen.new.false_rate) == (1.0, None)
    assert seen.old.comparisons == 39
    assert seen.old.worsenings == 0


def test_an_episode_of_three_reports_was_false() -> None:
    """What follows an alarm decides, not the alarm itself: of the next five reports three are fast again."""
    alarms = replay(history({20: 1.3, 23: 1 / 1.3}), Policy(), Policy()).old.alarms
    assert alarms[0].place.report == 20
    assert alarms[0].sustained is False


def test_lasting_loss_of_throughput_is_sustained() -> None:
    """For higher-is-better the following reports must stay lower, not higher."""
    metric = Metric("throughput", "1/s", Direction.HIGHER)
    seen = replay(history({20: 1 / 1.4}, metric=metric), Policy(), Policy()).old
    assert seen.alarms[0].place.report == 20
    assert seen.alarms[0].sustained is True
    assert (seen.worsenings, seen.missed) == (1, ())


def test_the_newest_alarm_is_still_open() -> None:
    """With fewer than three reports after it nobody can say whether an alarm was false."""
    (alarm,) = replay(history({38: 1.5}, runs=39), Policy(), Policy()).old.alarms
    assert alarm.sustained is None


def test_nothing_changes_under_the_same_policy() -> None:
    """The same policy twice: no alarm appears, none vanishes."""
    seen = replay(history({20: 1.3}), Policy(), Policy())
    assert seen.old == seen.new
    assert (seen.appeared, seen.vanished) == ((), ())


def test_machines_are_replayed_apart() -> None:
    """A report of another machine is never judged against this one's."""
    slow = Environment(runner="self-hosted", cpu="slow")
    reports = history({}, runs=20)
    reports += [report(n, {"parse": [2.0] * 5}, environment=slow) for n in range(20)]
    seen = replay(reports, Policy(), Policy())
    assert seen.old.alarms == ()
    assert seen.old.comparisons == 38
    assert slow.fingerprint != MACHINE.fingerprint


@pytest.mark.parametrize("reports", [[], past([1.0]), [Report((), ()), Report((), ())]])
def test_nothing_to_replay(reports: list[Report]) -> None:
    """No report, one, or empty ones: no comparison, and rates that are unknown rather than zero."""
    seen = replay(reports, Policy(), Policy())
    assert seen.new.comparisons == 0
    assert seen.new.false_rate is None
    assert not seen.new.missed


def test_each_report_is_judged_against_the_twenty_before_it() -> None:
    """As the comparison would judge it, or against as many as are asked for."""
    reports = history({32: 1.3})
    for more, window in ({}, 20), ({"window": 12}, 12):
        (first, *_) = replay(reports, Policy(), Policy(), **more).old.alarms
        expected = compare(reports[32 - window : 32], [reports[32]], Policy()).comparisons[0]
        assert (first.place.report, first.ratio) == (32, expected.ratio)


@pytest.mark.parametrize(("following", "sustained"), [(2, None), (3, True)])
def test_three_following_reports_are_the_fewest_that_tell(following: int, sustained: bool | None) -> None:
    """Two may still turn out otherwise."""
    first, *_ = replay(history({20: 1.3}, runs=21 + following), Policy(), Policy()).old.alarms
    assert first.place.report == 20
    assert first.sustained is sustained


def test_the_next_five_reports_tell() -> None:
    """Three of them slow bear the alarm out, however fast the sixth is."""
    first, *_ = replay(history({20: 1.3, 24: 0.8 / 1.3}), Policy(), Policy()).old.alarms
    assert first.place.report == 20
    assert first.sustained is True


@pytest.mark.parametrize(("late", "missed"), [(0, 0), (2, 0), (3, 1)])
def test_an_alarm_on_one_of_the_first_three_reports_has_caught_a_worsening(late: int, missed: int) -> None:
    """Later ones come too late, and what another benchmark did is no excuse."""
    place = AlarmKey("default", "here", "parse", "time", 20)
    group = _Past("default", "here", [], {}, frozenset([place]))
    alarm = Alarm(place._replace(report=20 + late), None, None, 1.3, Severity.MINOR, None)
    elsewhere = replace(alarm, place=place._replace(benchmark="other"))
    assert len(list(_missed(group, [elsewhere, alarm]))) == missed
    assert list(_missed(group, [elsewhere])) == [place]


def test_alarms_are_listed_in_order_of_time() -> None:
    """Those of another suite stand where they happened."""
    reports = [replace(report, suite="second") for report in history({25: 1.15}, metric=TIME)] + history({30: 1.15})
    seen = replay(reports, Policy(), Policy(regression_threshold=1.1))
    times = [alarm.time or "" for alarm in seen.appeared]
    assert times == sorted(times)
    assert {alarm.place.suite for alarm in seen.appeared} == {"default", "second"}


def test_improvements_and_young_changes_are_no_worsenings() -> None:
    """Only what settled for the worse could have been missed."""
    for steps in ({20: 1 / 1.3}, {35: 1.15}):
        assert replay(history(steps), Policy(), Policy()).old.worsenings == 0


def test_an_alarm_is_borne_out_above_the_reports_that_it_was_judged_against() -> None:
    """The twenty before it, as far as there are so many: what was slow long ago does not excuse it."""
    (early, *_) = replay(history({6: 1.3}), Policy(), Policy()).old.alarms
    (late, *_) = replay(history({0: 1.5, 20: 1 / 1.5, 45: 1.3}, runs=60), Policy(), Policy()).old.alarms

    assert (early.place.report, early.sustained) == (6, True)
    assert (late.place.report, late.sustained) == (45, True)


def test_an_alarm_is_borne_out_by_half_of_its_threshold_wherever_reports_have_gaps() -> None:
    """The median of up to five reports after it, of which three have a value, above that of those before it."""
    random = np.random.default_rng(1)
    (group,) = _Past.of(history({6: 1.3}))
    alarm = compare(group.reports[:6], [group.reports[6]]).comparisons[0]
    seen: Counter[bool | None] = Counter()
    for _ in range(300):
        levels = random.normal(0, 0.1, 20)
        number, window = int(random.integers(1, 19)), int(random.integers(1, 12))
        levels[number + 1 :] += random.choice([0.0, math.log(1.2) / 2, 0.3])
        levels[random.random(20) < random.choice([0.0, 0.3, 0.7])] = math.nan
        before = [level for level in levels[max(0, number - window) : number] if not math.isnan(level)]
        after = [level for level in levels[number + 1 :][:5] if not math.isnan(level)]
        expected = None
        if before and len(after) >= 3:
            expected = bool(np.median(after) - np.median(before) >= math.log(1.2) / 2)

        of_levels = replace(group, badness={("parse", "time"): levels})

        assert of_levels.sustained(replace(alarm, threshold=1.2), number, window) is expected
        seen[expected] += 1
    assert replace(group, badness={}).sustained(alarm, 6, 5) is None
    assert min(seen[case] for case in (True, False, None)) > 20
