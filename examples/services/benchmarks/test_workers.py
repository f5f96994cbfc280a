"""Concurrent execution, in threads and in tasks, on work that is the same every time."""

import asyncio
import hashlib

import pytest
from services.workers import in_tasks, in_threads

pytestmark = pytest.mark.benchmark(group="workers")
BLOCKS = [bytes([number]) * 400_000 for number in range(16)]


def fingerprint(block):
    """Hash a block, which lets other threads run meanwhile."""
    return hashlib.sha256(block).hexdigest()


async def hop(number):
    """Give way three times, as somebody who waits for an answer does."""
    for _ in range(3):
        await asyncio.sleep(0)
    return number * number


def test_threads(benchmark):
    """Two workers hash 16 blocks."""
    assert benchmark(in_threads, fingerprint, BLOCKS, 2) == [fingerprint(block) for block in BLOCKS]


def test_tasks(benchmark):
    """400 tasks run, 50 of them at a time."""
    assert benchmark(in_tasks, hop, range(400), 50)[-1] == 399**2
