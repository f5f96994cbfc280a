"""The curve of a cache, its policies, expiry and stampedes are what a slow and plain calculation gives."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.advice.caching import KeyTrace, analyse
from regress_action.advice.caching.counters import CacheCounters, CacheState
from regress_action.advice.caching.key_trace import (
    count_reloads,
    count_stampedes,
    expiry_use,
    mixed,
    sampled_keys,
)
from regress_action.advice.caching.miss_ratio import (
    _previous_uses,
    miss_ratio_curve,
    previous_uses,
    sampled_distances,
    stack_distances,
)
from regress_action.advice.caching.policies import (
    POLICIES,
    fewest_misses,
    fifo_misses,
    lfu_misses,
    lru_misses,
    policy_miss_ratios,
    s3fifo_misses,
    sieve_misses,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

KEYS = st.lists(st.integers(0, 12), min_size=1, max_size=80)
SIZES = st.integers(1, 10)


def as_keys(values: Sequence[int]) -> NDArray[np.uint64]:
    """Return keys as an array."""
    return np.array(values, np.uint64)


def plain_distances(keys: Sequence[int]) -> list[int]:
    """Return each key's place in a list that is kept in the order of the last uses, -1 where it is not in it."""
    stack: list[int] = []
    distances = []
    for key in keys:
        distances.append(stack.index(key) if key in stack else -1)
        if key in stack:
            stack.remove(key)
        stack.insert(0, key)
    return distances


@given(KEYS)
def test_stack_distances_are_those_of_a_list(keys: list[int]) -> None:
    """The fast distances are the places in a list of keys by their last use."""
    assert stack_distances(previous_uses(as_keys(keys))).tolist() == plain_distances(keys)


@given(KEYS, SIZES)
def test_the_curve_is_what_functools_misses(keys: list[int], size: int) -> None:
    """An LRU cache of the standard library misses as often as the curve and the simulation say."""

    @lru_cache(maxsize=size)
    def load(key: int) -> int:
        return key

    for key in keys:
        load(key)
    misses = load.cache_info().misses
    assert lru_misses(keys, size) == misses
    assert miss_ratio_curve(as_keys(keys)).at([size])[0] * len(keys) == pytest.approx(misses)


def plain_fifo(keys: Sequence[int], size: int) -> int:
    """Keep a list of the last keys that came in."""
    cache: list[int] = []
    misses = 0
    for key in keys:
        if key not in cache:
            misses += 1
            cache = [*cache, key][-size:]
    return misses


def plain_lfu(keys: Sequence[int], size: int) -> int:
    """Keep the uses of every key and when it was used last."""
    cache: dict[int, tuple[int, int]] = {}
    misses = 0
    for now, key in enumerate(keys):
        if key not in cache:
            misses += 1
            if len(cache) >= size:
                del cache[min(cache, key=cache.__getitem__)]
        cache[key] = (cache.get(key, (0, 0))[0] + 1, now)
    return misses


def plain_sieve(keys: Sequence[int], size: int) -> int:
    """Keep a list of [key, mark] from the oldest to the newest, and the place of the pointer in it."""
    cache: list[list[int]] = []
    pointer, misses = 0, 0
    for key in keys:
        entry = next((entry for entry in cache if entry[0] == key), None)
        if entry:
            entry[1] = 1
            continue
        misses += 1
        if len(cache) >= size:
            pointer %= len(cache)
            while cache[pointer][1]:
                cache[pointer][1] = 0
                pointer = (pointer + 1) % len(cache)
            del cache[pointer]
            if pointer == len(cache):
                pointer = 0 if not cache else -1  # it fell off the newest end: next time it begins at the oldest
        if pointer == -1:
            pointer = 0
        cache.append([key, 0])
    return misses


def plain_fewest(keys: tuple[int, ...], size: int) -> int:
    """Try every choice of what to evict."""

    @cache
    def fewest(index: int, cached: frozenset[int]) -> int:
        if index == len(keys):
            return 0
        key = keys[index]
        if key in cached:
            return fewest(index + 1, cached)
        if len(cached) < size:
            return 1 + fewest(index + 1, cached | {key})
        return 1 + min(fewest(index + 1, cached - {victim} | {key}) for victim in cached)

    return fewest(0, frozenset())


@given(KEYS, SIZES)
def test_policies_are_what_lists_give(keys: list[int], size: int) -> None:
    """FIFO, LFU and SIEVE miss as often as plain lists that follow their definitions."""
    assert fifo_misses(keys, size) == plain_fifo(keys, size)
    assert lfu_misses(keys, size) == plain_lfu(keys, size)
    assert sieve_misses(keys, size) == plain_sieve(keys, size)


def plain_s3fifo(keys: Sequence[int], size: int) -> int:
    """Keep three lists of [key, uses], the oldest first."""
    small_size = max(1, int(size * 0.1))
    main_size = max(1, size - small_size)
    small: list[list[int]] = []
    main: list[list[int]] = []
    ghosts: list[int] = []
    misses = 0

    def evict() -> None:
        if small and (len(small) >= small_size or not main):
            key, uses = small.pop(0)
            if uses <= 1:
                ghosts.append(key)
                del ghosts[:-main_size]
                return
            main.append([key, 0])
            if len(main) <= main_size:
                return
        while main[0][1]:
            key, uses = main.pop(0)
            main.append([key, uses - 1])
        del main[0]

    for key in keys:
        entry = next((entry for entry in [*small, *main] if entry[0] == key), None)
        if entry:
            entry[1] = min(3, entry[1] + 1)
            continue
        misses += 1
        while len(small) + len(main) >= size:
            evict()
        if key in ghosts:
            ghosts.remove(key)
            main.append([key, 0])
        else:
            small.append([key, 0])
    return misses


@given(KEYS, SIZES)
def test_s3fifo_is_what_three_lists_give(keys: list[int], size: int) -> None:
    """S3-FIFO misses as often as three lists that follow its definition."""
    assert s3fifo_misses(keys, size) == plain_s3fifo(keys, size)


@given(st.lists(st.integers(0, 5), max_size=14).map(tuple), st.integers(1, 4))
def test_the_bound_is_the_best_of_all_choices(keys: tuple[int, ...], size: int) -> None:
    """Bélády's choice misses as rarely as the best of every possible choice."""
    assert fewest_misses(keys, size) == plain_fewest(keys, size)


@given(KEYS, SIZES)
def test_no_policy_misses_less_than_the_bound_or_more_than_everything(keys: list[int], size: int) -> None:
    """Every policy lies between the bound and all requests."""
    bound = fewest_misses(keys, size)
    assert all(bound <= policy(keys, size) <= len(keys) for policy in POLICIES.values())


@given(KEYS)
def test_the_fast_order_is_the_exact_one(keys: list[int]) -> None:
    """Sorting keys and positions as one number finds the same previous requests."""
    assert _previous_uses(as_keys(keys)).tolist() == previous_uses(as_keys(keys)).tolist()


@given(KEYS, st.floats(0.001, 0.2))
def test_the_knee_has_the_lowest_price(keys: list[int], worth: float) -> None:
    """No size is better than the knee, at the price that a doubling is worth."""
    curve = miss_ratio_curve(as_keys(keys))
    price = [curve.at([size])[0] + worth * math.log2(size) for size in curve.sizes().tolist()]
    knee = curve.knee(worth)
    assert curve.at([knee])[0] + worth * math.log2(knee) == pytest.approx(min(price))


def test_the_knee_of_a_loop_is_its_length() -> None:
    """A loop over 100 keys misses always below 100 entries, and the knee is where that ends."""
    curve = miss_ratio_curve(as_keys(list(range(100)) * 30))
    assert curve.knee() == 100
    assert curve.at([99, 100]).tolist() == pytest.approx([1.0, 1 / 30])


def skewed(requests: int, keys: int, exponent: float) -> NDArray[np.uint64]:
    """Return keys of which a few are requested most of the time, and a loop between them."""
    chance = np.random.default_rng(3)
    weights = np.cumsum(np.arange(1, keys + 1) ** -exponent)
    drawn = np.searchsorted(weights / weights[-1], chance.random(requests))
    loop = keys + np.arange(requests) % (keys // 3)
    return np.where(chance.random(requests) < 0.7, drawn, loop).astype(np.uint64)


@pytest.mark.parametrize("exponent", [0.7, 1.2])
def test_a_sampled_curve_is_near_the_exact_one(exponent: float) -> None:
    """With a seventh of the requests looked at for each rate, misses are within a point, sizes within 5 %."""
    keys = mixed(skewed(140_000, 30_000, exponent))
    exact = miss_ratio_curve(keys)
    distances, weights = sampled_distances(keys, 20_000)
    order = np.argsort(distances)
    hits = np.concatenate(([0.0], np.cumsum(weights[order])))
    sizes = exact.sizes()
    sampled = 1 - hits[np.searchsorted(distances[order], sizes - 0.5)] / len(keys)
    assert np.abs(sampled - exact.at(sizes)).mean() < 0.005
    assert (sampled < exact.at(sizes / 1.05) + 0.01).all()
    assert (sampled > exact.at(sizes * 1.05) - 0.01).all()
    assert sampled[-1] == pytest.approx(exact.first_request_ratio, abs=0.002)


def test_a_sample_has_all_requests_of_a_key_or_none() -> None:
    """Keys are chosen, not requests."""
    keys = as_keys(list(range(1000)) * 5)
    chosen = sampled_keys(keys, 0.3).reshape(5, 1000)
    assert (chosen == chosen[0]).all()
    assert 200 < chosen[0].sum() < 400


def test_policies_of_a_sample_use_a_smaller_cache() -> None:
    """A sample of a tenth of the keys of a loop fits into a cache of a tenth."""
    keys = mixed(as_keys(list(range(5000)) * 4))
    part = keys[sampled_keys(keys, 0.1)]
    fits, too_small = policy_miss_ratios(part, [6000, 4000], scale=0.1)["LRU"]
    assert fits == pytest.approx(0.25)
    assert too_small == 1.0


def plain_expiry(keys: Sequence[int], times: Sequence[float], ttl: float, size: int) -> tuple[int, int, int, int]:
    """Return misses, those of expired values, values that expired and those of them without a hit.

    The cache is a list of [key, loaded, hits], the least recently used first.
    """
    cache: list[list[float]] = []
    ended: list[tuple[list[float], float]] = []
    misses = expired = 0
    for key, now in zip(keys, times, strict=True):
        entry = next((entry for entry in cache if entry[0] == key), None)
        if entry:
            cache.remove(entry)
        if entry and now < entry[1] + ttl:
            entry[2] += 1
            cache.append(entry)
            continue
        misses += 1
        if entry:
            expired += 1
            ended.append((entry, now))
        cache.append([key, now, 0])
        ended += [(old, now) for old in cache[:-size]]
        del cache[:-size]
    ended += [(entry, times[-1]) for entry in cache]
    lived_out = [entry for entry, now in ended if entry[1] + ttl <= now]
    return misses, expired, len(lived_out), sum(not entry[2] for entry in lived_out)


@given(KEYS, SIZES, st.integers(1, 30))
def test_expiry_is_what_a_list_gives(keys: list[int], size: int, ttl: int) -> None:
    """Misses with a time to live, and those of expired values alone, are what a plain list gives."""
    times = np.arange(len(keys), dtype=np.float64)
    use = expiry_use(as_keys(keys), times, np.full(len(keys), float(ttl)), size)
    assert use is not None
    misses, expired, lived_out, never_used = plain_expiry(keys, times.tolist(), ttl, size)
    assert use.misses * len(keys) == pytest.approx(misses)
    assert use.expired * len(keys) == pytest.approx(expired)
    assert use.expired_values * misses == pytest.approx(lived_out)
    assert use.never_used * misses == pytest.approx(never_used)
    assert use.by_factor[math.inf] * len(keys) == pytest.approx(lru_misses(keys, size))
    assert 0 <= use.unused <= 1


def test_unused_time_is_what_follows_the_last_use() -> None:
    """A value that is kept for 10 s and used last after 2 s was unused for 80 % of its time."""
    keys, times = as_keys([1, 1, 2, 1]), np.array([0.0, 2.0, 5.0, 10.0])
    use = expiry_use(keys, times, np.full(4, 10.0), 10)
    assert use is not None
    # Key 1: kept 0 to 10, used last at 2; then loaded again at the end. Key 2: kept from 5 to the end at 10.
    assert use.unused == pytest.approx((8 + 5) / (10 + 5))
    assert use.expired == pytest.approx(0.25)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40), st.integers(1, 12))
def test_reloads_are_what_a_dictionary_gives(requests: list[tuple[int, int]], ttl: int) -> None:
    """Loads after the value before them expired are counted, and of them those that brought the same; 0 is no load."""
    expired = unchanged = 0
    loaded: dict[int, tuple[int, int]] = {}
    for now, (key, value) in enumerate(requests):
        if not value:
            continue
        if key in loaded and now >= loaded[key][0] + ttl:
            expired += 1
            unchanged += loaded[key][1] == value
        loaded[key] = (now, value)
    keys, values = (as_keys(column) for column in zip(*requests, strict=True))
    trace = KeyTrace(keys, times_s=np.arange(len(requests), dtype=np.float64), values=values)
    seen = count_reloads(trace, ttl_s=ttl)
    assert seen is not None
    assert (seen.reloads, seen.unchanged) == (expired, unchanged)
    assert count_reloads(trace) is None  # nobody knows the time to live


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 9)), min_size=1, max_size=30))
def test_stampedes_are_what_every_pair_of_loads_gives(loads: list[tuple[int, int, int]]) -> None:
    """A load is needless where any other one of its key that began before was still running, of all pairs."""
    loads = sorted(loads, key=lambda load: load[1])
    needless = [
        any(other[0] == key and began < other[1] + other[2] for other in loads[:index])
        for index, (key, began, _) in enumerate(loads)
    ]
    keys, times, took = zip(*loads, strict=True)
    trace = KeyTrace(
        as_keys(keys),
        times_s=np.array(times, np.float64),
        hits=np.zeros(len(loads), np.bool_),
        load_s=np.array(took, np.float64),
    )
    seen = count_stampedes(trace)
    assert seen is not None
    assert seen.needless == sum(needless)
    assert seen.needless_s == sum(load[2] for load, extra in zip(loads, needless, strict=True) if extra)
    sizes: dict[int, list[int]] = {}
    for (key, _, _), extra in zip(loads, needless, strict=True):
        if extra:
            sizes[key][-1] += 1
        else:
            sizes.setdefault(key, []).append(1)
    every = [size for one in sizes.values() for size in one]
    assert (seen.stampedes, seen.largest) == (sum(size > 1 for size in every), max(every))


@given(KEYS, SIZES)
def test_counters_bound_what_a_larger_cache_saves(keys: list[int], size: int) -> None:
    """No larger cache saves more than the counters of an lru_cache say, and a cache that is not full needs none."""

    @lru_cache(maxsize=size)
    def load(key: int) -> int:
        return key

    for key in keys:
        load(key)
    info = load.cache_info()
    counters = CacheCounters("load", info.hits, info.misses, info.maxsize, info.currsize)
    saved = (info.misses - len(set(keys))) / len(keys)
    assert saved <= counters.most_saved or counters.state is CacheState.NEVER_HIT
    if counters.state in {CacheState.SPARE, CacheState.ENOUGH}:
        assert saved == 0
    assert (counters.state is CacheState.NEVER_HIT) == (not info.hits)


def test_stampedes_are_loads_of_one_key_at_once() -> None:
    """Three loads of key 1 overlap, two of key 2 do not, and a hit is no load."""
    trace = KeyTrace(
        as_keys([1, 1, 2, 1, 1, 2]),
        times_s=np.array([0.0, 0.5, 0.6, 0.9, 1.0, 2.0]),
        hits=np.array([False, False, False, True, False, False]),
        load_s=np.array([1.0, 1.0, 1.0, np.nan, 1.0, 1.0]),
    )
    seen = count_stampedes(trace)
    assert seen is not None
    assert (seen.stampedes, seen.needless, seen.largest, seen.at_s, seen.loads) == (1, 2, 3, 0.0, 5)
    assert (seen.needless_s, seen.load_s) == (2.0, 5.0)


def test_stampedes_need_times_hits_and_the_length_of_a_load() -> None:
    """Without times, or without knowing what a load takes, nothing is claimed."""
    assert count_stampedes(KeyTrace(as_keys([1, 1]))) is None
    trace = KeyTrace(as_keys([1, 1]), times_s=np.zeros(2), hits=np.zeros(2, np.bool_))
    assert count_stampedes(trace) is None
    seen = count_stampedes(trace, load_s=0.1)
    assert seen is not None
    assert seen.needless == 1


def test_the_analysis_of_a_long_trace_agrees_with_that_of_all_requests() -> None:
    """Recommended size and misses hardly change when the same trace is sampled."""
    trace = KeyTrace(mixed(skewed(60_000, 10_000, 0.9)))
    exact, sampled = analyse(trace).as_dict(), analyse(trace, exact_up_to=1000).as_dict()
    assert exact["exact"]
    assert not sampled["exact"]
    assert sampled["requests"] == exact["requests"]
    assert sampled["recommended"]["miss_ratio"] == pytest.approx(exact["recommended"]["miss_ratio"], abs=0.02)
    assert sampled["keys"] == exact["keys"]


def test_a_recorded_share_scales_the_sizes() -> None:
    """Where a tenth of the keys was recorded, the cache that holds them all is ten times as large."""
    curve = miss_ratio_curve(as_keys(list(range(50)) * 10), rate=0.1)
    assert curve.largest == 500
    assert curve.at([500, 480]).tolist() == pytest.approx([0.1, 1.0])
