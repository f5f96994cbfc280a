"""Base and head: which files each side has, and that the user's own files stay unchanged."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from integration.measure.measure_repository import Measurer, Repository
from regress_action.measure.git import GitFolder

if TYPE_CHECKING:
    from pathlib import Path

SHOW = "cat version > {out}"


def test_each_side_runs_its_own_commit(repository: Repository, measure: Measurer) -> None:
    """The base's command sees the base's files and the head's the head's."""
    measured = measure("--base", "HEAD~1", "--pairs", "2", "--", SHOW)
    assert measured.status == 0, measured.stderr
    assert measured.results("base") == ["old", "old"]
    assert measured.results("head") == ["new", "new"]
    assert measured.document["sides"]["base"]["commit"] == repository.git("rev-parse", "HEAD~1")
    assert measured.document["sides"]["head"] == {
        "commit": repository.git("rev-parse", "HEAD"),
        "branch": "main",
        "dirty": False,
        "changed": [],
        "label": repository.git("rev-parse", "HEAD")[:12],
    }


def test_sides_run_in_abba_order(measure: Measurer) -> None:
    """Every second pair is turned around, so that a steady drift affects both sides alike."""
    measured = measure("--base", "HEAD~1", "--pairs", "4", "--", "true")
    assert "".join(run["side"][0] for run in measured.runs) == "bhhbbhhb"
    assert [(run["pair"], run["position"]) for run in measured.runs] == [(n // 2 + 1, n % 2) for n in range(8)]


def test_uncommitted_changes_are_measured_and_unchanged(repository: Repository, measure: Measurer) -> None:
    """What is on disk is the head: staged, changed and new files; status, index and contents stay."""
    repository.commit(staged="0", changed="0", deleted="0", _dot_gitignore="ignored\n")
    for name in ("staged", "changed", "untracked", "ignored"):
        (repository.folder / name).write_text("1")
    (repository.folder / "deleted").unlink()
    repository.git("add", "staged")
    before = _state(repository)
    measured = measure("--base", "HEAD", "--pairs", "1", "--", "ls > {out}; cat staged changed >> {out}")
    assert measured.results("head") == ["changed\nstaged\nuntracked\nversion\n11"]
    assert measured.results("base") == ["changed\ndeleted\nstaged\nversion\n00"]
    assert measured.document["sides"]["head"]["dirty"] is True
    assert measured.document["sides"]["head"]["changed"]
    assert _state(repository) == before


def test_our_own_settings_are_no_change_of_the_head(repository: Repository, measure: Measurer) -> None:
    """What `init` just wrote tells how both sides are measured; with it the head is still its commit."""
    repository.commit(version="0")
    workflows = repository.folder / ".github/workflows"
    workflows.mkdir(parents=True)
    for name in ("performance.yml", "performance-commands.yml", "bisect.yml"):  # with --bisect
        (workflows / name).write_text("1")
    for name in ("regress.yml", "regress-web.yml", "thresholds.yml", "other.yml"):
        (repository.folder / name).write_text("1")
    side = measure("--base", "HEAD", "--pairs", "1", "--", "true").document["sides"]["head"]
    assert side["changed"] == ["other.yml"]
    (repository.folder / "other.yml").unlink()
    assert measure("--runs", "1", "--overwrite", "--", "true").document["sides"]["head"]["dirty"] is False


def test_suite_of_the_head_reads_settings_as_they_are_on_disk(repository: Repository, measure: Measurer) -> None:
    """It may read them as well, or they may be its own under the same name."""
    repository.commit(thresholds_dot_yml="committed")
    (repository.folder / "thresholds.yml").write_text("on disk")
    measured = measure("--base", "HEAD", "--pairs", "1", "--", "cat thresholds.yml > {out}")
    assert (measured.results("base"), measured.results()) == (["committed"], ["on disk"])


def test_uncommitted_changes_add_no_git_objects(repository: Repository, measure: Measurer) -> None:
    """Uncommitted files, which may be large or secret, do not become objects of the user's repository."""
    (repository.folder / "untracked").write_text("secret")
    before = repository.git("count-objects", "-v")
    assert measure("--base", "HEAD", "--pairs", "1", "--", "true").status == 0
    assert repository.git("count-objects", "-v") == before


def test_unusual_changed_files_are_copied(repository: Repository, measure: Measurer) -> None:
    """Spaces, line breaks, links, deleted folders and what was staged and then removed arrive as they are on disk."""
    repository.commit(folder__a="1", link="a file")
    (repository.folder / "a file\nof two lines").write_text("x")
    (repository.folder / "link").unlink()
    (repository.folder / "link").symlink_to("version")
    (repository.folder / "staged").write_text("x")
    repository.git("add", "staged")
    (repository.folder / "staged").unlink()
    repository.git("rm", "-r", "--quiet", "folder")
    measured = measure("--base", "HEAD", "--pairs", "1", "--", "ls -Q > {out}; cat link >> {out}")
    assert measured.results("head") == ['"a file\\nof two lines"\n"link"\n"version"\nnew']


def test_explicit_head_leaves_out_uncommitted_changes(repository: Repository, measure: Measurer) -> None:
    """--head names a commit, so what is on disk does not matter."""
    (repository.folder / "version").write_text("dirty")
    measured = measure("--head", "HEAD", "--runs", "1", "--", SHOW)
    assert measured.results() == ["new"]
    assert measured.document["sides"]["head"]["dirty"] is False


def test_no_worktree_is_left(repository: Repository, measure: Measurer, tmp_path: Path) -> None:
    """Afterwards git lists no worktree and the temporary folder is empty."""
    (tmp_path / "tmp").mkdir()
    measure("--base", "HEAD~1", "--pairs", "1", "--", "true", TMPDIR=str(tmp_path / "tmp"))
    assert repository.worktrees == 1
    assert list((tmp_path / "tmp").iterdir()) == []
    assert repository.git("worktree", "prune", "--dry-run", "--verbose") == ""


def test_unknown_ref_is_named(repository: Repository, measure: Measurer) -> None:
    """A ref that does not exist ends in exit code 2, names itself and leaves no worktree."""
    measured = measure("--base", "mian", "--", "true")
    assert measured.status == 2
    assert "There is no commit 'mian'" in measured.stderr
    assert "git branch --all" in measured.stderr
    assert repository.worktrees == 1


def test_base_before_the_first_commit_says_how_many_there_are(measure: Measurer) -> None:
    """The first try of the tutorial, in a repository with too few commits, needs another one and no branch."""
    measured = measure("--base", "HEAD~50", "--", "true")
    assert measured.status == 2
    assert "There is no commit 'HEAD~50'" in measured.stderr
    assert re.search(r"HEAD has \d+ before it", measured.stderr)
    assert "It is no branch" not in measured.stderr


def test_ref_with_leading_dash_is_refused(measure: Measurer) -> None:
    """A ref that begins with a dash is refused, not given to git."""
    measured = measure("--base=--output=x", "--", "true")
    assert measured.status == 2
    assert "no commit '--output=x'" in measured.stderr


@pytest.fixture
def shallow(repository: Repository, tmp_path: Path) -> Repository:
    """Return a clone that holds the last commit only, as actions/checkout makes it."""
    folder = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{repository.folder}", folder], check=True)
    return Repository(folder)


def test_missing_commit_in_shallow_clone_names_the_remedy(
    repository: Repository, shallow: Repository, measure: Measurer
) -> None:
    """A base that a shallow clone lacks ends in exit code 2 and names the setting that helps."""
    base = repository.git("rev-parse", "HEAD~1")
    measured = measure("--repository", str(shallow.folder), "--base", base, "--", "true")
    assert measured.status == 2
    assert "fetch-depth: 0" in measured.stderr
    assert "add --fetch" not in measured.stderr  # `regress-action run` has no such option


def test_fetch_gets_the_missing_commit(repository: Repository, shallow: Repository, measure: Measurer) -> None:
    """With --fetch the missing commit, and no more, comes from origin."""
    base = repository.git("rev-parse", "HEAD~1")
    repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
    measured = measure("--repository", str(shallow.folder), "--base", base, "--fetch", "--pairs", "1", "--", SHOW)
    assert measured.status == 0, measured.stderr
    assert measured.results("base") == ["old"]


def test_fetch_does_not_make_a_full_clone_shallow(repository: Repository, measure: Measurer, tmp_path: Path) -> None:
    """A clone that has all its history keeps it when a branch is fetched."""
    folder = tmp_path / "full"
    subprocess.run(["git", "clone", "--quiet", "--single-branch", f"file://{repository.folder}", folder], check=True)
    repository.git("checkout", "--quiet", "-b", "later")
    repository.commit(version="later")
    measured = measure("--repository", str(folder), "--base", "later", "--fetch", "--pairs", "1", "--", SHOW)
    assert measured.results("base") == ["later"]
    assert Repository(folder).git("rev-parse", "--is-shallow-repository") == "false"


def test_merge_base_is_measured(repository: Repository, measure: Measurer) -> None:
    """With --merge-base, what happened on the base's branch since is not counted against the head."""
    repository.git("checkout", "--quiet", "-b", "feature", "HEAD~1")
    repository.commit(version="feature")
    measured = measure("--base", "main", "--merge-base", "--pairs", "1", "--", SHOW)
    assert measured.results("base") == ["old"]


def test_command_runs_in_the_same_subfolder(repository: Repository, measure: Measurer) -> None:
    """From a subfolder of a monorepo, both sides run in that subfolder."""
    repository.commit(service__version="1")
    repository.commit(service__version="2")
    folder = str(repository.folder / "service")
    measured = measure("--repository", folder, "--base", "HEAD~1", "--pairs", "1", "--", SHOW)
    assert (measured.results("base"), measured.results("head")) == (["1"], ["2"])


def test_carried_files_come_from_the_head(repository: Repository, measure: Measurer) -> None:
    """--carry replaces the base's folder by the head's, deletions included; the rest stays."""
    repository.commit(bench__kept="old", bench__gone="old", program="old")
    repository.git("rm", "--quiet", "bench/gone")
    repository.commit(bench__kept="new", bench__added="new", program="new")
    measured = measure(
        "--base", "HEAD~1", "--carry", "bench", "--pairs", "1", "--", "(ls bench; cat bench/kept program) > {out}"
    )
    assert measured.results("base") == ["added\nkept\nnewold"]


def test_lock_files_in_a_carried_folder_stay_those_of_the_base(repository: Repository, measure: Measurer) -> None:
    """Each side has its own packages, with the manifest that belongs to the lock; the benchmarks are the head's."""
    repository.commit(**{"bench__uv.lock": "old", "bench__pyproject.toml": "old", "bench__case": "old"})
    repository.commit(**{"bench__uv.lock": "new", "bench__pyproject.toml": "new", "bench__case": "new"})
    command = "cat bench/uv.lock bench/pyproject.toml bench/case > {out}"
    measured = measure("--base", "HEAD~1", "--carry", "bench", "--pairs", "1", "--", command)
    assert (measured.results("base"), measured.results("head")) == (["oldoldnew"], ["newnewnew"])
    assert "carry left bench/uv.lock as in the base" in " ".join(measured.document["warnings"])


@pytest.mark.parametrize(
    ("base", "head", "expected"),
    [
        ({"bench__uv.lock": "same", "bench__pyproject.toml": "old"}, {"bench__pyproject.toml": "new"}, "same new"),
        ({"bench__pyproject.toml": "old"}, {"bench__uv.lock": "added", "bench__pyproject.toml": "new"}, "added new"),
    ],
    ids=["unchanged", "new"],
)
def test_folder_without_two_different_locks_is_carried_whole(
    repository: Repository, measure: Measurer, base: dict[str, str], head: dict[str, str], expected: str
) -> None:
    """A lock that both have alike, or that only the head has, needs no care."""
    repository.commit(bench__case="old", **base)
    repository.commit(bench__case="new", **head)
    command = "echo $(cat bench/uv.lock) $(cat bench/pyproject.toml) > {out}"
    measured = measure("--base", "HEAD~1", "--carry", "bench", "--pairs", "1", "--", command)
    assert measured.results("base") == [f"{expected}\n"]
    assert "carry" not in " ".join(measured.document["warnings"])


def test_lock_file_that_is_named_itself_is_carried(repository: Repository, measure: Measurer) -> None:
    """Whoever names it wants the head's packages on both sides; the measurement says that their effect is not seen."""
    repository.commit(**{"uv.lock": "old"})
    repository.commit(**{"uv.lock": "new"})
    measured = measure("--base", "HEAD~1", "--carry", "uv.lock", "--pairs", "1", "--", "cat uv.lock > {out}")
    assert measured.results("base") == ["new"]
    assert "carry names uv.lock: both sides have the head's packages" in " ".join(measured.document["warnings"])


def test_carried_file_below_a_link_of_the_base_stays_in_the_tree(
    repository: Repository, measure: Measurer, tmp_path: Path
) -> None:
    """Where the base has a link in place of the carried file's folder, nothing behind the link is changed."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/case").write_text("original")
    (repository.folder / "bench").symlink_to(tmp_path / "elsewhere")
    repository.commit()
    (repository.folder / "bench").unlink()
    repository.commit(bench__case="carried")
    measured = measure("--base", "HEAD~1", "--carry", "bench/case", "--pairs", "1", "--", "cat bench/case > {out}")
    assert (tmp_path / "elsewhere/case").read_text() == "original"
    assert measured.results("base") == ["carried"]


def test_special_files_among_carried_ones_are_left_out(repository: Repository, measure: Measurer) -> None:
    """A FIFO in a carried folder is not waited for."""
    repository.commit(bench__case="1")
    os.mkfifo(repository.folder / "bench/pipe")
    (repository.folder / "bench/case").write_text("2")
    measured = measure("--base", "HEAD", "--carry", "bench", "--pairs", "1", "--", "ls bench > {out}")
    assert measured.results("base") == ["case\n"], measured.stderr


@pytest.mark.parametrize("path", ["nowhere", "../outside", "/etc", "."])
def test_carried_path_outside_the_tree_is_refused(measure: Measurer, path: str) -> None:
    """A path that leaves the tree, is all of it, or names nothing is refused before anything runs."""
    measured = measure("--base", "HEAD~1", "--carry", path, "--", "touch ran")
    assert measured.status == 2
    assert "--carry" in measured.stderr


def test_submodules_are_checked_out(repository: Repository, measure: Measurer, tmp_path: Path) -> None:
    """A side has its submodules, and its worktree is removed all the same."""
    (tmp_path / "library").mkdir()
    library = Repository(tmp_path / "library")
    library.git("init", "--quiet")
    library.commit(content="library")
    repository.git("submodule", "--quiet", "add", str(library.folder), "library")
    repository.commit()
    measured = measure("--base", "HEAD", "--pairs", "1", "--", "cat library/content > {out}")
    assert measured.results("base") == ["library"], measured.stderr
    assert repository.worktrees == 1


def _add_library(repository: Repository, folder: Path) -> Repository:
    """Add a submodule with two commits; HEAD~1 of the repository has the first, HEAD the second."""
    folder.mkdir()
    library = Repository(folder)
    library.git("init", "--quiet")
    library.commit(content="first")
    repository.git("submodule", "--quiet", "add", str(folder), "library")
    repository.commit()
    library.commit(content="second")
    repository.git("-C", "library", "pull", "--quiet")
    repository.commit()
    return library


@pytest.mark.parametrize("shallow", [False, True], ids=["complete", "shallow"])
def test_submodule_on_this_machine_needs_no_network(
    repository: Repository, measure: Measurer, tmp_path: Path, shallow: bool
) -> None:
    """Its commits come from .git/modules, though its address cannot be reached; git's settings stay unchanged."""
    _add_library(repository, tmp_path / "library")
    if shallow:
        (repository.folder / ".git/modules/library/shallow").write_text(
            repository.git("-C", "library", "rev-parse", "HEAD~1") + "\n"
        )
    repository.git("config", "submodule.library.url", "https://127.0.0.1:9/private/library.git")
    before = (repository.folder / ".git/config").read_text()
    measured = measure("--base", "HEAD~1", "--pairs", "1", "--", "cat library/content > {out}")
    assert (measured.results("base"), measured.results()) == (["first"], ["second"]), measured.stderr
    assert (repository.folder / ".git/config").read_text() == before


def test_submodule_that_cannot_be_fetched_is_named(repository: Repository, measure: Measurer, tmp_path: Path) -> None:
    """Where its commit is not here and its address does not answer, the error names it and what helps."""
    _add_library(repository, tmp_path / "library")
    repository.git("config", "submodule.library.url", "https://127.0.0.1:9/private/library.git")
    shutil.rmtree(repository.folder / ".git/modules/library")
    shutil.rmtree(repository.folder / "library")
    measured = measure("--base", "HEAD~1", "--", "true")
    assert measured.status == 4
    assert "The submodule 'library' could not be checked out at" in measured.stderr
    assert "give actions/checkout `submodules: true`" in measured.stderr


def test_submodule_that_the_user_lacks_as_well_is_left_out(
    repository: Repository, measure: Measurer, tmp_path: Path
) -> None:
    """Both sides are without the same commit of it, and a warning names it."""
    _add_library(repository, tmp_path / "library")
    repository.commit()
    repository.git("submodule", "--quiet", "deinit", "--force", "library")
    repository.git("config", "--file", ".gitmodules", "submodule.library.url", "https://127.0.0.1:9/library.git")
    repository.commit()
    shutil.rmtree(repository.folder / ".git/modules/library")
    measured = measure("--base", "HEAD~1", "--pairs", "1", "--", "ls -A library | wc -l > {out}")
    assert [text.strip() for text in measured.results("base") + measured.results()] == ["0", "0"], measured.stderr
    assert "neither this checkout nor the network has it: library" in measured.stdout


def test_nested_submodule_on_this_machine_needs_no_network(
    repository: Repository, measure: Measurer, tmp_path: Path
) -> None:
    """A submodule of a submodule is taken from the git folder of the outer one."""
    for name in ("inner", "outer"):
        (tmp_path / name).mkdir()
    inner, outer = Repository(tmp_path / "inner"), Repository(tmp_path / "outer")
    inner.git("init", "--quiet")
    inner.commit(content="inner")
    outer.git("init", "--quiet")
    outer.git("submodule", "--quiet", "add", str(inner.folder), "deps/inner")
    outer.commit()
    repository.git("submodule", "--quiet", "add", str(outer.folder), "outer")
    repository.git("submodule", "--quiet", "update", "--init", "--recursive")
    repository.commit()
    inner.folder.rename(tmp_path / "gone")
    outer.folder.rename(tmp_path / "gone too")
    measured = measure("--base", "HEAD", "--pairs", "1", "--", "cat outer/deps/inner/content > {out}")
    assert measured.results("base") == ["inner"], measured.stderr


def test_user_hooks_do_not_run(repository: Repository, measure: Measurer) -> None:
    """The user's hooks do not run for our checkouts."""
    hook = repository.folder / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {repository.folder}/hooked\n")
    hook.chmod(0o755)
    measure("--base", "HEAD~1", "--pairs", "1", "--", "true")
    assert not (repository.folder / "hooked").exists()


def test_records_of_worktrees_hold_absolute_paths(repository: Repository) -> None:
    """By them the next measurement tells those of a living one, whatever the user prefers."""
    repository.git("config", "worktree.useRelativePaths", "true")
    git = GitFolder(repository.folder)
    assert git.query("config", "--type=bool", "worktree.useRelativePaths") == "false"


def test_setup_runs_once_in_each_tree(measure: Measurer) -> None:
    """The setup's product is there for every run of its side."""
    measured = measure("--base", "HEAD~1", "--pairs", "2", "--setup", "cat version >> built", "--", "cat built > {out}")
    assert (measured.results("base"), measured.results("head")) == (["old", "old"], ["new", "new"])


def test_failing_setup_ends_the_measurement(repository: Repository, measure: Measurer) -> None:
    """Exit code 3, with the end of what the setup printed."""
    measured = measure("--base", "HEAD~1", "--setup", "echo no compiler; exit 9", "--", "true")
    assert measured.status == 3
    assert "status 9" in measured.stderr
    assert "no compiler" in measured.stderr
    assert repository.worktrees == 1


def test_repository_without_a_commit_is_measured(measure: Measurer, tmp_path: Path) -> None:
    """All files on disk are measured, and there is no commit id."""
    (tmp_path / "fresh").mkdir()
    Repository(tmp_path / "fresh").git("init", "--quiet")
    measured = measure("--repository", str(tmp_path / "fresh"), "--runs", "1", "--", "true")
    assert measured.status == 0
    assert measured.document["sides"]["head"]["commit"] is None


def test_folder_without_git_is_measured(measure: Measurer, tmp_path: Path) -> None:
    """A folder that is no repository can be measured, and has no commit."""
    (tmp_path / "plain").mkdir()
    measured = measure("--repository", str(tmp_path / "plain"), "--runs", "1", "--", "true")
    assert measured.status == 0
    assert measured.document["sides"]["head"]["commit"] is None


def _state(repository: Repository) -> tuple[str, str, dict[str, str]]:
    files = [path for path in repository.folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    contents = {str(path): path.read_text() for path in files}
    index = hashlib.sha256((repository.folder / ".git/index").read_bytes()).hexdigest()
    return repository.git("status", "--porcelain"), index + str(sorted(repository.folder.iterdir())), contents
