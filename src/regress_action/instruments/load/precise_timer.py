"""A timer of an event loop that is exact to microseconds: asyncio's own wakes on whole milliseconds."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from typing import Self

_CLOCK_MONOTONIC = 1
_FLAGS = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_NS = 1_000_000_000
_COARSE_S = 0.002


class PreciseTimer:
    """Sleep on the running event loop by a timer of the Linux kernel; elsewhere by giving way until it is due.

    To be used as a context, from one task at a time.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._library = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._descriptor = self._library.timerfd_create(_CLOCK_MONOTONIC, _FLAGS) if self._library else -1
        self._fired: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        if self._descriptor >= 0:
            self._loop.add_reader(self._descriptor, self._wake)
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; returns early on other systems than Linux, so look at the clock again."""
        if self._descriptor < 0 or self._library is None:
            await asyncio.sleep(seconds - _COARSE_S / 2 if seconds > _COARSE_S else 0)
            return
        full, part = divmod(max(1, int(seconds * _NS)), _NS)
        setting = (ctypes.c_long * 4)(0, 0, full, part)
        self._fired = self._loop.create_future()
        self._library.timerfd_settime(self._descriptor, 0, setting, None)
        await self._fired

    def _wake(self) -> None:
        os.read(self._descriptor, 8)
        if self._fired and not self._fired.done():
            self._fired.set_result(None)
