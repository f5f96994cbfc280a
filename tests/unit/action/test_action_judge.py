"""What a judgement adds to the comparison: overrides, and notes about waivers and files."""

import subprocess
from dataclasses import replace
from pathlib import Path

from regress_action.action.judge import JudgingRules, judge_reports, with_changed_packages
from regress_action.analysis import Policy, WaiverRule
from regress_action.history import Checkout
from regress_action.model import records
from regress_action.model.comparisons import Mode, Reason, ReasonCode, Verdict
from regress_action.model.errors import ExitCode
from regress_action.model.measurements import Benchmark, Direction, Failure, Metric, Report, Run, Series
from regress_action.report import reasons
from regress_action.settings.model import Override


def test_a_waiver_that_matches_nothing_is_named() -> None:
    """A misspelt name looks active in the file; the notes of the report say that it is not."""
    series = Series(Benchmark("bench/test_cache.py::test_cache_get"), Metric("time", "s"), (1.0, 1.01, 0.99, 1.0, 1.02))
    report = Report((series,), (Run(),) * 5)
    waivers = tuple(WaiverRule(benchmark=name, metric="time", ceiling=1.3) for name in ("cache_get*", "cache_gte*"))
    rules = JudgingRules(policy=Policy(waivers=waivers), pairs=5)
    notes = judge_reports([report], [replace(report, commit="4f2a" * 10)], rules).judgement.notes
    assert [note for note in notes if "waiver" in str(note)] == [
        "The waiver for cache_gte* (time) matches no benchmark of this report."
    ]


RULES = JudgingRules(policy=Policy(), pairs=5)
TIME = Metric("time", "s")
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


def test_a_benchmark_that_the_head_skips_is_missing_with_what_the_suite_says() -> None:
    """A change that skips a benchmark opens the gate; failed, skipped and missing ones are told apart."""
    rows = [Series(Benchmark(name), TIME, (1.0, 1.01, 0.99, 1.0, 1.02)) for name in ("a", "b", "c", "d")]
    base = Report(tuple(rows), (Run(),) * 5)
    failures = (Failure("b", "It raised."), Failure("c", "Needs a GPU.", skipped=True))
    head = replace(base, series=tuple(rows[:1]), failures=failures)
    judged = judge_reports([base], [records.decode(records.encode(head), "head")], RULES)
    verdicts = {
        row.benchmark.name: (row.verdict, row.reason.code if isinstance(row.reason, Reason) else row.reason)
        for row in judged.judgement.comparisons
    }

    assert verdicts["b"] == (Verdict.FAILED, ReasonCode.FAILED)
    assert verdicts["c"] == (Verdict.MISSING, ReasonCode.SKIPPED)
    assert verdicts["d"] == (Verdict.MISSING, ReasonCode.MISSING)
    assert judged.exit_code == ExitCode.INCOMPLETE
    (skipped,) = (row for row in judged.judgement.comparisons if row.benchmark.name == "c")
    assert "the head skips it: Needs a GPU." in reasons.sentence(skipped)


LOCK = 'version = 1\n[[package]]\nname = "idna"\nversion = "{idna}"\n[[package]]\nname = "{name}"\nversion = "1.0"\n'


def test_packages_that_a_change_updates_are_named(tmp_path: Path) -> None:
    """A slowdown may come from a dependency; a commit that this clone lacks costs the sentence only."""

    def git(*words: str) -> str:
        line = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@localhost", *words]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "main")
    commits = []
    for fields in ({"idna": "3.6", "name": "six"}, {"idna": "3.7", "name": "seven"}):
        (tmp_path / "uv.lock").write_text(LOCK.format(**fields))
        git("add", "uv.lock")
        git("commit", "-q", "-m", "lock")
        commits.append(git("rev-parse", "HEAD"))
    runs = tuple(Run(session="s", pair=pair) for pair in range(5))
    report = Report((Series(Benchmark("a"), TIME, (1.0, 1.01, 0.99, 1.0, 1.02)),), runs)
    base, head = (replace(report, commit=commit) for commit in commits)
    judged = with_changed_packages(judge_reports([base], [head], RULES, mode=Mode.PAIRED), Checkout(tmp_path, {}))

    assert judged.judgement.notes[-1] == (
        "The change updates 3 packages in uv.lock: seven 1.0 (new), idna 3.6 → 3.7, six (removed). "
        "Each side was set up with its own."
    )
    unknown = judge_reports([replace(base, commit="4f2a" * 10)], [head], RULES)
    assert with_changed_packages(unknown, Checkout(tmp_path, {})) is unknown
