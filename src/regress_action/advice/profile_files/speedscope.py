"""Speedscope's JSON, evented or sampled: https://www.speedscope.app/file-format-schema.json."""

from __future__ import annotations

from typing import Any

import orjson

from regress_action.advice.profile_files.limits import DEEPEST, StackBuilder, damaged, frame
from regress_action.model.stacks import CostMode, StackFrame, StackProfile

_SECONDS = {"nanoseconds": 1e-9, "microseconds": 1e-6, "milliseconds": 1e-3, "seconds": 1.0}
_MOST_EVENTS = 20_000_000


def read(data: bytes, name: str, mode: CostMode) -> StackProfile:
    """Return the stacks of all profiles in the file, in seconds where its unit is a time; `mode` is for such a unit.

    Raises:
        InputError: it is not what speedscope writes.
    """
    try:
        content = orjson.loads(data)
        frames = [_frame(item) for item in content["shared"]["frames"]]
        profiles = content["profiles"]
        units = {str(profile.get("unit")) for profile in profiles}
        if len(units) != 1:
            raise damaged(name, f"its profiles have {len(units)} units")
        scale = _SECONDS.get(units.pop())
        builder = StackBuilder(name, mode if scale else CostMode.SAMPLES)
        for profile in profiles:
            _add(builder, profile, frames, scale or 1.0)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise damaged(name, f"its JSON is not that of speedscope ({type(error).__name__})") from error
    return builder.profile()


def _frame(item: dict[str, Any]) -> StackFrame:
    return frame(item["name"], item.get("file") or "", item.get("line") or 0)


def _add(builder: StackBuilder, profile: dict[str, Any], frames: list[StackFrame], scale: float) -> None:
    if profile["type"] == "sampled":
        samples, weights = profile["samples"], profile["weights"]
        if len(samples) != len(weights):
            raise damaged(builder.name, "it has not as many weights as samples")
        for sample, weight in zip(samples, weights, strict=True):
            builder.add([frames[_index(number)] for number in sample[-DEEPEST:]], float(weight) * scale)
    elif profile["type"] == "evented":
        _add_events(builder, profile, frames, scale)
    else:
        raise damaged(builder.name, "its profiles are neither sampled nor evented")


def _add_events(builder: StackBuilder, profile: dict[str, Any], frames: list[StackFrame], scale: float) -> None:
    """Add the time between two events to the stack that is open meanwhile."""
    stack: list[int] = []
    last = float(profile["startValue"])
    for event in profile["events"]:
        at = float(event["at"])
        if at > last:
            builder.add([frames[number] for number in stack[-DEEPEST:]], (at - last) * scale)
        last = max(last, at)
        number = _index(event["frame"])
        if event["type"] == "O":
            stack.append(number)
        elif stack and stack[-1] == number:
            stack.pop()
        else:
            raise damaged(builder.name, "it closes a frame that is not the last one opened")


def _index(number: object) -> int:
    if not isinstance(number, int) or number < 0:
        raise TypeError
    return number
