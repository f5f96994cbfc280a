"""The counts of calls and the times of lines that the profiler in a suite's Python processes writes."""

from __future__ import annotations

import math
import re
from typing import Any

import orjson

from regress_action.advice.profile_files.collapsed import without_comprehension
from regress_action.advice.profile_files.limits import HIGHEST_LINE, LARGEST_COST, LONGEST_NAME, damaged
from regress_action.model.stacks import (
    AllocationSite,
    CallProfile,
    FunctionCalls,
    FunctionKey,
    LineTimes,
    MemoryProfile,
)

_MOST_FUNCTIONS = 100_000
_MOST_SITES = 1_000
_MOST_LOOKS = 100
_IDENTITY = re.compile(r"(.{1,400}) \(([^()]{0,400})\)\Z")


def read(data: bytes, name: str) -> CallProfile:
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


def joined(profiles: list[CallProfile]) -> CallProfile:
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
