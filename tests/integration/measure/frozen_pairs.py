"""Measures one pair in turns for ever, to be killed: `frozen_pairs.py SESSION signals|groups|namespace`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from regress_action.measure.frozen_turns import FrozenTurns
from regress_action.measure.process import OutputLog
from regress_action.measure.process_tree import ProcessTree, SignalWaiter, become_subreaper
from regress_action.measure.spawn import Task, usable_namespace
from regress_action.measure.trees import WorktreeDir
from regress_action.measure.watchdog import watchdog

# A process of the command's own group, one that left it, and many that live for a moment.
COMMAND = "(while :; do :; done) & setsid sh -c 'while :; do :; done' & while :; do /bin/true; done"


def main(session_id: str, way: str) -> None:
    """Measure until something ends this process."""
    become_subreaper()
    os.environ.pop("REGRESS_SESSION", None)
    folder = Path(tempfile.gettempdir()) / f"no-worktrees-{session_id}"
    with SignalWaiter().installed() as signals, watchdog(session_id, WorktreeDir(folder, None)) as watchdog_pid:
        processes = ProcessTree(session_id, {watchdog_pid}, namespace=usable_namespace() if way == "namespace" else "")
        variables = {**os.environ, "REGRESS_SESSION": session_id}
        tasks = [Task(["bash", "-c", COMMAND], Path.cwd(), {**variables, "REGRESS_SIDE": side}) for side in "ab"]
        os.write(1, b"%d\n" % watchdog_pid)
        FrozenTurns(tasks, [OutputLog(), OutputLog()], signals, processes, groups=way != "signals").run()


if __name__ == "__main__":
    main(*sys.argv[1:])
