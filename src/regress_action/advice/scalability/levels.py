"""Throughput at several levels of concurrency, as it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LoadLevels:
    """Measurements in the order of their concurrency; a level may occur several times.

    `concurrency` are users, threads or processes, `throughput` answers a second, `latency_s` their mean time (NaN where
    it is not known), `think_s` what a user waits between two requests. `failed` is the largest share of requests that
    ended in an error at any level.
    """

    concurrency: Floats
    throughput: Floats
    latency_s: Floats
    think_s: float = 0.0
    failed: float = 0.0

    @classmethod
    def of(cls, concurrency: Floats, throughput: Floats, latency_s: Floats | None = None) -> LoadLevels:
        """Return the measurements in the order of their concurrency."""
        order = np.argsort(concurrency, kind="stable")
        latency = np.full(len(order), np.nan) if latency_s is None else latency_s
        return cls(concurrency[order], throughput[order], latency[order])

    @property
    def distinct(self) -> Floats:
        """The levels, each once."""
        return np.unique(self.concurrency)

    @property
    def highest(self) -> float:
        """The highest level."""
        return float(self.concurrency[-1])

    @property
    def little(self) -> Floats:
        """The concurrency that Little's law gives (throughput times latency and think time) over that of the level."""
        return self.throughput * (self.latency_s + self.think_s) / self.concurrency
