"""Rates of many worlds as a table, each held to a bound, with those of an earlier program beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

Rates = dict[str, dict[str, float | None]]
"""World → question → rate in per cent; None where the question makes no sense."""

_ERRORS = 3.0  # a rate is outside when it is so many standard errors beyond its bound


@dataclass(frozen=True)
class Bound:
    """The rate in per cent that a question may reach: at most, or at least."""

    limit: float
    at_most: bool = True


@dataclass(frozen=True)
class WorldTable:
    """One row per world, one column per question; questions without a bound are printed and judged by the reader.

    `not_held` are worlds that break an assumption which is stated, with that assumption: their rates are printed and
    held to no bound. `trials` is how many answers a rate is of, where that is not what was asked for.
    """

    name: str
    how: str
    rates: Rates
    bounds: dict[str, Bound] = field(default_factory=dict)
    not_held: dict[str, str] = field(default_factory=dict)
    trials: int = 0

    def outside(self, trials: int) -> list[tuple[str, str]]:
        """Return the (world, question) whose rate is beyond its bound by more than chance of so many trials."""
        trials = self.trials or trials
        return [
            (world, question)
            for world, answers in self.rates.items()
            if world not in self.not_held
            for question, rate in answers.items()
            if rate is not None and question in self.bounds and _beyond(rate, self.bounds[question], trials)
        ]

    def text(self, before: Rates) -> str:
        """Return the table as aligned text; a rate that was another before stands behind it in brackets."""
        questions = list(dict.fromkeys(question for answers in self.rates.values() for question in answers))
        cells = [["", *questions]]
        for world, answers in self.rates.items():
            old = before.get(world, {})
            cells.append([world, *(_cell(answers.get(question), old.get(question)) for question in questions)])
        widths = [max(len(row[column]) for row in cells) for column in range(len(questions) + 1)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
            for row in cells
        ]
        limits = ", ".join(f"{q} {'≤' if b.at_most else '≥'} {b.limit:g}" for q, b in self.bounds.items())
        excused = "; ".join(f"{world} ({why})" for world, why in self.not_held.items())
        above = [f"Bounds: {limits}."] if limits else []
        above += [f"Not held to them: {excused}."] if excused else []
        return "\n".join(["", f"## {self.name}", self.how, *above, "", *lines])


def percent(outcomes: list[bool] | list[float]) -> float:
    """Return the share of what is true, in per cent; NaN of nothing."""
    return 100 * math.fsum(map(float, outcomes)) / len(outcomes) if outcomes else math.nan


def _beyond(rate: float, bound: Bound, trials: int) -> bool:
    if math.isnan(rate):
        return False
    share = bound.limit / 100
    slack = 100 * _ERRORS * math.sqrt(max(share * (1 - share), 1 / trials) / trials)
    return rate > bound.limit + slack if bound.at_most else rate < bound.limit - slack


def _cell(rate: float | None, before: float | None) -> str:
    shown = _number(rate)
    return shown if before is None or _number(before) == shown else f"{shown} ({_number(before)})"


def _number(rate: float | None) -> str:
    if rate is None or math.isnan(rate):
        return "-"
    return f"{rate:.1f}" if 0 < rate < 10 else f"{rate:.0f}"  # noqa: PLR2004 - two digits say enough
