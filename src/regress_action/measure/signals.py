"""Wait for signals: a request to stop, or the end of a child process."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from typing import TYPE_CHECKING

from regress_action.measure.errors import InterruptRequestedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_READ_SIZE = 65536


class SignalWaiter:
    """Waits for signals and for readable descriptors; the handlers themselves only take notes."""

    def __init__(self) -> None:
        self.stop: signal.Signals | None = None
        self._read_fd, self._write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self._write_fd, False)

    def _on_signal(self, number: int, _frame: object) -> None:
        self.stop = signal.Signals(number)

    def check(self) -> None:
        """Raise if a signal has asked to stop.

        Raises:
            InterruptRequestedError: SIGINT, SIGTERM or SIGHUP arrived.
        """
        if self.stop is not None:
            raise InterruptRequestedError(
                f"The measurement was stopped by {self.stop.name}.",
                meaning="What was measured until then is kept and can be judged.",
            )

    def wait(self, streams: Sequence[int], timeout_s: float) -> list[int]:
        """Wait for a signal or for one of `streams`; return those that can be read."""
        ready, _, _ = select.select([self._read_fd, *streams], [], [], max(0.0, timeout_s))
        if self._read_fd in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._read_fd, _READ_SIZE)
        return [stream for stream in ready if stream != self._read_fd]

    @contextlib.contextmanager
    def installed(self) -> Iterator[SignalWaiter]:
        """Install the handlers for as long as the block lasts."""
        # A signal that the caller ignores stays ignored, as under nohup.
        handled = [number for number in _STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        former = {number: signal.signal(number, self._on_signal) for number in handled}
        # Only with a handler is the wake-up pipe written to; children are reaped where they are waited for.
        former[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        wakeup = signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        try:
            yield self
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in former.items():
                signal.signal(number, handler)
