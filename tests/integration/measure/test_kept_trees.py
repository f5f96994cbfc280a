"""A commit that was set up once is not set up again, and an earlier measurement never shows in a later one."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from integration.measure.measure_repository import Measured, Measurer, Repository

SETUP = "cat version > built; echo once >> $COUNT"
SHOW = "cat built version > {out}; ls >> {out}; touch left-over; echo broken > version"


@pytest.fixture
def keeping(repository: Repository, measure: Measurer, tmp_path: Path) -> KeepingMeasurer:
    """Return a function that measures with trees kept in a folder, and counts the setups."""
    repository.commit(_dot_gitignore="built\n", version="old")
    repository.commit(version="new")
    return KeepingMeasurer(measure, tmp_path)


class KeepingMeasurer:
    """Measures HEAD~1 against the head with a setup, and keeps the trees."""

    def __init__(self, measure: Measurer, folder: Path) -> None:
        self.measure, self.trees, self.count = measure, folder / "trees", folder / "count"

    def __call__(self, *words: str, setup: str = SETUP) -> Measured:
        """Measure one pair."""
        options = ["--overwrite", "--base", "HEAD~1", "--pairs", "1", "--keep-trees", str(self.trees), "--setup", setup]
        return self.measure(*options, *words, "--", SHOW, COUNT=str(self.count))

    @property
    def setups(self) -> int:
        """How often the setup ran."""
        return self.count.read_text().count("once")


def test_second_measurement_of_the_same_commits_runs_no_setup(keeping: KeepingMeasurer) -> None:
    """Both trees are used again, without files of the earlier runs, and have paths of one length."""
    first, second = keeping(), keeping()
    assert (first.status, second.status, keeping.setups) == (0, 0, 2), second.stderr
    assert second.stdout.count("kept from an earlier measurement of this commit") == 2
    assert [second.results(side) for side in ("base", "head")] == [first.results(side) for side in ("base", "head")]
    assert first.results("base") == ["oldoldbuilt\nversion\n"]


def test_new_commit_and_changed_setup_are_set_up(repository: Repository, keeping: KeepingMeasurer) -> None:
    """Only the side that stayed the same is used again; another setup command runs on both."""
    keeping()
    repository.commit(version="newest")
    assert "newest" in keeping().results()[0]
    assert keeping.setups == 4  # the base is another commit now, too
    assert keeping(setup=f"true; {SETUP}").status == 0
    assert keeping.setups == 6


def test_uncommitted_content_is_set_up_once(repository: Repository, keeping: KeepingMeasurer) -> None:
    """A change or a new file is set up again only when its content changes; what git ignores is no part of the tree."""
    (repository.folder / "version").write_text("changed")
    (repository.folder / "notes").write_text("new")
    (repository.folder / "built").write_text("ignored")
    first, second = keeping(), keeping()
    assert (first.status, second.status, keeping.setups) == (0, 0, 2), second.stderr
    assert second.results() == first.results() == ["changedchangedbuilt\nnotes\nversion\n"]
    (repository.folder / "built").write_text("something else")
    keeping()
    assert keeping.setups == 2
    (repository.folder / "notes").chmod(0o755)
    keeping()
    assert keeping.setups == 3
    (repository.folder / "notes").unlink()
    assert keeping().results() == ["changedchangedbuilt\nversion\n"]
    assert keeping.setups == 4


def test_tree_with_a_new_submodule_is_not_kept(repository: Repository, keeping: KeepingMeasurer) -> None:
    """What it holds is copied, and git does not say what of it changed."""
    inner = repository.folder / "inner"
    inner.mkdir()
    for words in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "inner")):
        repository.git("-C", "inner", *words)
    for content in ("first", "second"):
        (inner / "version").write_text(content)
        repository.git("add", "inner")
        assert keeping(setup="cat inner/version > built; echo once >> $COUNT").results()[0].startswith(f"{content}new")
    assert keeping.setups == 3


def test_tree_of_content_that_changed_meanwhile_is_not_kept(repository: Repository, keeping: KeepingMeasurer) -> None:
    """A file that changes while it is copied is measured as it was copied, and no later measurement gets that tree."""
    repository.commit(_dot_gitattributes="version filter=edit\n")
    repository.git("config", "filter.edit.smudge", f"date +%N > {repository.folder}/edited; cat")
    for setups in (2, 3):
        (repository.folder / "edited").write_text("before")
        assert keeping().status == 0
        assert keeping.setups == setups


def test_tree_of_a_failed_setup_is_not_kept(repository: Repository, keeping: KeepingMeasurer) -> None:
    """A setup that fails leaves neither a tree nor git's record of one."""
    assert keeping(setup="false").status == 3
    assert repository.worktrees == 1
    assert [path for path in keeping.trees.rglob("*") if path.is_file()] == []


def test_tree_of_a_killed_setup_is_removed(keeping: KeepingMeasurer) -> None:
    """A tree that nobody has locked and no setup finished is gone after the next measurement, of whatever commits."""
    keeping()
    abandoned, used = keeping.trees / ("a" * 24), keeping.trees / ("b" * 24)
    for folder in (abandoned, used):
        (folder / "head").mkdir(parents=True)
        (folder / "lock").touch()
    with (used / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert keeping().status == 0
    assert (abandoned.exists(), used.exists(), keeping.setups) == (False, True, 2)


def test_tree_is_kept_where_an_old_one_cannot_be_removed(keeping: KeepingMeasurer) -> None:
    """What is wrong with that one costs this measurement nothing."""
    (keeping.trees / "old/lock").mkdir(parents=True)
    assert [keeping().status, keeping().status, keeping.setups] == [0, 0, 2]


def test_carried_lock_file_decides_as_well(repository: Repository, keeping: KeepingMeasurer) -> None:
    """A lock file that is carried from the head belongs to what the base was set up with; other files do not."""
    repository.commit(requirements_dot_txt="a==1")
    repository.commit()
    keeping("--carry", "requirements.txt")
    (repository.folder / "requirements.txt").write_text("a==2")
    keeping("--carry", "requirements.txt")
    assert keeping.setups == 4


def test_where_no_trees_can_be_kept_all_is_set_up(keeping: KeepingMeasurer) -> None:
    """A home folder that cannot be written costs the setups only."""
    keeping.trees.touch()
    assert [keeping().status, keeping().status] == [0, 0]
    assert keeping.setups == 4
