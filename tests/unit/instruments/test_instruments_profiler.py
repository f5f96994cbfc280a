"""Spans nest, in threads and tasks, tell waiting from working, and their overhead is subtracted."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import regress_action
from regress_action.instruments.profile import Profile, SpanRecord, chrome_trace, nested, speedscope, write_profile
from regress_action.instruments.profiler import TASK_CLOCK, PerformanceProfiler, overhead_ns
from regress_action.model.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def paths(profiler: PerformanceProfiler) -> list[tuple[str, ...]]:
    """Return the path of every span, in the order in which they began."""
    return [span.path for span in profiler.profile.spans]


def test_spans_nest_by_time() -> None:
    """A span inside another has the names of both in its path."""
    with PerformanceProfiler() as profiler:
        with profiler.span("outer"):
            with profiler.span("first"):
                pass
            with profiler.span("second"):
                pass
        with profiler.span("after"):
            pass

    assert paths(profiler) == [("outer",), ("outer", "first"), ("outer", "second"), ("after",)]
    assert profiler.profile.spans[0].children == 2


def test_a_span_ends_when_its_body_raises() -> None:
    """An error in the body leaves a finished span and goes on."""
    profiler = PerformanceProfiler()

    with pytest.raises(KeyError), profiler.span("broken"):
        raise KeyError

    assert paths(profiler) == [("broken",)]


def test_threads_have_lanes_of_their_own() -> None:
    """Spans that overlap in two threads are not taken for nested."""
    profiler = PerformanceProfiler()
    inside, done = threading.Event(), threading.Event()

    def work() -> None:
        with profiler.span("thread"):
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=work)
    with profiler.span("main"):
        thread.start()
        inside.wait(10)
    done.set()
    thread.join()

    assert paths(profiler) == [("main",), ("thread",)]


def test_tasks_have_lanes_of_their_own() -> None:
    """Spans of two asyncio tasks in one thread that overlap are not taken for nested."""
    profiler = PerformanceProfiler()

    async def work(name: str) -> None:
        async with profiler.span(name):
            await asyncio.sleep(0)
            with profiler.span("step"):
                pass
            await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(work("one"), work("two"))

    asyncio.run(both())

    assert sorted(paths(profiler)) == [("one",), ("one", "step"), ("two",), ("two", "step")]


def test_an_async_span_tells_waiting_from_working() -> None:
    """Time in which the task was suspended is waiting; time in which it ran is not."""
    profiler = PerformanceProfiler()

    async def work() -> None:
        async with profiler.span("wait"):
            await asyncio.sleep(0.05)
        async with profiler.span("work"):
            ends = asyncio.get_running_loop().time() + 0.02
            while asyncio.get_running_loop().time() < ends:
                pass

    asyncio.run(work())
    waits = {summary.path[0]: summary for summary in profiler.profile.summaries()}

    assert waits["wait"].wait_s is not None
    assert waits["wait"].wait_s > 0.8 * waits["wait"].total_s
    assert waits["work"].wait_s is not None
    assert waits["work"].wait_s < 0.2 * waits["work"].total_s


def test_the_event_loop_is_left_as_it_was() -> None:
    """The loop's steps are wrapped only while an async span is open."""
    before = asyncio.Handle._run
    profiler = PerformanceProfiler()

    async def work() -> bool:
        async with profiler.span("open"):
            await asyncio.sleep(0)
            return asyncio.Handle._run is not before

    assert asyncio.run(work())
    assert asyncio.Handle._run is before
    assert not TASK_CLOCK._open


def test_functions_are_profiled_by_decorators() -> None:
    """A plain function and a coroutine function keep what they return."""
    profiler = PerformanceProfiler()

    @profiler.profile_function
    def double(number: int) -> int:
        return 2 * number

    @profiler.span("later")
    async def triple(number: int) -> int:
        await asyncio.sleep(0)
        return 3 * number

    assert (double(2), asyncio.run(triple(2))) == (4, 6)
    assert [path[-1].rpartition(".")[2] for path in paths(profiler)] == ["double", "later"]


def test_resources_are_counted() -> None:
    """Wall and CPU time, collections, and on request the allocations of the body."""
    with PerformanceProfiler(memory=True) as profiler:
        kept = [bytes(1000) for _ in range(1000)]
        gc.collect()
    used = profiler.profile.resources

    assert used is not None
    assert used.traced_growth_bytes is not None
    assert used.traced_growth_bytes > 1_000_000 <= (used.traced_peak_bytes or 0)
    assert used.gc_pauses >= 1
    assert used.wall_s > 0
    assert len(kept) == 1000


def test_the_overhead_is_measured_and_subtracted() -> None:
    """The own time of an outer span does not contain what a thousand empty spans in it took for themselves."""
    inside, around = overhead_ns()
    profile = Profile(
        "empty",
        (
            SpanRecord(("outer",), 0, 1000 * around + inside, 1, children_ns=1000 * inside, children=1000),
            SpanRecord(("outer", "inner"), 0, inside, 1),
        ),
        inside_ns=inside,
        around_ns=around,
    )
    summaries = {summary.path: summary for summary in profile.summaries()}

    assert 0 < inside <= around
    assert summaries["outer", "inner"].total_s == 0
    assert summaries["outer",].total_s == pytest.approx(0, abs=1e-12)
    assert summaries["outer",].own_s == pytest.approx(0, abs=1e-12)
    assert profile.overhead_s == pytest.approx(2 * around * 1e-9)


@given(st.recursive(st.just(()), lambda inner: st.lists(inner, min_size=1, max_size=4).map(tuple), max_leaves=20))
def test_every_tree_of_spans_is_found_again(tree: tuple[Any, ...]) -> None:
    """Whatever the nesting, the paths are those in which the spans were opened."""
    expected: list[tuple[str, ...]] = []
    entries = []
    clock = iter(range(10_000))

    def open_span(children: tuple[Any, ...], path: tuple[str, ...]) -> None:
        expected.append(path)
        start = next(clock)
        for number, child in enumerate(children):
            open_span(child, (*path, str(number)))
        entries.append((path[-1], start, next(clock), 1, None))

    open_span(tree, ("root",))

    assert [span.path for span in nested(entries)] == expected


def several_lanes() -> PerformanceProfiler:
    """Return a profiler with nested, recursive and empty spans in two threads and three tasks."""
    profiler = PerformanceProfiler("several")

    def recurse(times: int) -> None:
        with profiler.span("recurse"):
            if times:
                recurse(times - 1)

    async def fetch() -> None:
        async with profiler.span("fetch"):
            await asyncio.sleep(0.001)
            with profiler.span("parse"):
                pass

    async def gather() -> None:
        async with profiler.span("all"):
            await asyncio.gather(fetch(), fetch())

    with profiler.span("outer"):
        recurse(2)
        with profiler.span("inner"):
            pass
    thread = threading.Thread(target=recurse, args=(1,))
    thread.start()
    thread.join()
    asyncio.run(gather())
    return profiler


def test_speedscope_files_follow_their_schema(tmp_path: Path) -> None:
    """All that speedscope's file-format-schema.json and its importer ask for: keys, types, order, balanced frames."""
    several_lanes().write(tmp_path / "trace.speedscope.json")
    content = json.loads((tmp_path / "trace.speedscope.json").read_text())

    assert content.keys() == {"$schema", "shared", "profiles", "name"}
    assert content["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = [frame["name"] for frame in content["shared"]["frames"]]
    assert sorted(frames) == ["all", "fetch", "inner", "outer", "parse", "recurse"]
    assert len(content["profiles"]) == 5  # the main thread, the other one, and three tasks
    opened: Counter[str] = Counter()
    for profile in content["profiles"]:
        assert profile.keys() == {"type", "name", "unit", "startValue", "endValue", "events"}
        assert (profile["type"], profile["unit"], type(profile["name"])) == ("evented", "nanoseconds", str)
        stack: list[int] = []
        last = profile["startValue"]
        for event in profile["events"]:
            assert event.keys() == {"type", "frame", "at"}
            assert last <= event["at"] <= profile["endValue"]
            last = event["at"]
            if event["type"] == "O":
                stack.append(event["frame"])
                opened[frames[event["frame"]]] += 1
            else:
                assert (event["type"], event["frame"]) == ("C", stack.pop())
        assert stack == []
    assert opened == {"outer": 1, "inner": 1, "recurse": 5, "all": 1, "fetch": 2, "parse": 2}


def test_chrome_traces_have_complete_events_that_nest(tmp_path: Path) -> None:
    """Events have what the trace format asks of their phase; within a thread one lies inside another or beside it."""
    several_lanes().write(tmp_path / "trace.json")
    content = json.loads((tmp_path / "trace.json").read_text())
    (process,) = [event for event in content["traceEvents"] if event["ph"] == "M"]
    events = [event for event in content["traceEvents"] if event["ph"] != "M"]

    assert process["args"] == {"name": "several"}
    assert {(event["ph"], event["pid"], event["cat"]) for event in events} == {("X", os.getpid(), "span")}
    assert min(event["ts"] for event in events) == 0
    for lane in {event["tid"] for event in events}:
        ends: list[float] = []
        for event in (event for event in events if event["tid"] == lane):
            assert event["dur"] >= 0
            while ends and event["ts"] >= ends[-1]:
                ends.pop()
            assert not ends or event["ts"] + event["dur"] <= ends[-1] + 1e-6
            ends.append(event["ts"] + event["dur"])
    waits = [event["args"]["wait_us"] for event in events if event["name"] == "fetch"]
    assert min(waits) >= 1000  # microseconds of a sleep of a millisecond
    assert chrome_trace(Profile("empty"))["traceEvents"]
    assert speedscope(Profile("empty"))["profiles"] == []


def test_a_profile_without_spans_is_one_span(tmp_path: Path) -> None:
    """Its file opens with one frame of the whole time; a profile that has not begun is refused."""
    with PerformanceProfiler("import") as profiler:
        pass
    profiler.write(tmp_path / "whole.speedscope.json")
    profiler.write(tmp_path / "whole.json")
    (lane,) = json.loads((tmp_path / "whole.speedscope.json").read_text())["profiles"]
    _, event = json.loads((tmp_path / "whole.json").read_text())["traceEvents"]

    assert [step["type"] for step in lane["events"]] == ["O", "C"]
    assert profiler.profile.resources is not None
    assert lane["endValue"] == round(profiler.profile.resources.wall_s * 1e9) > 0
    assert (event["name"], event["ph"]) == ("import", "X")
    with pytest.raises(InputError, match="holds nothing"):
        write_profile(Profile("empty"), tmp_path / "empty.speedscope.json")


def test_a_profile_is_a_report() -> None:
    """Every path is a benchmark, and the whole has its resources as metrics."""
    with PerformanceProfiler("import") as profiler, profiler.span("read"):
        pass
    rows = {(series.benchmark.name, series.metric.name) for series in profiler.profile.report().series}

    assert ("import/read", "time") in rows
    assert {("import", "time"), ("import", "cpu_time")} <= rows


def test_the_class_is_part_of_the_public_api() -> None:
    """It is imported when it is first used."""
    assert regress_action.PerformanceProfiler is PerformanceProfiler
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = regress_action.Nonsense
