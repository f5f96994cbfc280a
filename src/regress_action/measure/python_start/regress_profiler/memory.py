"""Which lines the memory belongs to that is in use."""

from __future__ import annotations

import os
import sys
import threading
import time

from .files import write_at_the_end_of_a_worker

TYPE_CHECKING = False  # importing typing would slow every process down
if TYPE_CHECKING:
    from typing import Any

    from .files import Files, PathNames

SWITCH_INTERVAL_S = 0.0005
DEEPEST_ALLOCATION = 5
MEMORY_INTERVAL_S = 0.002
FIRST_STEP_S = 0.1
MOST_LOOKS = 16
MOST_SITES = 500
LARGER = 1.1
LEAST_MORE = 65536
OWN = os.path.join(os.path.dirname(__file__), "")  # noqa: PTH118, PTH120


class AllocationRecorder:
    """Records which lines the memory belongs to that is in use, when most of it is and along the run (tracemalloc).

    A line is the innermost of the tree on the stack of an allocation; where there is none, the innermost of all.
    """

    def __init__(self, files: Files, names: PathNames) -> None:
        self._files = files
        self._names = names
        self._largest: Any = ()
        self._size = 0
        self._along: list[dict[Any, Any]] = []
        self._step_s = FIRST_STEP_S
        self._ended = False

    def start(self) -> None:
        """Begin to record in a thread of its own."""
        import tracemalloc

        self._largest, self._size, self._along, self._ended = (), 0, [], False
        self._step_s = FIRST_STEP_S
        if sys.getswitchinterval() > SWITCH_INTERVAL_S:
            sys.setswitchinterval(SWITCH_INTERVAL_S)
        if not tracemalloc.is_tracing():
            tracemalloc.start(DEEPEST_ALLOCATION)
        threading.Thread(target=self._watch, name="regress-memory", daemon=True).start()

    def start_in_child(self) -> None:
        """Begin anew in a forked process."""
        self._files.rename()
        self.start()
        write_at_the_end_of_a_worker(self)

    def stop(self) -> None:
        """Take a last look, and write what was seen."""
        if self._ended:
            return
        self._ended = True
        import tracemalloc

        if not tracemalloc.is_tracing():  # the suite stopped it
            return
        current, peak = tracemalloc.get_traced_memory()
        last = _traces()
        tracemalloc.stop()
        along = [*self._along, self._by_line(last)]
        largest = self._by_line(self._largest) if self._size > current else along[-1]
        import json

        def weight(site: Any) -> int:
            return int(max(largest.get(site, (0, 0))[0], along[-1].get(site, (0, 0))[0]))

        sites = sorted(largest.keys() | along[-1].keys(), key=weight, reverse=True)[:MOST_SITES]
        rows = [[*site, *largest.get(site, (0, 0)), [seen.get(site, (0, 0))[0] for seen in along]] for site in sites]
        seen = max(self._size, current)
        self._files.write("memory", "json", [json.dumps({"schema": 1, "peak": peak, "seen": seen, "sites": rows})])

    def _watch(self) -> None:
        import tracemalloc

        due = time.perf_counter() + self._step_s
        while not self._ended and tracemalloc.is_tracing():
            time.sleep(MEMORY_INTERVAL_S)
            current = tracemalloc.get_traced_memory()[0]
            if current > LARGER * self._size + LEAST_MORE:
                self._largest, self._size = _traces(), current
            if time.perf_counter() < due:
                continue
            began = time.thread_time()
            self._along.append(self._by_line(_traces()))
            if len(self._along) > MOST_LOOKS:  # half of them are enough, twice as far apart
                self._along = self._along[::2]
                self._step_s *= 2
            # Looking stops every other thread, so that along the run it may take no more than a fifth of the time.
            due = time.perf_counter() + max(self._step_s, 4 * (time.thread_time() - began))

    def _by_line(self, traces: Any) -> dict[Any, Any]:
        """Return the bytes and the number of allocations of each line."""
        sites: dict[Any, Any] = {}
        lines: dict[int, Any] = {}
        for _, size, frames, *_ in traces:
            site = lines.get(id(frames), lines)
            if site is lines:
                site = lines[id(frames)] = self._site(frames)
            if site is not None:
                before, number = sites.get(site, (0, 0))
                sites[site] = (before + size, number + 1)
        return sites

    def _site(self, frames: Any) -> Any:
        """Return the path and the line of an allocation, None for one of this package; `frames` begin innermost."""
        last = None
        for path, line in frames:
            if path.startswith(OWN):
                return None
            name = self._names(path)
            if last is None:
                last = (name, line)
            if not name.startswith(("<", "/")):
                return (name, line)
        return last


def _traces() -> Any:
    """Return what is allocated: tuples of domain, bytes and frames; the public way makes an object of each."""
    import tracemalloc

    return getattr(tracemalloc.take_snapshot().traces, "_traces", ())
