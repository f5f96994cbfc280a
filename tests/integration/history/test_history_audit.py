"""The commits of the branch prove what was written, by whom, and that nothing else was."""

import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from integration.history.smart_http import bare_repository
from regress_action.history import (
    Checkout,
    History,
    RetentionRule,
    Selection,
    nearest,
    open_history,
    prune,
    verify,
)
from regress_action.model.errors import HistoryError
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series

ENVIRON = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}
NOW = datetime(2025, 6, 1, tzinfo=UTC)


def git(repository: Path, *arguments: str) -> str:
    """Run git as somebody with the right to push."""
    return subprocess.run(
        ["git", "-C", repository, *arguments], check=True, capture_output=True, text=True, env=ENVIRON
    ).stdout.strip()


def report(number: int, commit: str | None = None) -> Report:
    """One of many reports, a month apart."""
    return Report(
        series=(Series(Benchmark("parse"), Metric("time", "s"), (1.0 + number,)),),
        runs=(Run(),),
        suite="unit",
        commit=commit or f"{number:04x}" * 10,
        branch="main",
        created=f"{2020 + number // 12}-{1 + number % 12:02}-01T00:00:00+00:00",
        provenance=(("event", "push"), ("run_id", str(number)), ("attempt", "1")),
    )


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A bare repository with five records on its branch."""
    made = bare_repository(tmp_path / "project.git")
    for number in range(5):
        history_of(made).append(report(number))
    return made


def history_of(bare: Path) -> History:
    """A fresh look at the branch, in the present of NOW."""
    opened = open_history(f"branch:regress-data@{bare}", repository=bare, environ=ENVIRON)
    return replace(opened, clock=lambda: NOW)


@pytest.fixture
def checkout(bare: Path, tmp_path: Path) -> Path:
    """The branch as somebody would edit it by hand."""
    git(tmp_path, "clone", "-q", "-b", "regress-data", str(bare), str(tmp_path / "checkout"))
    return tmp_path / "checkout"


def pushed(checkout: Path) -> None:
    """Commit and push whatever was done by hand."""
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "just tidying up")
    git(checkout, "push", "-q", "origin", "HEAD")


def test_the_proof_names_who_wrote_each_record(bare: Path) -> None:
    """An untouched branch verifies; each record has its writer, time, commit and run."""
    result = verify(history_of(bare))
    assert result.holds
    assert (result.commits, result.head) == (5, git(bare, "rev-parse", "regress-data"))
    assert [origin.run for origin in result.origins] == ["0.1", "1.1", "2.1", "3.1", "4.1"]
    assert {origin.who for origin in result.origins} == {"Ada <ada@example.com>"}
    assert len({origin.commit for origin in result.origins}) == 5


def test_a_changed_record_is_found_with_its_author(bare: Path, checkout: Path) -> None:
    """An edit in place contradicts the name and the trail."""
    record = next((checkout / "runs").rglob("*.jsonl"))
    record.write_text(record.read_text().replace("main", "mine"))
    pushed(checkout)
    problems = "\n".join(verify(history_of(bare)).problems)
    assert "was changed by Ada <ada@example.com> in" in problems
    assert "the content is not what the name says" in problems


def test_a_change_that_was_changed_back_is_found(bare: Path, checkout: Path) -> None:
    """The tip looks innocent; the trail does not."""
    record = next((checkout / "runs").rglob("*.jsonl"))
    before = record.read_text()
    record.write_text("{}")
    pushed(checkout)
    record.write_text(before)
    pushed(checkout)
    assert [problem.split(": ")[1][:14] for problem in verify(history_of(bare)).problems] == ["was changed by"] * 2


def test_a_removed_record_is_found(bare: Path, checkout: Path) -> None:
    """What prune did not list was not to be removed; putting it back does not hide it."""
    record = next((checkout / "runs").rglob("*.jsonl"))
    before = record.read_text()
    record.unlink()
    pushed(checkout)
    (problem,) = verify(history_of(bare)).problems
    assert "was removed by Ada" in problem
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(before)
    pushed(checkout)
    assert "was written again by Ada" in verify(history_of(bare)).problems[1]


def test_a_foreign_file_is_found(bare: Path, checkout: Path) -> None:
    """Nothing but records, events and the README belongs on the branch."""
    (checkout / "evil.sh").write_text("echo")
    pushed(checkout)
    assert verify(history_of(bare)).problems == ("evil.sh: this is no record, event or README.",)


def test_pruning_is_a_removal_that_verifies(bare: Path) -> None:
    """What an event lists may go; who signed it off is in the commit."""
    for number in (30, 31):
        history_of(bare).append(replace(report(number), created=f"2020-01-{number - 10}T00:00:00+00:00"))
    removed = prune(history_of(bare), RetentionRule(10, 20), who="Ada <ada@example.com>")
    assert len(removed) == 2
    result = verify(history_of(bare))
    assert result.problems == ()
    assert (len(result.origins), result.pruned) == (5, 2)
    assert "Signed-off-by: Ada <ada@example.com>" in git(bare, "log", "-1", "--format=%B", "regress-data")


def test_a_replaced_branch_is_found_by_an_anchor(bare: Path) -> None:
    """Who kept the commit of an earlier run can tell that the branch was rewritten since."""
    anchor = git(bare, "rev-parse", "regress-data")
    assert verify(history_of(bare), anchor=anchor).holds
    git(bare, "update-ref", "refs/heads/regress-data", "regress-data~2")
    history_of(bare).append(report(9))
    assert verify(history_of(bare)).holds
    (problem,) = verify(history_of(bare), anchor=anchor).problems
    assert "replaced or force-pushed" in problem


@pytest.fixture
def code(tmp_path: Path) -> tuple[Path, list[str]]:
    """A repository: six commits on main, a topic from the fourth, and a recorded history of some of them."""
    root = tmp_path / "code"
    git(tmp_path, "init", "-q", "-b", "main", "code")
    commits = []
    for number in range(6):
        git(root, "commit", "-q", "--allow-empty", "-m", str(number))
        commits.append(git(root, "rev-parse", "HEAD"))
    git(root, "checkout", "-q", "-b", "topic", commits[3])
    git(root, "commit", "-q", "--allow-empty", "-m", "topic")
    return root, commits


def test_the_baseline_is_the_nearest_recorded_ancestor(code: tuple[Path, list[str]], tmp_path: Path) -> None:
    """Newer commits of main that the topic does not have are no baseline, however late they were recorded."""
    root, commits = code
    history = open_history(str(tmp_path / "history"), environ={})
    for number in (0, 1, 2, 4, 5):
        history.append(report(number, commits[number]))
    history.append(report(50, commits[0]))  # an old commit, measured again later
    base = Checkout(root, ENVIRON).merge_base("main", "topic")
    assert base == commits[3]
    line = Checkout(root, ENVIRON).ancestors(base)
    assert line == tuple(reversed(commits[:4]))
    assert [stored.commit for stored in nearest(history, line)] == [commits[2]]
    assert [stored.commit for stored in nearest(history, line, last=2)] == commits[1:3]
    assert len(nearest(history, line, last=9)) == 4
    assert nearest(history, line, Selection(suite="other")) == ()


def test_a_range_of_commits_selects(code: tuple[Path, list[str]], tmp_path: Path) -> None:
    """`A..B` is what git makes of it."""
    root, commits = code
    history = open_history(str(tmp_path / "history"), environ={})
    history.extend([report(number, commits[number]) for number in range(6)])
    span = Checkout(root, ENVIRON).commits_in(f"{commits[1]}..main")
    assert [stored.commit for stored in history.load(Selection(commits=span))] == commits[2:]
    assert Checkout(root, ENVIRON).commits_in("topic~1") == {commits[3]}


@pytest.mark.parametrize("revision", ["nothing", "--all", "HEAD;ls", "0" * 40])
def test_a_commit_that_is_not_there_is_explained(code: tuple[Path, list[str]], revision: str) -> None:
    """A shallow clone is the usual reason, and the message says what to do about it."""
    with pytest.raises(HistoryError) as caught:
        Checkout(code[0], ENVIRON).ancestors(revision)
    assert caught.value.remedy
