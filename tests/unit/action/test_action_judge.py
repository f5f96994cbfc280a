"""A judgement names the waivers that excuse nothing because no benchmark has their name."""

from dataclasses import replace

from regress_action.action.judge import JudgingRules, judge_reports
from regress_action.analysis import Policy, SamplingPlan, WaiverRule
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series


def test_a_waiver_that_matches_nothing_is_named() -> None:
    """A misspelt name looks active in the file; the notes of the report say that it is not."""
    series = Series(Benchmark("bench/test_cache.py::test_cache_get"), Metric("time", "s"), (1.0, 1.01, 0.99, 1.0, 1.02))
    report = Report((series,), (Run(),) * 5)
    waivers = tuple(WaiverRule(benchmark=name, metric="time", ceiling=1.3) for name in ("cache_get*", "cache_gte*"))
    rules = JudgingRules(policy=Policy(waivers=waivers), schedule=SamplingPlan(pairs=5, every=5))
    notes = judge_reports([report], [replace(report, commit="4f2a" * 10)], rules).judgement.notes
    assert [note for note in notes if "waiver" in note] == [
        "The waiver for cache_gte* (time) matches no benchmark of this report."
    ]
