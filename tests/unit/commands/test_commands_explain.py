"""What a person asks after a measurement: why, which exceptions count, what is left, and what would be done."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from regress_action.action.judge import judge_reports, rules_of
from regress_action.action.measure import MeasurementSpec
from regress_action.commands.compare import compare_files
from regress_action.commands.explain import command as explain
from regress_action.commands.explain import details, reports_in
from regress_action.commands.run import plan_of
from regress_action.commands.run_resume import earlier_parts, forget_parts
from regress_action.commands.trend import from_history
from regress_action.commands.waivers import described
from regress_action.history import History, Waiver
from regress_action.history.store import FolderStore
from regress_action.model.errors import UsageError
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series
from regress_action.model.records import encode
from regress_action.report import phrases
from regress_action.report.phrases import as_text
from regress_action.settings import Settings
from regress_action.settings.gate import GateFiles, Thresholds

if TYPE_CHECKING:
    from pathlib import Path

COMMITS = {"base": "b" * 40, "head": "a" * 40}


def report(*values: float) -> Report:
    """Return a run for each value."""
    series = (Series(Benchmark("work"), Metric("time", "s"), values),)
    return Report(series, tuple(Run("s", pair) for pair in range(1, len(values) + 1)))


def interrupted(out: Path, *, good: int, dirty: bool = False, command: str = "suite") -> None:
    """Write the index of a measurement of which `good` pairs and one base run ended."""
    sides = {side: {"commit": commit, "dirty": dirty} for side, commit in COMMITS.items()}
    runs = [{"side": side, "pair": pair, "failure": None} for pair in range(1, good + 1) for side in COMMITS]
    runs.append({"side": "base", "pair": good + 1, "failure": None})
    (out / "measurement").mkdir(parents=True)
    content = {"sides": sides, "command": command, "runs": runs}
    (out / "measurement/measurement.json").write_text(json.dumps(content))


def test_an_explanation_shows_every_run_and_where_the_threshold_comes_from() -> None:
    """With noise, the threshold is more than the settings ask for, and that is said."""
    rules = rules_of(Settings(), GateFiles(Thresholds()))
    quiet = judge_reports([report(*[1.0, 1.001] * 4)], [report(*[1.0, 1.002] * 4)], rules)
    noisy = judge_reports([report(*[1.0, 2.0] * 4)], [report(*[2.0, 1.0] * 4)], rules)

    lines = list(details(quiet, rules))
    assert lines[1] == "work (time)"
    assert "The threshold is 20.0 %" in lines[2]
    assert lines[3].count(" s") == 8
    assert "the noise of these runs makes it" in list(details(noisy, rules))[2]


def test_what_stopped_early_is_explained_and_compared_as_it_was_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its report says that it was looked at while it was measured, which widens its intervals."""
    monkeypatch.chdir(tmp_path)
    rules = rules_of(Settings(), GateFiles(Thresholds()))
    base, head = report(*[1.0, 1.01] * 3), replace(report(*[1.3, 1.36] * 3), planned_pairs=10)
    files = [tmp_path / f"{side}.jsonl" for side in COMMITS]
    for file, side in zip(files, (base, head), strict=True):
        file.write_bytes(encode(replace(side, commit=COMMITS[file.stem])))
    run, fixed = (judge_reports([base], [head], rules, interim=interim).judgement for interim in (True, False))
    interval = as_text(phrases.interval(run.comparisons[0]))
    assert interval != as_text(phrases.interval(fixed.comparisons[0]))

    compared = compare_files([str(files[0])], [str(files[1])], rules).judgement

    assert as_text(phrases.interval(compared.comparisons[0])) == interval
    assert explain.callback is not None
    explain.callback(pattern="work", folder=tmp_path, config=None)
    assert interval.strip(" ,") in " ".join(capsys.readouterr().out.split())


def test_without_a_base_nothing_can_be_explained(tmp_path: Path) -> None:
    """The error says what to measure."""
    with pytest.raises(UsageError, match=r"base\.jsonl does not exist"):
        reports_in(tmp_path)


def test_a_waiver_is_listed_with_its_days_and_what_it_matches() -> None:
    """Nothing is claimed where nothing was measured."""
    from datetime import date

    waiver = Waiver(
        benchmark="work", metric="time", ceiling=1.3, reason="The checksum is worth it.", expires="2030-01-11"
    )

    [line] = described((waiver,), {("work", "time"), ("work", "memory")}, date(2030, 1, 1))
    assert line == "work (time) up to 1.3×: 10 days left; matches 1; The checksum is worth it."
    assert "nothing was measured here" in next(described((waiver,), (), date(2030, 1, 1)))
    assert list(described((), (), date(2030, 1, 1))) == ["No waiver is in force."]


def test_complete_pairs_of_an_interrupted_measurement_count(tmp_path: Path) -> None:
    """The half pair is measured again, and a second interruption keeps both parts."""
    interrupted(tmp_path, good=3)
    assert [part.pairs for part in earlier_parts(tmp_path, COMMITS, "suite")] == [3]
    assert not (tmp_path / "measurement").exists()

    interrupted(tmp_path, good=2)
    assert [part.pairs for part in earlier_parts(tmp_path, COMMITS, "suite")] == [3, 2]

    forget_parts(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kept", "commits", "said"),
    [
        ({"good": 1, "dirty": True}, COMMITS, "uncommitted changes"),
        ({"good": 1, "command": "other"}, COMMITS, "another command"),
        ({"good": 1}, {**COMMITS, "head": "c" * 40}, "other commits"),
    ],
)
def test_what_measured_something_else_is_not_gone_on_with(
    tmp_path: Path, kept: dict[str, object], commits: dict[str, str], said: str
) -> None:
    """Nothing is moved, and the error says what differs."""
    interrupted(tmp_path, **kept)  # type: ignore[arg-type]

    with pytest.raises(UsageError, match=said):
        earlier_parts(tmp_path, commits, "suite")
    assert (tmp_path / "measurement").exists()


def test_nothing_to_go_on_with_is_an_error(tmp_path: Path) -> None:
    """Instead of a measurement that looks like a continued one."""
    with pytest.raises(UsageError, match="no measurement"):
        earlier_parts(tmp_path, COMMITS, "suite")


def test_a_dry_run_says_what_would_be_done(tmp_path: Path) -> None:
    """Without a base it is this tree."""
    settings = Settings(setup="make", runs=7)
    lines = list(plan_of(settings, MeasurementSpec(command=("./go {out}",), out=tmp_path), tmp_path))

    assert lines[0] == "head:      this tree, as it is on disk"
    assert "command:   ./go {out}" in lines
    assert any(line.startswith("measured:  7 runs; each run at most") for line in lines)


def test_a_release_that_was_never_measured_is_not_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first digits of a stored commit count, and what names none is an error."""
    monkeypatch.chdir(tmp_path)
    History(FolderStore(tmp_path / "h")).append(replace(report(1.0), commit="a" * 40, created="2026-01-01T00:00:00Z"))

    assert from_history("h", suite=None, branch=None, last=9, since="aaaa")
    with pytest.raises(UsageError, match="--since v1: creep cannot be counted"):
        from_history("h", suite=None, branch=None, last=9, since="v1")
