"""Numbers as people say them: three significant digits, a unit that fits, and a sign."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regress_action.model.escaping import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNIT_LIMIT = 16
_DOUBLE = 2.0
_DIGITS = 3
_MOST_DIGITS = 7


@dataclass(frozen=True, slots=True)
class _Scale:
    """A unit to print in: how many base units it holds, and from which value it reads best."""

    factor: float
    symbol: str
    start: float


def _scales(*steps: tuple[float, str]) -> tuple[_Scale, ...]:
    return tuple(_Scale(factor, symbol, factor) for factor, symbol in steps)


_TIME = (
    *_scales((1e-12, " ps"), (1e-9, " ns"), (1e-6, " µs"), (1e-3, " ms"), (1.0, " s")),
    _Scale(60.0, " min", 600.0),
    _Scale(3600.0, " h", 36_000.0),
)
_BYTES = _scales((1.0, " B"), (2**10, " KiB"), (2**20, " MiB"), (2**30, " GiB"), (2**40, " TiB"))
_LARGE = _scales((1.0, ""), (1e6, "M"), (1e9, "G"), (1e12, "T"))


def _followed_by(scales: Iterable[_Scale], suffix: str) -> tuple[_Scale, ...]:
    return tuple(_Scale(scale.factor, scale.symbol + suffix, scale.start) for scale in scales)


_BY_UNIT = {
    "s": _TIME,
    "B": _BYTES,
    "B/s": _followed_by(_BYTES, "/s"),
    "1/s": _followed_by(_LARGE, " ops/s"),
    "count": _LARGE,
    "ratio": _scales((1.0, "")),
}


def duration(seconds: float) -> str:
    """Return 0.00123 as `1.23 ms`."""
    return quantity(seconds, "s")


def quantity(value: float | None, unit: str) -> str:
    """Return a value for people; `unit` is the metric's: `s`, `B`, `1/s`, `B/s`, `count`, `ratio` or the producer's."""
    if value is None or not math.isfinite(value):
        return "–"
    return _in_scale(value, _scale(abs(value), unit), _DIGITS)


def transition(before: float | None, after: float | None, unit: str, *, apart: bool = True) -> str:
    """Return `0.980 → 1.02 ms`: one unit if that is readable, more digits if `apart` and three hide the change."""
    if before is None or after is None or not (math.isfinite(before) and math.isfinite(after)):
        return f"{quantity(before, unit)} → {quantity(after, unit)}"
    larger = _scale(max(abs(before), abs(after)), unit)
    share = min(abs(before), abs(after)) >= larger.factor / 10
    scales = (larger, larger) if share else (_scale(abs(before), unit), _scale(abs(after), unit))
    integral = _is_whole(before / scales[0].factor) and _is_whole(after / scales[1].factor)
    for digits in range(_DIGITS, _MOST_DIGITS + 1):
        left, right = (
            _in_scale(value, scale, digits, integral=integral)
            for value, scale in zip((before, after), scales, strict=True)
        )
        if left != right or before == after or not apart:
            break
    if share:
        left = left.removesuffix(larger.symbol) + larger.symbol.partition(" ")[0]
    return f"{left} → {right}"


def in_one_unit(values: Sequence[float], unit: str) -> tuple[list[float], str]:
    """Return the values of a chart in the unit that suits the largest, and that unit."""
    scale = _scale(max((abs(value) for value in values if math.isfinite(value)), default=0.0), unit)
    return [value / scale.factor for value in values], scale.symbol.strip()


def percent(ratio: float | None) -> str:
    """Return the ratio 1.42 as `+42 %` and 0.9 as `−10 %`."""
    if ratio is None or not math.isfinite(ratio):
        return "–"
    change = (ratio - 1) * 100
    size = _percent_digits(abs(change))
    if size == "0":
        return "±0 %"
    return f"{'+' if change > 0 else '−'}{size} %"


def factor(ratio: float, digits: int = 2) -> str:
    """Return the ratio 3.142 as `3.1×`."""
    return f"{_significant(ratio, digits if ratio < 99.5 else 3)}×"  # noqa: PLR2004 - 123×, not 120×


def change(ratio: float | None) -> str:
    """Return `+42 %` up to a doubling, `3.1×` from there."""
    if ratio is None or not math.isfinite(ratio):
        return "–"
    return factor(ratio) if ratio >= _DOUBLE else percent(ratio)


UNDETECTABLE = 10.0
"""The ratio from which on the smallest visible change is not printed: runs that show no less show nothing."""


def interval(low: float | None, high: float | None, *, like: float | None) -> str:
    """Return both ends of an interval of ratios in the form that `change(like)` has."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return "–"
    if like is not None and like >= _DOUBLE:
        return f"{_significant(low, _DIGITS)} to {_significant(high, _DIGITS) if math.isfinite(high) else '∞'}×"
    return f"{percent(low).removesuffix(' %')} to {percent(high).removesuffix(' %') if math.isfinite(high) else '∞'} %"


def certainty(q_value: float | None) -> str:
    """Return how sure a change is, as the false-discovery rate at which it would still be called one."""
    if q_value is None or math.isnan(q_value):
        return "–"
    if q_value < 0.001:  # noqa: PLR2004 - smaller values say nothing more
        return "q < 0.001"
    return f"q = {q_value:.3f}" if q_value < 0.1 else f"q = {q_value:.2f}"  # noqa: PLR2004 - two digits that matter


def p_value(value: float) -> str:
    """Return a p-value as `p = 0.021`; how many zeros a tiny one has says nothing more."""
    if value < 0.0001:  # noqa: PLR2004 - smaller values say nothing more
        return "p < 0.0001"
    return f"p = {_significant(value, 2)}"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return `1 regression` or `2 regressions`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _percent_digits(size: float) -> str:
    if size >= 1e6:  # noqa: PLR2004 - beyond a ten-thousandfold, only the magnitude speaks
        return f"{size:.0e}"
    if size >= 9.95:  # noqa: PLR2004 - where one decimal would round to 10.0
        return f"{size:,.0f}"
    if size < 0.0095:  # noqa: PLR2004 - a hundredth of a per cent is no news
        return "0"
    if math.isclose(size, round(size), rel_tol=1e-9):
        return f"{size:.0f}"
    return f"{size:.1f}" if size >= 0.05 else f"{size:.2f}"  # noqa: PLR2004 - what would round to nothing


def _scale(size: float, unit: str) -> _Scale:
    scales = _BY_UNIT.get(unit) or (_Scale(1.0, f" {plain(unit, UNIT_LIMIT)}" if unit.strip() else "", 1.0),)
    if size == 0:
        return next((scale for scale in scales if scale.factor == 1.0), scales[0])
    rounded = max(size, float(f"{size:.2e}"))  # 999.6 µs reads 1.00 ms
    return next((scale for scale in reversed(scales) if rounded >= scale.start), scales[0])


def _in_scale(value: float, scale: _Scale, digits: int, *, integral: bool = True) -> str:
    size = abs(value) / scale.factor
    text = f"{size:,.0f}" if integral and _is_whole(size) else _significant(size, digits)
    return f"{'−' if value < 0 and text.strip('0.') else ''}{text}{scale.symbol}"


def _is_whole(size: float) -> bool:
    """Whether every digit is to be read, as those of counts and bytes are."""
    return float(size).is_integer() and abs(size) < 1e6  # noqa: PLR2004 - beyond, nobody counts


def _significant(size: float, digits: int) -> str:
    """Return a number ≥ 0 with `digits` significant digits, and all that stand before the point."""
    if size == 0:
        return "0"
    exponent = int(f"{size:.{digits - 1}e}".partition("e")[2])
    if not -4 <= exponent < 9:  # noqa: PLR2004 - where zeros take over
        return f"{size:.{digits - 1}e}"
    return f"{size:,.{max(0, digits - 1 - exponent)}f}"
