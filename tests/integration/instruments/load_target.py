"""What the load tests put their load on."""

from __future__ import annotations

import asyncio
import time


async def nap() -> None:
    """Answer after five milliseconds."""
    await asyncio.sleep(0.005)


async def noop() -> None:
    """Answer at once."""


async def hang() -> None:
    """Never answer."""
    await asyncio.Event().wait()


def block() -> None:
    """Answer after five milliseconds, without letting the thread go."""
    time.sleep(0.005)


async def refuse() -> None:
    """Fail."""
    raise ConnectionRefusedError


class Stalling:
    """Answer in a millisecond, but for one long stall of everything."""

    def __init__(self, after: int, stall_s: float) -> None:
        self.calls = 0
        self.after = after
        self.stall_s = stall_s
        self.open_again = 0.0

    async def __call__(self) -> None:
        """Wait as long as the stall goes on."""
        self.calls += 1
        now = time.perf_counter()
        if self.calls == self.after:
            self.open_again = now + self.stall_s
        await asyncio.sleep(max(0.001, self.open_again - now))
