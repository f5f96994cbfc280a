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
import gc
import os
import sys
import threading
import time

TYPE_CHECKING = False  # importing typing would slow every process down
if TYPE_CHECKING:
    from typing import Any

INTERVAL_S = 0.001
SWITCH_INTERVAL_S = 0.0005
FLUSH_EVERY_S = 2.0
DEEPEST = 300
MOST_STACKS = 50_000
MOST_LINE_EVENTS = 8_000_000
DEEPEST_ALLOCATION = 5
MEMORY_INTERVAL_S = 0.002
FIRST_STEP_S = 0.1
MOST_LOOKS = 16
MOST_SITES = 500
LARGER = 1.1
LEAST_MORE = 65536
MAIN_THREAD = "[main thread]"
OTHER_THREADS = "[other threads]"


class PathNames:
    """Names files alike on both sides: relative in the tree, `<packages>/…` and `<python>/…` outside of it."""

    def __init__(self, root: str) -> None:
        self._root = os.path.join(os.path.realpath(root), "") if root else ""  # noqa: PTH118
        self._names: dict[str, str] = {}
        library = os.path.dirname(os.path.abspath(os.__file__))  # noqa: PTH100, PTH120
        self._library = os.path.join(library, "")  # noqa: PTH118

    def __call__(self, path: str) -> str:
        """Return the name of a file."""
        name = self._names.get(path)
        if name is None:
            name = self._names[path] = self._name(path)
        return name

    def _name(self, path: str) -> str:
        if path.startswith("<"):
            return path.replace(";", ",").replace(" ", "-")
        full = os.path.realpath(path)
        for mark in ("/site-packages/", "/dist-packages/"):
            if mark in full:
                full = "<packages>/" + full.rpartition(mark)[2]
                break
        else:
            if self._root and full.startswith(self._root):
                full = full[len(self._root) :]
            elif full.startswith(self._library):
                full = "<python>/" + full[len(self._library) :]
        return "".join("_" if character in ";\r\n" else character for character in full)


class Files:
    """Writes the files of this process."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.rename()

    def rename(self) -> None:
        """Give the files of a forked process names of their own."""
        self._process = f"{os.getpid()}-{os.urandom(4).hex()}"

    def write(self, kind: str, ending: str, lines: list[str]) -> None:
        """Replace a file in one step; a folder that is gone changes nothing for the suite."""
        path = os.path.join(self._folder, f"{kind}-{self._process}.{ending}")  # noqa: PTH118
        try:
            with open(path + ".part", "w", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                file.writelines(lines)
            os.replace(path + ".part", path)  # noqa: PTH105
        except OSError:
            pass


class StackSampler:
    """Samples the stacks of all threads but its own, about once in a millisecond."""

    def __init__(self, files: Files, names: PathNames) -> None:
        self._files = files
        self._names = names
        self._cpu: dict[Any, float] = {}
        self._wall: dict[Any, float] = {}
        self._ended = False
        self._garbage = GarbageTimer()

    def start(self) -> None:
        """Begin to sample in a thread of its own."""
        self._ended = False
        self._cpu.clear()
        self._wall.clear()
        self._garbage.start()
        self._main = threading.main_thread().ident
        if sys.getswitchinterval() > SWITCH_INTERVAL_S:
            sys.setswitchinterval(SWITCH_INTERVAL_S)
        threading.Thread(target=self._sample, name="regress-profile", daemon=True).start()

    def start_in_child(self) -> None:
        """Begin anew in a forked process, which has only the thread that forked."""
        self._files.rename()
        self.start()
        _write_at_the_end_of_a_worker(self)

    def stop(self) -> None:
        """Write what was sampled, and sample no more."""
        if not self._ended:
            self._ended = True
            self._write()

    def _sample(self) -> None:
        own, clocks = threading.get_ident(), _clocks_of_main()
        last_wall = flushed = time.perf_counter()
        frames_of, clock = sys._current_frames, time.perf_counter  # noqa: SLF001 - the documented way
        while not self._ended:
            time.sleep(INTERVAL_S)
            frames = frames_of()
            now = clock()
            elapsed, last_wall = now - last_wall, now
            for thread, frame in frames.items():
                if thread == own:
                    continue
                is_main = thread == self._main
                key = self._key(frame, is_main)
                self._wall[key] = self._wall.get(key, 0.0) + elapsed
                used = _cpu_of(thread, clocks)
                if used > 0.0:
                    self._cpu[key] = self._cpu.get(key, 0.0) + used
            del frames
            if now - flushed > FLUSH_EVERY_S:
                self._write()
                flushed = last_wall = clock()

    def _key(self, frame: Any, is_main: bool) -> Any:  # noqa: FBT001 - called for every sample
        """Return the stack as a tuple of code and line, leaf first."""
        stack: list[Any] = []
        while frame is not None and len(stack) < 2 * DEEPEST:
            stack.append(frame.f_code)
            stack.append(frame.f_lineno)
            frame = frame.f_back
        key = (is_main, *stack)
        return key if key in self._wall or len(self._wall) < MOST_STACKS else key[:3]

    def _write(self) -> None:
        for kind, stacks in (("cpu", self._cpu), ("wall", self._wall)):
            lines = [
                f"{self._text(key)} {round(seconds * 1e6)}\n"
                for key, seconds in list(stacks.items())
                if seconds >= 1e-6  # noqa: PLR2004 - a microsecond is the unit
            ]
            self._files.write(kind, "collapsed", lines)
        self._files.write("garbage", "json", [self._garbage.text])

    def _text(self, key: Any) -> str:
        is_main, *stack = key
        frames = [MAIN_THREAD if is_main else OTHER_THREADS]
        for index in range(len(stack) - 2, -1, -2):
            code, line = stack[index], stack[index + 1]
            frames.append(f"{_name_of(code)} ({self._names(code.co_filename)}:{line or 0})")
        return ";".join(frames)


class GarbageTimer:
    """Adds up the CPU time of garbage collections, each in the thread that it happens in."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._collections = 0
        self._began = 0.0
        self._is_installed = False

    def start(self) -> None:
        """Begin at zero."""
        self._seconds, self._collections = 0.0, 0
        if not self._is_installed:
            self._is_installed = True
            gc.callbacks.append(self._note)

    def _note(self, phase: str, _: object, clock: Any = time.thread_time) -> None:
        if phase == "start":
            self._began = clock()
        else:
            self._seconds += clock() - self._began
            self._collections += 1

    @property
    def text(self) -> str:
        """What was added up, as JSON; the module json is not imported for this."""
        return f'{{"schema": 1, "seconds": {self._seconds:.6f}, "collections": {self._collections}}}'


def _clocks_of_main() -> dict[int, tuple[int, float]]:
    """Return the clock of the main thread, whose time until now does not count; empty where there is no such clock."""
    clocks: dict[int, tuple[int, float]] = {}
    _cpu_of(threading.main_thread().ident or 0, clocks)
    return clocks


def _cpu_of(thread: int, clocks: dict[int, tuple[int, float]]) -> float:
    """Return the CPU seconds that a thread used since the last call; 0 where the system does not tell."""
    clock, before = clocks.get(thread, (0, 0.0))
    if not clock:
        native = getattr(getattr(threading, "_active", {}).get(thread), "native_id", None)
        if native is None or not sys.platform.startswith("linux"):
            return 0.0
        # The clock of a thread by its number, as clock_gettime(2) forms it: an ended thread is an error, not a crash.
        clock = (~native << 3) | 6
    try:
        now = time.clock_gettime(clock)
    except OSError:
        clocks.pop(thread, None)
        return 0.0
    clocks[thread] = (clock, now)
    return now - before


def _name_of(code: Any) -> str:
    name = getattr(code, "co_qualname", None) or code.co_name
    return "".join("_" if character in ";\r\n" else character for character in name)


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
        _write_at_the_end_of_a_worker(self)

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
        key = (_name_of(code), self._names(code.co_filename), code.co_firstlineno)
        figures = functions.setdefault(key, [0, 0.0, 0.0])
        own = entry.inlinetime
        for inner in entry.calls or ():
            if isinstance(inner.code, str):
                own += inner.inlinetime
            else:
                pair = (_identity(key), _identity((_name_of(inner.code), self._names(inner.code.co_filename))))
                callers[pair] = callers.get(pair, 0) + inner.callcount
        figures[0] += entry.callcount
        figures[1] += own
        figures[2] += entry.totaltime


class LineTimer:
    """Times the lines of some files; a sample shows an operator's time at the next call, this shows it where it is.

    Every event costs as much as a short line. What timing costs is measured at the start and taken off.
    """

    def __init__(self, files: Files, names: PathNames, changed: dict[str, list[int]]) -> None:
        self._files = files
        self._names = names
        self._changed = changed
        self._codes: dict[Any, Any] = {}
        self._left = MOST_LINE_EVENTS

    def start(self) -> None:
        """Time the lines of this thread, and of those that it starts."""
        self._codes = {}
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def start_in_child(self) -> None:
        """Begin anew in a forked process."""
        self._files.rename()
        self.start()
        _write_at_the_end_of_a_worker(self)

    def _trace(self, frame: Any, event: str, _: Any) -> Any:
        """Return the tracer of a call's lines, None for files that are not asked for."""
        code = frame.f_code
        rows: Any = self._codes.get(code)
        if rows is None:
            rows = self._codes[code] = {} if self._is_changed(code) else False
        return self._tracer(rows) if rows is not False and event == "call" and self._left > 0 else None

    def _is_changed(self, code: Any) -> bool:
        """Whether a changed line lies in the function, or right above it where its decorators are."""
        numbers = self._changed.get(self._names(code.co_filename))
        if not numbers or code.co_name == "<module>":
            return False
        last = max((line or 0 for _, _, line in code.co_lines()), default=0) if hasattr(code, "co_lines") else 10**9
        return any(code.co_firstlineno - 1 <= number <= last for number in numbers)

    def _tracer(self, rows: dict[int, list[int]]) -> Any:
        clock = time.perf_counter_ns
        line, since = 0, clock()

        def trace(frame: Any, event: str, _: Any) -> Any:
            nonlocal line, since
            now = clock()
            if line:
                row = rows.get(line)
                if row is None:
                    row = rows[line] = [0, 0]
                row[0] += 1
                row[1] += now - since
            self._left -= 1
            if self._left <= 0:
                return None
            line = 0 if event == "return" else frame.f_lineno
            since = clock()
            return trace

        return trace

    def stop(self) -> None:
        """Write what was timed."""
        sys.settrace(None)
        threading.settrace(None)
        import json

        cost = self._cost_ns()
        functions = [
            [
                _name_of(code),
                self._names(code.co_filename),
                [[line, count, max(0, spent - count * cost) * 1e-9] for line, (count, spent) in rows.items()],
            ]
            for code, rows in list(self._codes.items())
            if rows
        ]
        self._files.write("lines", "json", [json.dumps({"schema": 1, "lines": functions})])

    def _cost_ns(self) -> float:
        """Return what timing adds to the time of a line: what a line takes that does nothing."""
        clock, costs = time.perf_counter_ns, []
        for _ in range(200):
            began = clock()
            costs.append(clock() - began)
        return sorted(costs)[len(costs) // 2]


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
        _write_at_the_end_of_a_worker(self)

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
        """Return the path and the line of an allocation, None for one of this recorder; `frames` begin innermost."""
        last = None
        for path, line in frames:
            if path == __file__:
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


def _changed_lines(text: str) -> dict[str, list[int]]:
    rows = (row.partition("\t") for row in text.split("\n") if row)
    return {path: [int(number) for number in numbers.split(",") if number.isdigit()] for path, _, numbers in rows}


def _identity(key: tuple[object, ...]) -> str:
    return f"{key[0]} ({key[1]})"


def _write_at_the_end_of_a_worker(recorder: Any) -> None:
    """Let a process of multiprocessing write its profile: it ends without the functions of atexit.

    It forgets what was to be done at the end of its parent, and then calls what was registered for after the fork.
    """
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(recorder, lambda it: util.Finalize(None, it.stop, exitpriority=-1000))


def begin() -> None:
    """Profile this process from now on, as the variables say."""
    folder, kind = os.environ.get("REGRESS_PROFILE_OUT"), os.environ.get("REGRESS_PROFILE")
    if not folder or kind not in {"stacks", "calls", "lines", "memory"}:
        return
    files, names = Files(folder), PathNames(os.environ.get("REGRESS_PROFILE_ROOT", ""))
    recorder: Any = StackSampler(files, names) if kind == "stacks" else CallCounter(files, names)
    if kind == "memory":
        recorder = AllocationRecorder(files, names)
    if kind == "lines":
        recorder = LineTimer(files, names, _changed_lines(os.environ.get("REGRESS_PROFILE_LINES", "")))
    atexit.register(recorder.stop)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=recorder.start_in_child)
    recorder.start()
