"""A writer that is killed, at whatever moment, leaves the old branch or the new one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import killing
import pytest
from smart_http import bare_repository, serving

from regress_action.history import History, open_history
from regress_action.history.branch import Backoff, BranchStore
from regress_action.history.publishers import GitPusher
from regress_action.history.remote import remote_of
from regress_action.model.errors import HistoryError

KILLS = int(os.environ.get("REGRESS_KILLS", "100"))
WORKERS = 4
ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An empty bare repository."""
    return bare_repository(tmp_path / "project.git")


def say(figures: str) -> None:
    """Leave figures for `make test-kills`, which shows what tests print."""
    sys.stdout.write(f"{figures}\n")


def fsck(bare: Path) -> str:
    """What git has against the repository, leavings aside."""
    command = ["git", "-C", bare, "fsck", "--strict", "--no-dangling"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def locks(bare: Path) -> list[Path]:
    """The locks that a git which was killed has left."""
    return list(bare.rglob("*.lock"))


def campaign(bare: Path, *arguments: str, anew: bool = False) -> tuple[int, int, int]:
    """Let `killing` do its work and hold every writer to its word; return writers, reports, and those never told.

    `anew` says that each writer finds no branch.
    """
    command = [sys.executable, killing.__file__, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRON)
    writers = [json.loads(line) for line in done.stdout.splitlines()]
    known = stored = untold = 0
    for writer in writers:
        found, told = writer["found"], set(writer["told"])
        assert found == list(range(len(found)))
        assert told <= set(found)
        assert len(found) >= known
        stored += len(found[known:])
        untold += len(set(found[known:]) - told)
        known = 0 if anew else len(found)
    assert fsck(bare) == ""
    return len(writers), stored, untold


@pytest.mark.timeout(120 + 2 * KILLS)
@pytest.mark.parametrize("way", ["path", "http"])
@pytest.mark.parametrize("worker", range(WORKERS // 2))
def test_a_writer_killed_at_any_moment_leaves_a_whole_branch(bare: Path, way: str, worker: int) -> None:
    """After each SIGKILL every report that was called stored is there, and each that is there is there once."""
    with serving(bare.parent) as (url, _):
        where = f"branch:regress-data@{bare if way == 'path' else f'{url}/{bare.name}'}"
        writers, stored, untold = campaign(bare, "anywhere", where, str(-(-KILLS // WORKERS)), str(worker))
    say(f"{writers} writers killed over {way}: {stored} reports stored, {untold} of them never told")
    assert writers >= KILLS // WORKERS
    assert stored > writers // 5


@pytest.mark.timeout(300)
@pytest.mark.parametrize("anew", [True, False], ids=["first-report", "on-top"])
def test_a_writer_killed_between_any_two_steps_leaves_the_old_branch_or_the_new_one(
    bare: Path, tmp_path: Path, anew: bool
) -> None:
    """Before and after every process that git starts, on both sides: for the first report, and for those on top."""
    where = f"branch:regress-data@{bare}"
    folder = str(killing.steps_folder(tmp_path / "steps"))
    if not anew:
        open_history(where, environ=ENVIRON).append(killing.report(0))
    writers, stored, untold = campaign(bare, "steps", where, folder, *([str(bare)] if anew else []), anew=anew)
    say(f"{writers - 2} writers killed between steps of git: {stored} reports stored, {untold} of them never told")
    assert locks(bare) == []
    assert writers - 2 > 20
    assert untold >= 2


def test_a_lock_that_was_left_behind_is_named(bare: Path) -> None:
    """Who was killed while git moved the branch leaves a lock that only a person may judge."""
    open_history(f"branch:regress-data@{bare}", environ=ENVIRON).append(killing.report(0))
    lock = bare / "refs" / "heads" / "regress-data.lock"
    lock.touch()
    pusher = GitPusher("tester <t@localhost>")
    remote = remote_of(str(bare), None, ENVIRON)
    history = History(BranchStore(remote, "regress-data", ENVIRON, pusher, Backoff(0.3)))
    with pytest.raises(HistoryError, match=r"regress-data\.lock") as caught:
        history.append(killing.report(1))
    assert "Remove that file" in caught.value.remedy
    lock.unlink()
    history.append(killing.report(1))
    assert killing.stored(f"branch:regress-data@{bare}") == [0, 1]
