"""Sessions: opened, found again, counted, and forgotten without a trace."""

import gc
import sys
import tracemalloc

import pytest
from services.sessions import Sessions

pytestmark = pytest.mark.benchmark(group="session")
USERS = [f"user {number}" for number in range(80)]


def store(capacity=100_000):
    """Return an empty store whose tokens are the same every time."""
    return Sessions(capacity, lifetime_s=60, secret=b"not a secret")


def test_session_create(benchmark):
    """1000 sessions are opened."""

    def create():
        sessions = store()
        for number in range(1000):
            sessions.create(USERS[number % 80], now=number)
        return sessions

    assert len(benchmark(create)) == 1000


def test_session_find(benchmark):
    """80 sessions, open at once, are found 150 times each."""
    sessions = store(capacity=100)
    tokens = [sessions.create(user, now=0).token for user in USERS]
    benchmark.extra_info["concurrent_sessions_count"] = len(sessions)

    found = benchmark(lambda: [sessions.find(token, now=1) for _ in range(150) for token in tokens])

    assert None not in found


def test_session_leak(benchmark):
    """800 sessions are opened and closed; what remains of each is the memory growth."""
    sessions = store()

    def visit():
        for user in USERS:
            session = sessions.create(user, now=0)
            session.data["basket"] = [user] * 10
            sessions.close(session.token)

    benchmark(lambda: [visit() for _ in range(10)])
    benchmark.extra_info["memory_growth_bytes"] = round(growth(visit, times=50) / len(USERS))
    session = sessions.create(USERS[0], now=0)
    benchmark.extra_info["memory_per_session_mb"] = (sys.getsizeof(session) + sys.getsizeof(session.data)) / 1e6


def growth(work, times):
    """Return by how many bytes each of `times` calls of `work` grows the memory, after a first one."""
    tracemalloc.start()
    try:
        work()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(times):
            work()
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / times
    finally:
        tracemalloc.stop()
