"""The doctor proves that the gate fires, and says so when it cannot."""

from __future__ import annotations

import random

import pytest

from regress_action.action.judge import JudgingRules, judge_reports, rules_of
from regress_action.commands import doctor
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series
from regress_action.settings import Settings
from regress_action.settings.gate import GateFiles
from regress_action.settings.model import Override
from regress_action.settings.thresholds import Thresholds


def side(seed: int, spread: float = 0.004) -> Report:
    """Return ten interleaved runs of three benchmarks that never change."""
    draw = random.Random(seed)  # noqa: S311 - noise, no secret
    series = tuple(
        Series(Benchmark(name), Metric("time", "s"), tuple(0.01 * draw.gauss(1, spread) for _ in range(10)))
        for name in ("a", "b", "c")
    )
    return Report(series, tuple(Run("s", pair) for pair in range(1, 11)))


def rules(**settings: object) -> JudgingRules:
    """Return the rules of these settings, without any file."""
    return rules_of(Settings.model_validate(settings), GateFiles(Thresholds()))


@pytest.mark.parametrize("fail_on", ["minor", "moderate", "critical"])
def test_a_planted_slowdown_is_caught(fail_on: str) -> None:
    """Whatever severity fails, a slowdown beyond it makes the gate exit with 1."""
    finding = doctor.planted_slowdown(side(1), side(2), rules(fail_on=fail_on))
    assert finding.level is doctor.Level.FINE
    assert "is caught and exits with 1" in finding.what


def test_a_gate_that_cannot_fire_is_a_fault() -> None:
    """With fail-on: none nothing fails, and the doctor says that this gate does not fire."""
    finding = doctor.planted_slowdown(side(1), side(2), rules(fail_on="none"))
    assert finding.level is doctor.Level.FAULT
    assert "does not fire" in finding.what


def test_a_suite_whose_benchmarks_are_all_ignored_has_nothing_to_slow_down() -> None:
    """Where every benchmark is ignored there is nothing to slow down."""
    ignoring = rules(benchmarks=(Override(match="*", ignore=True),))
    with pytest.raises(Exception, match="no measurement"):
        doctor.planted_slowdown(side(1), side(2), ignoring)


def test_what_can_be_seen_is_said_in_percent() -> None:
    """A quiet machine shows small changes in ten pairs, smaller ones in thirty, and no benchmark is blind."""
    judgement = judge_reports([side(1)], [side(2)], rules()).judgement
    findings = list(doctor.noise(judgement, 10))
    assert [finding.level for finding in findings] == [doctor.Level.FINE]
    assert findings[0].what.startswith("On this machine you can see ")


def test_blind_benchmarks_are_named_up_to_a_few() -> None:
    """Noise beyond the thresholds is told for the worst, with what to do."""
    judgement = judge_reports([side(1, 0.4)], [side(2, 0.4)], rules()).judgement
    advice = [finding for finding in doctor.noise(judgement, 10) if finding.level is doctor.Level.ADVICE]
    assert advice
    assert all(finding.remedy for finding in advice)
