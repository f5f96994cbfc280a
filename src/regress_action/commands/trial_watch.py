"""The processes of a trial of `init` while they run: what a person sees of them, and what ends them."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from regress_action.measure.reporting import clock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

IDLE_S = 90.0
"""Seconds without any work after which a try is ended: it waits for something, mostly for what is out of reach."""

LEAST_CPU_S = 0.2
"""CPU seconds that count as work."""

WAITED = "It computed nothing for {:.0f} seconds, so it waits for something that does not come"
OUT_OF_TIME = "The limit for all tries of this init was reached"

_MEASURER = {"regress_action.measure", "regress_action.measure.watchdog"}
_SETUP_FINISHED = "\nsetup · head · "
_LOOKS_S = 1.0
_LOOKS_AT_PROCESSES_S = 2.0
_LINES_S = 60.0
_GRACE_S = 10.0
_END_S = 30.0


@dataclass(frozen=True, slots=True)
class TrialWatch:
    """How long the processes of a trial may run: without work, and until when all tries together.

    `ends_at` is a time of the monotonic clock.
    """

    idle_s: float = IDLE_S
    ends_at: float = math.inf

    @property
    def left_s(self) -> float:
        """Seconds that are left for all tries."""
        return max(0.0, self.ends_at - time.monotonic())

    def run(
        self, words: Sequence[str], folder: Path, environ: Mapping[str, str], display: TrialDisplay
    ) -> tuple[str, int]:
        """Return what a measurement printed and its exit status; one that only waits or takes too long is ended.

        It has a process group of its own, so that Ctrl-C reaches only this program, which ends it in order.
        """
        with (folder.parent / "printed.log").open("w+", errors="replace") as printed:
            process = subprocess.Popen(  # noqa: S603 - the words of the project's own suite, run for the person who asked
                words,
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
            try:
                if said := self._followed(process, folder.parent / "printed.log", display):
                    printed.write(f"\n{said}\n")
            finally:
                display.clear()
                _end(process)
            printed.seek(0)
            return printed.read(), process.returncode

    def _followed(self, process: subprocess.Popen[bytes], log: Path, display: TrialDisplay) -> str:
        """Wait for a process and show how it goes on; return why it has to be ended, empty where it ended by itself."""
        seen, worked = _activity(process.pid), time.monotonic()
        looked = worked
        while process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(min(_LOOKS_S, self.idle_s))
            now = time.monotonic()
            display.update(_SETUP_FINISHED in f"\n{log.read_text(errors='replace')}")
            if now > self.ends_at + _GRACE_S:
                return OUT_OF_TIME
            if now - looked < min(_LOOKS_AT_PROCESSES_S, self.idle_s):
                continue
            looked, current = now, _activity(process.pid)
            if current[0] != seen[0] or current[1] > seen[1] + LEAST_CPU_S:
                seen, worked = current, now
            elif now - worked > self.idle_s:
                return WAITED.format(self.idle_s)
        return ""


UNLIMITED = TrialWatch()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a measurement that still runs; it ends its suite when it is interrupted."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
        process.kill()
        process.wait()


def _activity(pid: int) -> tuple[frozenset[int], float]:
    """Return the processes below a measurement, the measurer's own aside, and the CPU seconds that they have used."""
    import psutil

    processes, cpu_s = set(), 0.0
    with suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.Error):
                if not _MEASURER.intersection(process.cmdline()):
                    times = process.cpu_times()
                    processes.add(process.pid)
                    cpu_s += times.user + times.system
    return frozenset(processes), cpu_s


@dataclass(slots=True)
class TrialDisplay:
    """What a try does, for how long, and for how long at most: a moving line on a terminal, a line a minute in a log.

    `left_s` are the seconds for all tries together, if they are limited. `run` says what is run once it is prepared.
    """

    limit_s: float
    left_s: float = math.inf
    prepares: bool = True
    run: str = "one run"
    began: float = field(default_factory=time.monotonic)
    said_at: float = field(default_factory=time.monotonic)

    def update(self, is_prepared: bool) -> None:  # noqa: FBT001 - what is shown
        """Show how long it takes now."""
        now = time.monotonic()
        if not _is_moving():
            if now - self.said_at >= _LINES_S:
                self.said_at = now
                click.echo(self._line(is_prepared, now), err=True)
            return
        click.echo(f"\r\x1b[K{self._line(is_prepared, now)}", nl=False, err=True)

    def clear(self) -> None:
        """Remove the moving line."""
        if _is_moving():
            click.echo("\r\x1b[K", nl=False, err=True)

    def _line(self, is_prepared: bool, now: float) -> str:  # noqa: FBT001 - what is shown
        what = "the setup" if self.prepares and not is_prepared else self.run
        passed = now - self.began
        left = "" if math.isinf(self.left_s) else f", {clock(max(0.0, self.left_s - passed))} left for all tries"
        return f"  {what} … {clock(passed)} of at most {clock(self.limit_s)}{left}"


def _is_moving() -> bool:
    """Whether standard error is a terminal that can go back to the start of a line."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
