"""Profile this Python process and write the profile when it ends; imported by `sitecustomize` at its start.

The variable REGRESS_PROFILE says how: `stacks` samples the call stacks of all threads, `calls` counts every call,
`memory` records which lines allocated what is in use, `lines` times every line of the functions with changed lines,
which REGRESS_PROFILE_LINES names: a line for each file with its path, a tab, and numbers. REGRESS_PROFILE_OUT is the
folder for what is written, REGRESS_PROFILE_ROOT the tree whose paths are written as relative.

    cpu-<process>.collapsed     call stacks, root first, and the microseconds of CPU time spent in each
    wall-<process>.collapsed    the same in elapsed time, waiting included
    garbage-<process>.json      the CPU seconds and the number of garbage collections while stacks were sampled
    calls-<process>.json        how often each function was called, and its time while calls were counted
    lines-<process>.json        how often each line was executed, and its time with all that it calls
    memory-<process>.json       the bytes that each line's allocations hold, when most is held and along the run

This file uses the standard library only and runs on Python 3.8 and newer.
"""

from __future__ import annotations

import atexit
import os

from .files import Files, PathNames

TYPE_CHECKING = False  # importing typing would slow every process down
if TYPE_CHECKING:
    from typing import Any


def begin() -> None:
    """Profile this process from now on, as the variables say."""
    folder = os.environ.get("REGRESS_PROFILE_OUT")
    recorder = _recorder(os.environ.get("REGRESS_PROFILE", ""), folder) if folder else None
    if recorder is None:
        return
    atexit.register(recorder.stop)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=recorder.start_in_child)
    recorder.start()


def _recorder(kind: str, folder: str) -> Any:
    """Return the recorder of a kind, None where there is none; only its own module is imported."""
    files, names = Files(folder), PathNames(os.environ.get("REGRESS_PROFILE_ROOT", ""))
    if kind == "stacks":
        from .stacks import StackSampler

        return StackSampler(files, names)
    if kind == "calls":
        from .calls import CallCounter

        return CallCounter(files, names)
    if kind == "lines":
        from .lines import LineTimer, changed_lines

        return LineTimer(files, names, changed_lines(os.environ.get("REGRESS_PROFILE_LINES", "")))
    if kind == "memory":
        from .memory import AllocationRecorder

        return AllocationRecorder(files, names)
    return None
