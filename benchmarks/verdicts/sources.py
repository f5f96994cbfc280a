"""Where the numbers come from: real measurements in a folder, or draws with the variances that were measured there.

The synthetic draws follow the components of the real sets: on hosted runners 1.0 % between rounds, 1.0 % between the
medians of two sides on one machine (0.8 % of it lasting), 9 % between machines, and now and then a stalled process.
The targets are about measurements, so draws have none.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from verdicts.reports import TIME

from regress_action.model.measurements import Direction, Metric

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WITHIN, SAME_MACHINE, BETWEEN_MACHINES = 0.01, 0.008, 0.09
STALL, STALLED = 0.02, 0.3  # how often a process stalls, and by how much at most (log)
ROUNDS = 10


@dataclass(frozen=True)
class Pair:
    """The same code measured twice on one machine, ten rounds each, in seconds."""

    base: NDArray[np.float64]
    head: NDArray[np.float64]

    def swapped(self) -> Pair:
        """Return the pair with its sides exchanged: as null as before."""
        return Pair(self.head, self.base)


@dataclass(frozen=True)
class History:
    """Run values of one benchmark whose code never changed, oldest first."""

    name: str
    values: NDArray[np.float64]
    metric: Metric = TIME


@dataclass(frozen=True)
class Known:
    """pyperf results per commit, oldest first, and the changes that people attributed: (benchmark, base, head)."""

    commits: dict[str, dict[str, Any]]
    changes: tuple[tuple[str, str, str], ...]


@dataclass
class Synthetic:
    """Draws instead of measurements; the same for everybody who uses the same seed."""

    label: str = "synthetic"
    seed: int = 20260101
    known: Known | None = None
    _random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    @cached_property
    def pairs(self) -> list[Pair]:
        """Return 400 same-machine pairs of identical code."""
        return [Pair(self._side(0.0), self._side(self._random.normal(0, SAME_MACHINE))) for _ in range(400)]

    @cached_property
    def histories(self) -> list[History]:
        """Return 40 series of 120 runs on changing machines."""
        return [
            History(f"series {number}", np.exp(self._random.normal(0, BETWEEN_MACHINES, 120))) for number in range(40)
        ]

    def _side(self, shift: float) -> NDArray[np.float64]:
        stalls = self._random.random(ROUNDS) < STALL
        logs = self._random.normal(shift, WITHIN, ROUNDS) + stalls * self._random.uniform(0.05, STALLED, ROUNDS)
        return np.exp(logs)


@dataclass
class Real:
    """Measurements that lie in a folder: `hosted_pairs.json`, `hosted_fib.json`, `cpython_changes_*`."""

    folder: Path

    @property
    def label(self) -> str:
        """Return the name of the folder."""
        return str(self.folder)

    @cached_property
    def pairs(self) -> list[Pair]:
        """Return the same-machine pairs, in seconds."""
        loaded = json.loads((self.folder / "hosted_pairs.json").read_text())["same_vm"]
        return [Pair(np.array(pair["a"]) / 1e9, np.array(pair["b"]) / 1e9) for pair in loaded]

    @cached_property
    def histories(self) -> list[History]:
        """Return the series of benchmark code that never changed."""
        loaded = json.loads((self.folder / "hosted_fib.json").read_text())["series"]
        return [
            History(one["name"], np.array(one["values"], float), _metric(one))
            for one in loaded
            if min(one["values"]) > 0
        ]

    @cached_property
    def known(self) -> Known | None:
        """Return the CPython commits of one branch, machine and suite version, and the attributed changes."""
        with gzip.open(self.folder / "cpython_changes_raw.json.gz", "rt") as file:
            commits = json.load(file)["commits"]
        labels = json.loads((self.folder / "cpython_changes_labels.json").read_text())["labels"]
        comparable = {
            commit: measured
            for commit, measured in sorted(commits.items(), key=lambda item: (item[1]["date"], item[1]["time"]))
            if measured["branch"] == "master" and measured["performance"] == "0.5.4"
        }
        return Known(comparable, tuple((label["benchmark"], label["base"], label["head"]) for label in labels))


def _metric(series: dict[str, Any]) -> Metric:
    if series.get("better") == "higher":
        return Metric("throughput", "1/s", Direction.HIGHER)
    return TIME
