"""A suite that replaces files and folders by links, FIFOs and devices: nothing outside is written, nothing hangs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration.measure.measure_repository import Measurer, Repository

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return a file outside of the repository that must not change."""
    path = tmp_path / "elsewhere" / "launch"
    path.parent.mkdir()
    path.write_text("original")
    return path


def test_link_in_place_of_the_log_is_not_followed(measure: Measurer, victim: Path) -> None:
    """The log of a run replaces a link that the suite put there; the file behind the link stays as it was."""
    measured = measure("--runs", "1", "--", f"ln -s {victim} {measure.out}/runs/head-01.log; echo replaced")
    assert victim.read_text() == "original"
    assert measured.status == 0
    assert (measured.out / "runs/head-01.log").read_text() == "replaced\n"


def test_link_in_place_of_the_measurement_is_not_followed(measure: Measurer, victim: Path) -> None:
    """measurement.json and its temporary file are links to another file: it is not written."""
    link = f"ln -sf {victim} {measure.out}/measurement.json; ln -sf {victim} {measure.out}/measurement.json.partial"
    measured = measure("--runs", "2", "--", link)
    assert victim.read_text() == "original"
    assert len(measured.runs) == 2


def test_link_in_place_of_the_runs_folder_is_not_followed(measure: Measurer, victim: Path) -> None:
    """The suite renames the folder of the runs and links its name elsewhere: nothing is written or removed there."""
    result = victim.with_name("head-02.json")
    result.write_text("original")
    swap = f"mv {measure.out}/runs {measure.out}/old; ln -s {victim.parent} {measure.out}/runs"
    measure("--runs", "2", "--", swap)
    assert sorted(path.name for path in victim.parent.iterdir()) == ["head-02.json", "launch"]
    assert (victim.read_text(), result.read_text()) == ("original", "original")


def test_old_results_behind_a_link_are_not_removed(measure: Measurer, victim: Path) -> None:
    """The suite replaces its results folder by a link: files outside of the tree are neither removed nor read."""
    link = f"rm -rf results; ln -s {victim.parent} results"
    measured = measure("--base", "HEAD~1", "--pairs", "2", "--results", "results/*", "--", link)
    assert victim.read_text() == "original"
    assert measured.failures() == ["wrote 'launch' behind a link that leads out of its tree"] * 2


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        ("ln -s /etc/hostname {out}", "a link"),
        ("ln -s /dev/zero {out}", "a link"),
        ("mkfifo {out}", "a FIFO"),
        ("mkdir {out}; echo 1 > {out}/a; mkfifo {out}/b", "a FIFO"),
    ],
)
@pytest.mark.parametrize("results", [(), ("--results", "{out}")], ids=["out", "results"])
def test_result_that_is_no_regular_file_is_refused(
    measure: Measurer, results: tuple[str, ...], make: str, kind: str
) -> None:
    """A link, FIFO or device fails the run with a sentence, and nothing waits for it."""
    measured = measure("--runs", "1", *results, "--", make)
    assert measured.status == 3
    assert f"which is {kind}: only regular files are read" in str(measured.failures()[0])


@pytest.mark.parametrize("make", ["mkfifo bench.json", "ln -s /dev/zero bench.json", "ln -s version bench.json"])
def test_result_of_the_suites_own_that_is_no_regular_file_is_refused(measure: Measurer, make: str) -> None:
    """The same holds for a file that --results names in the tree."""
    measured = measure("--runs", "1", "--results", "bench.json", "--", make)
    assert measured.status == 3
    assert "only regular files are read" in str(measured.failures()[0])


def test_loop_of_links_does_not_hang(measure: Measurer) -> None:
    """A pattern with ** visits each folder once, whatever links lead back to it."""
    loops = "mkdir -p a; for n in 1 2 3 4 5 6 7 8; do ln -sfn .. a/$n; done; echo 1 > a/bench.json"
    measured = measure("--base", "HEAD~1", "--pairs", "1", "--results", "**/bench.json", "--", loops)
    assert measured.status == 0, measured.stderr
    assert measured.results() == ["1\n"]


def test_output_folder_behind_a_link_of_the_repository_is_refused(repository: Repository, tmp_path: Path) -> None:
    """A checkout that brings `.regress` as a link does not decide where the measurement is written."""
    (tmp_path / "elsewhere").mkdir()
    (repository.folder / ".regress").symlink_to(tmp_path / "elsewhere")
    measured = Measurer(repository.folder, repository.folder / ".regress/measurement")("--runs", "1", "--", "true")
    assert measured.status == 2
    assert "link that leads out of the repository" in measured.stderr
    assert list((tmp_path / "elsewhere").iterdir()) == []
