"""The journal: what was done, by which agent, and how long it took, in SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    number INTEGER PRIMARY KEY,
    agent TEXT NOT NULL,
    document TEXT NOT NULL,
    seconds REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS entry_by_agent ON entry (agent, seconds);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One document that one agent worked on."""

    agent: str
    document: str
    seconds: float


class Journal:
    """A journal at `path`, or in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self._database = sqlite3.connect(path or ":memory:")
        self._database.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def record(self, entries: Iterable[Entry]) -> None:
        """Write all `entries`, or none of them."""
        with self._database:
            self._database.executemany(
                "INSERT INTO entry (agent, document, seconds) VALUES (?, ?, ?)", map(astuple, entries)
            )

    def totals(self) -> dict[str, tuple[int, float]]:
        """Return by agent how many documents it worked on, and for how many seconds."""
        rows = self._database.execute("SELECT agent, count(*), total(seconds) FROM entry GROUP BY agent ORDER BY agent")
        return {agent: (count, seconds) for agent, count, seconds in rows}

    def slowest(self, agent: str, limit: int) -> list[Entry]:
        """Return the `limit` entries of `agent` that took longest."""
        rows = self._database.execute(
            "SELECT agent, document, seconds FROM entry WHERE agent = ? ORDER BY seconds DESC, number LIMIT ?",
            (agent, limit),
        )
        return [Entry(*row) for row in rows]

    def forget(self) -> None:
        """Remove every entry."""
        with self._database:
            self._database.execute("DELETE FROM entry")
