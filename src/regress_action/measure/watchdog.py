"""A second process that cleans up if the measurer is killed.

A process cannot react to its own SIGKILL. The watchdog therefore waits until the pipe from the measurer closes. If no
message came before, it ends every process that has the session's marker and removes the worktrees.
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

    from regress_action.measure.session_folder import SessionFolder

_FINISHED = b"finished"
_LIMIT_S = 3600.0  # nobody waits for this process
_LOOKS = 6
_SOURCES = str(Path(__file__).resolve().parents[2])


@contextlib.contextmanager
def watchdog(session_id: str, worktrees: SessionFolder) -> Iterator[int]:
    """Keep a watchdog running for the length of the block; yield its process id. It shares the locks of the folder."""
    process = subprocess.Popen(  # noqa: S603 - this module
        [sys.executable, "-m", __name__, session_id, str(worktrees.folder), str(worktrees.records or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=worktrees.locks,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([_SOURCES, os.environ.get("PYTHONPATH", "")]).strip(os.pathsep),
        },
    )
    message = b""
    try:
        yield process.pid
        message = _FINISHED
    except MeasureError:
        message = _FINISHED
        raise
    finally:
        # After an unexpected error the suite may still be running; without the message the watchdog ends it.
        with contextlib.suppress(OSError):
            process.communicate(message)


def main(session_id: str, folder: str, records: str) -> None:
    """Wait until standard input closes, and clean up unless the measurer wrote that it had finished."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    from regress_action.measure import process_tree
    from regress_action.measure.session_folder import SessionFolder, clear_session

    process_tree.hide_from_suite()
    if sys.stdin.buffer.read() == _FINISHED:
        return
    worktrees = SessionFolder(Path(folder), Path(records) if records else None)
    clear_session(session_id, worktrees, looks=_LOOKS, limit_s=_LIMIT_S)


if __name__ == "__main__":
    os.environ.pop("REGRESS_SESSION", None)
    main(*sys.argv[1:])
