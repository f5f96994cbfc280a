"""`bisect` on real git repositories whose benchmarks write counts, so that no answer depends on the machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from integration.measure.measure_repository import VARIABLES, Repository
from regress_action import BenchmarkStorage
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series

if TYPE_CHECKING:
    from pathlib import Path

SUITE = """\
import json, sys
from pathlib import Path
if Path("broken").exists():
    sys.exit("cannot be built")
count = 1000 + sum(int(path.read_text()) for path in Path(".").glob("*.cost"))
for line in Path("requirements.txt").read_text().splitlines() if Path("requirements.txt").exists() else []:
    name, _, version = line.partition("==")
    count += {"slowlib": 300}.get(name, 0) * (version == "2.0")
json.dump({"parse": {"instructions": {"value": count}}}, open(sys.argv[1], "w"))
"""
COMMAND = [sys.executable, "-I", "-S", "suite.py", "{out}"]


@dataclass(frozen=True)
class Ended:
    """How the command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def answer(self) -> dict[str, Any]:
        """The JSON that it printed."""
        answer: dict[str, Any] = json.loads(self.stdout)
        return answer


def argv(*words: str) -> list[str]:
    """Return the command line of a bisection."""
    return [sys.executable, "-m", "regress_action", "bisect", *words, "--", *COMMAND]


def bisect(repository: Repository, *words: str) -> Ended:
    """Run the command in the repository."""
    ended = subprocess.run(
        argv(*words), cwd=repository.folder, env=VARIABLES, capture_output=True, text=True, check=False, timeout=110
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository with a suite and one commit."""
    made = Repository(tmp_path / "project")
    made.folder.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    made.commit(suite_dot_py=SUITE)
    return made


def test_the_first_bad_commit_is_named_with_its_files_and_author(repository: Repository) -> None:
    """Nine commits, the eighth of which costs 10 % more; a second call answers from what is on disk."""
    good = repository.git("rev-parse", "HEAD")
    ids = [
        repository.commit(**{f"file{number}": "x", **({"a_dot_cost": "100"} if number == 7 else {})})
        for number in range(9)
    ]
    ended = bisect(repository, f"{good}..HEAD", "-k", "parse")
    assert ended.status == 0, ended.stderr
    assert f"First bad commit: {ids[7][:10]}" in ended.stdout
    assert "+10 %" in ended.stdout
    assert "a.cost" in ended.stdout
    assert "Ada" in ended.stdout
    again = bisect(repository, f"{good}..HEAD", "-k", "parse", "--json", "-", "--quiet")
    assert again.answer["first_bad"] == ids[7]
    assert {"schema", "first_bad", "probability", "builds", "ratio"} <= again.answer.keys()
    assert again.answer["probability"] >= 0.99
    assert again.answer["ratio"] == pytest.approx(1.1, rel=1e-3)
    assert again.answer["builds"] <= 5
    assert repository.git("status", "--short") == ""
    assert repository.worktrees == 1


def test_other_benchmarks_that_changed_are_named_with_the_command(repository: Repository) -> None:
    """Of two that changed the clearer one is searched; the other is said, and one that did not change is not."""
    more = '"label": {"instructions": {"value": 1000 + 20 * (count > 1000)}}, "same": {"instructions": {"value": 7}}, '
    good = repository.commit(suite_dot_py=SUITE.replace('{"parse": {', "{" + more + '"parse": {'))
    repository.commit(file="x")
    culprit = repository.commit(a_dot_cost="300")
    ended = bisect(repository, f"{good}..HEAD", "--json", "answer.json")
    assert ended.status == 0, ended.stderr
    assert f"First bad commit: {culprit[:10]}" in ended.stdout
    assert "Changed as well, and not bisected\n  label (instructions): +2 %" in ended.stdout
    command = f"Of another benchmark: regress-action bisect {good[:10]}..{culprit[:10]} -k label"
    assert command in " ".join(ended.stdout.split())
    answer = json.loads((repository.folder / "answer.json").read_text())
    assert [other["benchmark"] for other in answer["others"]] == ["label"]
    narrow = bisect(repository, f"{good}..HEAD", "-k", "label", "--json", "-", "--quiet").answer
    assert (narrow["first_bad"], narrow["others"]) == (culprit, [])


def test_stored_records_say_where_to_begin(repository: Repository) -> None:
    """Four records show the step and are measured first; fewer say nothing, and either is said."""
    ids = [repository.commit(**{f"file{number}": "x"}) for number in range(6)]
    ids += [repository.commit(a_dot_cost="100"), repository.commit(file="x"), repository.commit(file="y")]
    storage = BenchmarkStorage(repository.folder / ".regress/history")
    costs = {1: 1000.0, 5: 1000.0, 6: 1100.0}
    series = Series(Benchmark("parse"), Metric("instructions", "count"), (1000.0,))
    for number, cost in costs.items():
        storage.append(
            Report(
                (replace(series, values=(cost,)),), (Run(),), commit=ids[number], created=f"2026-01-0{number}T12:00:00Z"
            )
        )
    words = (f"{ids[0]}..HEAD", "--history", ".regress/history", "--max-builds", "1", "--json", "-")
    few = bisect(repository, *words)
    assert "has 3 records of that benchmark at these commits, fewer than 4" in few.stderr
    storage.append(
        Report((replace(series, values=(1100.0,)),), (Run(),), commit=ids[7], created="2026-01-07T12:00:00Z")
    )
    many = bisect(repository, *words, "--restart")
    assert f"4 records of parse in .regress/history say where to begin: {ids[6][:10]}." in many.stderr
    measured = [line.split()[0] for line in many.stderr.splitlines() if " over " in line]
    assert measured[1] in {ids[5][:10], ids[6][:10]}


def test_a_killed_bisection_goes_on_where_it_was(repository: Repository) -> None:
    """After SIGKILL the measurements that were finished are read from disk and not made again."""
    good = repository.git("rev-parse", "HEAD")
    ids = [
        repository.commit(**{f"file{number}": "x", **({"a_dot_cost": "100"} if number == 9 else {})})
        for number in range(16)
    ]
    process = subprocess.Popen(
        argv(f"{good}..HEAD", "--json", "-", "--quiet"),
        cwd=repository.folder,
        env=VARIABLES,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    records = repository.folder / ".regress/bisect"
    deadline = time.monotonic() + 90
    while not (lines := [line for file in records.glob("*.jsonl") for line in file.read_text().splitlines()])[2:]:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    ended = bisect(repository, f"{good}..HEAD", "--json", "-")
    assert "Going on with" in ended.stderr
    assert ended.answer["first_bad"] == ids[9]
    kept = next(records.glob("*.jsonl")).read_text().splitlines()
    assert kept[: len(lines)] == lines


def test_a_bump_of_a_lock_file_is_searched_package_by_package(repository: Repository) -> None:
    """Of four packages that one commit bumps, the one that costs more is named; older commits get the suite of BAD."""
    names = ["alpha", "beta", "slowlib", "tau"]
    good = repository.commit(requirements_dot_txt="".join(f"{name}==1.0\n" for name in names))
    bump = repository.commit(requirements_dot_txt="".join(f"{name}==2.0\n" for name in names))
    ended = bisect(repository, f"{good}..HEAD", "--json", "-", "--carry", "suite.py")
    assert ended.answer["first_bad"] == bump
    assert len(ended.answer["packages"]) == 4
    inner = ended.answer["of_packages"]
    assert inner["ending"] == "found"
    assert inner["candidates"][0]["subject"] == "slowlib 1.0 → 2.0"
    again = bisect(repository, f"{good}..HEAD", "--carry", "suite.py")
    assert "The package: slowlib 1.0 → 2.0" in again.stdout
    assert repository.git("status", "--short") == ""


@pytest.mark.parametrize(
    ("commits", "words"),
    [("HEAD", "is no range"), ("HEAD..nowhere", "no commit 'nowhere'"), ("HEAD..HEAD", "holds 0 commits")],
)
def test_a_wrong_range_is_one_clear_error(repository: Repository, commits: str, words: str) -> None:
    """A range that cannot be searched ends with status 2 and what to write instead."""
    ended = bisect(repository, commits)
    assert ended.status == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
