"""Charts made of characters: an interval around 1, and a Mermaid chart for GitHub."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regress_action.model.escaping import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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


def _drawn(value: float) -> bool:
    return math.isfinite(value) and abs(value) < _MERMAID_LARGEST


def _mermaid_text(text: str, limit: int) -> str:
    return "".join(c if c.isalnum() or c in " ._-:/()µ" else " " for c in plain(text, limit)).strip() or " "


def _log(ratio: float) -> float:
    if not ratio > 0:
        return -_WIDEST
    return max(-_WIDEST, min(_WIDEST, math.log(ratio)))
