"""Traces of cache keys as files: one key a line, or CSV with a header that names the column `key`; or counters."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.advice.caching import KeyTrace
from regress_action.advice.caching.key_trace import mixed
from regress_action.instruments.cache_counters import is_counters, read_counters
from regress_action.model import escaping
from regress_action.model.errors import InputError
from regress_action.model.files import read_bounded, write_replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from regress_action.advice.caching.counters import CacheCounters

MOST_BYTES = 1 << 30
_CHUNK = 1 << 20
_BASE = 0x9E3779B97F4A7C15
_NEWLINE, _RETURN = 10, 13
_ABOUT = re.compile(rb"# regress-action cache trace(?: size=(\d{1,12}))?(?: rate=([0-9.e-]{1,20}))?\r?\n")
_NAMES = {name: name for name in ("time", "key", "hit", "ttl", "load", "value")} | {"timestamp": "time"}
_HITS = {"1": True, "true": True, "hit": True, "0": False, "false": False, "miss": False}
_FORM = "Write one key a line, or CSV with the header time,key,hit,ttl,load,value, of which only key is needed."


@dataclass(frozen=True, slots=True)
class CacheFile:
    """What a file has: a trace, with the size of the cache where the file names it, or counters of several caches."""

    trace: KeyTrace | None
    size: int | None = None
    counters: Sequence[CacheCounters] = ()


def read_cache_trace(path: Path, *, limit: int = MOST_BYTES) -> tuple[KeyTrace, int | None]:
    """Return the trace in a file of at most `limit` bytes, and the size of the cache where the file names it.

    Raises:
        InputError: as `read_cache_file`, or the file has counters instead.
    """
    file = read_cache_file(path, limit=limit)
    if file.trace is None:
        raise InputError(f"{path} has counters and no keys.", remedy=_FORM)
    return file.trace, file.size


def read_cache_file(path: Path, *, limit: int = MOST_BYTES) -> CacheFile:
    """Return what a file of at most `limit` bytes has.

    Raises:
        InputError: there is no such file, it is too large, it has no request, or a field is not what it should be.
    """
    content = read_bounded(path, limit)
    about = _ABOUT.match(content)
    size = int(about[1]) if about and about[1] else None
    rate = _rate(about[2].decode(), path) if about and about[2] else 1.0
    start = about.end() if about else 0
    header = content[start : content.find(b"\n", start) if b"\n" in content[start:] else len(content)]
    names = [name.strip().lower() for name in header.decode("utf-8", "replace").split(",")]
    if is_counters(names):
        return CacheFile(None, None, read_counters(content[start:].decode("utf-8", "replace"), names, path))
    if "key" in names:
        trace = _table(content[start:].decode("utf-8", "replace"), names, path, rate, first=2 if about else 1)
    else:
        trace = KeyTrace(hashed_lines(content, start), rate=rate)
    if not len(trace):
        raise InputError(f"{path} has no request.", remedy=_FORM)
    return CacheFile(trace, size)


def write_cache_trace(path: Path, trace: KeyTrace, *, size: int | None = None) -> None:
    """Write a trace as CSV, with the size of its cache where that is known.

    Raises:
        InfrastructureError: the file cannot be written.
    """
    size_text = f" size={size}" if size is not None else ""
    out = io.StringIO()
    out.write(f"# regress-action cache trace{size_text} rate={trace.rate!r}\ntime,key,hit,ttl,load,value\n")
    count = len(trace)
    empty = [""] * count
    times = empty if trace.times_s is None else [f"{value:.6f}" for value in trace.times_s.tolist()]
    hits = empty if trace.hits is None else [str(int(value)) for value in trace.hits.tolist()]
    ttl, load = (
        empty if row is None else ["" if math.isnan(value) else f"{value:.6g}" for value in row.tolist()]
        for row in (trace.ttl_s, trace.load_s)
    )
    values = empty if trace.values is None else [str(value) if value else "" for value in trace.values.tolist()]
    rows = zip(times, map(str, trace.keys.tolist()), hits, ttl, load, values, strict=True)
    out.writelines(f"{','.join(row)}\n" for row in rows)
    write_replace(path, out.getvalue().encode())


def hashed_lines(content: bytes, start: int = 0) -> NDArray[np.uint64]:
    """Return a number for each line that is not empty, the same for the same line.

    The number is a polynomial in the bytes of the line modulo 2^64, each byte replaced by random bits, then mixed.
    Sums over the whole content are differences at the ends of lines, so that no line is handled on its own.
    """
    bits = np.random.default_rng(20240229).integers(1, 1 << 63, 256, np.uint64)
    powers = np.cumprod(np.concatenate((np.ones(1, np.uint64), np.full(_CHUNK, _BASE, np.uint64))), dtype=np.uint64)
    inverse = np.cumprod(
        np.concatenate((np.ones(1, np.uint64), np.full(_CHUNK, pow(_BASE, -1, 1 << 64), np.uint64))), dtype=np.uint64
    )
    parts = [np.empty(0, np.uint64)]
    while start < len(content):
        stop = start + _CHUNK
        if stop < len(content):
            last = content.rfind(b"\n", start, stop)
            stop = last + 1 if last >= start else min(len(content), stop)
        else:
            stop = len(content)
        text = np.frombuffer(content, np.uint8, stop - start, start)
        sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(bits[text] * powers[: len(text)], dtype=np.uint64)))
        ends = np.flatnonzero(text == _NEWLINE)
        starts = np.concatenate((np.zeros(1, np.int64), ends + 1))
        ends = np.concatenate((ends, [len(text)]))
        ends = ends - ((ends > starts) & (text[np.maximum(ends - 1, 0)] == _RETURN))
        filled = ends > starts
        starts, ends = starts[filled], ends[filled]
        parts.append(mixed((sums[ends] - sums[starts]) * inverse[starts]))
        start = stop
    return np.concatenate(parts)


def _table(text: str, names: Sequence[str], path: Path, rate: float, first: int) -> KeyTrace:
    """Return the trace of a CSV text whose header has these names; other columns are ignored."""
    columns: dict[str, list[str]] = {column: [] for name in names if (column := _NAMES.get(name))}
    wanted = [(index, columns[_NAMES[name]]) for index, name in enumerate(names) if name in _NAMES]
    rows = csv.reader(io.StringIO(text))
    next(rows)
    try:
        for number, row in enumerate(rows, first + 1):
            if not row:
                continue
            if len(row) < len(names):
                raise InputError(f"{path}: line {number} has {len(row)} fields instead of {len(names)}.", remedy=_FORM)
            for index, fields in wanted:
                fields.append(row[index])
    except csv.Error as error:
        raise InputError(f"{path}: {error}.", remedy=_FORM) from error
    times, ttl, load = (_floats(columns, name, path) for name in ("time", "ttl", "load"))
    keys = mixed(_numbered(columns["key"], {}))
    values = _numbered(columns["value"], {"": 0}) if any(columns.get("value", ())) else None
    trace = KeyTrace(keys, times, _hits(columns, path), ttl, load, rate, values)
    if times is not None and len(times) and (np.diff(times) < 0).any():
        return trace.at(np.argsort(times, kind="stable"))
    return trace


def _numbered(texts: Sequence[str], numbers: dict[str, int]) -> NDArray[np.uint64]:
    """Return a number for each text, the same for the same text; `numbers` are those that are given already."""
    return np.array([numbers.setdefault(text, len(numbers)) for text in texts], np.uint64)


def _floats(columns: Mapping[str, list[str]], name: str, path: Path) -> NDArray[np.float64] | None:
    """Return a column of numbers with NaN for empty fields; None where the column is missing or empty."""
    texts = columns.get(name)
    if not texts or not any(texts):
        return None
    values = _converted(texts, lambda text: float(text) if text else math.nan, name, path)
    array = np.array(values, np.float64)
    if np.isinf(array).any() or (name == "time" and np.isnan(array).any()) or (array < 0).any():
        raise InputError(f"{path}: the column {name} has a value that is missing, infinite or negative.", remedy=_FORM)
    return array


def _hits(columns: Mapping[str, list[str]], path: Path) -> NDArray[np.bool_] | None:
    texts = columns.get("hit")
    if not texts or not any(texts):
        return None
    return np.array(_converted(texts, lambda text: _HITS[text.strip().lower()], "hit", path), np.bool_)


def _converted(texts: Sequence[str], convert: Callable[[str], float], name: str, path: Path) -> list[float]:
    try:
        return [convert(text) for text in texts]
    except (ValueError, KeyError):
        for index, text in enumerate(texts, 1):
            try:
                convert(text)
            except (ValueError, KeyError) as error:
                shown = escaping.plain(text, 40)
                raise InputError(f"{path}: request {index} has the {name} {shown!r}.", remedy=_FORM) from error
        raise


def _rate(text: str, path: Path) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate <= 1:
        raise InputError(f"{path}: the recorded share of the keys is {text!r}, which is not between 0 and 1.")
    return rate
