"""A suite that replaces files and folders by links, FIFOs and devices: nothing outside is written, nothing hangs."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from integration.measure.measure_repository import VARIABLES, Measurer, Repository, python

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


DEEP = """
import os, sys
os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
for _ in range(1200):
    os.mkdir("a")
    os.chdir("a")
open("bench.json", "w").close()
"""


def test_folders_without_end_in_place_of_a_result_fail_the_run(measure: Measurer) -> None:
    """More levels than Python's stack has are refused, and removed."""
    measured = measure("--runs", "1", "--", python(DEEP, "{out}"))
    assert measured.status == 3, measured.stderr
    assert measured.failures() == ["wrote folders more than 32 levels deep"]
    assert list((measure.out / "runs").glob("head-01.json*")) == []


def test_folders_without_end_in_the_tree_are_removed(measure: Measurer, tmp_path: Path) -> None:
    """Neither a pattern with ** nor the end of the measurement meets a limit of Python's, and no tree stays behind."""
    (tmp_path / "temporary").mkdir()
    deep = ("--results", "**/bench.json", "--", python(DEEP, "deep"))
    measured = measure("--base", "HEAD~1", "--pairs", "1", *deep, TMPDIR=str(tmp_path / "temporary"))
    assert measured.failures() == ["wrote no result file: there is no **/bench.json"]
    assert list((tmp_path / "temporary").iterdir()) == []


CLOSED_FOLDERS = """
import os, sys
from pathlib import Path
from regress_action.measure import untrusted_files

os.chdir(sys.argv[1])
if os.geteuid() == 0:
    os.setuid(65534)  # to root no folder is closed
Path("a/b/c").mkdir(parents=True)
Path("a/b/file").touch()
for path, mode in (("a/b/c", 0), ("a/b", 0o555), ("a", 0o555)):
    Path(path).chmod(mode)
untrusted_files.remove_tree(Path("a"))
sys.exit(Path("a").exists())
"""


def test_folders_that_refuse_changes_are_removed(tmp_path: Path) -> None:
    """Caches of tools hold such folders: they do not stay behind with the worktree in which a suite made them."""
    tmp_path.chmod(0o777)
    ended = subprocess.run([sys.executable, "-c", CLOSED_FOLDERS, str(tmp_path)], check=False, env=VARIABLES)
    assert ended.returncode == 0


def test_output_folder_behind_a_link_of_the_repository_is_refused(repository: Repository, tmp_path: Path) -> None:
    """A checkout that brings `.regress` as a link does not decide where the measurement is written."""
    (tmp_path / "elsewhere").mkdir()
    (repository.folder / ".regress").symlink_to(tmp_path / "elsewhere")
    measured = Measurer(repository.folder, repository.folder / ".regress/measurement")("--runs", "1", "--", "true")
    assert measured.status == 2
    assert "link that leads out of the repository" in measured.stderr
    assert list((tmp_path / "elsewhere").iterdir()) == []
