"""The `benchmark` fixture where neither pytest-benchmark nor pytest-codspeed is there; it takes the same calls."""

from __future__ import annotations

import asyncio
import inspect
import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from regress_action.pytest_plugin import timing
from regress_action.pytest_plugin.benchmark_record import BenchmarkRecord
from regress_action.pytest_plugin.call_profile import FunctionProfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pytest

    from regress_action.pytest_plugin.call_profile import Profiling

    Target = Callable[..., Any]


_UNUSUAL = re.compile(r"[^\w.-]+")
_SETTINGS = {
    "_timer": "timer",
    "_min_time": "min_time",
    "_max_time": "max_time",
    "_min_rounds": "min_rounds",
    "_disable_gc": "disable_gc",
    "_warmup": "warmup",
    "_calibration_precision": "calibration_precision",
}
"""Attributes of pytest-benchmark's fixture that suites set before they measure → the timing option each is."""


class FixtureAlreadyUsed(RuntimeError):  # noqa: N818 - the name by which suites for pytest-benchmark expect it
    """One test used the `benchmark` fixture for a second measurement."""


class BenchmarkFixture:
    """Measure a function: `benchmark(function, *args)`, or `benchmark.pedantic(…)` for full control.

    Coroutine functions are run to their end on an event loop, a fresh coroutine for every iteration. `extra_info` takes
    further numbers (`peak_memory_mb`), whose unit is the suffix of their name. `enabled` is False under
    `--benchmark-disable`; the function is then called once and not timed.
    """

    def __init__(
        self,
        node: pytest.Item,
        options: timing.TimingOptions,
        *,
        enabled: bool = True,
        group: str | None = None,
        profiling: Profiling | None = None,
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
        self._profiling = profiling
        self._used_as: str | None = None
        self._rollbacks: list[Callable[[], object]] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a setting
        if name in _SETTINGS:
            return getattr(self._options, _SETTINGS[name])
        raise AttributeError(name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in _SETTINGS:
            setting: dict[str, Any] = {_SETTINGS[name]: value}
            self._options = replace(self._options, **setting)
        else:
            super().__setattr__(name, value)

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
                    record = self._record(iterations)
                    record.stats.data.extend(measured)
                    self._profile(record, lambda profile: profile.run(work.run))
                return work.run()
        except Exception:
            self._failed()
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
            self._profile(record, plan.profiled)
            return result if iterations == 1 else plan.round(1, self._options)[1]
        except Exception:
            self._failed()
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
            self._failed()
            raise FixtureAlreadyUsed(
                f"Fixture can only be used once. Previously it was used in {self._used_as} mode.\n"
                "One test is one benchmark, so a second measurement has no name of its own.\n"
                "Split the test, or parametrise it."
            )
        self._used_as = mode

    def _failed(self) -> None:
        self.has_error = True
        if self.stats:
            self.stats.has_error = True

    def _profile(self, record: BenchmarkRecord, call: Callable[[FunctionProfile], object]) -> None:
        """Make further calls under cProfile where that was asked for."""
        if self._profiling is None:
            return
        profile, asked = FunctionProfile(), self._profiling
        for _ in range(asked.loops or len(record.stats.data) * record.iterations):
            call(profile)
        record.cprofile = profile.rows(asked.column, asked.top)
        if asked.dump:
            profile.dump(asked.dump.with_name(f"{asked.dump.name}-{_UNUSUAL.sub('_', self.name)}.prof"))

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

    def profiled(self, profile: FunctionProfile) -> None:
        """Run the target once under a profiler, with its set-up and teardown outside of it."""
        args, kwargs = self._arguments()
        with _runnable(self.target, args, kwargs) as work:
            profile.run(work.run)
        if self.teardown is not None:
            self.teardown(*args, **kwargs)

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
