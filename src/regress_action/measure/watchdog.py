"""A second process that cleans up if the measurer is killed.

A process cannot react to its own SIGKILL. The watchdog therefore waits until the pipe from the measurer closes. If no
message came before, it ends every process that has the session's marker and removes the worktrees.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure.errors import MeasureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.measure.trees import WorktreeDir

_FINISHED = b"finished"
_LIMIT_S = 3600.0  # nobody waits for this process
_LOOKS = 5
_BETWEEN_LOOKS_S = 0.2
_SOURCES = str(Path(__file__).resolve().parents[2])


@contextlib.contextmanager
def watchdog(session_id: str, worktrees: WorktreeDir) -> Iterator[int]:
    """Keep a watchdog running for the length of the block; yield its process id."""
    process = subprocess.Popen(  # noqa: S603 - this module
        [sys.executable, "-m", __name__, session_id, str(worktrees.folder), str(worktrees.records or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
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
    from regress_action.measure import cooperative_turns, frozen_turns, process_tree, trees

    process_tree.hide_from_suite()
    if sys.stdin.buffer.read() == _FINISHED:
        return

    marked = functools.partial(process_tree.processes_with_marker, session_id)
    # What the measurer was just starting shows its variables only after its exec, so a single look may miss it.
    for _ in range(_LOOKS):
        process_tree.end_processes(marked, lambda: None, grace_s=0, limit_s=_LIMIT_S)
        time.sleep(_BETWEEN_LOOKS_S)
    frozen_turns.remove_groups(session_id)
    cooperative_turns.remove_folders(session_id)
    trees.WorktreeDir(Path(folder), Path(records) if records else None).clear()


if __name__ == "__main__":
    os.environ.pop("REGRESS_SESSION", None)
    main(*sys.argv[1:])
