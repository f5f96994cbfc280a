"""pprof's format, compressed or not: https://github.com/google/pprof/blob/main/proto/profile.proto."""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING

from regress_action.advice.profile_files.limits import FILE_BYTES, StackBuilder, damaged, frame
from regress_action.model.stacks import CostMode, StackFrame, StackProfile

if TYPE_CHECKING:
    from collections.abc import Iterator

GZIP = b"\x1f\x8b"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_SCALES = {"nanoseconds": 1e-9, "microseconds": 1e-6, "milliseconds": 1e-3, "seconds": 1.0}
_SAMPLE_TYPE, _SAMPLE, _LOCATION, _FUNCTION, _STRINGS = 1, 2, 4, 5, 6

Message = dict[int, list[int | bytes]]


def looks_like(data: bytes) -> bool:
    """Whether it is compressed, or begins with the type of a sample."""
    return data.startswith(GZIP) or data[:1] == b"\x0a"


def read(data: bytes, name: str, wanted: CostMode | None = None) -> StackProfile:
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
