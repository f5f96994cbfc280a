"""The search over real git histories, with values read out of the commits instead of measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from integration.measure.measure_repository import Repository
from regress_action.action.bisection import answer
from regress_action.action.bisection.commits import read_range
from regress_action.action.bisection.search import BisectionRecord, CommitSearch, MeasuredPairs, SearchLimits, result_of
from regress_action.model.changes import BisectionResult, Ending
from regress_action.model.errors import IncompleteError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from regress_action.action.bisection.commits import CommitRange


@dataclass
class ReadCosts:
    """Stands for the measurer: the cost of a commit is the number in its file `cost`; with a file `broken` it fails."""

    repository: Repository
    good: str
    calls: int = 0

    def cost(self, commit: str) -> float:
        """Return the number in the commit's file."""
        return float(self.repository.git("show", f"{commit}:cost"))

    def __call__(self, commit: str, pairs: int, key: tuple[str, str] | None) -> MeasuredPairs:
        """Return as many equal pairs as were asked for."""
        self.calls += 1
        assert key in (None, ("parse", "instructions"))
        if "broken" in self.repository.git("ls-tree", "--name-only", commit).split():
            raise IncompleteError("The setup of head failed with status 1: make")
        ratio = math.log(self.cost(commit) / self.cost(self.good))
        return MeasuredPairs(commit, "parse", "instructions", (ratio,) * pairs, exact=True)


def search(
    repository: Repository, commits: CommitRange, tmp_path: Path, limits: SearchLimits | None = None
) -> BisectionResult:
    """Search a range whose costs are read."""
    record = BisectionRecord.open(tmp_path / "records", {"bad": commits.bad, "commits": len(commits.commits)})
    measure = ReadCosts(repository, commits.good)
    return result_of(CommitSearch(commits, record, measure, limits or SearchLimits()).run())


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository with one commit of cost 100."""
    made = Repository(tmp_path / "project")
    made.folder.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    made.commit(cost="100")
    return made


def test_a_commit_on_a_merged_branch_is_found(repository: Repository, tmp_path: Path) -> None:
    """Without --first-parent the commit of the branch is named, with it the merge."""
    good = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "--quiet", "-b", "branch")
    repository.commit(one="x")
    culprit = repository.commit(cost="120")
    repository.git("checkout", "--quiet", "main")
    repository.commit(two="x")
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", "branch")
    merge = repository.git("rev-parse", "HEAD")
    repository.commit(three="x")
    complete = search(repository, read_range(repository.folder, good, "main"), tmp_path)
    line = search(repository, read_range(repository.folder, good, "main", first_parent=True), tmp_path)
    assert complete.first_bad is not None
    assert complete.first_bad.commit == culprit
    assert complete.first_bad.files == ("cost",)
    assert line.first_bad is not None
    assert line.first_bad.commit == merge
    assert (complete.commits, line.commits) == (5, 3)


def test_commits_that_fail_leave_a_group_with_the_reason(repository: Repository, tmp_path: Path) -> None:
    """A failing commit that made the change and the next one cannot be distinguished."""
    good = repository.git("rev-parse", "HEAD")
    repository.commit(one="x")
    broken = repository.commit(broken="yes", cost="110")
    (repository.folder / "broken").unlink()
    mended = repository.commit(two="x")
    repository.commit(three="x")
    result = search(repository, read_range(repository.folder, good, "HEAD"), tmp_path)
    assert result.ending is Ending.INDISTINGUISHABLE
    assert result.first_bad is None
    assert {suspect.commit for suspect in result.candidates} == {broken, mended}
    assert result.skipped == ((broken, "The setup of head failed with status 1: make"),)


def test_a_bad_commit_that_fails_is_an_error(repository: Repository, tmp_path: Path) -> None:
    """Without a measurement of the bad commit there is nothing to search."""
    good = repository.git("rev-parse", "HEAD")
    repository.commit(broken="yes")
    with pytest.raises(IncompleteError):
        search(repository, read_range(repository.folder, good, "HEAD"), tmp_path)


def test_a_limit_ends_the_search_without_an_answer(repository: Repository, tmp_path: Path) -> None:
    """With one build of the four that are needed no commit is named, and the probability says how far it came."""
    good = repository.git("rev-parse", "HEAD")
    for number in range(16):
        repository.commit(**{f"file{number}": "x"}, cost="130" if number >= 5 else "100")
    result = search(repository, read_range(repository.folder, good, "HEAD"), tmp_path, SearchLimits(builds=1))
    assert result.ending is Ending.BUDGET
    assert result.builds == 1
    assert result.first_bad is None
    assert result.suspects[0].probability < 0.5


def test_a_record_with_a_damaged_line_measures_that_commit_again(repository: Repository, tmp_path: Path) -> None:
    """Whatever the file holds, whole lines are used and the rest is measured again."""
    good = repository.git("rev-parse", "HEAD")
    culprit = repository.commit(cost="150")
    repository.commit(one="x")
    commits = read_range(repository.folder, good, "HEAD")
    record = BisectionRecord.open(tmp_path, {"question": 1})
    measure = ReadCosts(repository, good)
    CommitSearch(commits, record, measure).run()
    calls = measure.calls
    CommitSearch(commits, BisectionRecord.open(tmp_path, {"question": 1}), measure).run()
    assert measure.calls == calls
    record.path.write_bytes(record.path.read_bytes()[:-20] + b"\xff\x00{")
    state = CommitSearch(commits, BisectionRecord.open(tmp_path, {"question": 1}), measure).run()
    assert measure.calls == calls + 1
    assert state.range.commits[state.bisection.posterior.best].id == culprit
    assert BisectionRecord.open(tmp_path, {"question": 2}).entries == []


def test_carried_paths_change_neither_tree_nor_index(repository: Repository) -> None:
    """A variant of a commit has the paths of another one, what that one lacks is gone, and nothing else differs."""
    old = repository.commit(bench__a_dot_py="old", bench__gone_dot_py="x", src="1")
    new = repository.git("rm", "--quiet", "bench/gone.py") or repository.commit(bench__a_dot_py="new", src="2")
    (repository.folder / "cost").write_text("changed and not committed")
    variant = answer.with_paths_of(repository.folder, old, new, ["bench/"])
    assert repository.git("show", f"{variant}:bench/a.py") == "new"
    assert repository.git("ls-tree", "-r", "--name-only", variant).split() == ["bench/a.py", "cost", "src"]
    assert repository.git("show", f"{variant}:src") == "1"
    assert answer.with_paths_of(repository.folder, old, new, ["bench"]) == variant
    assert answer.with_paths_of(repository.folder, new, new, ["bench"]) == new
    assert repository.git("status", "--short") == "M cost"


def test_lock_files_in_carried_folders_stay_those_of_the_commit(repository: Repository) -> None:
    """A search over packages needs the packages of each commit; a lock file that is named itself is taken."""
    old = repository.commit(**{"bench__uv.lock": "old", "bench__pyproject.toml": "old", "bench__a": "old"})
    new = repository.commit(**{"bench__uv.lock": "new", "bench__pyproject.toml": "new", "bench__a": "new"})
    for paths, expected in ((["bench"], ("old", "old", "new")), (["bench/uv.lock"], ("new", "old", "old"))):
        variant = answer.with_paths_of(repository.folder, old, new, paths)
        names = ("uv.lock", "pyproject.toml", "a")
        assert tuple(repository.git("show", f"{variant}:bench/{name}") for name in names) == expected


def test_a_bump_is_taken_apart_package_by_package(repository: Repository) -> None:
    """Each step of a bump has one more package changed, and the last is the commit itself."""
    before = repository.commit(requirements_dot_txt="a==1\nb==1\nc==1\n")
    after = repository.commit(requirements_dot_txt="a==2\nb==1\nc==2\nnew==1\n")
    bump = answer.bump_of(repository.folder, before, after, ("requirements.txt",))
    assert bump is not None
    steps = answer.steps_of(repository.folder, before, after, bump)
    assert steps is not None
    assert [step.subject for step in steps.commits] == ["new 1 (new)", "a 1 → 2", "c 1 → 2"]
    texts = [repository.git("show", f"{step.id}:requirements.txt") for step in steps.commits]
    assert texts == ["a==1\nb==1\nc==1\nnew==1", "a==2\nb==1\nc==1\nnew==1", "a==2\nb==1\nc==2\nnew==1"]
    assert steps.bad == after
    mixed_with_code = answer.bump_of(repository.folder, before, after, ("requirements.txt", "src/a.py"))
    assert mixed_with_code is not None
    assert answer.steps_of(repository.folder, before, after, mixed_with_code) is None


def test_commits_of_two_lines_are_no_range(repository: Repository) -> None:
    """Where the good commit is no ancestor, the place where the two part is proposed."""
    fork = repository.git("rev-parse", "HEAD")
    repository.commit(one="x")
    repository.git("checkout", "--quiet", "-b", "branch", fork)
    repository.commit(two="x")
    with pytest.raises(UsageError, match="not an ancestor") as refused:
        read_range(repository.folder, "main", "branch")
    assert fork[:12] in refused.value.remedy
