"""A series along its reports as an SVG that stands alone: for a page, an issue, a mail or a release."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from regress_action.model.escaping import plain
from regress_action.report import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 220, 84, 16, 34, 26
_LARGEST = 1e100  # beyond, nothing is drawn
_LINES = 4
_TITLE = 90
_LABEL = 24


@dataclass(frozen=True, slots=True)
class Mark:
    """A change of level before the value at `index`; `label` is its size."""

    index: int
    label: str


def render(
    title: str,
    values: Sequence[float],
    unit: str,
    *,
    marks: Sequence[Mark] = (),
    ends: tuple[str, str] = ("", ""),
    limit: float | None = None,
) -> Markup:
    """Return the chart; empty for fewer than two values that can be drawn.

    `ends` name the first and the last value, `limit` is a budget in the metric's unit. Nothing in the picture is
    loaded or executed, and it follows light and dark.
    """
    drawn = [(index, value) for index, value in enumerate(values) if math.isfinite(value) and abs(value) < _LARGEST]
    if len(drawn) < 2:  # noqa: PLR2004 - a line has two ends
        return Markup("")
    every = [value for _, value in drawn] + ([limit] if limit is not None else [])
    scaled, symbol = numbers.in_one_unit(every, unit)
    factor = next((a / b for a, b in zip(scaled, every, strict=True) if b), 1.0)
    scale = _Scale.over(scaled, len(values))
    text = _template().render(
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        right=_WIDTH - _RIGHT,
        top=_TOP,
        bottom=_HEIGHT - _BOTTOM,
        title=plain(title, _TITLE),
        unit=symbol,
        words=f"{plain(title, _TITLE)}: {' to '.join(numbers.quantity(drawn[at][1], unit) for at in (0, -1))}",
        grid=[(scale.down(value), _label(value)) for value in scale.lines()],
        points=[(scale.across(index), scale.down(value * factor)) for index, value in drawn],
        marks=[(scale.across(mark.index), plain(mark.label, _LABEL)) for mark in marks],
        ends=[plain(end, _LABEL) for end in ends],
        limit=None if limit is None else scale.down(limit * factor),
    )
    return Markup(text)  # noqa: S704 - the template escapes what it is given


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where values lie: `low` at the bottom and `high` at the top, `count` of them from left to right."""

    low: float
    high: float
    count: int

    @classmethod
    def over(cls, values: Sequence[float], count: int) -> _Scale:
        low, high = min(values), max(values)
        margin = (high - low or abs(high) or 1.0) * 0.1
        return cls(0.0 if 0 <= low <= (high - low) * 2 else low - margin, high + margin, count)

    def across(self, index: float) -> float:
        """Return the distance of a value from the left."""
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * index / max(self.count - 1, 1), 1)

    def down(self, value: float) -> float:
        """Return the distance of a value from the top."""
        share = (self.high - value) / (self.high - self.low)
        return round(_TOP + (_HEIGHT - _TOP - _BOTTOM) * share, 1)

    def lines(self) -> list[float]:
        """Return a few round values."""
        rough = (self.high - self.low) / _LINES
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough)
        first = math.ceil(self.low / step)
        return [number * step for number in range(first, math.floor(self.high / step) + 1)]


def _label(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


@cache
def _template():  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Return the template, which escapes every value."""
    folder = Path(__file__).with_name("templates")
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("line_chart.svg.j2")
