"""How many digits of a measurement are kept.

Digits of noise do not compress: they are most of a record. Six significant digits change a ratio by at most 1e-5, a
tenth of the smallest error that the judge admits. The spread of the rounds matters where a report has a single run; it
is an estimate from a few rounds, of which two digits are known at best, and the runs of one report share the pooled
one. Exact metrics (instruction counts, sizes) keep every digit of every value.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from regress_action.samples import Report, Series

VALUE_DIGITS: Final = 6
SPREAD_DIGITS: Final = 2


def rounded(report: Report) -> Report:
    """Return `report` as it is stored."""
    return replace(report, series=tuple(map(_series, report.series)))


def _series(series: Series) -> Series:
    if series.metric.exact:
        return series
    pooled = _rounded(_pooled(series.spreads), SPREAD_DIGITS)
    return replace(
        series,
        values=tuple(_rounded(value, VALUE_DIGITS) for value in series.values),
        spreads=tuple(spread if math.isnan(spread) else pooled for spread in series.spreads),
    )


def _pooled(spreads: tuple[float, ...]) -> float:
    """Return the root mean square of the spreads that are known."""
    known = [spread for spread in spreads if not math.isnan(spread)]
    return math.sqrt(sum(spread * spread for spread in known) / len(known)) if known else math.nan


def _rounded(number: float, digits: int) -> float:
    return float(f"{number:.{digits}g}")
