"""How many digits of a measurement are kept.

Digits of noise do not compress: they are nine tenths of a record. Seven significant digits change a ratio by at most
1e-7, a hundred thousand times less than the quietest machine; a spread is an estimate from a few rounds, and four are
more than it deserves. Exact metrics (instruction counts, sizes) keep every digit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from regress_action.samples import Report, Series

VALUE_DIGITS: Final = 7
SPREAD_DIGITS: Final = 4


def rounded(report: Report) -> Report:
    """Return `report` as it is stored."""
    return replace(report, series=tuple(map(_series, report.series)))


def _series(series: Series) -> Series:
    if series.metric.exact:
        return series
    return replace(
        series,
        values=tuple(float(f"{value:.{VALUE_DIGITS}g}") for value in series.values),
        spreads=tuple(float(f"{spread:.{SPREAD_DIGITS}g}") for spread in series.spreads),
    )
