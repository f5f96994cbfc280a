"""Workers: many jobs at a time, their results in the order of the jobs."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_threads(work: Callable[[Job], Result], jobs: Iterable[Job], workers: int) -> list[Result]:
    """Do `work` on every job in `workers` threads: for what waits for disks or releases the interpreter."""
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="worker") as pool:
        return list(pool.map(work, jobs))


def in_tasks(work: Callable[[Job], Awaitable[Result]], jobs: Sequence[Job], at_once: int) -> list[Result]:
    """Do asynchronous `work` on every job, `at_once` of them at a time: for what waits for others."""
    return asyncio.run(_gather(work, jobs, at_once))


async def _gather(work: Callable[[Job], Awaitable[Result]], jobs: Sequence[Job], at_once: int) -> list[Result]:
    free = asyncio.Semaphore(at_once)

    async def limited(job: Job) -> Result:
        async with free:
            return await work(job)

    return await asyncio.gather(*map(limited, jobs))
