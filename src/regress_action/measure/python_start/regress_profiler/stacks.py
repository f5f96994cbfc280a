"""Call stacks, sampled with the CPU time and the elapsed time spent in each, and the time of garbage collections."""

from __future__ import annotations

import gc
import sys
import threading
import time

from .files import name_of, write_at_the_end_of_a_worker

TYPE_CHECKING = False  # importing typing would slow every process down
if TYPE_CHECKING:
    from typing import Any

    from .files import Files, PathNames

INTERVAL_S = 0.001
SWITCH_INTERVAL_S = 0.0005
FLUSH_EVERY_S = 2.0
DEEPEST = 300
MOST_STACKS = 50_000
MAIN_THREAD = "[main thread]"
OTHER_THREADS = "[other threads]"


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
        write_at_the_end_of_a_worker(self)

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
            frames.append(f"{name_of(code)} ({self._names(code.co_filename)}:{line or 0})")
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
