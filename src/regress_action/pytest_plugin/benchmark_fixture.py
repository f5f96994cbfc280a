"""The `benchmark` fixture where neither pytest-benchmark nor pytest-codspeed is there; it takes the same calls.

* The statistics of the rounds of one benchmark in one process, under the names that pytest-benchmark gave them.
"""

from __future__ import annotations

import asyncio
import inspect
import statistics
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from regress_action.pytest_plugin import timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pytest


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

    @property
    def name(self) -> str:
        """The name of the test."""
        return str(self.identity["name"])

    def __bool__(self) -> bool:
        return bool(self.stats)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - a number, a text or a list
        return getattr(self.stats, key) if hasattr(self.stats, key) else self.as_dict()[key]

    def get(self, key: str, default: object = None) -> Any:  # noqa: ANN401 - a number, a text or a list
        """Return a statistic or a field, or `default` where there is none of that name."""
        return getattr(self.stats, key, self.identity.get(key, default))

    def as_dict(self) -> dict[str, Any]:
        """Return the entry that `--benchmark-json` of pytest-benchmark would hold."""
        own = {"iterations": self.iterations, "data": self.stats.data}
        return {**self.identity, "options": self.options, "stats": self.stats.as_dict() | own if self.stats else None}


if TYPE_CHECKING:
    Target = Callable[..., Any]


class FixtureAlreadyUsed(Exception):  # noqa: N818 - the name by which suites for pytest-benchmark expect it
    """One test used the `benchmark` fixture for a second measurement."""


class BenchmarkFixture:
    """Measure a function: `benchmark(function, *args)`, or `benchmark.pedantic(…)` for full control.

    Coroutine functions are run to their end on an event loop, a fresh coroutine for every iteration. `extra_info` takes
    further numbers (`peak_memory_mb`), whose unit is the suffix of their name. `enabled` is False under
    `--benchmark-disable`; the function is then called once and not timed.
    """

    def __init__(
        self, node: pytest.Item, options: timing.TimingOptions, *, enabled: bool = True, group: str | None = None
    ) -> None:
        callspec = getattr(node, "callspec", None)
        self.name = node.name
        self.fullname = node.nodeid
        self.param = callspec.id if callspec else None
        self.params = callspec.params if callspec else None
        self.group = group
        self.enabled = enabled
        self.extra_info: dict[str, Any] = {}
        self.stats: BenchmarkRecord | None = None
        self.has_error = False
        self.skipped = False
        self._options = options
        self._used_as: str | None = None
        self._rollbacks: list[Callable[[], object]] = []

    @property
    def disabled(self) -> bool:
        """Whether functions are called once and not timed."""
        return not self.enabled

    @property
    def used(self) -> bool:
        """Whether the test measured something."""
        return self._used_as is not None

    def __call__(self, function: Target, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever it takes and gives
        """Measure `function(*args, **kwargs)` in calibrated rounds, and return what one more call returned.

        Raises:
            FixtureAlreadyUsed: this fixture has measured before.
        """
        self._use("benchmark(...)")
        try:
            with _runnable(function, args, kwargs) as work:
                if self.enabled:
                    measured, iterations = timing.rounds(work, self._options)
                    self._record(iterations).stats.data.extend(measured)
                return work.run()
        except Exception:
            self.has_error = True
            raise

    def pedantic(  # noqa: PLR0913, PLR0917 - the signature that suites call
        self,
        target: Target,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        setup: Callable[[], Any] | None = None,
        teardown: Callable[..., Any] | None = None,
        rounds: int = 1,
        warmup_rounds: int = 0,
        iterations: int = 1,
    ) -> Any:  # noqa: ANN401 - what the target returns
        """Measure `target` in exactly `rounds` rounds of `iterations`, and return what it returned.

        `setup` runs before every round and may return (args, kwargs); `teardown` gets them after it. Neither is timed.

        Raises:
            FixtureAlreadyUsed: this fixture has measured before.
            ValueError: a number is not a positive whole number, or `setup` is given with more than one iteration.
            TypeError: arguments are given, and `setup` returns some as well.
        """
        self._use("benchmark.pedantic(...)")
        try:
            _check_numbers(rounds, warmup_rounds, iterations, setup)
            plan = _Pedantic(target, tuple(args), dict(kwargs or {}), setup, teardown)
            if not self.enabled:
                return plan.round(1, self._options)[1]
            record = self._record(iterations)
            for _ in range(warmup_rounds):
                plan.round(iterations, self._options)
            result = None
            for _ in range(rounds):
                seconds, result = plan.round(iterations, self._options)
                record.stats.data.append(seconds / iterations)
            return result if iterations == 1 else plan.round(1, self._options)[1]
        except Exception:
            self.has_error = True
            raise

    def weave(self, target: Any, **kwargs: Any) -> None:  # noqa: ANN401 - what aspectlib takes
        """Measure the next call of `target`, which the test itself does not call; needs the package aspectlib.

        Raises:
            ImportError: aspectlib is not installed.
        """
        try:
            import aspectlib
        except ImportError as error:
            raise ImportError("benchmark.weave needs aspectlib. Install it: pip install aspectlib") from error

        def aspect(function: Target) -> Target:
            return lambda *args, **keywords: self(function, *args, **keywords)

        self._rollbacks.append(aspectlib.weave(target, aspect, **kwargs).rollback)

    patch = weave

    def close(self) -> None:
        """Take back what `weave` replaced."""
        while self._rollbacks:
            self._rollbacks.pop()()

    def as_dict(self) -> dict[str, Any] | None:
        """Return the entry of a result file, without statistics where the test failed; None where nothing was timed."""
        if self.stats is None and not (self.has_error and self.enabled):
            return None
        entry = (self.stats or BenchmarkRecord(self._identity(), 1, self._options.described)).as_dict()
        entry.update(group=self.group, extra_info=self.extra_info)
        return {**entry, "stats": None} if self.has_error else entry

    def _use(self, mode: str) -> None:
        if self._used_as:
            self.has_error = True
            raise FixtureAlreadyUsed(
                f"Fixture can only be used once. Previously it was used in {self._used_as} mode.\n"
                "One test is one benchmark, so a second measurement has no name of its own.\n"
                "Split the test, or parametrise it."
            )
        self._used_as = mode

    def _record(self, iterations: int) -> BenchmarkRecord:
        self.stats = BenchmarkRecord(self._identity(), iterations, self._options.described)
        return self.stats

    def _identity(self) -> dict[str, Any]:
        names = ("group", "name", "fullname", "params", "param", "extra_info")
        return {name: getattr(self, name) for name in names}


class _Pedantic:
    """The parts of one `pedantic` call."""

    def __init__(
        self,
        target: Target,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        setup: Callable[[], Any] | None,
        teardown: Callable[..., Any] | None,
    ) -> None:
        self.target = target
        self.args = args
        self.kwargs = kwargs
        self.setup = setup
        self.teardown = teardown

    def round(self, iterations: int, options: timing.TimingOptions) -> tuple[float, Any]:
        """Run one round with its set-up and teardown; return its seconds and what the target returned last."""
        args, kwargs = self._arguments()
        with _runnable(self.target, args, kwargs) as work:
            if iterations == 1:
                seconds, result = timing.timed_once(work, options)
            else:
                seconds, result = timing.timed(work, iterations, options), None
        if self.teardown is not None:
            self.teardown(*args, **kwargs)
        return seconds, result

    def _arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = self.setup() if self.setup else None
        if not given:
            return self.args, self.kwargs
        if self.args or self.kwargs:
            raise TypeError("Can't use `args` or `kwargs` if `setup` returns the arguments.")
        args, kwargs = given
        return tuple(args), dict(kwargs)


@contextmanager
def _runnable(function: Target, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[timing.Work]:
    """Give the call to time; that of a coroutine function runs the coroutine on a loop of its own."""
    if not inspect.iscoroutinefunction(function):
        yield timing.Work(function, tuple(args), kwargs)
        return
    with asyncio.Runner() as runner:
        run = runner.get_loop().run_until_complete
        yield timing.Work(lambda: run(function(*args, **kwargs)))


def _check_numbers(rounds: object, warmup_rounds: object, iterations: object, setup: object) -> None:
    if not isinstance(iterations, int) or iterations < 1:
        raise ValueError("Must have positive int for `iterations`.")
    if not isinstance(rounds, int) or rounds < 1:
        raise ValueError("Must have positive int for `rounds`.")
    if not isinstance(warmup_rounds, int) or warmup_rounds < 0:
        raise ValueError("Must have positive int for `warmup_rounds`.")
    if iterations > 1 and setup:
        raise ValueError("Can't use more than 1 `iterations` with a `setup` function.")
