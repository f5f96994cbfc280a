"""A disk that is full or read-only: one clear error with exit code 4, and no incomplete file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from integration.measure.measure_repository import VARIABLES, Measurer, Repository

if TYPE_CHECKING:
    from pathlib import Path

_MOUNT = ["unshare", "--map-root-user", "--mount"]
_CAN_MOUNT = shutil.which("unshare") is not None and not subprocess.call(
    [*_MOUNT, "sh", "-c", "mount -t tmpfs none /tmp"], stderr=subprocess.DEVNULL
)
pytestmark = pytest.mark.skipif(not _CAN_MOUNT, reason="no file system can be mounted here")


def _on_disk(
    disk: Path, options: str, argv: list[str], folder: Path, after: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command while a small disk is mounted; `after` is a shell line that runs before it is unmounted."""
    disk.mkdir(exist_ok=True)
    script = f'mount -t tmpfs -o {options} none {disk}; "$@"; status=$?; {after}exit $status'
    return subprocess.run(
        [*_MOUNT, "sh", "-c", script, "sh", *argv],
        cwd=folder,
        env=VARIABLES,
        capture_output=True,
        text=True,
        check=False,
    )


def _run(*words: str) -> list[str]:
    return [sys.executable, "-m", "regress_action", "run", *words]


@pytest.mark.parametrize("program", ["measurer", "run"])
def test_full_disk_while_measuring_leaves_a_complete_file(repository: Repository, tmp_path: Path, program: str) -> None:
    """The run that does not fit ends in exit code 4; the measurement holds those before it."""
    disk, kept = tmp_path / "disk", tmp_path / "kept.json"
    words = ["--runs", "40", "--", "seq 5000"]
    if program == "run":
        argv, file = _run("--out", str(disk), *words), disk / "measurement/measurement.json"
    else:
        argv, file = Measurer(repository.folder, disk).argv(*words), disk / "measurement.json"
    ended = _on_disk(disk, "size=96k", argv, repository.folder, f"cp {file} {kept}; ")
    assert ended.returncode == 4
    assert "Free some space" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert 1 <= len(json.loads(kept.read_text())["runs"]) < 40


@pytest.mark.parametrize("program", ["measurer", "run"])
def test_read_only_disk_is_one_clear_error(repository: Repository, tmp_path: Path, program: str) -> None:
    """A folder that cannot be written ends in exit code 4 with the folder and what to do, before anything runs."""
    disk, ran = tmp_path / "disk", tmp_path / "ran"
    words = ["--runs", "1", "--", f"touch {ran}"]
    out = disk / "out"
    argv = _run("--out", str(out), *words) if program == "run" else Measurer(repository.folder, out).argv(*words)
    ended = _on_disk(disk, "ro", argv, repository.folder)
    assert ended.returncode == 4
    assert str(out) in ended.stderr
    assert "Read-only file system" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not ran.exists()


def test_full_disk_for_the_worktrees_is_one_clear_error(
    repository: Repository, measure: Measurer, tmp_path: Path
) -> None:
    """Uncommitted files that do not fit beside the commit end in exit code 4, without a traceback."""
    (repository.folder / "large").write_bytes(bytes(2**20))
    ended = _on_disk(tmp_path / "disk", "size=256k", measure.argv("--base", "HEAD~1", "--", "true"), repository.folder)
    assert ended.returncode == 0, ended.stderr
    argv = ["env", f"TMPDIR={tmp_path / 'disk'}", *measure.argv("--overwrite", "--base", "HEAD~1", "--", "true")]
    ended = _on_disk(tmp_path / "disk", "size=256k", argv, repository.folder)
    assert ended.returncode == 4
    assert "No space left on device" in ended.stderr
    assert "name another folder with TMPDIR" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert repository.worktrees == 1


def test_full_disk_below_the_log_does_not_end_the_measurement(measure: Measurer) -> None:
    """Where standard output cannot be written, the measurement goes on and ends with 0."""
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        ended = subprocess.run(
            measure.argv("--runs", "2", "--", "true"),
            cwd=measure.folder,
            env=VARIABLES,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(json.loads((measure.out / "measurement.json").read_text())["runs"]) == 2
