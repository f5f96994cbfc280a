"""Units and keys as tools write them: their base unit, and which way is better.

Every reader and importer asks this module, so one rule recognises `ops/ms`, `MB/s`, `throughput_mb_s`,
`tokens_per_second`, `FPS` and `hit%` wherever they stand. The direction follows from the words of the name first
(`cache_misses/s` is worse when it grows), then from the unit; where neither says, it is unknown.
"""

from __future__ import annotations

import functools
import re

from regress_action.formats.shape import number_in
from regress_action.model.measurements import Direction, Metric

_SHORT_SECONDS = {
    "s": 1.0,
    "sec": 1.0,
    "secs": 1.0,
    "ms": 1e-3,
    "msec": 1e-3,
    "msecs": 1e-3,
    "us": 1e-6,
    "μs": 1e-6,
    "usec": 1e-6,
    "ns": 1e-9,
    "nsec": 1e-9,
    "ps": 1e-12,
    "min": 60.0,
    "hr": 3600.0,
}
_LONG_SECONDS = {
    "second": 1.0,
    "millisecond": 1e-3,
    "microsecond": 1e-6,
    "nanosecond": 1e-9,
    "picosecond": 1e-12,
    "minute": 60.0,
    "hour": 3600.0,
}
_SECONDS = _SHORT_SECONDS | _LONG_SECONDS | {f"{unit}s": factor for unit, factor in _LONG_SECONDS.items()}
_PREFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_LONG_PREFIXES = {"": 1.0, "kilo": 1e3, "mega": 1e6, "giga": 1e9}
_BYTES = {
    **{f"{prefix}b": factor for prefix, factor in _PREFIXES.items()},
    **{f"{prefix}ib": 2.0 ** (10 * power) for power, prefix in enumerate("kmgt", start=1)},
    **{f"{prefix}bit": factor / 8 for prefix, factor in _PREFIXES.items()},
    **{f"{prefix}bits": factor / 8 for prefix, factor in _PREFIXES.items()},
    **{f"{word}byte": factor for word, factor in _LONG_PREFIXES.items()},
    **{f"{word}bytes": factor for word, factor in _LONG_PREFIXES.items()},
}
_COUNTS = frozenset({"count", "counts", "integer", "allocs", "allocations", "objects", "#"})
# what is counted per second; a leading k, M or G is a thousand, a million or a thousand million of them
_EVENTS = (
    "ops|op|operations?|req|reqs|requests?|queries|query|rows?|cols|columns?|items?|tokens?|tok|events?|calls?|"
    "iters?|iterations?|records?|messages?|msgs?|frames?|transactions?|txns?|tx|samples?|sa|elem|elements?|pixels?|"
    "points?|jobs?|tasks?|files?|lines?|docs?|documents?|packets?|pkts?|flops?|cycles?|it|runs?|steps?|keys?|entries"
)
_PREFIXED_EVENTS = re.compile(rf"([kmg]?)(?:{_EVENTS})\Z")
_PER_EVENT = re.compile(rf"(.+?)\s*/\s*(?:{_EVENTS}|loop|invocation|ops)\Z")
_RATE_WORDS = {"fps": 1.0, "qps": 1.0, "rps": 1.0, "tps": 1.0, "iops": 1.0, "sps": 1.0, "hz": 1.0}
_HERTZ = {f"{prefix}hz": factor for prefix, factor in _PREFIXES.items()}
_BITS_PER_SECOND = {f"{prefix}bps": factor / 8 for prefix, factor in _PREFIXES.items()}
_RATE = re.compile(r"(.*?)\s*(?:/|\bper\b|_per_)\s*([a-zμ]+)\Z")
_QUANTITY = re.compile(r"([-+]?[\d.,]+(?:[eE][-+]?\d+)?)\s*([^\d\s.,][^\s]*)?\Z")
_LONGEST_UNIT = 40
_METRICS_BY_UNIT = {"s": "time", "B": "memory", "1/s": "throughput", "B/s": "throughput"}

_WORSE_WORDS = (
    "time times duration latency elapsed wall cpu delay wait stall stalls memory mem rss heap footprint alloc allocs "
    "allocated allocation allocations error errors err errs fail fails failed failure failures miss misses missed "
    "fault faults leak leaks leaked drop drops dropped timeout timeouts retry retries gc instruction instructions "
    "instr ir cycle cycles overhead cost loss lost conflict conflicts eviction evictions rejected jitter growth blocks "
    "increase delta drift spill spills syscall syscalls switches mispredict mispredictions mispredicted "
    "contention blocked deadlocks throttled"
)
_AMOUNT_WORDS = "time times duration elapsed wall cpu memory mem heap ir cycle cycles"
_WORSE = frozenset(_WORSE_WORDS.split())
_WORSE_RATES = _WORSE - frozenset(_AMOUNT_WORDS.split())
_BETTER_WORDS = (
    "throughput bandwidth hit hits ops qps rps tps fps iops speed speedup score accuracy recall precision efficiency "
    "success successes passes goodput flops gflops mflops tflops"
)
_BETTER = frozenset(_BETTER_WORDS.split())
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_DIFFERENCE_WORDS = "growth delta drift leak increase decrease change diff difference gain"
_SIGNED_WORDS = frozenset(_DIFFERENCE_WORDS.split())

_PER = r"per_(?:s|sec|secs|second|seconds)"
_KEY_SUFFIXES = (
    # amount per time: throughput_mb_s, copy_mb_per_sec, bytes_per_second
    (re.compile(rf"(?:(.+)_)?([kmgt]i?b|bytes?)_{_PER}\Z"), "{}/s"),
    (re.compile(r"(.+)_([kmgt]i?b|bytes?)_(?:s|sec)\Z"), "{}/s"),
    # operations name nothing: throughput_ops_per_sec, throughput_kops_s
    (re.compile(rf"(.+)_([kmg]?ops)_(?:{_PER}|s|sec)\Z"), "{}/s"),
    # other events belong to the name: rows_per_sec, tokens_per_ms, queries_s
    (re.compile(r"(.+)_per_(s|sec|secs|second|seconds|ms|us|ns|min|minute)\Z"), "1/{}"),
    (re.compile(rf"((?:.+_)?([kmg]?(?:{_EVENTS})))_(?:s|sec)\Z"), "{}/s"),
    (re.compile(r"(?:(.+)_)?(fps|qps|rps|tps|iops|hz|khz|mhz|ghz|kbps|mbps|gbps)\Z"), "{}"),
    (re.compile(r"(.+)_(ms|us|ns|sec|secs|seconds|s|mib|kib|gib|mb|kb|gb|bytes|count|percent|pct)\Z"), "{}"),
)


@functools.lru_cache(maxsize=1024)
def base_unit(unit: str) -> tuple[str, float]:
    """Return the base unit of `unit` and the factor that leads to it; an unknown unit stays as it is.

    `ms` is 0.001 `s`, `ns/op` is 1e-9 `s`, `MB/sec` is 1e6 `B/s`, `ops/ms` is 1000 `1/s`.
    """
    written = unit.strip().lower().replace("µ", "μ")
    if len(written) > _LONGEST_UNIT:
        return unit, 1.0
    return _amount(written) or _rate(written) or _per_event(written) or (unit, 1.0)


def _amount(written: str) -> tuple[str, float] | None:
    if written in _SECONDS:
        return "s", _SECONDS[written]
    if written in _BYTES:
        return "B", _BYTES[written]
    if written in _COUNTS:
        return "count", 1.0
    if written in {"%", "percent", "pct"}:
        return "%", 1.0
    return None


def _rate(written: str) -> tuple[str, float] | None:
    """Return base and factor of an amount per time; time per time is a ratio."""
    if written in _BITS_PER_SECOND:
        return "B/s", _BITS_PER_SECOND[written]
    if factor := _RATE_WORDS.get(written) or _HERTZ.get(written):
        return "1/s", factor
    parts = _RATE.match(written)
    if parts is None or parts[2] not in _SECONDS:
        return None
    counted, per = parts[1], _SECONDS[parts[2]]
    if counted in _SECONDS:  # time per time is a share
        return "ratio", _SECONDS[counted] / per
    if counted in _BYTES:
        return "B/s", _BYTES[counted] / per
    events = _PREFIXED_EVENTS.match(counted)
    return "1/s", (_PREFIXES[events[1]] if events else 1.0) / per


def _per_event(written: str) -> tuple[str, float] | None:
    """Return what is used for one operation: `ns/op`, `B/op`, `allocs/op`, `ns/iter`."""
    parts = _PER_EVENT.match(written)
    return _amount(parts[1]) if parts else None


def direction_of(name: str, unit: str) -> Direction:
    """Return which way the metric `name` in the base `unit` is better, unknown where neither says it."""
    words = {word.lower() for word in _WORDS.findall(name)}
    if unit.endswith("/s"):
        return Direction.LOWER if words & _WORSE_RATES else Direction.HIGHER
    if words & _WORSE:
        return Direction.LOWER
    if words & _BETTER:
        return Direction.HIGHER
    return Direction.LOWER if unit in {"s", "B"} else Direction.UNKNOWN


@functools.lru_cache(maxsize=1024)
def metric(
    name: str, unit: str, *, direction: Direction | None = None, signed: bool = False, exact: bool = False
) -> Metric:
    """Return the metric `name` in the base `unit`, in the direction that its tool states or its name shows."""
    return Metric(name, unit, direction or direction_of(name, unit), signed=signed, exact=exact)


@functools.lru_cache(maxsize=1024)
def unit_of_key(key: str) -> tuple[str, str, float] | None:
    """Return the stem, base unit and factor of a free key such as `peak_memory_mb`, None where it has no unit.

    The suffix is the unit: `_s _ms _us _ns`, `_bytes _kb _mb _gb _kib _mib _gib`, `_count`, `_percent`, and rates as
    `_per_s`, `_per_second`, `_ops_per_sec`, `_mb_s`, `_mb_per_sec`, `_fps`, `_qps`, `_hz`, `_mbps`.
    """
    if len(key) > _LONGEST_UNIT * 4:
        return None
    lowered = key.lower() if key.isascii() else key
    for pattern, written in _KEY_SUFFIXES:
        if match := pattern.match(lowered):
            return (key[: match.end(1)] if match[1] else key, *base_unit(written.format(match[2])))
    return None


def metric_of_unit(written: str, *, direction: Direction | None = None) -> tuple[Metric, float]:
    """Return the metric of a value of which only the unit is known, named by what it measures, and its factor."""
    unit, factor = base_unit(written or "value")
    name = _METRICS_BY_UNIT.get(unit) or "_".join(unit.lower().split())
    return metric(name, unit, direction=direction), factor


def quantity(text: str) -> tuple[float, str] | None:
    """Return the number and the base unit of a text such as `1.23 ms`, `15.33GB/s` or `12`; None where it is none."""
    match = _QUANTITY.match(text.strip())
    number = number_in(match[1]) if match else None
    if match is None or number is None:
        return None
    unit, factor = base_unit(match[2] or "count")
    return number * factor, unit


def is_signed(name: str) -> bool:
    """Whether the metric `name` is a difference, which may be negative or zero: `growth`, `delta`, `increase`."""
    return not _SIGNED_WORDS.isdisjoint(word.lower() for word in _WORDS.findall(name))


@functools.lru_cache(maxsize=1024)
def metric_from_key(key: str) -> tuple[Metric, float] | None:
    """Return the metric that a free key names and the factor to its base unit, None when the key has no unit.

    `throughput_mb_s` is `throughput` in B/s, `rows_per_sec` is `rows` in 1/s. A key with a word such as `growth` or
    `delta` is signed.
    """
    parts = unit_of_key(key)
    if parts is None:
        return None
    stem, unit, factor = parts
    return metric(stem, unit, signed=is_signed(stem)), factor
