"""A writer that is killed, at whatever moment, leaves the old branch or the new one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from integration.history import killing
from integration.history.smart_http import bare_repository, serving
from regress_action.history import History, open_history
from regress_action.history.branch import Backoff, BranchStore, GitPusher
from regress_action.history.clone import remote_of
from regress_action.model.errors import HistoryError

KILLS = int(os.environ.get("REGRESS_KILLS", "48"))
WORKERS = 4
ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An empty bare repository."""
    return bare_repository(tmp_path / "project.git")


def print_figures(figures: str) -> None:
    """Print figures for `make test-kills`, which shows what tests print."""
    sys.stdout.write(f"{figures}\n")


def fsck(bare: Path) -> str:
    """What git finds wrong in the repository, apart from what nothing refers to."""
    command = ["git", "-C", str(bare), "fsck", "--strict", "--no-dangling"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def locks(bare: Path) -> list[Path]:
    """The locks that a git which was killed has left."""
    return list(bare.rglob("*.lock"))


def run_writers(bare: Path, *arguments: str, empty: bool = False) -> tuple[int, int, int]:
    """Run `killing`, check every writer, and return how many writers, stored reports and unreported ones there were.

    `empty` says that each writer finds no branch.
    """
    command = [sys.executable, killing.__file__, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRON)
    writers = [json.loads(line) for line in done.stdout.splitlines()]
    before = stored = unreported = 0
    for writer in writers:
        numbers, reported = writer["stored"], set(writer["reported"])
        assert numbers == list(range(len(numbers)))
        assert reported <= set(numbers)
        assert len(numbers) >= before
        stored += len(numbers[before:])
        unreported += len(set(numbers[before:]) - reported)
        before = 0 if empty else len(numbers)
    assert fsck(bare) == ""
    return len(writers), stored, unreported


@pytest.mark.timeout(120 + 2 * KILLS)
@pytest.mark.parametrize("way", ["path", "http"])
@pytest.mark.parametrize("worker", range(WORKERS // 2))
def test_a_writer_killed_at_any_moment_leaves_a_complete_branch(bare: Path, way: str, worker: int) -> None:
    """After each SIGKILL every report that was called stored is stored, and each exactly once."""
    with serving(bare.parent) as (url, _):
        where = f"branch:regress-data@{bare if way == 'path' else f'{url}/{bare.name}'}"
        writers, stored, unreported = run_writers(bare, "anywhere", where, str(-(-KILLS // WORKERS)), str(worker))
    print_figures(f"{writers} writers killed over {way}: {stored} reports stored, {unreported} of them not reported")
    assert writers >= KILLS // WORKERS
    assert stored >= writers // 2  # every second writer was killed after its first report, however long that took


@pytest.mark.timeout(300)
@pytest.mark.parametrize("empty", [True, False], ids=["first-report", "on-top"])
def test_a_writer_killed_between_any_two_steps_leaves_the_old_branch_or_the_new_one(
    bare: Path, tmp_path: Path, empty: bool
) -> None:
    """Before and after every process that git starts, on both sides: for the first report, and for those on top."""
    where = f"branch:regress-data@{bare}"
    folder = str(killing.steps_folder(tmp_path / "steps"))
    if not empty:
        open_history(where, environ=ENVIRON).append(killing.report(0))
    more = [str(bare)] if empty else []
    writers, stored, unreported = run_writers(bare, "steps", where, folder, *more, empty=empty)
    print_figures(f"{writers - 2} writers killed between steps: {stored} reports stored, {unreported} not reported")
    assert locks(bare) == []
    assert writers - 2 > 20
    assert unreported >= 2


def test_a_lock_that_was_left_behind_is_named(bare: Path) -> None:
    """A writer that was killed while git moved the branch leaves a lock, which only a person may remove."""
    open_history(f"branch:regress-data@{bare}", environ=ENVIRON).append(killing.report(0))
    lock = bare / "refs" / "heads" / "regress-data.lock"
    lock.touch()
    publisher = GitPusher("tester <t@localhost>")
    remote = remote_of(str(bare), None, ENVIRON)
    history = History(BranchStore(remote, "regress-data", ENVIRON, publisher, Backoff(0.3)))
    with pytest.raises(HistoryError, match=r"regress-data\.lock") as caught:
        history.append(killing.report(1))
    assert "Remove that file" in caught.value.remedy
    lock.unlink()
    history.append(killing.report(1))
    assert killing.stored(f"branch:regress-data@{bare}") == [0, 1]
