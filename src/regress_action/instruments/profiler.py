"""`PerformanceProfiler`: what a program's parts take, in time and in resources, for less than a microsecond a span.

* Spans: named stretches of time, nested, in any thread and in any asyncio task, for less than a microsecond each.
* What this process used between two moments: time, memory, input and output, switches, faults, pauses.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import os
import re
import sys
import time
from asyncio import _get_running_loop, current_task
from pathlib import Path
from threading import get_ident
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import psutil

from regress_action.instruments import profile
from regress_action.model.files import write_replace

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from regress_action.instruments.profile import SpanEntry


class Span:
    """One stretch of time: `with profiler.span("load"):`, `async with …`, or `@profiler.span("load")` on a function.

    `async with` also tells the time in which the task ran from the time in which it waited. Leaving a span appends one
    entry to the profiler's list, which is safe from any thread; nesting is worked out when the profile is read.
    """

    __slots__ = ("_append", "_name", "_start", "_work")

    def __init__(self, name: str, append: Callable[[SpanEntry], None]) -> None:
        self._name = name
        self._append = append

    def __enter__(self) -> Self:
        self._start = perf_counter_ns()
        return self

    def __exit__(self, *_: object) -> None:
        end = perf_counter_ns()
        lane = get_ident() if _get_running_loop() is None else id(current_task())
        self._append((self._name, self._start, end, lane, None))

    async def __aenter__(self) -> Self:
        self._work = TASK_CLOCK.open()
        self._start = perf_counter_ns()
        return self

    async def __aexit__(self, *_: object) -> None:
        end = perf_counter_ns()
        work = TASK_CLOCK.close()
        spent = None if self._work is None or work is None else min(work - self._work, end - self._start)
        self._append((self._name, self._start, end, id(current_task()), spent))

    def __call__(self, function: F) -> F:
        """Return the function with a span of its own around every call."""
        name, append = self._name, self._append
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes
                async with Span(name, append):
                    return await cast("Coroutine[Any, Any, Any]", function(*args, **kwargs))

            return cast("F", awaited)

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes
            with Span(name, append):
                return function(*args, **kwargs)

        return cast("F", called)


class TaskClock:
    """The nanoseconds in which asyncio tasks run, counted while any of them has an open `async with` span.

    The event loop runs a task step by step, each through `asyncio.Handle._run`, which is wrapped meanwhile. A loop that
    does not use it (uvloop) gives no work time.
    """

    def __init__(self) -> None:
        self._open: dict[asyncio.Task[Any], int] = {}
        self._work: dict[asyncio.Task[Any], int] = {}
        self._step_starts: dict[int, int] = {}
        self._original: Callable[[asyncio.Handle], None] | None = None

    def open(self) -> int | None:
        """Start to count for the running task; return its work so far, None where it cannot be known."""
        task = current_task()
        if task is None or not isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop):
            return None
        if not self._original:
            self._wrap()
        now, thread = perf_counter_ns(), get_ident()
        if thread not in self._step_starts:  # this step began before steps were counted
            self._step_starts[thread] = now
            asyncio.get_running_loop().call_soon(self._end_step, task, thread)
        if task not in self._work:
            self._work[task] = self._step_starts[thread] - now
        self._open[task] = self._open.get(task, 0) + 1
        return self._work[task] + now - self._step_starts[thread]

    def close(self) -> int | None:
        """Return the work of the running task so far, and stop to count when it was its last open span."""
        now, task = perf_counter_ns(), current_task()
        if task is None or task not in self._open:
            return None
        work = self._work[task] + now - self._step_starts.get(get_ident(), now)
        self._open[task] -= 1
        if not self._open[task]:
            del self._open[task], self._work[task]
        if not self._open:
            self._unwrap()
        return work

    def _wrap(self) -> None:
        original = self._original = asyncio.Handle._run  # noqa: SLF001 - the one place through which every step goes
        starts = self._step_starts

        def run(handle: asyncio.Handle) -> None:
            task = getattr(handle._callback, "__self__", None)  # type: ignore[attr-defined]  # noqa: SLF001 - as asyncio's own log does
            if not isinstance(task, asyncio.Task):
                original(handle)
                return
            thread = get_ident()
            starts[thread] = perf_counter_ns()
            try:
                original(handle)
            finally:
                self._end_step(task, thread)

        asyncio.Handle._run = run  # type: ignore[method-assign, assignment]  # noqa: SLF001 - likewise

    def _unwrap(self) -> None:
        if self._original:
            asyncio.Handle._run = self._original  # type: ignore[method-assign, assignment]  # noqa: SLF001 - likewise
            self._original = None

    def _end_step(self, task: asyncio.Task[Any], thread: int) -> None:
        began = self._step_starts.pop(thread, None)
        if began is not None and task in self._work:
            self._work[task] += perf_counter_ns() - began


TASK_CLOCK = TaskClock()
"""One for the process: the loop's steps are wrapped once, however many profilers are active."""


def overhead_ns(repetitions: int = 2000) -> tuple[int, int]:
    """Return what a span adds to the time inside it, and what it adds to the span around it, in nanoseconds.

    Both are the fastest of several measurements, so that subtracting them never makes a time too short.
    """
    entries: list[SpanEntry] = []
    inside, around = [], []
    for _ in range(5):
        entries.clear()
        began = perf_counter_ns()
        for _ in range(repetitions):
            with Span("", entries.append):
                pass
        around.append((perf_counter_ns() - began) // repetitions)
        inside.append(sorted(end - start for _, start, end, _, _ in entries)[repetitions // 2])
    return min(inside), min(around)


_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class ResourceMeter:
    """Read the counters of this process at two moments. `memory` also traces every allocation, which is slow."""

    def __init__(self, *, memory: bool = False) -> None:
        self._memory = memory
        self._process = psutil.Process()
        self._before: Mapping[str, Any] = {}
        self._pauses: list[float] = []
        self._pause_began = 0.0
        self._began = 0.0
        self._traces = False

    def start(self) -> None:
        """Begin to count."""
        if self._memory:
            import tracemalloc

            self._traces = not tracemalloc.is_tracing()
            if self._traces:
                tracemalloc.start()
            tracemalloc.reset_peak()
        self._pauses.clear()
        gc.callbacks.append(self._on_collection)
        self._before = self._counters()
        self._began = time.perf_counter()

    def stop(self) -> profile.ResourceUse:
        """Stop to count, and return what was used since `start`."""
        wall = time.perf_counter() - self._began
        after, before = self._counters(), self._before
        gc.callbacks.remove(self._on_collection)
        if self._traces:
            import tracemalloc

            tracemalloc.stop()
            self._traces = False
        grown = {name: None if value is None else value - before[name] for name, value in after.items()}
        return profile.ResourceUse(
            wall_s=wall,
            **{**grown, "traced_peak_bytes": after["traced_peak_bytes"]},
            peak_rss_bytes=_peak_rss(),
            gc_pauses=len(self._pauses),
            gc_pause_s=sum(self._pauses),
        )

    def _on_collection(self, phase: str, _: Mapping[str, int]) -> None:
        if phase == "start":
            self._pause_began = time.perf_counter()
        else:
            self._pauses.append(time.perf_counter() - self._pause_began)

    def _counters(self) -> dict[str, Any]:
        cpu = self._process.cpu_times()
        counters: dict[str, Any] = {
            "user_s": cpu.user,
            "system_s": cpu.system,
            "rss_growth_bytes": self._process.memory_info().rss,
            "allocated_blocks": sys.getallocatedblocks() if self._memory else None,
            "traced_growth_bytes": None,
            "traced_peak_bytes": None,
            **_transfers(self._process),
            **_switches_and_faults(),
        }
        if self._memory:
            import tracemalloc

            counters["traced_growth_bytes"], counters["traced_peak_bytes"] = tracemalloc.get_traced_memory()
        return counters


def _transfers(process: psutil.Process) -> dict[str, int | None]:
    try:
        counters = process.io_counters()
    except (AttributeError, psutil.Error, OSError):  # macOS counts none, a container may hide them
        return {"read_bytes": None, "write_bytes": None}
    return {"read_bytes": counters.read_bytes, "write_bytes": counters.write_bytes}


def _switches_and_faults() -> dict[str, int | None]:
    names = ("voluntary_switches", "involuntary_switches", "minor_faults", "major_faults")
    try:
        import resource
    except ImportError:  # Windows
        return dict.fromkeys(names)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return dict(zip(names, (usage.ru_nvcsw, usage.ru_nivcsw, usage.ru_minflt, usage.ru_majflt), strict=True))


def _peak_rss() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


if TYPE_CHECKING:
    F = TypeVar("F", bound="Callable[..., Any]")


FOLDER_VARIABLE = "REGRESS_PROFILE_FOLDER"
"""Environment variable by which `regress-action profile` collects the spans of the programs that it starts."""

_UNFIT = re.compile(r"[^\w.-]+")


class PerformanceProfiler:
    """Measure the parts of a program.

    with PerformanceProfiler("import") as profiler:
        with profiler.span("read"):
            ...
        async with profiler.span("fetch"):  # tells waiting from working
            ...
    for line in profiler.profile.lines():
        print(line)

    `@profiler.profile_function` puts a span around every call of a function. Spans may be opened in any thread and
    task. `memory` also traces allocations, which slows the program down several times.
    """

    def __init__(self, name: str = "profile", *, memory: bool = False) -> None:
        self.name = name
        self._entries: list[SpanEntry] = []
        self._append = self._entries.append
        self._meter = ResourceMeter(memory=memory)
        self._resources: profile.ResourceUse | None = None
        self._inside_ns, self._around_ns = overhead_ns()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to count resources; spans may be opened with or without that."""
        self._entries.clear()
        self._resources = None
        self._meter.start()

    def stop(self) -> profile.ResourceUse:
        """Stop to count, and return what was used since `start`."""
        self._resources = self._meter.stop()
        if folder := os.environ.get(FOLDER_VARIABLE):
            place = Path(folder) / f"{os.getpid()}-{_UNFIT.sub('_', self.name)}"
            self.write(place.with_name(place.name + ".trace.json"))
            write_replace(place.with_name(place.name + ".spans.txt"), "\n".join(self.profile.lines()).encode())
        return self._resources

    def span(self, name: str) -> Span:
        """Return a span to use as `with`, `async with` or decorator."""
        return Span(name, self._append)

    def profile_function(self, function: F) -> F:
        """Return the function with a span of its qualified name around every call."""
        return Span(function.__qualname__, self._append)(function)

    @property
    def profile(self) -> profile.Profile:
        """The profile so far: spans that have ended, and the resources once `stop` was called."""
        return profile.Profile(
            self.name, profile.nested(self._entries), self._resources, self._inside_ns, self._around_ns
        )

    def write(self, path: Path) -> None:
        """Write the spans to `path`: for speedscope where the name says so (`*.speedscope.json`), else as Chrome trace.

        Raises:
            InfrastructureError: the file cannot be written.
        """
        profile.write_profile(self.profile, path)
