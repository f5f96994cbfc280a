"""Servers under load: started anew for every run, and two of them loaded in turn.

* A server that is started anew for every run of a load test, and ended after it.
* Loads of two servers in turn: each run has a neighbour of the other side, so that what drifts meanwhile cancels.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from regress_action.instruments.load.result import stacked
from regress_action.model.errors import IncompleteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regress_action.instruments.load.result import LoadResult
    from regress_action.model.measurements import Report

    Load = Callable[[], LoadResult]


_LONGEST_START_S = 30.0
_PAUSE_S = 0.02
_GRACE_S = 5.0


@contextmanager
def served(command: str, url: str) -> Iterator[int]:
    """Start the server, wait until the address of `url` accepts connections, and give the id of its process.

    Raises:
        UsageError: the command cannot be started, or something else listens there already.
        IncompleteError: the server ended, or did not listen within half a minute.
    """
    parts = urlsplit(url)
    place = (parts.hostname or "localhost", parts.port or (443 if parts.scheme == "https" else 80))
    if _listens(place):
        raise UsageError(
            f"Something listens on {place[0]}:{place[1]} already.", remedy="End it, or leave out --serve to use it."
        )
    try:
        process = subprocess.Popen(shlex.split(command), stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - the user's server
    except OSError as error:
        raise UsageError(f"The server {command!r} could not be started: {error.strerror}.") from error
    try:
        _wait_for(process, place, command)
        yield process.pid
    finally:
        _end(process)


def _wait_for(process: subprocess.Popen[bytes], place: tuple[str, int], command: str) -> None:
    ends = time.monotonic() + _LONGEST_START_S
    while not _listens(place):
        if process.poll() is not None:
            raise IncompleteError(
                f"The server {command!r} ended with status {process.returncode} before it listened.",
                remedy="Start it by hand to see why.",
            )
        if time.monotonic() > ends:
            raise IncompleteError(
                f"The server {command!r} does not listen on {place[0]}:{place[1]} after {_LONGEST_START_S:g} s.",
                remedy="Check its address and port.",
            )
        time.sleep(_PAUSE_S)


def _listens(place: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(place, timeout=1):
            return True
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and what it started: politely first, then by force."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
            return


@dataclass(frozen=True, slots=True)
class LoadPairs:
    """The runs of both sides; those with the same place were measured one after the other."""

    baseline: tuple[LoadResult, ...]
    head: tuple[LoadResult, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return both sides for a program."""
        return {side: [result.as_dict() for result in getattr(self, side)] for side in ("baseline", "head")}

    def reports(self, name: str | None, *, service: str | None, suite: str) -> tuple[Report, Report]:
        """Return both sides as reports that compare in pairs, the baseline first.

        Both carry the target and the digest of the head: the scenario is one, and where the two servers have
        different addresses, that is no difference between the loads.
        """
        session, first = uuid.uuid4().hex, self.head[0]
        base, head = (
            stacked(
                [replace(result, target=first.target, digest=first.digest) for result in side],
                name,
                service=service,
                suite=suite,
            )
            for side in (self.baseline, self.head)
        )

        def numbered(report: Report) -> Report:
            runs = (replace(run, session=session, pair=number) for number, run in enumerate(report.runs))
            return replace(report, runs=tuple(runs))

        return numbered(base), numbered(head)


def in_turn(baseline: Load, head: Load, pairs: int) -> Iterator[tuple[str, LoadResult]]:
    """Put both loads on `pairs` times; yield the side and the result of each. Every second pair begins with head."""
    for number in range(pairs):
        sides = (("baseline", baseline), ("head", head))
        for side, load in sides if number % 2 == 0 else sides[::-1]:
            yield side, load()
