"""What is watched during a load: the process under it, and the rules that end it early."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from regress_action.instruments.load.scenario import seconds
from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.instruments.load.recorder import SecondStats

SECONDS_IN_A_ROW = 3  # that break a rule, before it ends the load
_RULE = re.compile(r"\s*(errors|p50|p99)\s*>\s*(.+?)\s*")


class ProcessUse:
    """CPU time and memory of one process and its children, between the first look and the last.

    Raises:
        UsageError: there is no such process.
    """

    def __init__(self, pid: int) -> None:
        try:
            self._process = psutil.Process(pid)
        except psutil.Error as error:
            raise UsageError(f"There is no process {pid}.", remedy="Give the id of the process under load.") from error
        self._first_cpu_s: float | None = None
        self._last_cpu_s = 0.0
        self._peak_bytes = 0

    def look(self) -> None:
        """Read the counters once."""
        cpu, memory = 0.0, 0
        with contextlib.suppress(psutil.Error):
            for process in (self._process, *self._process.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    times = process.cpu_times()
                    cpu += times.user + times.system
                    memory += process.memory_info().rss
        if memory:
            self._first_cpu_s = cpu if self._first_cpu_s is None else self._first_cpu_s
            self._last_cpu_s = max(self._last_cpu_s, cpu)
            self._peak_bytes = max(self._peak_bytes, memory)

    def used(self) -> dict[str, float]:
        """Return the CPU seconds and the most resident bytes, nothing where the process was never seen."""
        if self._first_cpu_s is None:
            return {}
        return {"cpu_time": self._last_cpu_s - self._first_cpu_s, "peak_memory": float(self._peak_bytes)}


@dataclass(frozen=True, slots=True)
class AbortRule:
    """End the load when `metric` lies above `limit` (a share of requests, or seconds) for three seconds in a row.

    A second without an answer, while requests are open, has no percentile. Its latency is the time since the last
    second with one: the answers that are missing take at least as long.
    """

    metric: str
    limit: float
    text: str

    def is_met(self, stats: Sequence[SecondStats]) -> bool:
        """Whether the newest seconds break the rule."""
        ends = range(len(stats) - SECONDS_IN_A_ROW + 1, len(stats) + 1)
        return len(stats) >= SECONDS_IN_A_ROW and all(self._value(stats[:end]) > self.limit for end in ends)

    def _value(self, stats: Sequence[SecondStats]) -> float:
        """Return the metric of the last of `stats`."""
        second = stats[-1]
        if self.metric == "errors":
            return second.errors / second.requests if second.requests else 0.0
        if not second.requests and second.in_flight:
            return second.at_s - next((earlier.at_s for earlier in reversed(stats) if earlier.requests), 0.0)
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
