"""What a site is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regress_action.analysis.series_state import SeriesLimits
    from regress_action.history.events import Event
    from regress_action.site.tables import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the page says beyond the history.

    `repository` is an https address for links to commits, `note` a sentence at the top, `releases` maps commits to
    the names of releases, `now` is the time at which the site is written.
    """

    title: str = "Performance"
    repository: str | None = None
    note: str = ""
    waivers: Sequence[str] = ()
    releases: Mapping[str, str] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Site:
    """What the site is made of: `limits` has a list per table with an entry per row, `events` are the decisions."""

    tables: Sequence[Table]
    limits: Sequence[Sequence[SeriesLimits]]
    events: Sequence[Event]
    page: Page
