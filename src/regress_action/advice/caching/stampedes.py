"""Stampedes: several requests that load one key at the same time, because none of them has stored it yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from regress_action.advice.caching.key_trace import KeyTrace

_TIMES_ALONE = 2


@dataclass(frozen=True, slots=True)
class StampedeCount:
    """How often one key was loaded by several requests at once.

    `needless` loads are all but the first of each; `largest` is the most loads of one key at once, `at_s` when.
    `loads` are the misses of the trace.
    """

    stampedes: int
    needless: int
    largest: int
    at_s: float | None
    loads: int


def count_stampedes(trace: KeyTrace, *, load_s: float | None = None) -> StampedeCount | None:
    """Return the stampedes of a trace, None where it does not hold times and hits, or nobody knows what a load takes.

    A miss belongs to a stampede when it comes before the miss of the same key before it can have been stored, which
    takes the recorded time of its load, or `load_s` where none was recorded.
    """
    if trace.times_s is None or trace.hits is None:
        return None
    recorded = trace.load_s if trace.load_s is not None else np.full(len(trace), np.nan)
    loads = np.where(np.isfinite(recorded), recorded, np.nan if load_s is None else load_s)
    missed = ~trace.hits & np.isfinite(loads)
    if not missed.any():
        return None if trace.load_s is None and load_s is None else StampedeCount(0, 0, 1, None, 0)
    keys, times, loads = trace.keys[missed], trace.times_s[missed], loads[missed]
    order = np.lexsort((times, keys))
    keys, times, loads = keys[order], times[order], loads[order]
    joined = (keys[1:] == keys[:-1]) & (times[1:] < times[:-1] + loads[:-1])
    starts = np.flatnonzero(np.concatenate(([True], ~joined)))
    members = np.diff(np.concatenate((starts, [len(keys)])))
    several = members >= _TIMES_ALONE
    largest = int(np.argmax(members))
    return StampedeCount(
        stampedes=int(np.count_nonzero(several)),
        needless=int(np.count_nonzero(joined)),
        largest=int(members[largest]),
        at_s=float(times[starts[largest]]) if several.any() else None,
        loads=len(keys),
    )
