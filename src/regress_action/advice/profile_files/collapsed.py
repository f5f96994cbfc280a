"""Collapsed stacks, as flame graph scripts, perf, py-spy and async-profiler write them: `root;…;leaf 12` a line."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from regress_action.advice.profile_files.limits import StackBuilder, damaged, frame

if TYPE_CHECKING:
    from regress_action.model.stacks import CostMode, StackFrame, StackProfile

_LINE = re.compile(r"(\S.*) (\d{1,18}(?:\.\d{1,9})?)\s*\Z")
_PLACE = re.compile(r"(.{1,400}) \(([^()]{1,400}):(\d{1,8})\)\Z")
_PLACE_FIRST = re.compile(r"(.{1,400}) \(([^()]{1,400})\)\Z")
_COMPREHENSION = re.compile(r"(?:\.<locals>\.<(?:listcomp|setcomp|dictcomp|genexpr)>)+\Z")
_LONGEST_LINE = 200_000


def looks_like(text: str) -> bool:
    """Whether the first lines are stacks with a count."""
    lines = [line for line in text[:20_000].splitlines()[:5] if line.strip()]
    return bool(lines) and all(_LINE.match(line) for line in lines[:-1] or lines)


def read(text: str, name: str, mode: CostMode, scale: float = 1.0) -> StackProfile:
    """Return the stacks of a file, their counts multiplied by `scale`.

    Raises:
        InputError: a line is none, or there are too many of them.
    """
    builder = StackBuilder(name, mode)
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = _LINE.match(line) if len(line) <= _LONGEST_LINE else None
        if match is None:
            raise damaged(name, f"line {number} is not a stack with a number behind it")
        builder.add((_frame(part) for part in match[1].split(";") if part), float(match[2]) * scale)
    return builder.profile()


def without_comprehension(function: str) -> str:
    """Return the name of the function that holds a comprehension, which older Pythons run as a function of its own."""
    return _COMPREHENSION.sub("", function)


@lru_cache(maxsize=20_000)
def _frame(text: str) -> StackFrame:
    """Return the frame of `function (path:line)`, `function (module)` or a bare name."""
    if match := _PLACE.match(text):
        return frame(without_comprehension(match[1]), match[2], int(match[3]))
    if match := _PLACE_FIRST.match(text):
        return frame(match[1], match[2])
    return frame(text)
