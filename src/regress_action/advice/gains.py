"""What an optimization is worth: the time that it saves in one run, times the runs in which it is saved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DAYS = 30.0
"""Runs of that many days up to the newest report count."""
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class TimeGain:
    """Seconds that going back to an earlier level saves in one run, and the runs in which that was lost lately."""

    seconds_a_run: float
    runs: int

    @property
    def seconds(self) -> float:
        """The time saved in all of these runs."""
        return self.seconds_a_run * self.runs


def time_gain(
    reference: float | None, level: float | None, unit: str, reports: Sequence[tuple[float, int]]
) -> TimeGain | None:
    """Return what going back from `level` to `reference` saves; None where that is no time, or nothing.

    `unit` is that of both: `s`, or `1/s`, for which the time of one operation counts. `reports` are the time of each
    report (seconds since 1970, NaN where unknown) and its runs.
    """
    if reference is None or level is None or unit not in ("s", "1/s"):
        return None
    if unit == "1/s":
        if reference <= 0 or level <= 0:
            return None
        reference, level = 1 / reference, 1 / level
    saved = level - reference
    newest = max((time for time, _ in reports if not math.isnan(time)), default=math.nan)
    runs = sum(runs for time, runs in reports if newest - time <= DAYS * _DAY_S)
    return TimeGain(saved, runs) if saved > 0 and runs else None
