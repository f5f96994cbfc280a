"""Rules that end a load test early: `errors>10%`, `p99>2s`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regress_action.instruments.load.scenario import seconds
from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.instruments.load.recorder import SecondStats

_RULE = re.compile(r"\s*(errors|p50|p99)\s*>\s*(.+?)\s*")
_SECONDS_IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class AbortRule:
    """End the load when `metric` lies above `limit` (a share of requests, or seconds) for three seconds in a row."""

    metric: str
    limit: float
    text: str

    def is_met(self, stats: Sequence[SecondStats]) -> bool:
        """Whether the newest seconds break the rule."""
        newest = stats[-_SECONDS_IN_A_ROW:]
        return len(newest) == _SECONDS_IN_A_ROW and all(self._value(second) > self.limit for second in newest)

    def _value(self, second: SecondStats) -> float:
        if self.metric == "errors":
            return second.errors / second.requests if second.requests else 0.0
        return second.p50_s if self.metric == "p50" else second.p99_s


def abort_rule(text: str) -> AbortRule:
    """Return the rule that a text such as `errors>10%` or `p99>2s` states.

    Raises:
        UsageError: it states none.
    """
    parts = _RULE.fullmatch(text)
    if not parts:
        raise UsageError(f"{text!r} is no rule for ending a load.", remedy="Write it like errors>10% or p99>2s.")
    metric, limit = parts.groups()
    if metric != "errors":
        return AbortRule(metric, seconds(limit), text)
    try:
        share = float(limit.removesuffix("%")) / (100 if limit.endswith("%") else 1)
    except ValueError as error:
        raise UsageError(f"{limit!r} is no share of the requests.", remedy="Write it like errors>10%.") from error
    return AbortRule(metric, share, text)
