"""Measures pairs in turns for ever, to be killed: forks a measurer for each line `SESSION signals|groups|namespace`.

A measurer prints `SESSION PID WATCHDOG` when its watchdog is there. To fork one costs a tenth of starting one.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure.frozen_turns import FrozenTurns
from regress_action.measure.process_tree import ProcessTree, SignalWaiter, become_subreaper
from regress_action.measure.reporting import OutputLog
from regress_action.measure.session_folder import SessionFolder
from regress_action.measure.spawn import Task, usable_namespace
from regress_action.measure.watchdog import watchdog

if TYPE_CHECKING:
    from regress_action.measure.spawn import Namespace

# A process of the command's own group, one that left it, and many that live for a moment.
COMMAND = "(while :; do :; done) & setsid sh -c 'while :; do :; done' & while :; do /bin/true; done"
_NICE = 5  # so that what keeps and kills them comes first where many pairs run at once


def main() -> None:
    """Fork a measurer for each line of the input; nobody waits for it here."""
    os.environ.pop("REGRESS_SESSION", None)
    namespace = usable_namespace()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it starts in the background
    for line in sys.stdin:
        session_id, way = line.split()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            try:
                measure(session_id, way, namespace if way == "namespace" else "")
            finally:
                os._exit(0)


def measure(session_id: str, way: str, namespace: Namespace) -> None:
    """Measure until something ends this process."""
    become_subreaper()
    folder = Path(tempfile.gettempdir()) / f"no-worktrees-{session_id}"
    with SignalWaiter().installed() as signals, watchdog(session_id, SessionFolder(folder, None)) as watchdog_pid:
        processes = ProcessTree(session_id, {watchdog_pid}, namespace=namespace)
        variables = {**os.environ, "REGRESS_SESSION": session_id}
        argv = ["bash", "-c", COMMAND]
        tasks = [Task(argv, Path.cwd(), {**variables, "REGRESS_SIDE": side}, nice=_NICE) for side in "ab"]
        os.write(1, f"{session_id} {os.getpid()} {watchdog_pid}\n".encode())
        FrozenTurns(tasks, [OutputLog(), OutputLog()], signals, processes, groups=way != "signals").run()


if __name__ == "__main__":
    main()
