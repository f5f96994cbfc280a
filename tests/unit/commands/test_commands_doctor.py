"""The doctor proves that the gate fires, and says so when it cannot."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import judgements
from regress_action.action.judge import JudgingRules, judge_reports, rules_of
from regress_action.commands import doctor, doctor_plan
from regress_action.commands.doctor_checks import planted_changes, summarised
from regress_action.model.comparisons import Outcome, PairNoise
from regress_action.model.errors import UsageError
from regress_action.model.measurements import Benchmark, Direction, Metric, Report, Run, Series
from regress_action.settings import Settings, load
from regress_action.settings.gate import GateFiles, Thresholds
from regress_action.settings.model import Override

if TYPE_CHECKING:
    from pathlib import Path


TOOK = doctor_plan.Duration(pair_s=4.0, setup_s=0.0)


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


def test_a_finding_is_wrapped_between_words_at_the_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns shows whole words below one another; where there is no terminal a line stays whole."""
    name = "benchmarks/test_cache.py::test_cache_get_with_a_name_that_is_longer_than_a_terminal_is_wide[64]"
    words = f"The rounds explain most of the noise of 2 benchmarks, and these are them: {name} (100 %), x (74 %)."
    finding = doctor.CheckResult(doctor.Level.ADVICE, words, words, (words,))

    monkeypatch.setenv("COLUMNS", "80")
    lines = list(finding.lines())
    assert [line for line in lines if len(line) > 80] == [line for line in lines if name in line]
    assert all(line.startswith(" ") for line in lines[1:])
    assert " ".join(" ".join(lines).split()) == f"note {words} {words} → {words}"

    monkeypatch.setenv("COLUMNS", "0")
    assert len(list(finding.lines())) == 3


@pytest.mark.parametrize("fail_on", ["minor", "moderate", "critical"])
def test_each_benchmark_made_worse_is_caught(fail_on: str) -> None:
    """Whatever severity fails, a slowdown beyond it makes the gate exit with 1, for every series."""
    [finding] = doctor.gate(side(1), side(2), rules(fail_on=fail_on))
    assert finding.level is doctor.Level.FINE
    assert finding.what.startswith("The gate fires for 3 of 3 benchmark × metric pairs (3 benchmarks)")


def test_a_gate_that_cannot_fire_is_a_fault() -> None:
    """With fail-on: none nothing fails, and the doctor says why of each series."""
    [finding] = doctor.gate(side(1), side(2), rules(fail_on="none"))
    assert finding.level is doctor.Level.FAULT
    assert [detail.partition(": ")[2] for detail in finding.details] == ["fail-on is none"] * 3


def test_a_series_that_cannot_fire_is_listed_with_the_reason() -> None:
    """A noisy one among quiet ones hides what would fail, and the others still fire."""
    base, head = side(1), side(2)
    draw = random.Random(3)  # noqa: S311 - noise, no secret

    def noisy(report: Report) -> Report:
        values = tuple(0.01 * draw.lognormvariate(0, 1.5) for _ in range(10))
        return replace(report, series=(replace(report.series[0], values=values), *report.series[1:]))

    [finding] = doctor.gate(noisy(base), noisy(head), rules(fail_on="critical"))
    assert finding.level is doctor.Level.FINE
    assert [detail.partition(" ")[0] for detail in finding.details] == ["a"]


def test_a_throughput_is_made_worse_by_making_it_smaller() -> None:
    """Ratios are of badness, whichever direction a metric has."""

    def rates(report: Report) -> Report:
        return replace(
            report,
            series=tuple(replace(row, metric=Metric("throughput", "1/s", Direction.HIGHER)) for row in report.series),
        )

    done, untried = planted_changes(rates(side(1)), rates(side(2)), rules())
    assert [(change.metric, change.fails) for change in done] == [("throughput", True)] * 3
    assert untried == 0


def test_what_time_does_not_suffice_for_is_counted() -> None:
    """A proof that ends early says how much it left out."""
    done, untried = planted_changes(side(1), side(2), rules(), limit_s=-1)
    assert (done, untried) == ([], 3)
    assert "3 more were not tried" in summarised(done, untried)[1]


def test_a_suite_whose_benchmarks_are_all_ignored_has_nothing_to_slow_down() -> None:
    """Where every benchmark is ignored there is nothing to slow down."""
    ignoring = rules(benchmarks=(Override(match="*", ignore=True),))
    with pytest.raises(Exception, match="no measurement"):
        list(doctor.gate(side(1), side(2), ignoring))


def test_the_forecast_shows_less_noise_and_more_minutes_with_more_pairs() -> None:
    """Measured with ten pairs, ten pairs show what was measured."""
    judgement = judge_reports([side(1)], [side(2)], rules()).judgement
    took = doctor_plan.Duration(pair_s=6.0, setup_s=60.0)
    row = judgement.comparisons[0]

    assert doctor_plan.visible(row, 10, 10) == row.minimum_detectable_ratio
    seen = [doctor_plan.visible(row, 10, pairs) or 0 for pairs in doctor_plan.PAIRS]
    assert seen == sorted(seen, reverse=True)
    assert took.minutes(20) == pytest.approx(3.0)
    assert len(doctor_plan.forecast(judgement, 10, took)) == 5


def test_noisy_benchmarks_get_more_pairs_within_the_budget_and_then_a_threshold_they_can_hold() -> None:
    """Quiet ones keep few pairs and their own threshold."""
    took = doctor_plan.Duration(pair_s=60.0, setup_s=0.0)
    quiet = doctor_plan.proposal(judge_reports([side(1)], [side(2)], rules()).judgement, 10, took, 30, rules())
    noisy = doctor_plan.proposal(
        judge_reports([side(1, 0.4)], [side(2, 0.4)], rules()).judgement, 10, took, 30, rules()
    )

    assert quiet == doctor_plan.Proposal(5, ())
    assert noisy.runs == 30
    assert {name for name, _, _ in noisy.thresholds} == {"a", "b", "c"}
    assert all(ratio > 1.2 for _, _, ratio in noisy.thresholds)


def test_rounds_are_blamed_only_where_they_explain_the_noise_between_runs() -> None:
    """A spread inside of runs that is as large as that between them after averaging."""

    def with_rounds(report: Report, spread: float) -> Report:
        rows = (
            replace(row, rounds=(25,) * 10, spreads=tuple(spread * value for value in row.values))
            for row in report.series
        )
        return replace(report, series=tuple(rows))

    wide, narrow = (
        doctor_plan.short_rounds(with_rounds(side(1), spread), with_rounds(side(2), spread))
        for spread in (0.02, 0.0001)
    )
    assert {name for name, _ in wide} == {"a", "b", "c"}
    assert narrow == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# why\nruns: 10  # pairs\nfail-on: minor\n", "# why\nruns: 20  # pairs\nfail-on: minor\n"),
        ("suite: x\n", "suite: x\n\n# Proposed by `regress-action doctor`.\nruns: 20\n"),
    ],
)
def test_runs_are_written_and_comments_stay(tmp_path: Path, text: str, expected: str) -> None:
    """A number is replaced where it stands; it is added where it was not."""
    path = tmp_path / "regress.yml"
    path.write_text(text)

    assert doctor_plan.write_proposal(path, doctor_plan.Proposal(20, ())) != []
    assert path.read_text() == expected
    assert doctor_plan.write_proposal(path, doctor_plan.Proposal(20, ())) == []


def test_thresholds_are_written_as_overrides_that_the_settings_read(tmp_path: Path) -> None:
    """Entries that are there stay, a threshold that a person set is kept, and a name with brackets matches itself."""
    path = tmp_path / "regress.yml"
    path.write_text("runs: 20\nbenchmarks:  # ours\n  - {match: slow, metric: time, threshold: 1.5}\nsuite: x\n")
    proposal = doctor_plan.Proposal(20, (("slow", "time", 1.3), ("t.py::test[1]", "time", 1.35)))

    changes = doctor_plan.write_proposal(path, proposal)

    settings = load({}, root=tmp_path)
    assert [(row.match, row.threshold) for row in settings.benchmarks] == [("t.py::test[[]1]", 1.35), ("slow", 1.5)]
    assert changes == ["benchmarks: t.py::test[1] (time) threshold 1.35"]
    assert "benchmarks: # ours" in path.read_text()


def test_a_file_of_another_form_is_left_alone(tmp_path: Path) -> None:
    """What cannot be edited without losing something is refused."""
    path = tmp_path / "regress.yml"
    path.write_text("{runs: 10, suite: x}\n")

    with pytest.raises(UsageError, match="cannot be edited"):
        doctor_plan.write_proposal(path, doctor_plan.Proposal(20, ()))
    assert path.read_text() == "{runs: 10, suite: x}\n"


def test_what_can_be_seen_is_said_in_percent() -> None:
    """A quiet machine shows small changes, and no benchmark is blind."""
    judgement = judge_reports([side(1)], [side(2)], rules()).judgement
    findings = list(doctor.noise(judgement, 10, rules(), TOOK))
    assert [finding.level for finding in findings] == [doctor.Level.FINE]
    assert findings[0].what.startswith("On this machine you can see ")
    assert findings[0].what.endswith(" in 10 pairs (40 s).")


def test_quiet_metrics_do_not_hide_noisy_ones() -> None:
    """Allocations that never change are no evidence of how small a change of time can be seen."""

    def with_counts(report: Report) -> Report:
        metric = Metric("allocated", "B")
        counts = [replace(row, metric=metric, values=(64.0,) * 10) for row in report.series]
        return replace(report, series=(*report.series, *counts))

    judgement = judge_reports([with_counts(side(1))], [with_counts(side(2))], rules()).judgement
    times = [row.minimum_detectable_ratio or 0 for row in judgement.comparisons if row.metric.name == "time"]
    [finding, *_] = doctor.noise(judgement, 10, rules(), TOOK)

    seen = doctor_plan.percent(sorted(times)[len(times) // 2])
    assert finding.what.startswith(f"On this machine you can see {seen} of time, ")
    assert " of allocated in 10 pairs" in finding.what
    table = doctor_plan.forecast(judgement, 10, doctor_plan.Duration(6.0, 0.0))
    assert table[0] == "pairs  minutes  half of time show  nine in ten show"
    assert table[2].split()[2] == seen.split()[0]


def test_zero_cannot_be_made_worse_by_a_factor() -> None:
    """A benchmark that allocates nothing is listed with that reason."""

    def nothing(report: Report) -> Report:
        return replace(report, series=tuple(replace(row, values=(0.0,) * 10) for row in report.series[:1]))

    done, _ = planted_changes(nothing(side(1)), nothing(side(2)), rules())
    assert [change.why for change in done] == ["it is 0, which no factor makes worse"]


@pytest.mark.parametrize(
    ("between", "within", "worthwhile"), [(0.03, 0.005, True), (0.01, 0.01, False), (0.001, 0.03, False)]
)
def test_noise_between_processes_asks_for_shorter_runs(between: float, within: float, *, worthwhile: bool) -> None:
    """A quarter of the rounds doubles what lies within processes, and leaves what lies between them."""
    row = judgements.row(pair_noise=PairNoise(between, within))
    lines = doctor_plan.noise_of_pairs(judgements.judgement(Outcome.PASS, row))
    assert any("shorter runs and more pairs" in line for line in lines) is worthwhile
    assert doctor_plan.noise_of_pairs(judgements.judgement(Outcome.PASS, judgements.row())) == []


def test_blind_benchmarks_are_named_up_to_a_few() -> None:
    """Noise beyond the thresholds is told for the worst, with what to do."""
    judgement = judge_reports([side(1, 0.4)], [side(2, 0.4)], rules()).judgement
    advice = [finding for finding in doctor.noise(judgement, 10, rules(), TOOK) if finding.level is doctor.Level.ADVICE]
    assert advice
    assert all(finding.remedy for finding in advice)
