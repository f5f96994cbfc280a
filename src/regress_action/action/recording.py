"""Stage 1 from files: reports join a history."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action import formats
from regress_action.action import learning
from regress_action.history import open_history

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.model.measurements import Report


def record(
    patterns: Sequence[str],
    where: str,
    *,
    suite: str | None = None,
    commit: str | None = None,
    branch: str | None = None,
    now: datetime | None = None,
) -> Iterator[str]:
    """Add every report that the patterns name to the history at `where`; yield where each was put."""
    history = open_history(where, repository=Path.cwd(), environ=os.environ)
    for report in formats.gather(patterns):
        named = _named(report, suite=suite, commit=commit, branch=branch, now=now or datetime.now(UTC))
        yield history.append(learning.taught(named, history))


def _named(report: Report, *, suite: str | None, commit: str | None, branch: str | None, now: datetime) -> Report:
    """Fill what the file does not say; what it says about its commit wins over nothing, never over the caller."""
    return replace(
        report,
        suite=suite or report.suite,
        commit=commit or report.commit,
        branch=branch or report.branch,
        created=report.created or now.isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
