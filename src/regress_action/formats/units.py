"""Units as tools write them, brought to the base units of `samples.Metric`."""

from __future__ import annotations

import functools

from regress_action.model.measurements import Direction, Metric

_SECONDS = {
    "s": 1.0,
    "sec": 1.0,
    "ms": 1e-3,
    "msec": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "usec": 1e-6,
    "ns": 1e-9,
}
_LONG_SECONDS = {"second": 1.0, "millisecond": 1e-3, "microsecond": 1e-6, "nanosecond": 1e-9, "minute": 60.0}
_BYTES = {"b": 1.0, "byte": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30}
_RATES = {"1/s": 1.0, "/s": 1.0, "ops/s": 1.0, "op/s": 1.0, "hz": 1.0, "req/s": 1.0, "ops/sec": 1.0}
_COUNTS = {"count": 1.0, "integer": 1.0}
_BASES = {
    **{unit: ("s", factor) for unit, factor in (_SECONDS | _LONG_SECONDS).items()},
    **{f"{unit}s": ("s", factor) for unit, factor in _LONG_SECONDS.items()},
    **{unit: ("B", factor) for unit, factor in _BYTES.items()},
    **{f"{unit}/s": ("B/s", factor) for unit, factor in _BYTES.items()},
    "bytes": ("B", 1.0),
    **{unit: ("1/s", factor) for unit, factor in _RATES.items()},
    **{unit: ("count", factor) for unit, factor in _COUNTS.items()},
}

_SUFFIXES = {
    "_ops_per_sec": "1/s",
    "_mb_per_sec": "mb/s",
    "_kb_per_sec": "kb/s",
    "_bytes_per_sec": "b/s",
    "_per_sec": "1/s",
    "_ms": "ms",
    "_us": "us",
    "_ns": "ns",
    "_s": "s",
    "_mib": "mib",
    "_kib": "kib",
    "_mb": "mb",
    "_kb": "kb",
    "_bytes": "byte",
    "_count": "count",
}
_SIGNED_WORDS = frozenset({"growth", "delta", "drift", "leak"})


def base_unit(unit: str) -> tuple[str, float]:
    """Return the base unit of `unit` and the factor that leads to it; an unknown unit stays as it is."""
    return _BASES.get(unit.strip().lower(), (unit, 1.0))


@functools.lru_cache(maxsize=1024)
def metric(name: str, unit: str, *, signed: bool = False) -> Metric:
    """Return the metric `name`, whose direction follows from its base `unit`: more per second is better."""
    better = Direction.HIGHER if unit.endswith("/s") else Direction.LOWER
    return Metric(name, unit, better, signed=signed)


@functools.lru_cache(maxsize=1024)
def metric_from_key(key: str) -> tuple[Metric, float] | None:
    """Return the metric that a free key such as `peak_memory_mb` names, and the factor to its base unit.

    The suffix tells the unit: `_s _ms _us _ns`, `_bytes _kb _mb _kib _mib`, `_per_sec` (with `ops`, `bytes`, `kb`
    or `mb` before it) and `_count`; what precedes it is the metric's name. A key with `growth`, `delta`, `drift`
    or `leak` as one of its words is signed. None when the key has no such suffix.
    """
    for suffix, written in _SUFFIXES.items():
        if key.endswith(suffix) and len(key) > len(suffix):
            stem = key.removesuffix(suffix)
            unit, factor = base_unit(written)
            return metric(stem, unit, signed=not _SIGNED_WORDS.isdisjoint(stem.split("_"))), factor
    return None
