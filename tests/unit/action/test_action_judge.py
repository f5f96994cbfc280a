"""What a judgement adds to the comparison: overrides, and notes about waivers and files."""

from dataclasses import replace

from regress_action.action.judge import JudgingRules, judge_reports
from regress_action.analysis import Policy, SamplingPlan, WaiverRule
from regress_action.model.comparisons import Verdict
from regress_action.model.measurements import Benchmark, Direction, Metric, Report, Run, Series
from regress_action.settings.model import Override


def test_a_waiver_that_matches_nothing_is_named() -> None:
    """A misspelt name looks active in the file; the notes of the report say that it is not."""
    series = Series(Benchmark("bench/test_cache.py::test_cache_get"), Metric("time", "s"), (1.0, 1.01, 0.99, 1.0, 1.02))
    report = Report((series,), (Run(),) * 5)
    waivers = tuple(WaiverRule(benchmark=name, metric="time", ceiling=1.3) for name in ("cache_get*", "cache_gte*"))
    rules = JudgingRules(policy=Policy(waivers=waivers), schedule=SamplingPlan(pairs=5, every=5))
    notes = judge_reports([report], [replace(report, commit="4f2a" * 10)], rules).judgement.notes
    assert [note for note in notes if "waiver" in str(note)] == [
        "The waiver for cache_gte* (time) matches no benchmark of this report."
    ]


RULES = JudgingRules(policy=Policy(), schedule=SamplingPlan(pairs=5, every=5))
HITS = Metric("hits", "hits", Direction.UNKNOWN)


def hits(level: float, *warnings: str) -> list[Report]:
    """Make five reports of one run each, with a metric of unknown direction, and these warnings in each."""
    values = [level * factor for factor in (1.0, 1.001, 0.999, 1.002, 0.998)]
    report = Report((), (Run(),))
    return [replace(report, series=(Series(Benchmark("b"), HITS, (value,)),), warnings=warnings) for value in values]


def test_a_change_of_unknown_direction_is_neither_better_nor_worse() -> None:
    """It is proven and says how to declare the direction; nobody is alarmed."""
    for level in (50.0, 200.0):
        (row,) = judge_reports(hits(100.0), hits(level), RULES).judgement.comparisons

        assert row.verdict is Verdict.INCONCLUSIVE
        assert row.runs_needed is None


def test_an_override_declares_the_direction() -> None:
    """Half the hits are a regression when more of them are better."""
    rules = replace(RULES, overrides=(Override(match="*", metric="hits", direction="higher"),))

    (row,) = judge_reports(hits(100.0), hits(50.0), rules).judgement.comparisons

    assert row.verdict is Verdict.REGRESSION
    assert row.metric.direction is Direction.HIGHER


def test_what_the_files_lack_is_a_note() -> None:
    """What of the files could not be used stands with the verdict."""
    notes = judge_reports(hits(100.0), hits(100.0, "b has no ratio."), RULES).judgement.notes

    assert "b has no ratio." in notes
