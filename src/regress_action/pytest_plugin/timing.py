"""Timed rounds: how many iterations one needs, how many rounds fit, and what the garbage collector may do meanwhile."""

from __future__ import annotations

import gc
import random
import statistics
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle, islice
from math import ceil, sqrt
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Timer = Callable[[], float]

_JITTER = 0.1  # of the iterations of a round, so that rounds do not beat in step with a periodic disturbance
_FEW_ITERATIONS = 20  # with fewer, one iteration more or less is not jitter any more
_SHARE_TO_ESTIMATE = 5.0
_SHORT_S = 0.001
_VARIED = 997  # rounds before their numbers of iterations come again


class Work(NamedTuple):
    """A call to time: it is made as `function(*args, **kwargs)`, so that a round holds nothing else."""

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = MappingProxyType({})

    def run(self) -> Any:  # noqa: ANN401 - what the function returns
        """Make the call once."""
        return self.function(*self.args, **self.kwargs)


@dataclass(frozen=True, slots=True)
class TimingOptions:
    """How rounds are timed; the defaults are those of pytest-benchmark, and so are the names.

    `warmup` is how many iterations are run untimed first. With `precision`, rounds end as soon as the margin of their
    mean, at `confidence`, is below that share of it. `seed` decides how the number of iterations varies between
    rounds. `log` gets a line about every step.
    """

    min_rounds: int = 5
    max_rounds: int = 1_000_000
    max_time: float = 1.0
    min_time: float = 0.000005
    warmup: int = 0
    disable_gc: bool = False
    calibration_precision: int = 10
    precision: float | None = None
    confidence: float = 0.99
    timer: Timer = time.perf_counter
    seed: int = 0
    log: Callable[[str], None] = lambda _: None

    @property
    def described(self) -> dict[str, Any]:
        """The options as a result file holds them."""
        return {
            "disable_gc": self.disable_gc,
            "timer": getattr(self.timer, "__name__", "timer"),
            "min_rounds": self.min_rounds,
            "max_time": self.max_time,
            "min_time": self.min_time,
            "warmup": self.warmup,
        }


def timed(work: Work, iterations: int, options: TimingOptions) -> float:
    """Return the seconds that `iterations` calls of `work` take together."""
    with paused_tracers():
        return round_timer(work, options)(range(iterations))


def timed_once(work: Work, options: TimingOptions) -> tuple[float, object]:
    """Return the seconds that one call of `work` takes, and what it returned."""
    timer, collecting = options.timer, gc.isenabled()
    function, args, kwargs = work
    with paused_tracers():
        if options.disable_gc:
            gc.disable()
        try:
            start = timer()
            result = function(*args, **kwargs)
            return timer() - start, result
        finally:
            if collecting:
                gc.enable()


def round_timer(work: Work, options: TimingOptions) -> Callable[[range], float]:
    """Return a function that makes the call once for each number of a range, and returns the seconds of all.

    Hardly anything runs between two rounds: what does leaves less of the call in the caches of the CPU, and made the
    median of a call of a microsecond 4 % longer.
    """
    function, args, kwargs = work
    timer, disable_gc = options.timer, options.disable_gc

    def run(repetitions: range) -> float:
        collecting = gc.isenabled()
        if disable_gc:
            gc.disable()
        try:
            start = timer()
            for _ in repetitions:
                function(*args, **kwargs)
            return timer() - start
        finally:
            if collecting:
                gc.enable()

    return run


@contextmanager
def paused_tracers() -> Iterator[None]:
    """Pause a tracer and a profiler, which coverage installs, and put them back."""
    tracer, profiler = sys.gettrace(), sys.getprofile()
    if tracer:
        sys.settrace(None)
    if profiler:
        sys.setprofile(None)
    # one that is written in C, like that of `python -m cProfile`, is shown as an object that cannot be set again
    restore = getattr(profiler, "enable", None)
    try:
        yield
    finally:
        if tracer:
            sys.settrace(tracer)
        if restore:
            restore()
        elif profiler:
            sys.setprofile(profiler)


def calibrate(work: Work, options: TimingOptions) -> tuple[float, int]:
    """Return the seconds of one round, and how many iterations it needs to be much longer than a tick of the clock."""
    shortest = max(options.min_time, resolution(options.timer) * options.calibration_precision)
    estimable = shortest * _SHARE_TO_ESTIMATE / options.calibration_precision
    iterations, run = 1, round_timer(work, options)
    options.log(
        f"  Calibrating to target round {shortest:.3g}s; will estimate when reaching {estimable:.3g}s "
        f"(using: {getattr(options.timer, '__name__', 'timer')}, precision: {resolution(options.timer):.3g}s)."
    )
    while True:
        duration = run(range(iterations))
        if duration < _SHORT_S:  # a first call or an interruption must not pass for the length of a round
            duration = min(duration, run(range(iterations)), run(range(iterations)))
        options.log(f"    Measured {iterations} iterations: {duration:.3g}s.")
        if duration >= shortest:
            return duration, iterations
        if duration < estimable:
            iterations *= 10
            continue
        needed = ceil(shortest * iterations / duration)
        if needed == iterations:
            return duration, iterations
        iterations = needed


def rounds(work: Work, options: TimingOptions) -> tuple[list[float], int]:
    """Calibrate, warm up and measure `work`; return the seconds per iteration of every round, and the iterations.

    The number of iterations varies by a tenth from round to round.
    """
    run = round_timer(work, options)
    measured: list[float] = []
    with paused_tracers():
        duration, iterations = calibrate(work, options)
        count = min(max(ceil(options.max_time / max(duration, 1e-9)), options.min_rounds), options.max_rounds)
        for _ in range(min(count, ceil(options.warmup / iterations))):
            run(range(iterations))
        options.log(f"  Running {count} rounds x {iterations} iterations ...")
        for repetitions in islice(cycle(_varied(iterations, min(count, _VARIED), options.seed)), count):
            measured.append(run(repetitions) / len(repetitions))
            if options.precision and len(measured) >= max(options.min_rounds, 2) and _is_precise(measured, options):
                break
    options.log(f"  Ran for {sum(measured) * iterations:.3g}s.")
    return measured, iterations


def _varied(iterations: int, count: int, seed: int) -> list[range]:
    """Return the iterations of `count` rounds, chosen beforehand so that nothing is drawn between two rounds."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    spread = int(iterations * _JITTER) if iterations >= _FEW_ITERATIONS else 0
    return [range(iterations + chance.randint(-spread, spread)) for _ in range(count)]


def _is_precise(measured: list[float], options: TimingOptions) -> bool:
    """Whether the margin of the mean is small enough; looked at after 2, 4, 8, … rounds beyond the least number."""
    beyond = len(measured) - options.min_rounds
    if beyond & (beyond - 1):
        return False
    mean, spread = statistics.fmean(measured), statistics.stdev(measured)
    z = statistics.NormalDist().inv_cdf(0.5 + options.confidence / 2)
    return z * spread / sqrt(len(measured)) <= (options.precision or 0.0) * mean


@lru_cache(maxsize=8)
def resolution(timer: Timer) -> float:
    """Return the shortest time greater than zero that `timer` shows, in seconds."""
    shortest = float("inf")
    for _ in range(20):
        first = second = timer()
        while second <= first:
            second = timer()
        shortest = min(shortest, second - first)
    return shortest
