"""Result files: {out}, a file of the suite's own, several, a folder, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration.measure.measure_repository import Measurer, Repository

if TYPE_CHECKING:
    from pathlib import Path


def test_out_is_quoted_for_the_shell(repository: Repository, measure: Measurer) -> None:
    """A folder with spaces in its name works, and other braces are left to bash."""
    measure = Measurer(repository.folder, measure.out.parent / "a folder's name")
    measured = measure("--runs", "1", "--", "echo {a,b} > {out}")
    assert measured.results() == ["a b\n"], measured.stderr


def test_several_words_run_without_a_shell(measure: Measurer) -> None:
    """The arguments are passed unchanged."""
    measured = measure("--runs", "1", "--", "sh", "-c", 'echo "$1" "$#" > "$2"', "x", "$HOME *", "{out}")
    assert measured.results() == ["$HOME * 2\n"]


def test_suffix_sets_the_ending_of_out(measure: Measurer) -> None:
    """--suffix names the file that {out} stands for."""
    measured = measure("--runs", "1", "--suffix", ".xml", "--", "echo x > $REGRESS_OUT")
    assert measured.runs[0]["result"] == "runs/head-01.xml"


def test_results_names_the_suites_own_file(measure: Measurer) -> None:
    """--results names what the suite writes; every run's is kept under its side and number."""
    measured = measure("--base", "HEAD~1", "--pairs", "2", "--results", "*.json", "--", "cat version > bench.json")
    assert [run["result"] for run in measured.runs] == [
        "runs/base-01.json",
        "runs/head-01.json",
        "runs/head-02.json",
        "runs/base-02.json",
    ]
    assert measured.results("base") == ["old", "old"]


def test_old_result_is_removed_before_each_run(repository: Repository, measure: Measurer) -> None:
    """A run that writes nothing has failed, also where an earlier result was there."""
    (repository.folder / "bench.json").write_text("yesterday")
    measured = measure(
        "--runs", "2", "--results", "bench.json", "--", "test $REGRESS_PAIR = 2 || echo new > bench.json"
    )
    assert measured.failures() == [None, "wrote no result file: there is no bench.json"]
    assert (measured.out / measured.runs[0]["result"]).read_text() == "new\n"


def test_several_results_become_a_folder(measure: Measurer) -> None:
    """What a glob finds in several folders keeps its shape below the first common one."""
    write = "mkdir -p t/a t/b; echo 1 > t/a/new.json; echo 2 > t/b/new.json; echo 3 > t/b/other"
    measured = measure("--runs", "1", "--results", "t/*/new.json", "--", write)
    folder = measured.out / measured.runs[0]["result"]
    assert folder.name == "head-01"
    assert {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.json")} == {
        "a/new.json": "1\n",
        "b/new.json": "2\n",
    }


def test_result_folder_is_copied(measure: Measurer) -> None:
    """A folder, as asv and Criterion write it, is one result, and starts empty every time."""
    measured = measure(
        "--runs", "2", "--results", "results", "--", "mkdir -p results/m; echo $REGRESS_PAIR > results/m/$REGRESS_PAIR"
    )
    kept = [
        [path.name for path in (measured.out / run["result"]).rglob("*") if path.is_file()] for run in measured.runs
    ]
    assert kept == [["1"], ["2"]]


def test_plain_command_needs_no_result(measure: Measurer) -> None:
    """Without any results file the run's own figures are the result."""
    measured = measure("--runs", "2", "--", "true")
    assert measured.status == 0
    assert [run["result"] for run in measured.runs] == [None, None]
    assert all(0 < run["wall_s"] < 5 for run in measured.runs)


@pytest.mark.parametrize("pattern", ["version", "*", ".", ".."])
def test_results_that_match_tracked_files_are_refused(repository: Repository, measure: Measurer, pattern: str) -> None:
    """In the user's own tree nothing that git tracks is removed as an old result, nor the tree itself."""
    measured = measure("--runs", "1", "--results", pattern, "--", "true")
    assert measured.status == 2
    assert "would delete it" in measured.stderr
    assert (repository.folder / "version").read_text() == "new"


def test_outside_of_the_tree_only_a_single_file_is_a_result(measure: Measurer, tmp_path: Path) -> None:
    """A file by name may lie anywhere; a folder or a glob might hold what is not the suite's."""
    (tmp_path / "elsewhere").mkdir()
    result = tmp_path / "elsewhere" / "bench.json"
    result.write_text("yesterday")
    for pattern in (tmp_path / "elsewhere", tmp_path / "elsewhere" / "*.json"):
        refused = measure("--runs", "1", "--results", str(pattern), "--", "true")
        assert (refused.status, "outside of the tree" in refused.stderr) == (2, True)
    measured = measure("--base", "HEAD~1", "--pairs", "1", "--results", str(result), "--", f"cat version > {result}")
    assert (measured.results("base"), measured.results("head")) == (["old"], ["new"])


def test_results_may_contain_out(measure: Measurer) -> None:
    """{out} means the same in --results as in the command."""
    measured = measure("--runs", "1", "--results", "{out}", "--", "echo x > {out}")
    assert measured.results() == ["x\n"]


def test_output_inside_the_repository_is_ignored_by_git(repository: Repository) -> None:
    """The folder of the measurement has a .gitignore, so that neither git nor the head's copy contains it."""
    measured = Measurer(repository.folder, repository.folder / ".regress/m")(
        "--base", "HEAD~1", "--pairs", "1", "--", "true"
    )
    assert measured.document["sides"]["head"]["dirty"] is False
    assert repository.git("status", "--porcelain") == ""


def test_failure_before_a_pipe_is_a_failure(measure: Measurer) -> None:
    """A suite that breaks is not hidden by the `tee` behind it."""
    measured = measure("--runs", "1", "--", "false | tee {out}")
    assert (measured.status, measured.failures()) == (3, ["exited with status 1"])
