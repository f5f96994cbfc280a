"""Miss-ratio curves of long traces beside exact ones, the time they take, and what recording a key costs."""

from __future__ import annotations

import functools
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from diagnosis.figures import Figure

from regress_action.advice.caching.key_trace import mixed
from regress_action.advice.caching.miss_ratio import miss_ratio_curve
from regress_action.instruments.cache_recorder import CacheRecorder
from regress_action.instruments.cache_traces import read_cache_trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Keys = NDArray[np.int64]

_LONG, _COMPARED = 10_000_000, 2_000_000
_CALLS = 100_000
_HALF = 0.5


def figures(*, quick: bool) -> list[Figure]:
    """Return the error of sampled curves, the time of a long trace from its file, and the cost of recording."""
    length = 1_200_000 if quick else _COMPARED
    errors = {name: _error(name, trace(length)) for name, trace in _TRACES.items()}
    seconds, error = _long(1_200_000 if quick else _LONG)
    errors["skewed (1.0), long"] = error
    return [
        Figure("sampled curve, largest error at any size", round(max(errors.values()), 2), ceiling=0.5, unit=" points"),
        Figure("10 million keys, from the file to the curve", round(seconds, 1), ceiling=10, unit=" s of CPU"),
        Figure("recording a hit of functools.lru_cache", round(_recording(), 2), ceiling=5, unit=" µs"),
    ]


def _skewed(length: int, keys: int, exponent: float) -> Keys:
    weights = np.cumsum(np.arange(1, keys + 1) ** -exponent)
    return np.searchsorted(weights / weights[-1], np.random.default_rng(1).random(length)).astype(np.int64)


def _with_loop(length: int) -> Keys:
    """Return skewed keys with a loop over 200 000 others in between."""
    loop = 500_000 + np.arange(length) % 200_000
    return np.where(np.random.default_rng(2).random(length) < _HALF, _skewed(length, 100_000, 0.9), loop)


_TRACES: dict[str, Callable[[int], Keys]] = {
    "skewed (0.7)": lambda length: _skewed(length, 500_000, 0.7),
    "skewed (1.0)": lambda length: _skewed(length, 500_000, 1.0),
    "skewed (1.2)": lambda length: _skewed(length, 500_000, 1.2),
    "skewed, moving": lambda length: _skewed(length, 200_000, 0.9) + np.arange(length) // 20,
    "skewed, with a loop": _with_loop,
    "loop": lambda length: np.arange(length) % 100_000,
}


def _error(name: str, keys: Keys) -> float:
    """Return the largest difference of the sampled curve from the exact one, in points."""
    numbers = mixed(keys.astype(np.uint64))
    exact, sampled = miss_ratio_curve(numbers, exact_up_to=len(keys)), miss_ratio_curve(numbers)
    sizes = exact.sizes()
    differences = 100 * np.abs(exact.at(sizes) - sampled.at(sizes))
    print(
        f"  {name:<24} {len(keys):>10,} requests  {exact.unique:>8,} keys  error at most {differences.max():.2f}, "
        f"mean {differences.mean():.3f} points",
        flush=True,
    )
    return float(differences.max())


def _long(length: int) -> tuple[float, float]:
    """Return the CPU seconds from the file of a long trace to its curve, and the largest error of that curve."""
    keys = _skewed(length, 1_000_000, 1.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys.txt"
        path.write_text("\n".join(f"user:{key}" for key in keys.tolist()))
        began, cpu_began = time.perf_counter(), time.process_time()
        trace, _ = read_cache_trace(path)
        miss_ratio_curve(trace.keys)
        spent, elapsed = time.process_time() - cpu_began, time.perf_counter() - began
        print(f"  {length:,} keys, {path.stat().st_size:,} bytes: {spent:.1f} s of CPU time, {elapsed:.1f} s elapsed")
    return spent, _error("skewed (1.0), long", keys)


def _recording() -> float:
    """Return the microseconds that recording adds to a hit, in the fastest of several batches."""
    plain = functools.lru_cache(maxsize=64)(abs)
    recorded = CacheRecorder(most=10**9)(functools.lru_cache(maxsize=64)(abs))

    def fastest(function: Callable[[int], int]) -> float:
        spent = []
        for _ in range(7):
            began = time.thread_time()
            for number in range(_CALLS // 10):
                function(number & 31)
            spent.append((time.thread_time() - began) / (_CALLS // 10))
        return min(spent)

    return (fastest(recorded) - fastest(plain)) * 1e6
