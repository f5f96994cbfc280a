"""How often each function is called, and by which other one."""

from __future__ import annotations

import sys
import threading
import time

from .files import name_of, write_at_the_end_of_a_worker

TYPE_CHECKING = False  # importing typing would slow every process down
if TYPE_CHECKING:
    from typing import Any

    from .files import Files, PathNames


class CallCounter:
    """Counts every call of every function, with the profiler of the standard library that is written in C."""

    def __init__(self, files: Files, names: PathNames) -> None:
        self._files = files
        self._names = names
        self._profiles: list[Any] = []

    def start(self) -> None:
        """Count the calls of this thread, and of those that it starts."""
        self._profiles = []
        if self._enable() and sys.version_info < (3, 12):  # newer ones count all threads at once
            threading.setprofile(lambda *_: self._enable() and None)

    def start_in_child(self) -> None:
        """Begin anew in a forked process."""
        self._files.rename()
        for profile in self._profiles:
            profile.disable()
        self.start()
        write_at_the_end_of_a_worker(self)

    def _enable(self) -> bool:
        import cProfile

        # CPU time, which other programs on the machine disturb least; newer Pythons count all threads at once.
        profile = cProfile.Profile(time.thread_time) if sys.version_info < (3, 12) else cProfile.Profile()
        try:
            profile.enable()
        except ValueError:  # another profiler is active
            return False
        self._profiles.append(profile)
        return True

    def stop(self) -> None:
        """Write what was counted."""
        functions: dict[tuple[str, str, int], list[float]] = {}
        callers: dict[tuple[str, str], float] = {}
        for profile in self._profiles:
            profile.disable()
            for entry in profile.getstats():
                self._add(entry, functions, callers)
        self._profiles = []
        import json

        rows = [[*key, *figures] for key, figures in functions.items()]
        called = [[*key, count] for key, count in callers.items()]
        self._files.write("calls", "json", [json.dumps({"schema": 1, "functions": rows, "callers": called})])

    def _add(self, entry: Any, functions: dict[Any, list[float]], callers: dict[Any, float]) -> None:
        """Add a function's calls, its own time (with that of C code within it), and all of its time."""
        code = entry.code
        if isinstance(code, str):
            return
        key = (name_of(code), self._names(code.co_filename), code.co_firstlineno)
        figures = functions.setdefault(key, [0, 0.0, 0.0])
        own = entry.inlinetime
        for inner in entry.calls or ():
            if isinstance(inner.code, str):
                own += inner.inlinetime
            else:
                pair = (_identity(key), _identity((name_of(inner.code), self._names(inner.code.co_filename))))
                callers[pair] = callers.get(pair, 0) + inner.callcount
        figures[0] += entry.callcount
        figures[1] += own
        figures[2] += entry.totaltime


def _identity(key: tuple[object, ...]) -> str:
    return f"{key[0]} ({key[1]})"
