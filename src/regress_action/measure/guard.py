"""Stands by while a measurement runs, and cleans up if it is killed outright.

Nothing can be done about SIGKILL inside the process that receives it. So this second process waits for the
pipe from the first to close: without a word of goodbye, it ends every process that carries the session's mark
and removes the worktrees.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure.errors import MeasureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.measure.trees import Scratch

_GOODBYE = b"goodbye"
_SOURCES = str(Path(__file__).resolve().parents[2])


@contextlib.contextmanager
def guarded(mark: str, place: Scratch) -> Iterator[int]:
    """Keep a guard for the length of the block; yield its process id."""
    guard = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", __name__, mark, str(place.folder), str(place.repository)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([_SOURCES, os.environ.get("PYTHONPATH", "")]).strip(os.pathsep),
        },
    )
    last_word = b""
    try:
        yield guard.pid
        last_word = _GOODBYE
    except MeasureError:
        last_word = _GOODBYE
        raise
    finally:
        # After an error that nobody foresaw, the suite may still be running: the guard sees to it.
        with contextlib.suppress(OSError):
            guard.communicate(last_word)


def main(mark: str, folder: str, repository: str) -> None:
    """Wait for the other end of standard input to close, and clean up unless it said goodbye."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read() == _GOODBYE:
        return
    from regress_action.measure import family, trees

    family.end(lambda: family.bearers(mark), lambda: None, grace_s=0)
    place = Path(folder)
    trees.Scratch(place, Path(repository), [tree for tree in place.glob("*") if tree.is_dir()]).clear()


if __name__ == "__main__":
    os.environ.pop("REGRESS_SESSION", None)
    main(*sys.argv[1:])
