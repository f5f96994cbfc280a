"""Following a measurement on a terminal and in a log."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from regress_action.report.progress import ProgressView, follow

STARTED = {
    "event": "started",
    "sides": ["base", "head"],
    "pairs": 4,
    "command": "make [bold]bench",
    "line": "measuring",
}


def _started(side: str, pair: int, remaining_s: float | None = None) -> dict[str, Any]:
    place = {"pair": pair, "pairs": 4, "unit": "pair", "side": side, "warmup": pair == 0}
    return {"event": "run-started", **place, "elapsed_s": 0, "remaining_s": remaining_s, "line": None}


def _finished(side: str, pair: int, wall_s: float, failure: str | None = None, **more: object) -> dict[str, Any]:
    line = f"pair {pair}/4 · {side} · {failure or wall_s}"
    return _started(side, pair) | {"event": "run-finished", "wall_s": wall_s, "failure": failure, "line": line} | more


def _shown(*events: dict[str, Any], terminal: bool = False) -> str:
    stream = io.StringIO()
    follow(events, Console(file=stream, width=100, force_terminal=terminal, color_system=None))
    return stream.getvalue()


def _display(*events: dict[str, Any], now: float) -> str:
    times = iter([0.0] * 100)
    view = ProgressView(lambda: next(times))
    for event in events:
        view.update(event)
    view.clock = lambda: now
    stream = io.StringIO()
    Console(file=stream, width=100).print(view)
    return stream.getvalue()


def test_a_log_has_a_line_per_event_that_has_one() -> None:
    """Without a terminal the lines of the events are printed as they are, beginnings left out."""
    shown = _shown(STARTED, _started("base", 1), _finished("base", 1, 1.5))
    assert shown == "measuring\npair 1/4 · base · 1.5\n"


def test_a_failure_shows_how_the_output_ended() -> None:
    """The last ten lines of what a failed run printed stand below it, inert."""
    tail = "\n".join(f"::error::line {number}" for number in range(12))
    shown = _shown(_finished("head", 1, 1.5, "exited with status 1", output_tail=tail)).splitlines()
    assert shown[0] == "pair 1/4 · head · exited with status 1"
    assert len(shown) == 11
    assert shown[-1] == "    ∷error::line 11"


def test_the_view_says_which_pair_which_side_and_how_long() -> None:
    """A person sees what runs, since when, how long it takes in all, and the figures so far."""
    events = [STARTED, _finished("base", 1, 1.5), _finished("base", 2, 2.5), _finished("head", 1, 9.0, "broke")]
    shown = _display(*events, _started("head", 2, remaining_s=60.0), now=20.0)
    assert "pair 2 of 4, head for 0:20" in shown
    assert "0:20 in all · about 0:40 left" in shown
    assert "base  2 runs  median 2.00 s  last 2.50 s" in shown
    assert "1 failed" in shown


def test_an_estimate_that_has_passed_is_not_shown() -> None:
    """Nothing is `about 0:00 left` for minutes."""
    assert "left" not in _display(STARTED, _started("head", 2, remaining_s=5.0), now=20.0)


def test_command_output_is_not_parsed_as_markup() -> None:
    """A command with brackets is shown as it was typed."""
    assert "make [bold]bench" in _display(STARTED, now=1.0)


def test_a_terminal_keeps_what_matters_and_nothing_of_the_view() -> None:
    """After the end, warnings, failures and the summary stand there; the good runs were shown moving."""
    warning = {"event": "warning", "message": "careful", "line": "warning · careful"}
    end = {"event": "finished", "line": "measured all 4 pairs"}
    shown = _shown(STARTED, warning, _finished("base", 1, 1.5), _finished("head", 1, 2.0, "broke"), end, terminal=True)
    for kept in ("warning · careful", "pair 1/4 · head · broke", "measured all 4 pairs"):
        assert kept in shown
    assert "pair 1/4 · base" not in shown
