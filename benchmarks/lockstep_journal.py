"""Trials that are written down one by one, so that a long part can be ended and go on later; and tables of results."""

from __future__ import annotations

import json
import math
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass
class Journal:
    """The outcomes of trials by their names, a JSON line each, so that a run goes on where an earlier one ended.

    `until` is the time, as `time.monotonic` gives it, after which no trial is begun.
    """

    path: Path | None = None
    until: float = math.inf
    done: dict[str, Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.path and self.path.exists():
            lines = [json.loads(line) for line in self.path.read_text().splitlines()]
            self.done = {line["trial"]: line["outcome"] for line in lines}

    def once(self, name: str, trial: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the trial returns
        """Return the outcome of a trial, now or earlier; None where the time is over."""
        if name not in self.done and time.monotonic() < self.until:
            outcome = trial()
            with self.lock:
                self.done[name] = outcome
                if self.path:
                    with self.path.open("a") as file:
                        file.write(json.dumps({"trial": name, "outcome": outcome}) + "\n")
        return self.done.get(name)


def show(rows: list[dict[str, Any]]) -> None:
    """Print rows as a table with a column for each key."""
    if not rows:
        print("nothing was measured")
        return
    keys = list({key: None for row in rows for key in row})
    cells = [keys, *[[_text(key, row.get(key, "")) for key in keys] for row in rows]]
    widths = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _text(key: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}" if key in {"less noise than wall", "than CPU", "seconds each"} else f"{value:.2%}"
    return str(value)
