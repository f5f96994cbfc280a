"""Verdicts about functions: which became slower, though the benchmark that calls them is too noisy to show it."""

from __future__ import annotations

import math
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING

from regress_action.model.causes import SlowerFunction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regress_action.advice.profile_files import ProfileRun
    from regress_action.model.stacks import FunctionCalls, FunctionKey

FALSE_ALARMS = 0.01
FEWEST_PAIRS = 5
_LEAST_SHARE = 0.002
_LEAST_RATIO = 1.03


def slower_functions(runs: Sequence[ProfileRun], level: float = FALSE_ALARMS) -> tuple[SlowerFunction, ...]:
    """Return the own functions that became slower, surest first; the chance of any false one is at most `level`.

    The logarithm of the time of one call is compared pair by pair. What all functions of a pair have in common, the
    machine's speed at the time, is taken off by the median over the functions. Functions below a fifth of a percent of
    the time, or with calls that differ between the sides by more than a tenth, are not tested.
    """
    pairs = _pairs(runs)
    if len(pairs) < FEWEST_PAIRS:
        return ()
    tested = _tested(pairs)
    if not tested:
        return ()
    logs = {
        key: [math.log(_seconds_of_a_call(head[key]) / _seconds_of_a_call(base[key])) for base, head in pairs]
        for key in tested
    }
    common = [median(logs[key][pair] for key in tested) for pair in range(len(pairs))]
    rows = [_row(key, [a - b for a, b in zip(logs[key], common, strict=True)], tested[key]) for key in tested]
    return tuple(_rejected(rows, level))


def _pairs(
    runs: Sequence[ProfileRun],
) -> list[tuple[Mapping[FunctionKey, FunctionCalls], Mapping[FunctionKey, FunctionCalls]]]:
    sides = {(run.side, run.pair): run.calls.functions for run in runs if run.calls}
    numbers = sorted({pair for _, pair in sides})
    return [
        (sides["base", pair], sides["head", pair])
        for pair in numbers
        if ("base", pair) in sides and ("head", pair) in sides
    ]


def _tested(
    pairs: list[tuple[Mapping[FunctionKey, FunctionCalls], Mapping[FunctionKey, FunctionCalls]]],
) -> dict[FunctionKey, float]:
    """Return the functions that are compared, with their share of the time of the base."""
    everything = sum(row.own_s for base, _ in pairs for row in base.values())
    tested = {}
    for key in pairs[0][0]:
        rows = [(base.get(key), head.get(key)) for base, head in pairs]
        usable = [(base, head) for base, head in rows if base and head and base.own_s > 0 and head.own_s > 0]
        if not key.is_own or len(usable) < len(pairs):
            continue
        share = sum(base.own_s for base, _ in usable) / everything
        calls = sum(head.calls for _, head in usable) / max(1.0, sum(base.calls for base, _ in usable))
        if share >= _LEAST_SHARE and abs(math.log(max(calls, 1e-9))) < math.log(1.1):
            tested[key] = share
    return tested


def _seconds_of_a_call(row: FunctionCalls) -> float:
    return row.own_s / max(1.0, row.calls)


def _row(key: FunctionKey, logs: list[float], share: float) -> SlowerFunction:
    """Return the mean of the logarithms with Student's interval, and the one-sided p-value that it is not above 0."""
    from scipy.special import stdtr, stdtrit

    degrees, middle = len(logs) - 1, fmean(logs)
    error = max(stdev(logs) / math.sqrt(len(logs)), 1e-9)
    half = float(stdtrit(degrees, 0.975)) * error
    p_value = float(stdtr(degrees, -middle / error))
    return SlowerFunction(key, math.exp(middle), math.exp(middle - half), math.exp(middle + half), share, p_value)


def _rejected(rows: list[SlowerFunction], level: float) -> list[SlowerFunction]:
    """Return the rows that Holm's procedure rejects, with corrected p-values."""
    slower, largest = [], 0.0
    for index, row in enumerate(sorted(rows, key=lambda row: row.p_value)):
        largest = max(largest, min(1.0, row.p_value * (len(rows) - index)))
        if largest > level:
            break
        if row.ratio >= _LEAST_RATIO:
            slower.append(SlowerFunction(row.key, row.ratio, row.low, row.high, row.share, largest))
    return slower
