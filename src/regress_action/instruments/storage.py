"""Reports kept between sessions, in a folder or on a git branch."""

from __future__ import annotations

import getpass
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.action import baseline
from regress_action.history import BASELINE_WINDOW, Selection
from regress_action.stores import connected_history

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.action.judge import Judged
    from regress_action.history import History
    from regress_action.model.measurements import Report

DEFAULT_PLACE = ".regress/history"


class BenchmarkStorage:
    """Append reports, and load, filter and stream them again.

    `where` is a folder (relative to `root`, which is the current folder unless given) or `branch:NAME`, as for
    `regress-action --history`. Nothing is read or made before a method asks. Reports are never changed.

    Raises:
        SettingsError: `where` names no place.
    """

    def __init__(self, where: str | Path = DEFAULT_PLACE, *, root: Path | None = None) -> None:
        self.where = str(where)
        self._history: History = connected_history(self.where, repository=root or Path.cwd(), environ=os.environ)

    def append(self, report: Report, *, judged: Judged | None = None) -> str:
        """Add one report, and return the path of its record; the same report twice is stored once.

        The noise that it and the older reports show is stored with it. Series that `judged` found slower are held
        back: they are no baseline before somebody accepts them.

        Raises:
            HistoryError: the place cannot be written.
            InputError: the report holds something that cannot be written down, such as an infinite value.
        """
        now = datetime.now(UTC)
        stamp = now.isoformat(timespec="seconds").replace("+00:00", "Z")
        dated = replace(report, created=report.created or stamp)
        slow = baseline.slow_series(judged.judgement, suspected=True) if judged else ()
        return baseline.store(self._history, dated, slow, who=getpass.getuser(), at=now)

    def load(self, suite: str = "default", *, last: int = BASELINE_WINDOW) -> tuple[Report, ...]:
        """Return the newest `last` reports of `suite`, oldest first, slow ones included.

        Raises:
            HistoryError: the place cannot be read.
        """
        return self._history.load(Selection(suite=suite, last=last))

    def baseline(self, suite: str = "default", *, last: int = BASELINE_WINDOW) -> tuple[Report, ...]:
        """Return what new reports are compared with: the newest `last` reports without what is held back.

        Raises:
            HistoryError: the place cannot be read.
        """
        return tuple(baseline.baseline_of(self._history, (), Selection(suite=suite, last=last)))

    def filter(  # noqa: PLR0913 - one option per criterion
        self,
        *,
        suite: str | None = None,
        benchmark: str | None = None,
        metric: str | None = None,
        service: str | None = None,
        environment: str | None = None,
        branch: str | None = None,
        commit: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        last: int | None = None,
    ) -> tuple[Report, ...]:
        """Return the reports that fit every criterion, oldest first, each with its matching series.

        Args:
            suite: The name of the suite.
            benchmark: A name, a short name, or a shell pattern like `cache_*`.
            metric: A name or pattern, such as `time`.
            service: A name or pattern.
            environment: A fingerprint of a machine (`report.environment.fingerprint`), or its start.
            branch: The branch that was measured.
            commit: A hash, at least seven digits of it.
            since: The earliest time, inclusive, with a time zone.
            until: The latest time, inclusive, with a time zone.
            last: How many of the newest reports of what is left.

        Raises:
            HistoryError: the place cannot be read.
        """
        return tuple(
            self._history.load(
                Selection(
                    suite=suite,
                    benchmark=benchmark,
                    metric=metric,
                    service=service,
                    environment=environment,
                    branch=branch,
                    commits=frozenset({commit}) if commit else None,
                    since=since,
                    until=until,
                    last=last,
                )
            )
        )

    def stream(
        self,
        *,
        suite: str | None = None,
        benchmark: str | None = None,
        branch: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Report]:
        """Yield reports oldest first, with few of them in memory at a time; the criteria are those of `filter`.

        Raises:
            HistoryError: the place cannot be read.
        """
        selection = Selection(suite=suite, benchmark=benchmark, branch=branch, since=since, until=until)
        return self._history.stream(selection)
