"""The rounds of one benchmark in one process and their statistics, under the names that pytest-benchmark gave them."""

from __future__ import annotations

import statistics
from functools import cached_property
from typing import Any

FIELDS = (
    "min",
    "max",
    "mean",
    "stddev",
    "rounds",
    "median",
    "iqr",
    "q1",
    "q3",
    "iqr_outliers",
    "stddev_outliers",
    "outliers",
    "ld15iqr",
    "hd15iqr",
    "ops",
    "total",
)


class RoundStatistics:
    """The rounds of one benchmark in this process: seconds per iteration, one number a round, in order.

    Every statistic is computed when it is first asked for, so ask after the last round.
    """

    def __init__(self, data: list[float] | None = None) -> None:
        self.data: list[float] = data or []

    def __bool__(self) -> bool:
        return bool(self.data)

    def as_dict(self) -> dict[str, Any]:
        """Return every statistic by its name."""
        return {name: getattr(self, name) for name in FIELDS}

    @cached_property
    def sorted_data(self) -> list[float]:
        """The rounds, fastest first."""
        return sorted(self.data)

    @cached_property
    def total(self) -> float:
        """The sum of the rounds."""
        return sum(self.data)

    @cached_property
    def min(self) -> float:
        """The fastest round."""
        return self.sorted_data[0]

    @cached_property
    def max(self) -> float:
        """The slowest round."""
        return self.sorted_data[-1]

    @cached_property
    def mean(self) -> float:
        """The arithmetic mean."""
        return statistics.fmean(self.data)

    @cached_property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.data)

    @cached_property
    def stddev(self) -> float:
        """The sample standard deviation; 0 of a single round."""
        return statistics.stdev(self.data) if len(self.data) > 1 else 0.0

    @cached_property
    def rounds(self) -> int:
        """How many rounds there are."""
        return len(self.data)

    @cached_property
    def q1(self) -> float:
        """The lower quartile."""
        return self._quartiles[0]

    @cached_property
    def q3(self) -> float:
        """The upper quartile."""
        return self._quartiles[1]

    @cached_property
    def _quartiles(self) -> tuple[float, float]:
        if len(self.data) == 1:
            return self.data[0], self.data[0]
        lower, _, upper = statistics.quantiles(self.sorted_data, n=4, method="inclusive")
        return lower, upper

    @cached_property
    def iqr(self) -> float:
        """The distance between the quartiles."""
        return self.q3 - self.q1

    @cached_property
    def ld15iqr(self) -> float:
        """The lowest round that is no outlier by the rule of Tukey."""
        return next(value for value in self.sorted_data if value >= self.q1 - 1.5 * self.iqr)

    @cached_property
    def hd15iqr(self) -> float:
        """The highest round that is no outlier by the rule of Tukey."""
        return next(value for value in reversed(self.sorted_data) if value <= self.q3 + 1.5 * self.iqr)

    @cached_property
    def stddev_outliers(self) -> int:
        """How many rounds lie more than a standard deviation away from the mean."""
        return self._outside(self.mean - self.stddev, self.mean + self.stddev)

    @cached_property
    def iqr_outliers(self) -> int:
        """How many rounds lie more than 1.5 times the distance of the quartiles beyond them."""
        return self._outside(self.q1 - 1.5 * self.iqr, self.q3 + 1.5 * self.iqr)

    @property
    def outliers(self) -> str:
        """Both counts, as pytest-benchmark prints them."""
        return f"{self.stddev_outliers};{self.iqr_outliers}"

    @cached_property
    def ops(self) -> float:
        """Iterations per second."""
        return self.rounds / self.total if self.total else 0.0

    def _outside(self, low: float, high: float) -> int:
        return sum(not low <= value <= high for value in self.data)


class BenchmarkRecord:
    """What `benchmark.stats` is: the rounds with their statistics, and what was measured how.

    `record["median"]` and `record.get("median")` read a statistic, `record.stats.data` the rounds.
    """

    def __init__(self, identity: dict[str, Any], iterations: int, options: dict[str, Any]) -> None:
        self.identity = identity
        self.iterations = iterations
        self.options = options
        self.stats = RoundStatistics()
        self.has_error = False
        self.cprofile: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - `name`, `group`, `params` and others
        try:
            return self.__dict__["identity"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __bool__(self) -> bool:
        return bool(self.stats)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - a number, a text or a list
        return getattr(self.stats, key) if hasattr(self.stats, key) else self.as_dict()[key]

    def get(self, key: str, default: object = None) -> Any:  # noqa: ANN401 - a number, a text or a list
        """Return a statistic or a field, or `default` where there is none of that name."""
        return getattr(self.stats, key, self.identity.get(key, default))

    def as_dict(self, *, include_data: bool = True, flat: bool = False) -> dict[str, Any]:
        """Return the entry that `--benchmark-json` of pytest-benchmark would hold.

        `flat` puts the statistics beside the names instead of below `stats`.
        """
        stats: dict[str, Any] | None = None
        if self.stats:
            stats = self.stats.as_dict() | {"iterations": self.iterations}
            if include_data:
                stats["data"] = self.stats.data
        entry = {**self.identity, "options": self.options}
        if self.cprofile:
            entry["cprofile"] = self.cprofile
        return entry | ((stats or {}) if flat else {"stats": stats})
