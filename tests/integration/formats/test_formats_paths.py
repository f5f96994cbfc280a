"""Paths, globs and folders as a user names them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from regress_action.formats import gather, read
from regress_action.model.errors import InputError

DATA = Path(__file__).parents[2] / "data" / "formats"
RESULT = DATA / "pytest-benchmark" / "saved.json"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Give a folder with three runs whose names sort wrongly as text."""
    for number in (1, 2, 10):
        shutil.copy(RESULT, tmp_path / f"run-{number}.json")
    return tmp_path


def test_a_glob_gives_every_file_in_natural_order(results: Path) -> None:
    """Run 2 comes before run 10."""
    names = [Path(report.origin or "").name for report in gather([str(results / "*.json")])]

    assert names == ["run-1.json", "run-2.json", "run-10.json"]


def test_a_file_named_twice_counts_once(results: Path) -> None:
    """Overlapping patterns do not turn one run into two."""
    assert len(gather([str(results / "*.json"), str(results / "run-1.json")])) == 3


def test_a_double_star_finds_files_below(results: Path) -> None:
    """Folders on the way are no results themselves."""
    (results / "deep").mkdir()
    shutil.copy(RESULT, results / "deep" / "run.json")

    assert len(gather([str(results / "**" / "*.json")])) == 4


def test_a_path_with_glob_characters_is_a_path(tmp_path: Path) -> None:
    """A file that exists is taken by its name, brackets or not."""
    path = tmp_path / "run[1].json"
    shutil.copy(RESULT, path)

    assert len(gather([str(path)])) == 1


def test_a_pattern_that_matches_nothing_is_named(results: Path) -> None:
    """One empty pattern among good ones is an error: a side would silently lose its runs."""
    with pytest.raises(InputError, match=r"No file matches .*absent-\*\.json"):
        gather([str(results / "*.json"), str(results / "absent-*.json")])


def test_one_bad_file_among_many_is_named(results: Path) -> None:
    """Evidence is never dropped silently."""
    (results / "run-3.json").write_text("{")

    with pytest.raises(InputError, match=r"run-3\.json"):
        gather([str(results / "*.json")])


def test_no_pattern_at_all() -> None:
    """Nothing to read is an error."""
    with pytest.raises(InputError, match="no results in nothing"):
        gather([])


def test_files_that_accompany_results_are_passed_over() -> None:
    """A glob over the folder of a machine also matches asv's own notes."""
    assert len(gather([str(DATA / "asv" / "results" / "**" / "*.json")])) == 1


def test_a_folder_of_nothing_known_is_explained(tmp_path: Path) -> None:
    """The answer names files that are in it, and a pattern where there is none that could hold results."""
    with pytest.raises(InputError, match="neither a measurement nor the results of asv") as caught:
        read(tmp_path)
    assert caught.value.remedy == f"Name the files in it: '{tmp_path}/*.json'"
    for name in ("head.jsonl", "base.jsonl", "notes"):
        (tmp_path / name).touch()

    with pytest.raises(InputError) as caught:
        read(tmp_path)
    assert caught.value.remedy == f"Name the files in it: {tmp_path}/base.jsonl {tmp_path}/head.jsonl"


def test_an_empty_asv_folder(tmp_path: Path) -> None:
    """An index without results is not a success."""
    shutil.copy(DATA / "asv" / "results" / "benchmarks.json", tmp_path)

    with pytest.raises(InputError, match="holds no results"):
        read(tmp_path)
