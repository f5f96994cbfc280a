"""Reports kept between sessions, in a folder or on a git branch."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.action import noise_model
from regress_action.history import Selection, open_history

if TYPE_CHECKING:
    from regress_action.history import History
    from regress_action.model.measurements import Report

DEFAULT_PLACE = ".regress/history"


class BenchmarkStorage:
    """Store reports and load them again; `where` is a folder (relative to `root`) or `branch:NAME`.

    Raises:
        SettingsError: `where` names no place.
    """

    def __init__(self, where: str | Path = DEFAULT_PLACE, *, root: Path | None = None) -> None:
        self.where = str(where)
        self._history: History = open_history(self.where, repository=root or Path.cwd(), environ=os.environ)

    def store(self, report: Report) -> str:
        """Add one report, with the noise that it and the older ones show, and return where it was put.

        Raises:
            HistoryError: the place cannot be written.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        dated = replace(report, created=report.created or now)
        return self._history.append(noise_model.with_noise(dated, self._history))

    def load(self, suite: str = "default", *, last: int = 20) -> tuple[Report, ...]:
        """Return the newest `last` reports of `suite`, oldest first.

        Raises:
            HistoryError: the place cannot be read.
        """
        return self._history.load(Selection(suite=suite, last=last))
