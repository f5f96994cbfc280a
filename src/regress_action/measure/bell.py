"""Signals as something to wait for: a stop that was asked, a child that ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from typing import TYPE_CHECKING

from regress_action.measure.errors import StopAskedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MUCH = 65536


class Bell:
    """Rings when a child ended or a stop was asked; nothing happens inside a handler."""

    def __init__(self) -> None:
        self.stop: signal.Signals | None = None
        self._ear, self._hand = os.pipe()
        os.set_blocking(self._ear, False)
        os.set_blocking(self._hand, False)

    def _asked(self, number: int, _frame: object) -> None:
        self.stop = signal.Signals(number)

    def check(self) -> None:
        """Raise if a stop was asked.

        Raises:
            StopAskedError: SIGINT, SIGTERM or SIGHUP arrived.
        """
        if self.stop is not None:
            raise StopAskedError(
                f"The measurement was stopped by {self.stop.name}.",
                meaning="What was measured until then is kept and can be judged.",
            )

    def wait(self, streams: Sequence[int], seconds: float) -> list[int]:
        """Wait for a signal or for one of `streams`; return those that can be read."""
        ready, _, _ = select.select([self._ear, *streams], [], [], max(0.0, seconds))
        if self._ear in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._ear, _MUCH)
        return [stream for stream in ready if stream != self._ear]

    @contextlib.contextmanager
    def hung(self) -> Iterator[Bell]:
        """Install the handlers for as long as the block lasts."""
        # What whoever started us ignores, as nohup does, we ignore as well.
        heard = [number for number in _STOPS if signal.getsignal(number) is not signal.SIG_IGN]
        former = {number: signal.signal(number, self._asked) for number in heard}
        # A handler has to exist for the wake-up pipe to be written; children are reaped where they are waited for.
        former[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        wakeup = signal.set_wakeup_fd(self._hand, warn_on_full_buffer=False)
        try:
            yield self
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in former.items():
                signal.signal(number, handler)
