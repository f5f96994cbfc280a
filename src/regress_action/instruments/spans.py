"""Spans: named stretches of time, nested, in any thread and in any asyncio task, for less than a microsecond each."""

from __future__ import annotations

import asyncio
import functools
import inspect
from asyncio import _get_running_loop, current_task
from threading import get_ident
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    F = TypeVar("F", bound="Callable[..., Any]")
    SpanEntry = tuple[str, int, int, int, int | None]
    """Name, start and end in nanoseconds, the thread or task, and of an `async with` span the nanoseconds of work."""


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
