"""The suite's end of the turns, against a real socket that grants every turn at once."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from regress_action.measure.suite_plugin import regress_turns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS = 20_000


class CountedTurns(regress_turns.Turns):
    """Turns that count how often the clock is looked at."""

    looks = 0

    def pause(self) -> int:
        """Count a look."""
        self.looks += 1
        return super().pause()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Listen as the measurer does, and give a turn of 10 ms to whoever asks; what base has found out is shared."""
    folder = os.open(tmp_path, os.O_RDONLY)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"/proc/self/fd/{folder}/s")
    listener.listen()
    ends: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            end, _ = listener.accept()
            ends.append(end)
            shared: dict[str, object] = {}
            with end, end.makefile("r") as lines:
                for message in map(json.loads, lines):
                    shared |= message.get("share", {})
                    if message.keys() & {"at", "used"}:
                        answer = {"slice_s": 0.01, "shared": shared, "cpu": None}
                        end.sendall(json.dumps(answer).encode() + b"\n")

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"{tmp_path}/s"
    for end in ends:
        with contextlib.suppress(OSError):  # it is closed already
            end.shutdown(socket.SHUT_RDWR)
    listener.close()
    os.close(folder)
    thread.join()


def test_tiny_rounds_seldom_look_at_the_clock(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look costs as much as a round of a microsecond, so the next one is half a turn later."""
    turns = CountedTurns(address, "base", ["a"])
    monkeypatch.setattr(regress_turns, "_turns", turns)
    run = regress_turns._runner_in_turns(lambda _: 1e-6)
    turns.enter("a")
    turns.agree(lambda: (1e-6, 1), lambda _: 1e-6)
    for _ in range(ROUNDS):
        run(1)
    turns._close()
    assert 0 < turns.looks < ROUNDS / 4


def test_share_of_the_rounds(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round passes for four times as long, so that a quarter of the rounds fits into the time of a benchmark."""
    monkeypatch.setenv("REGRESS_ROUNDS", "0.25")
    turns = regress_turns.Turns(address, "base", ["a"])
    turns.enter("a")
    assert turns.agree(lambda: (0.5, 3), lambda _: 0.5) == (2.0, 3)
    turns.enter("a")
    assert turns.shared["duration_s"] == 0.5
    turns._close()


@pytest.mark.parametrize(
    ("first_s", "next_s", "agreed_s"),
    [(0.02, 0.002, 0.008), (0.004, 0.002, 0.004), (2.0, 0.002, 2.0)],
    ids=["much slower", "slower", "too slow to be repeated"],
)
def test_length_of_a_round(address: str, first_s: float, next_s: float, agreed_s: float) -> None:
    """A first call counts as the suite counts it, unless it is much slower than the next one."""
    turns = regress_turns.Turns(address, "base", ["a"])
    turns.enter("a")
    assert turns.agree(lambda: (first_s, 3), lambda _: next_s) == (agreed_s, 3)
    turns.enter("a")
    turns.shared = {"iterations": 3, "duration_s": agreed_s}
    calls = iter([20 * agreed_s, agreed_s])  # the first one here is slower still
    assert turns.agree(lambda: (1.0, 1), lambda _: next(calls)) == (agreed_s, 3)
    turns._close()
