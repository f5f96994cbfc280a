"""A leak is found, small as it is; what fills up, is pooled or fragments the heap is none."""

from __future__ import annotations

import ctypes
import gc
import random
import sqlite3
from collections import OrderedDict, deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes

from regress_action.instruments.leak_sites import Slope, robust_slope
from regress_action.instruments.leaks import LeakDetector, LeakResult, LeakVerdict

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT: list[object] = []


class Session:
    """What the tests leak."""

    def __init__(self) -> None:
        self.data = bytes(20)


@pytest.fixture(autouse=True)
def forget() -> None:
    """Drop what another test leaked."""
    KEPT.clear()
    gc.collect()


def filling_cache(capacity: int) -> Callable[[], object]:
    """Return an operation whose cache grows until it holds `capacity` entries."""
    cache: dict[int, bytes] = {}
    return lambda: cache.setdefault(len(cache), bytes(200)) if len(cache) < capacity else None


def pool() -> Callable[[], object]:
    """Return an operation that borrows buffers and gives back up to fifty of them."""
    free: list[bytearray] = []

    def borrow() -> None:
        used = [free.pop() if free else bytearray(1000) for _ in range(random.randint(1, 20))]  # noqa: S311 - no secret
        free.extend(used)
        del free[50:]

    return borrow


def fragmentation() -> Callable[[], object]:
    """Return an operation that keeps 200 blocks of very unlike sizes and drops a random one."""
    held: list[bytearray] = []

    def churn() -> None:
        held.append(bytearray(random.choice([40, 600, 5000, 70_000])))  # noqa: S311 - no secret
        if len(held) > 200:
            del held[random.randrange(len(held))]  # noqa: S311 - no secret

    return churn


def bounded_cache() -> Callable[[], object]:
    """Return an operation on a cache that drops its oldest entry."""
    cache: OrderedDict[float, bytes] = OrderedDict()

    def store() -> None:
        cache[random.random()] = bytes(100)  # noqa: S311 - no secret
        if len(cache) > 3000:
            cache.popitem(last=False)

    return store


def test_a_hundred_bytes_an_iteration_are_found() -> None:
    """The growth is measured to a tenth, and its line, its type and its holder are named."""
    result = LeakDetector(iterations=10_000).check(lambda: KEPT.append(Session()))
    text = "\n".join(result.lines())

    assert result.verdict is LeakVerdict.LEAK
    assert 90 < result.traced.low <= result.traced.value <= result.traced.high < 250
    assert result.objects.value == pytest.approx(1.0, abs=0.01)
    assert any(site.path == __file__ for site in result.sites[:2])
    assert result.types[0].name.endswith("Session")
    assert result.chain[0].endswith("Session")
    assert "KEPT" in result.chain[-1]
    assert "bytes an iteration" in text


def test_a_leak_without_objects_is_found() -> None:
    """Bytes are no objects of the collector, and their line is named."""
    result = LeakDetector(iterations=10_000).check(lambda: KEPT.append(bytes(60)))

    assert result.verdict is LeakVerdict.LEAK
    assert result.sites[0].path == __file__
    assert result.sites[0].bytes_each > 60
    assert result.chain[:2] == ("bytes", "list")
    assert "KEPT" in result.chain[-1]
    assert all(site.bytes_each >= 0.01 * result.sites[0].bytes_each for site in result.sites)


@pytest.mark.parametrize("container", [{}, set(), deque()], ids=["dict", "set", "deque"])
def test_what_holds_a_leak_without_objects_is_named(container: Any) -> None:
    """The container is found by the line that allocated what it holds."""
    KEPT.append(container)

    def keep() -> None:
        number = len(container)
        if isinstance(container, dict):
            container[number] = bytes(60)
        else:
            (container.add if isinstance(container, set) else container.append)(number.to_bytes(60, "big"))

    result = LeakDetector(iterations=1000).check(keep)

    assert result.verdict is LeakVerdict.LEAK
    held = [name for name in result.chain if name != "bytes"]
    assert held[0].split("[")[0].endswith(type(container).__name__)
    assert "KEPT" in result.chain[-1]


def slots_replaced_at_random(seed: int) -> Callable[[], object]:
    """Return an operation on 2000 blocks of unlike sizes, of which it replaces a random one."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    held = [bytearray(chance.randrange(10, 5000)) for _ in range(2000)]

    def replace() -> None:
        held[chance.randrange(2000)] = bytearray(chance.randrange(10, 5000))

    return replace


@pytest.mark.parametrize("seed", [1, 2])
def test_memory_that_goes_up_and_down_slowly_is_no_leak(seed: int) -> None:
    """What is held depends on the 2000 iterations before, so it grows through a stretch by chance, and not for ever."""
    assert LeakDetector(iterations=10_000).check(slots_replaced_at_random(seed)).verdict is LeakVerdict.NO_LEAK


@pytest.mark.parametrize(
    "operation",
    [
        filling_cache(2000),
        filling_cache(6000),
        filling_cache(8000),
        pool(),
        fragmentation(),
        bounded_cache(),
        lambda: [1] * 100,
    ],
    ids=["small-cache", "cache", "large-cache", "pool", "fragmentation", "bounded-cache", "nothing"],
)
def test_what_does_not_grow_for_ever_is_no_leak(operation: Callable[[], object]) -> None:
    """Ten thousand iterations of each are no false alarm."""
    assert LeakDetector(iterations=10_000).check(operation).verdict is LeakVerdict.NO_LEAK


def test_a_native_leak_that_the_resident_size_hides_is_found_by_memray() -> None:
    """Rows of a database in memory are allocated by SQLite: the line and its function are named."""
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (a)")
    row = ("x" * 100,)

    result = LeakDetector(iterations=4000).check(lambda: connection.execute("insert into t values (?)", row))
    connection.close()

    assert result.verdict is LeakVerdict.NATIVE_LEAK
    assert result.native
    assert 90 < result.native.value < 200
    assert result.sites[0].path == __file__


def test_a_leak_beside_python_is_found() -> None:
    """Memory that a C library loses shows in the resident size alone."""
    library: Any = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p

    def lose() -> None:
        ctypes.memset(library.malloc(20_000), 1, 20_000)

    result = LeakDetector(iterations=4000).check(lose)

    assert result.verdict is LeakVerdict.NATIVE_LEAK
    assert result.resident.value > 15_000


def test_too_few_iterations_decide_nothing() -> None:
    """An operation that is stopped by the time limit at once gives no verdict."""
    result = LeakDetector(iterations=10_000, longest_s=0.0).check(lambda: KEPT.append(bytes(100)))

    assert result.verdict is LeakVerdict.INCONCLUSIVE
    assert not result.is_leak


def test_an_operation_that_ends_the_tracing_decides_nothing() -> None:
    """Without a trace there is no verdict, and no error either."""
    import tracemalloc

    calls = iter(range(10**6))

    def operation() -> None:
        if next(calls) == 400:
            tracemalloc.stop()

    assert LeakDetector(iterations=1000).check(operation).verdict is LeakVerdict.INCONCLUSIVE


def test_an_error_of_the_operation_goes_on() -> None:
    """What the operation raises reaches the caller, and tracing is ended."""
    import tracemalloc

    with pytest.raises(ZeroDivisionError):
        LeakDetector(iterations=100).check(lambda: 1 // 0)
    assert not tracemalloc.is_tracing()


def test_the_growth_is_a_report() -> None:
    """It is a signed number of bytes, so that zero can be compared."""
    report = LeakDetector(iterations=1000).check(lambda: None).report("open_and_close")
    (series,) = report.series

    assert (series.benchmark.name, series.metric.name, series.metric.signed) == (
        "open_and_close",
        "memory_growth",
        True,
    )


@given(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=40))
def test_the_slope_is_that_of_theil_and_sen(values: list[float]) -> None:
    """The slope and its interval agree with scipy, to one order statistic."""
    x = np.arange(len(values), dtype=float)
    expected = theilslopes(values, x)
    slope = robust_slope(list(x), values)

    assert slope.value == pytest.approx(expected.slope, rel=1e-6, abs=1e-6)
    assert slope.low <= slope.value <= slope.high


def test_growth_that_stopped_has_its_own_sentence() -> None:
    """No leak of 71.6 bytes an iteration would read like one."""
    none, stopped = Slope(0.3, 0.1, 0.5), Slope(71.6, 58.6, 80.9)
    result = LeakResult(LeakVerdict.NO_LEAK, 10_000, 1.0, stopped, none, none)
    assert result.lines() == [
        "No leak: growth by 71.6 [58.6, 80.9] bytes an iteration did not go on; 10000 iterations."
    ]
    assert replace(result, traced=none).lines() == ["No leak: 0.3 [0.1, 0.5] bytes an iteration over 10000 iterations."]
