"""Where results come from: a file the command is told, one it chooses itself, several, a folder, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from measure_ground import Measurer, Repository

if TYPE_CHECKING:
    from pathlib import Path


def test_out_is_quoted_in_a_shell_line(repository: Repository, measure: Measurer) -> None:
    """A folder with spaces in its name is no trap, and other braces are left to bash."""
    measure = Measurer(repository.folder, measure.out.parent / "a folder's name")
    done = measure("--runs", "1", "--", "echo {a,b} > {out}")
    assert done.results() == ["a b\n"], done.stderr


def test_several_words_run_without_a_shell(measure: Measurer) -> None:
    """An argv is passed on as it is."""
    done = measure("--runs", "1", "--", "sh", "-c", 'echo "$1" "$#" > "$2"', "x", "$HOME *", "{out}")
    assert done.results() == ["$HOME * 2\n"]


def test_the_result_may_have_another_ending(measure: Measurer) -> None:
    """--suffix names the file that {out} stands for."""
    done = measure("--runs", "1", "--suffix", ".xml", "--", "echo x > $REGRESS_OUT")
    assert done.runs[0]["result"] == "runs/head-01.xml"


def test_a_file_of_the_suites_own_is_kept(measure: Measurer) -> None:
    """--results names what the suite writes; every run's is kept under its side and number."""
    done = measure("--base", "HEAD~1", "--pairs", "2", "--results", "*.json", "--", "cat version > bench.json")
    assert [run["result"] for run in done.runs] == [
        "runs/base-01.json",
        "runs/head-01.json",
        "runs/head-02.json",
        "runs/base-02.json",
    ]
    assert done.results("base") == ["old", "old"]


def test_a_stale_result_never_passes_for_a_new_one(repository: Repository, measure: Measurer) -> None:
    """What an earlier run, or an earlier day, left is removed before each run."""
    (repository.folder / "bench.json").write_text("yesterday")
    done = measure("--runs", "2", "--results", "bench.json", "--", "test $REGRESS_PAIR = 2 || echo new > bench.json")
    assert done.failures() == [None, "wrote no result file: there is no bench.json"]
    assert (done.out / done.runs[0]["result"]).read_text() == "new\n"


def test_several_files_become_a_folder(measure: Measurer) -> None:
    """What a glob finds in several folders keeps its shape below the first common one."""
    write = "mkdir -p t/a t/b; echo 1 > t/a/new.json; echo 2 > t/b/new.json; echo 3 > t/b/other"
    done = measure("--runs", "1", "--results", "t/*/new.json", "--", write)
    folder = done.out / done.runs[0]["result"]
    assert folder.name == "head-01"
    assert {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.json")} == {
        "a/new.json": "1\n",
        "b/new.json": "2\n",
    }


def test_a_folder_is_kept_whole(measure: Measurer) -> None:
    """A folder, as asv and Criterion write it, is one result, and starts empty every time."""
    done = measure(
        "--runs", "2", "--results", "results", "--", "mkdir -p results/m; echo $REGRESS_PAIR > results/m/$REGRESS_PAIR"
    )
    kept = [[path.name for path in (done.out / run["result"]).rglob("*") if path.is_file()] for run in done.runs]
    assert kept == [["1"], ["2"]]


def test_a_plain_command_is_the_benchmark(measure: Measurer) -> None:
    """Without any results file the run's own figures are the result."""
    done = measure("--runs", "2", "--", "true")
    assert done.status == 0
    assert [run["result"] for run in done.runs] == [None, None]
    assert all(0 < run["wall_s"] < 5 for run in done.runs)


@pytest.mark.parametrize("pattern", ["version", "*", ".", ".."])
def test_results_that_would_cost_the_user_files_are_refused(
    repository: Repository, measure: Measurer, pattern: str
) -> None:
    """In the user's own tree nothing that git tracks is removed as a stale result, nor the tree itself."""
    done = measure("--runs", "1", "--results", pattern, "--", "true")
    assert done.status == 2
    assert "would delete it" in done.stderr
    assert (repository.folder / "version").read_text() == "new"


def test_outside_of_the_tree_only_one_file_is_a_result(measure: Measurer, tmp_path: Path) -> None:
    """A file by name may lie anywhere; a folder or a glob might hold what is not the suite's."""
    (tmp_path / "elsewhere").mkdir()
    result = tmp_path / "elsewhere" / "bench.json"
    result.write_text("yesterday")
    for pattern in (tmp_path / "elsewhere", tmp_path / "elsewhere" / "*.json"):
        refused = measure("--runs", "1", "--results", str(pattern), "--", "true")
        assert (refused.status, "outside of the tree" in refused.stderr) == (2, True)
    done = measure("--base", "HEAD~1", "--pairs", "1", "--results", str(result), "--", f"cat version > {result}")
    assert (done.results("base"), done.results("head")) == (["old"], ["new"])


def test_results_may_name_the_place_that_out_stands_for(measure: Measurer) -> None:
    """{out} means the same in --results as in the command."""
    done = measure("--runs", "1", "--results", "{out}", "--", "echo x > {out}")
    assert done.results() == ["x\n"]


def test_measuring_into_the_repository_does_not_make_it_dirty(repository: Repository) -> None:
    """The folder of the measurement hides itself from git and from the snapshot of the head."""
    done = Measurer(repository.folder, repository.folder / ".regress/m")(
        "--base", "HEAD~1", "--pairs", "1", "--", "true"
    )
    assert done.document["sides"]["head"]["dirty"] is False
    assert repository.git("status", "--porcelain") == ""


def test_a_pipe_fails_with_any_of_its_parts(measure: Measurer) -> None:
    """A suite that breaks is not hidden by the `tee` behind it."""
    done = measure("--runs", "1", "--", "false | tee {out}")
    assert (done.status, done.failures()) == (3, ["exited with status 1"])
