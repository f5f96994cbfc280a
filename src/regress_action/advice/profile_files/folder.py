"""The profiles of a measurement: a folder for every run, with the files of all its processes.

Also here: the counts of calls and the times of lines that the profiler in a suite's Python processes writes.
"""

from __future__ import annotations

import math
import os
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import orjson

from regress_action.advice.profile_files import callgrind, formats, perf_script
from regress_action.advice.profile_files.formats import (
    FILE_BYTES,
    HIGHEST_LINE,
    LARGEST_COST,
    LONGEST_NAME,
    damaged,
    without_comprehension,
)
from regress_action.model.errors import InputError
from regress_action.model.files import read_bounded
from regress_action.model.profiles import (
    AllocationSite,
    CallProfile,
    CostMode,
    FunctionCalls,
    FunctionKey,
    LineTimes,
    MemoryProfile,
    StackProfile,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from regress_action.model.profiles import Stack


_MOST_FUNCTIONS = 100_000
_MOST_SITES = 1_000
_MOST_LOOKS = 100
_IDENTITY = re.compile(r"(.{1,400}) \(([^()]{0,400})\)\Z")

INDEX = "measurement.json"
PROFILES = "profiles"
_NAME = re.compile(r"[0-9A-Za-z_-]{1,80}\Z")
_MOST_FILES = 200
_MOST_RUNS = 400
_MOST_BYTES_OF_A_RUN = 4 * FILE_BYTES
_MICROSECONDS = 1e-6


def read_calls(data: bytes, name: str) -> CallProfile:
    """Return the calls of every function.

    Raises:
        InputError: it is not what our profiler writes.
    """
    try:
        content = orjson.loads(data)
        rows, called = content["functions"], content["callers"]
        if content["schema"] != 1 or len(rows) > _MOST_FUNCTIONS or len(called) > 4 * _MOST_FUNCTIONS:
            raise damaged(name, "it has another schema, or too many functions")
        functions: dict[FunctionKey, FunctionCalls] = {}
        for function, path, line, calls, own_s, total_s in rows:
            key = FunctionKey(str(function)[:LONGEST_NAME], str(path)[:LONGEST_NAME])
            before = functions.get(key, FunctionCalls(0))
            functions[key] = FunctionCalls(
                before.calls + _figure(calls),
                before.own_s + _figure(own_s),
                before.total_s + _figure(total_s),
                min(int(line), HIGHEST_LINE),
            )
        callers = {(_key(caller), _key(callee)): _figure(count) for caller, callee, count in called}
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise damaged(name, f"its JSON is not that of our profiler ({type(error).__name__})") from error
    return CallProfile(functions, callers)


def read_lines(data: bytes, name: str) -> LineTimes:
    """Return the times of the lines of every function.

    Raises:
        InputError: it is not what our profiler writes.
    """
    times: LineTimes = {}
    try:
        content = orjson.loads(data)
        rows = content["lines"]
        if content["schema"] != 1 or len(rows) > _MOST_FUNCTIONS:
            raise damaged(name, "it has another schema, or too many functions")
        for function, path, lines in rows:
            name_only = without_comprehension(str(function)[:LONGEST_NAME])
            key = FunctionKey(name_only, str(path)[:LONGEST_NAME])
            add_lines(times, key, {int(line): (_figure(count), _figure(seconds)) for line, count, seconds in lines})
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise damaged(name, f"its JSON is not that of our profiler ({type(error).__name__})") from error
    return times


def read_memory(data: bytes, name: str) -> MemoryProfile:
    """Return what the allocations of every line held.

    Raises:
        InputError: it is not what our profiler writes.
    """
    try:
        content = orjson.loads(data)
        rows = content["sites"]
        if content["schema"] != 1 or len(rows) > _MOST_SITES:
            raise damaged(name, "it has another schema, or too many lines")
        sites = tuple(
            AllocationSite(
                str(path)[:LONGEST_NAME],
                max(0, min(int(line), HIGHEST_LINE)),
                _figure(size),
                _figure(number),
                tuple(map(_figure, along[:_MOST_LOOKS])),
            )
            for path, line, size, number, along in rows
        )
        return MemoryProfile(_figure(content["peak"]), _figure(content["seen"]), sites)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise damaged(name, f"its JSON is not that of our profiler ({type(error).__name__})") from error


def read_garbage(data: bytes, name: str) -> float:
    """Return the CPU seconds of garbage collections.

    Raises:
        InputError: it is not what our profiler writes.
    """
    try:
        content = orjson.loads(data)
        if content["schema"] != 1:
            raise damaged(name, "it has another schema")
        return _figure(content["seconds"])
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(name, f"its JSON is not that of our profiler ({type(error).__name__})") from error


def add_lines(times: LineTimes, key: FunctionKey, lines: dict[int, tuple[float, float]]) -> None:
    """Add the counts and seconds of a function's lines to what is there."""
    rows = times.setdefault(key, {})
    for line, (count, seconds) in lines.items():
        before = rows.get(line, (0.0, 0.0))
        rows[line] = (before[0] + count, before[1] + seconds)


def joined_calls(profiles: list[CallProfile]) -> CallProfile:
    """Return the sums over the processes of one run."""
    functions: dict[FunctionKey, FunctionCalls] = {}
    callers: dict[tuple[FunctionKey, FunctionKey], float] = {}
    for profile in profiles:
        for key, more in profile.functions.items():
            before = functions.get(key, FunctionCalls(0))
            functions[key] = FunctionCalls(
                before.calls + more.calls, before.own_s + more.own_s, before.total_s + more.total_s, more.line
            )
        for pair, count in profile.callers.items():
            callers[pair] = callers.get(pair, 0) + count
    return CallProfile(functions, callers)


def _figure(value: Any) -> float:  # noqa: ANN401 - JSON holds anything
    number = float(value)
    if not (math.isfinite(number) and 0 <= number <= LARGEST_COST):
        raise ValueError
    return number


def _key(text: str) -> FunctionKey:
    match = _IDENTITY.match(text)
    if match is None:
        raise ValueError
    return FunctionKey(match[1], match[2])


@dataclass(frozen=True, slots=True)
class ProfileRun:
    """What one run of one side wrote, by mode; `warnings` says which files could not be read.

    `memory` has an entry for each process. `garbage_s` are the CPU seconds of garbage collections, None where they were
    not timed.
    """

    side: str
    pair: int
    stacks: Mapping[CostMode, StackProfile] = field(default_factory=dict)
    calls: CallProfile | None = None
    lines: LineTimes | None = None
    garbage_s: float | None = None
    memory: tuple[MemoryProfile, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfiledTarget:
    """The profiles of some benchmarks, of the whole suite where `benchmarks` is empty."""

    benchmarks: tuple[str, ...]
    runs: tuple[ProfileRun, ...]


def read_profiles(folder: Path) -> tuple[ProfiledTarget, ...]:
    """Return what was profiled in a measurement; empty where nothing was.

    Raises:
        InputError: the index cannot be read.
    """
    try:
        index = orjson.loads(read_bounded(folder / INDEX, FILE_BYTES))
        entries = index.get("profiles") or []
        return tuple(_target(folder, entry) for entry in entries[:20])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(str(folder / INDEX), f"it is not the index of a measurement ({type(error).__name__})") from error


def garbage_s(targets: Iterable[ProfiledTarget]) -> tuple[float, float] | None:
    """Return the CPU seconds of a run's garbage collections on either side, None where they were not timed."""
    runs = [run for target in targets for run in target.runs if run.garbage_s is not None]
    base, head = ([run.garbage_s or 0.0 for run in runs if run.side == side] for side in ("base", "head"))
    return (fmean(base), fmean(head)) if base and head else None


def _target(folder: Path, entry: dict[str, Any]) -> ProfiledTarget:
    runs: dict[tuple[str, str, int], ProfileRun] = {}
    for run in entry["runs"][:_MOST_RUNS]:
        if run["failure"] is None:
            path = Path(PROFILES) / _name(entry["folder"]) / _name(run["folder"])
            side, pair, kind = str(run["side"]), int(run["pair"]), str(run["kind"])
            read = _run(folder, path, side, pair, ours=kind != "command")
            root = run.get("root")
            runs[side, kind, pair] = _below(read, root) if isinstance(root, str) and root.startswith("/") else read
    benchmarks = tuple(str(name) for name in entry["benchmarks"][:1000])
    return ProfiledTarget(benchmarks, tuple(runs.values()))


def _below(run: ProfileRun, root: str) -> ProfileRun:
    """Return the stacks with the paths of files in the measured tree `root` relative to it, as ours are."""
    start = root.rstrip("/") + "/"
    if not any(frame.path.startswith(start) for row in run.stacks.values() for stack in row.stacks for frame in stack):
        return run
    stacks = {}
    for mode, profile in run.stacks.items():
        costs: dict[Stack, float] = {}
        for stack, cost in profile.stacks.items():
            own = tuple(replace(frame, path=frame.path.removeprefix(start)) for frame in stack)
            costs[own] = costs.get(own, 0.0) + cost
        stacks[mode] = StackProfile(mode, costs)
    return replace(run, stacks=stacks)


def _name(text: object) -> str:
    if not isinstance(text, str) or not _NAME.match(text):
        raise ValueError
    return text


def _run(folder: Path, inside: Path, side: str, pair: int, *, ours: bool) -> ProfileRun:
    """Read every file that a run wrote; what cannot be read is a warning."""
    stacks: dict[CostMode, list[StackProfile]] = defaultdict(list)
    counted: list[CallProfile] = []
    timed: LineTimes = {}
    garbage: list[float] = []
    memory: list[MemoryProfile] = []
    warnings: list[str] = []
    left = _MOST_BYTES_OF_A_RUN
    for name in _names(folder / inside):
        try:
            data = read_bounded(folder / inside / name, min(FILE_BYTES, left), below=folder)
            left -= len(data)
            if ours and name.startswith("lines-"):
                for key, rows in read_lines(data, name).items():
                    add_lines(timed, key, rows)
                continue
            if ours and name.startswith("memory-"):
                memory.append(read_memory(data, name))
                continue
            if ours and name.startswith("garbage-"):
                garbage.append(read_garbage(data, name))
                continue
            if ours and name.endswith(".json"):
                counted.append(read_calls(data, name))
                continue
            profile = _stacks(data, name, ours=ours)
            stacks[profile.mode].append(profile)
        except InputError as error:
            warnings.append(error.what)
    return ProfileRun(
        side,
        pair,
        {mode: summed(profiles) for mode, profiles in stacks.items()},
        joined_calls(counted) if counted else None,
        timed or None,
        sum(garbage) if garbage else None,
        tuple(memory),
        tuple(warnings),
    )


def _names(folder: Path) -> list[str]:
    """Return the names of the finished files of a run, sorted."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - the names only
    except OSError:
        return []
    return [name for name in names if not name.endswith(".part")][:_MOST_FILES]


def _stacks(data: bytes, name: str, *, ours: bool) -> StackProfile:
    """Return the stacks of a file, by its content; its name says the mode where the content does not.

    Raises:
        InputError: no reader knows it.
    """
    mode = mode_of(name)
    if ours:
        return formats.read_collapsed(data.decode("utf-8", "replace"), name, mode, _MICROSECONDS)
    if data.lstrip()[:1] == b"{":
        return formats.read_speedscope(data, name, CostMode.CPU if mode is CostMode.SAMPLES else mode)
    if callgrind.looks_like(data):
        return callgrind.read(data.decode("utf-8", "replace"), name)
    if formats.is_pprof(data):
        return formats.read_pprof(data, name, mode)
    text = data.decode("utf-8", "replace")
    if perf_script.looks_like(text):
        return perf_script.read(text, name)
    return formats.read_collapsed(text, name, CostMode.SAMPLES)


def mode_of(name: str) -> CostMode:
    """Return the mode that a file's name says."""
    return next((mode for mode in (CostMode.WALL, CostMode.CPU) if mode.value in name.lower()), CostMode.SAMPLES)


def summed(profiles: Iterable[StackProfile]) -> StackProfile:
    """Return the sum of profiles of one mode."""
    costs: dict[Any, float] = {}
    mode = CostMode.SAMPLES
    for profile in profiles:
        mode = profile.mode
        for stack, cost in profile.stacks.items():
            costs[stack] = costs.get(stack, 0.0) + cost
    return StackProfile(mode, costs)
