"""Which records, and which of their series, somebody wants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from regress_action.model.measurements import matches
from regress_action.model.records import slug

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from regress_action.history.entries import RecordEntry
    from regress_action.model.measurements import Report, Series

TRUSTED_EVENTS: Final = frozenset({"push", "schedule", "workflow_dispatch", "repository_dispatch", "local", "import"})
"""Events whose records are believed; a pull request is never its own reference."""


BASELINE_WINDOW: Final = 20
"""Stored reports that a new one is compared with at most."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A filter over history; every field that is given must hold.

    `benchmark`, `service` and `metric` are shell patterns (`parse_*`). `environment` is a fingerprint or the start of
    one. `commits` are hashes of at least seven digits. `since` and `until` are inclusive. `last` keeps the newest so
    many reports of what is left. `untrusted` lets records in that no trusted event wrote.
    """

    suite: str | None = None
    benchmark: str | None = None
    service: str | None = None
    metric: str | None = None
    environment: str | None = None
    branch: str | None = None
    commits: frozenset[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    last: int | None = None
    untrusted: bool = False

    def entry_filter(self) -> Callable[[RecordEntry], bool]:
        """Return whether a record may be wanted, as far as its path tells; prepared once for many records."""
        suite = None if self.suite is None else slug(self.suite)
        since = None if self.since is None else self.since.replace(microsecond=0)
        prefixes = {commit[:12] for commit in self.commits or ()}
        short = tuple(commit for commit in prefixes if len(commit) < 12)  # noqa: PLR2004 - the digits that a path holds

        def admits(entry: RecordEntry) -> bool:
            return (
                (suite is None or entry.suite == suite)
                and (self.environment is None or entry.environment.startswith(self.environment))
                and (
                    self.commits is None or entry.commit in prefixes or (bool(short) and entry.commit.startswith(short))
                )
                and (since is None or entry.time >= since)
                and (self.until is None or entry.time <= self.until)
            )

        return admits

    def admits_month(self, year: str, month: str) -> bool:
        """Whether a record of that month may be wanted."""
        return (self.since is None or (year, month) >= (f"{self.since:%Y}", f"{self.since:%m}")) and (
            self.until is None or (year, month) <= (f"{self.until:%Y}", f"{self.until:%m}")
        )

    def narrowed(self, report: Report) -> Report | None:
        """Return `report` with the wanted series, or None where nothing of it is wanted."""
        if not self.untrusted and dict(report.provenance).get("event", "local") not in TRUSTED_EVENTS:
            return None
        if self.branch is not None and report.branch != self.branch:
            return None
        if self.commits is not None and not self._admits_commit(report.commit):
            return None
        if self.benchmark is None and self.service is None and self.metric is None:
            return report
        series = tuple(filter(self._admits_series, report.series))
        return replace(report, series=series) if series else None

    def _admits_commit(self, commit: str | None) -> bool:
        """Whether the full hash is wanted; a path holds its first twelve digits only."""
        wanted = self.commits or frozenset()
        return commit is not None and (commit in wanted or any(commit.startswith(short) for short in wanted))

    def _admits_series(self, series: Series) -> bool:
        wanted = (
            (self.benchmark, series.benchmark.name),
            (self.service, series.benchmark.service or ""),
            (self.metric, series.metric.name),
        )
        return all(pattern is None or matches(text, pattern) for pattern, text in wanted)


EVERYTHING: Final = Selection()
