"""The cache: asked for what it holds, filled beyond its capacity, and both as a service does it."""

import random
from statistics import median

import pytest
from services.cache import Cache

pytestmark = pytest.mark.benchmark(group="cache")
CAPACITY = 64
CHANCE = random.Random(11)  # noqa: S311 - not secrets
HITS = [CHANCE.randrange(CAPACITY) for _ in range(10_000)]
MIXED = [CHANCE.randrange(3 * CAPACITY // 2) for _ in range(10_000)]


@pytest.fixture
def cache():
    """Give a full cache."""
    full = Cache(CAPACITY)
    for key in range(CAPACITY):
        full.set(key, str(key))
    return full


def test_cache_get(benchmark, cache):
    """10 000 questions, each answered."""

    def ask():
        for key in HITS:
            cache.get(key)

    benchmark(ask)
    assert cache.misses == 0


def test_cache_set(benchmark, cache):
    """10 000 new values, each of which needs the room of an older one."""

    def fill():
        for key in range(10_000):
            cache.set(key, key)

    benchmark(fill)
    assert len(cache) == CAPACITY


def test_cache_throughput(benchmark, cache):
    """10 000 questions of which most are answered, and the answer kept where one was missing."""

    def serve():
        for key in MIXED:
            if cache.get(key) is None:
                cache.set(key, str(key))

    benchmark(serve)
    assert 0 < cache.misses < cache.hits
    if benchmark.enabled:
        benchmark.extra_info["throughput_ops_per_sec"] = len(MIXED) / median(benchmark.stats.stats.data)
