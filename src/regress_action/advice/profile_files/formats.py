"""The formats of other profilers, read within bounds: collapsed stacks, speedscope's JSON and pprof.

* The bounds of every reader of profiles, and what is built within them.
* Collapsed stacks, as flame graph scripts, perf, py-spy and async-profiler write them: `root;…;leaf 12` a line.
* Speedscope's JSON, evented or sampled: https://www.speedscope.app/file-format-schema.json.
* pprof's format, compressed or not: https://github.com/google/pprof/blob/main/proto/profile.proto.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from regress_action.model.errors import InputError
from regress_action.model.profiles import CostMode, StackFrame, StackProfile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from regress_action.model.profiles import Stack


FILE_BYTES = 64 * 2**20
MOST_STACKS = 200_000
MOST_FRAMES = 8_000_000  # of all stacks: a small file can say that thousands of functions call one another in a row
DEEPEST = 512
LONGEST_NAME = 400
HIGHEST_LINE = 10_000_000
LARGEST_COST = 1e15


def damaged(name: str, why: str) -> InputError:
    """Return the error for a file that is not what it seems."""
    return InputError(
        f"{name} is no profile that can be read: {why}.",
        meaning="Nothing of it is used.",
        remedy="Write collapsed stacks, speedscope's JSON, pprof's or callgrind's format, or what perf script prints.",
    )


def frame(function: object, path: object = "", line: object = 0) -> StackFrame:
    """Return a frame with a name and a path of bounded length, and a plausible line."""
    number = line if isinstance(line, int) and 0 <= line <= HIGHEST_LINE else 0
    return StackFrame(str(function)[:LONGEST_NAME], str(path or "")[:LONGEST_NAME], number)


@dataclass(slots=True)
class StackBuilder:
    """Adds up the costs of stacks, the frames nearest to the leaf where one is too deep."""

    name: str
    mode: CostMode
    costs: dict[Stack, float] = field(default_factory=dict)
    total: float = 0.0
    frames: int = 0

    def add(self, frames: Iterable[StackFrame], cost: float) -> None:
        """Add the cost of a stack, root first.

        Raises:
            InputError: there are too many stacks, or the cost is no finite, positive number.
        """
        if not (math.isfinite(cost) and 0 <= cost <= LARGEST_COST):
            raise damaged(self.name, f"a stack has the cost {cost!r}")
        stack = tuple(frames)[-DEEPEST:]
        if stack and cost:
            before = self.costs.get(stack)
            self.costs[stack] = (before or 0.0) + cost
            self.frames += len(stack) if before is None else 0
            if len(self.costs) > MOST_STACKS:
                raise damaged(self.name, f"it has more than {MOST_STACKS} different stacks")
            if self.frames > MOST_FRAMES:
                raise damaged(self.name, f"its stacks have more than {MOST_FRAMES} frames")

    def profile(self) -> StackProfile:
        """Return what was added."""
        return StackProfile(self.mode, self.costs)


_LINE = re.compile(r"(\S.*) (\d{1,18}(?:\.\d{1,9})?)\s*\Z")
_PLACE = re.compile(r"(.{1,400}) \(([^()]{1,400}):(\d{1,8})\)\Z")
_PLACE_FIRST = re.compile(r"(.{1,400}) \(([^()]{1,400})\)\Z")
_COMPREHENSION = re.compile(r"(?:\.<locals>\.<(?:listcomp|setcomp|dictcomp|genexpr)>)+\Z")
_LONGEST_LINE = 200_000


def is_collapsed(text: str) -> bool:
    """Whether the first lines are stacks with a count."""
    lines = [line for line in text[:20_000].splitlines()[:5] if line.strip()]
    return bool(lines) and all(_LINE.match(line) for line in lines[:-1] or lines)


def read_collapsed(text: str, name: str, mode: CostMode, scale: float = 1.0) -> StackProfile:
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
        builder.add((_collapsed_frame(part) for part in match[1].split(";") if part), float(match[2]) * scale)
    return builder.profile()


def without_comprehension(function: str) -> str:
    """Return the name of the function that holds a comprehension, which older Pythons run as a function of its own."""
    return _COMPREHENSION.sub("", function)


@lru_cache(maxsize=20_000)
def _collapsed_frame(text: str) -> StackFrame:
    """Return the frame of `function (path:line)`, `function (module)` or a bare name."""
    if match := _PLACE.match(text):
        return frame(without_comprehension(match[1]), match[2], int(match[3]))
    if match := _PLACE_FIRST.match(text):
        return frame(match[1], match[2])
    return frame(text)


_SECONDS = {"nanoseconds": 1e-9, "microseconds": 1e-6, "milliseconds": 1e-3, "seconds": 1.0}
_MOST_EVENTS = 20_000_000


def read_speedscope(data: bytes, name: str, mode: CostMode) -> StackProfile:
    """Return the stacks of all profiles in the file, in seconds where its unit is a time; `mode` is for such a unit.

    Raises:
        InputError: it is not what speedscope writes.
    """
    try:
        content = orjson.loads(data)
        frames = [_speedscope_frame(item) for item in content["shared"]["frames"]]
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


def _speedscope_frame(item: dict[str, Any]) -> StackFrame:
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


GZIP = b"\x1f\x8b"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_SCALES = {"nanoseconds": 1e-9, "microseconds": 1e-6, "milliseconds": 1e-3, "seconds": 1.0}
_SAMPLE_TYPE, _SAMPLE, _LOCATION, _FUNCTION, _STRINGS = 1, 2, 4, 5, 6

Message = dict[int, list[int | bytes]]


def is_pprof(data: bytes) -> bool:
    """Whether it is compressed, or begins with the type of a sample."""
    return data.startswith(GZIP) or data[:1] == b"\x0a"


def read_pprof(data: bytes, name: str, wanted: CostMode | None = None) -> StackProfile:
    """Return the stacks of a profile: by CPU or elapsed time where it has one of them, else by its last value.

    `wanted` is the mode to prefer where it has both.

    Raises:
        InputError: it is no profile, or too large.
    """
    try:
        message = _message(_decompressed(data, name) if data.startswith(GZIP) else data)
        return _profile(message, name, wanted)
    except (IndexError, ValueError, KeyError, TypeError, struct.error, OverflowError) as error:
        raise damaged(name, f"it is not what pprof writes ({type(error).__name__})") from error


def _decompressed(data: bytes, name: str) -> bytes:
    inflate = zlib.decompressobj(wbits=31)
    try:
        content = inflate.decompress(data, FILE_BYTES)
    except zlib.error as error:
        raise damaged(name, "its compression is damaged") from error
    if inflate.unconsumed_tail or not inflate.eof:
        raise damaged(name, f"it is cut off, or larger than {FILE_BYTES:,} bytes")
    return content


def _profile(message: Message, name: str, wanted: CostMode | None) -> StackProfile:
    strings = [_text(item) for item in message.get(_STRINGS, [])]
    types = [_message(_bytes(item)) for item in message.get(_SAMPLE_TYPE, [])]
    names = [(strings[_number(kind, 1)], strings[_number(kind, 2)]) for kind in types]
    index, mode, scale = _value(names, wanted)
    functions = {
        _number(function, 1): (strings[_number(function, 2)], strings[_number(function, 4)])
        for function in (_message(_bytes(item)) for item in message.get(_FUNCTION, []))
    }
    locations = {
        _number(location, 1): _frames(location, functions)
        for location in (_message(_bytes(item)) for item in message.get(_LOCATION, []))
    }
    builder = StackBuilder(name, mode)
    for item in message.get(_SAMPLE, []):
        sample = _message(_bytes(item))
        values = list(_packed(sample, 2))
        stack = [inner for number in _packed(sample, 1) for inner in locations[number]]
        builder.add(reversed(stack), _signed(values[index]) * scale)
    return builder.profile()


def _value(names: list[tuple[str, str]], wanted: CostMode | None) -> tuple[int, CostMode, float]:
    """Return which value of a sample to read, what it counts, and the factor that makes it seconds or a count."""
    timed = {
        CostMode.WALL if "wall" in kind or "delay" in kind else CostMode.CPU: (index, _SCALES[unit])
        for index, (kind, unit) in enumerate(names)
        if unit in _SCALES
    }
    for mode in (wanted, CostMode.CPU, CostMode.WALL):
        if mode in timed and mode is not None:
            return timed[mode][0], mode, timed[mode][1]
    return len(names) - 1, CostMode.SAMPLES, 1.0


def _frames(location: Message, functions: dict[int, tuple[str, str]]) -> list[StackFrame]:
    """Return the frames of a location, the innermost of inlined functions first, as pprof orders them."""
    lines = [_message(_bytes(item)) for item in location.get(4, [])]
    return [frame(*functions[_number(line, 1)], _number(line, 2)) for line in lines] or [
        frame(f"0x{_number(location, 3):x}")
    ]


def _message(data: bytes) -> Message:
    """Return the fields of a message by their number."""
    fields: Message = defaultdict(list)
    for number, value in _fields(data):
        fields[number].append(value)
    return fields


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    index = 0
    while index < len(data):
        key, index = _varint(data, index)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, index = _varint(data, index)
            yield number, value
        elif wire == _BYTES:
            length, index = _varint(data, index)
            if index + length > len(data):
                raise ValueError
            yield number, data[index : index + length]
            index += length
        elif wire in {_FIXED64, _FIXED32}:
            index += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError


def _varint(data: bytes, index: int) -> tuple[int, int]:
    value = shift = 0
    for _ in range(_LONGEST_VARINT):
        byte = data[index]
        index += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, index
        shift += 7
    raise ValueError


def _packed(message: Message, number: int) -> Iterator[int]:
    """Yield the numbers of a repeated field, packed or not."""
    for value in message.get(number, []):
        if isinstance(value, int):
            yield value
            continue
        index = 0
        while index < len(value):
            item, index = _varint(value, index)
            yield item


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _number(message: Message, field: int) -> int:
    value = message.get(field, [0])[-1]
    if not isinstance(value, int):
        raise TypeError
    return value


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError
    return value


def _text(value: int | bytes) -> str:
    return _bytes(value).decode("utf-8", "replace")
