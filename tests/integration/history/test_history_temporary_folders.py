"""Temporary repositories: none is left behind, not by a killed process either, and none of a living one is touched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from regress_action.history.git_repository import private_repository

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import os, sys, time
from regress_action.history.git_repository import private_repository
class Owner: pass
owner = Owner()
print(private_repository(owner, os.environ).folder, flush=True)
sys.stdin.read()
if sys.argv[1] == "exit": os._exit(0)
"""


class Owner:
    """Something that a repository goes with."""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def holder(ending: str) -> subprocess.Popen[str]:
    """Start a process that has a temporary repository, and wait until it has."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, ending], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def test_repository_goes_with_its_owner(tmp_path: Path) -> None:
    """The folder and the lock in it."""
    owner = Owner()
    folder = private_repository(owner, os.environ).folder
    assert [folder] == list(tmp_path.iterdir())
    del owner
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, None])
def test_what_an_ended_process_left_is_removed_and_a_living_one_is_not_touched(
    tmp_path: Path, ending: signal.Signals | None
) -> None:
    """By the next process that needs such a folder, whichever way the first one ended."""
    living, ended = holder("wait"), holder("exit")
    before = set(tmp_path.iterdir())
    if ending:
        ended.send_signal(ending)
    ended.communicate()
    assert set(tmp_path.iterdir()) == before
    owner = Owner()
    own = private_repository(owner, os.environ).folder
    left = set(tmp_path.iterdir())
    assert len(left - {own}) == 1
    assert left - {own} < before
    living.communicate()
    del owner
    assert not list(tmp_path.iterdir())


def test_only_our_own_abandoned_folders_are_removed(tmp_path: Path) -> None:
    """One that is being made has no lock yet; a link and a file of that name are not ours, nor is another name."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "owner").touch()
    (tmp_path / "regress-history-link").symlink_to(elsewhere)
    (tmp_path / "regress-history-file").touch()
    (tmp_path / "regress-new-history-a").mkdir()
    old = tmp_path / "regress-history-old"
    old.mkdir()
    os.utime(old, (time.time() - 7200,) * 2)
    owner = Owner()
    private_repository(owner, os.environ)
    del owner
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "elsewhere", "regress-history-file", "regress-history-link", "regress-new-history-a",
    ]  # fmt: skip
    shutil.rmtree(elsewhere)
