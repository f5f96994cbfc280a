"""Charts made of characters: an interval around 1, and a Mermaid chart for GitHub.

Also here: a line chart made of characters: curves as dots of Braille patterns, points and marks as symbols, labelled
axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from regress_action.model.escaping import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from regress_action.model.comparisons import Comparison


_WIDEST = math.log(10)
_MERMAID_POINTS = 60
_MERMAID_LARGEST = 1e100
_MERMAID_LOOK = (
    '%%{init: {"xyChart": {"width": 800, "height": 260}, '
    '"themeVariables": {"xyChart": {"plotColorPalette": "#0969da"}}}}%%'
)


@dataclass(frozen=True, slots=True)
class Axis:
    """A logarithmic axis of ratios, shared by the rows of one table; `cells` wide."""

    low: float
    high: float
    cells: int

    @classmethod
    def over(cls, comparisons: Iterable[Comparison], cells: int) -> Axis:
        """Span 1, the thresholds and every interval, at most from a tenth to tenfold."""
        ends = [0.0]
        for comparison in comparisons:
            ends.append(_log(comparison.threshold))
            ends += [
                _log(end) for end in (comparison.ratio_low, comparison.ratio, comparison.ratio_high) if end is not None
            ]
        spread = max(0.02, max(ends) - min(ends)) * 0.06
        return cls(min(ends) - spread, max(ends) + spread, cells)

    def cell(self, ratio: float) -> int:
        """Return the cell in which a ratio lies."""
        share = (_log(ratio) - self.low) / (self.high - self.low)
        return min(self.cells - 1, max(0, round(share * (self.cells - 1))))

    def bar(self, comparison: Comparison) -> str:
        """Return `│  ┊ ├─●──┤`: 1 as a line, the threshold as a dotted one, the interval with its estimate."""
        if comparison.ratio is None:
            return ""
        cells = [" "] * self.cells
        low = self.cell(comparison.ratio if comparison.ratio_low is None else comparison.ratio_low)
        high = self.cell(comparison.ratio if comparison.ratio_high is None else comparison.ratio_high)
        cells[low : high + 1] = "─" * (high + 1 - low)
        cells[self.cell(comparison.threshold)] = "┊"
        cells[self.cell(1.0)] = "│"
        if low < high:
            cells[low], cells[high] = "├", "┤"
        cells[self.cell(comparison.ratio)] = "●"
        return "".join(cells)


def mermaid(title: str, unit: str, values: Sequence[float], labels: Sequence[str] = ()) -> str:
    """Return a Mermaid line chart of a series' last values, in the unit given; empty for fewer than three values.

    `labels` name the values, such as commits; the first and the last of them name the axis.
    """
    points = [
        (value, label) for value, label in zip(values, labels or [""] * len(values), strict=True) if _drawn(value)
    ]
    points = points[-_MERMAID_POINTS:]
    if len(points) < 3:  # noqa: PLR2004 - a line needs three points to show anything
        return ""
    low, high = min(value for value, _ in points), max(value for value, _ in points)
    bottom = 0.0 if 0 <= low <= (high - low) * 2 else low - (high - low)
    ends = " to ".join(_mermaid_text(label, 12) for _, label in (points[0], points[-1])) if labels else "runs"
    lines = [
        _MERMAID_LOOK,
        "xychart-beta",
        f'  title "{_mermaid_text(title, 80)}"',
        f'  x-axis "{ends}" 1 --> {len(points)}',
        f'  y-axis "{_mermaid_text(unit, 16)}" {bottom:.6g} --> {high + (high - bottom) * 0.1 or 1:.6g}',
        f"  line [{', '.join(f'{value:.6g}' for value, _ in points)}]",
    ]
    return "\n".join(lines)


_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 20) -> str:
    """Return the newest values as one line of blocks, from the smallest to the largest; a gap where there is none."""
    if len(values) > width:  # the median of neighbours, so that a single disturbed run does not rule the line
        edges = [round(len(values) * number / width) for number in range(width + 1)]
        values = [_middle(values[start:stop]) for start, stop in pairwise(edges)]
    finite = [value for value in values if _drawn(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    step = (high - low) / (len(_BLOCKS) - 1)
    return "".join(
        (_BLOCKS[round((value - low) / step)] if step else _BLOCKS[3]) if _drawn(value) else " " for value in values
    )


def lines(values: Sequence[float], label: Callable[[float], str], *, width: int = 60, height: int = 8) -> list[str]:
    """Return a chart for a terminal, with the ends of its scale at the left; empty for fewer than two values."""
    values = [value for value in values if _drawn(value)]
    if len(values) < 2:  # noqa: PLR2004 - one value is no line
        return []
    columns = min(width, len(values))
    edges = [round(len(values) * number / columns) for number in range(columns + 1)]
    heights = [_middle(values[start:stop]) for start, stop in pairwise(edges)]
    low, high = min(heights), max(heights)
    eighths = [round((value - low) / ((high - low) or 1.0) * (height * 8 - 1)) + 1 for value in heights]
    ends = {height - 1: label(high), 0: label(low)}
    margin = max(map(len, ends.values()))
    rows = []
    for row in reversed(range(height)):
        cells = "".join(f" {_BLOCKS}"[min(max(eighth - 8 * row, 0), 8)] for eighth in eighths)
        rows.append(f"{ends.get(row, ''):>{margin}} ┤{cells}".rstrip())
    return rows


def _middle(values: Sequence[float]) -> float:
    finite = [value for value in values if _drawn(value)]
    return median(finite) if finite else math.nan


def _drawn(value: float) -> bool:
    return math.isfinite(value) and abs(value) < _MERMAID_LARGEST


def _mermaid_text(text: str, limit: int) -> str:
    return "".join(c if c.isalnum() or c in " ._-:/()µ" else " " for c in plain(text, limit)).strip() or " "


def _log(ratio: float) -> float:
    if not ratio > 0:
        return -_WIDEST
    return max(-_WIDEST, min(_WIDEST, math.log(ratio)))


_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a Braille cell, by row and column."""
_ACROSS, _DOWN = 2, 4
_GAP = 2


@dataclass(slots=True)
class BrailleChart:
    """A chart of `width` by `height` characters without its axes, over ranges of x and y that are not empty.

    With `log_x` the horizontal axis is logarithmic. With `ascii_only` curves are drawn with asterisks.
    """

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    width: int = 64
    height: int = 13
    log_x: bool = False
    ascii_only: bool = False
    _cells: list[list[int]] = field(default_factory=list)
    _symbols: dict[tuple[int, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._cells = [[0] * self.width for _ in range(self.height)]

    def curve(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        """Draw a line through points of rising x."""
        places = [(self._across(x, _ACROSS), self._down(y, _DOWN)) for x, y in zip(xs, ys, strict=True)]
        for (left, top), (right, bottom) in zip(places, places[1:] or places, strict=False):
            steps = max(abs(right - left), abs(bottom - top), 1)
            for step in range(steps + 1):
                self._dot(left + round((right - left) * step / steps), top + round((bottom - top) * step / steps))

    def point(self, x: float, y: float, symbol: str = "●") -> None:
        """Put a symbol at a point."""
        self._symbols[self._down(y, 1), self._across(x, 1)] = symbol

    def vertical(self, x: float, symbol: str = "┊") -> None:
        """Draw a vertical line behind everything else."""
        column = self._across(x, 1)
        for row in range(self.height):
            if not self._cells[row][column]:
                self._symbols.setdefault((row, column), symbol)

    def lines(self, x_ticks: Sequence[tuple[float, str]], y_label: Callable[[float], str]) -> list[str]:
        """Return the chart with its axes, from the top to the bottom."""
        low, high = self.y_range
        every = max(1, (self.height - 1) // 4)
        labels = {
            row: y_label(high - (high - low) * row / (self.height - 1))
            for row in range(0, self.height, every)
            if row == self.height - 1 or self.height - 1 - row >= every
        }
        labels[self.height - 1] = y_label(low)
        margin = max(map(len, labels.values()))
        rows = [
            f"{labels.get(row, ''):>{margin}} {'┤' if row in labels else '│'}{self._row(row)}"
            for row in range(self.height)
        ]
        axis, names = ["─"] * self.width, [" "] * (self.width + margin + _GAP)
        free = 0
        for x, label in x_ticks:
            column = self._across(x, 1)
            start = max(0, min(column + margin + _GAP - len(label) // 2, len(names) - len(label)))
            if start < free:
                continue
            axis[column] = "┬"
            names[start : start + len(label)] = label
            free = start + len(label) + 1
        rows.append(f"{'':>{margin}} └{''.join(axis)}")
        rows.append("".join(names))
        drawn = [row.rstrip() for row in rows]
        return [row.translate(_ASCII) for row in drawn] if self.ascii_only else drawn

    def _row(self, row: int) -> str:
        return "".join(
            self._symbols.get((row, column)) or self._drawn(bits) for column, bits in enumerate(self._cells[row])
        )

    def _drawn(self, bits: int) -> str:
        if not bits:
            return " "
        return "*" if self.ascii_only else chr(_BRAILLE + bits)

    def _dot(self, across: int, down: int) -> None:
        self._cells[down // _DOWN][across // _ACROSS] |= _DOTS[down % _DOWN][across % _ACROSS]

    def _across(self, x: float, parts: int) -> int:
        low, high = self.x_range
        share = math.log(x / low) / math.log(high / low) if self.log_x else (x - low) / (high - low)
        return _place(share, self.width * parts)

    def _down(self, y: float, parts: int) -> int:
        low, high = self.y_range
        return _place((high - y) / (high - low), self.height * parts)


_ASCII = str.maketrans({"┤": "|", "│": "|", "└": "+", "─": "-", "┬": "+", "●": "o", "┊": ":", "◆": "#", "○": "."})


def _place(share: float, cells: int) -> int:
    return min(cells - 1, max(0, round(share * (cells - 1)))) if math.isfinite(share) else 0


def powers(low: float, high: float, label: Callable[[float], str], base: float = 2.0) -> list[tuple[float, str]]:
    """Return ticks at powers of `base`, or at few of them, between two values above zero."""
    first, last = math.ceil(math.log(low, base) - 1e-9), math.floor(math.log(high, base) + 1e-9)
    step = max(1, (last - first) // 8)
    return [(base**power, label(base**power)) for power in range(first, last + 1, step)]
