"""A line chart made of characters: curves as dots of Braille patterns, points and marks as symbols, labelled axes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
