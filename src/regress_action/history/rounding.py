"""How many digits of a measurement are kept.

Digits of noise do not compress: they are most of a record. Of a benchmark whose runs differ, digits are kept down to a
thirtieth of their standard deviation: rounding then adds less than 0.01 % to the variance of a run. No value gets fewer
than four significant digits by that, and none more than six: those change a ratio by at most 1e-5, a tenth of the
smallest error that the judge admits. The spread of the rounds matters where a report has a single run; it is an
estimate from a few rounds, of which two digits are known at best, and the runs of one report share the pooled one.
Exact metrics (instruction counts, sizes) keep every digit of every value.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from regress_action.model.measurements import Report, Series

MOST_DIGITS: Final = 6
FEWEST_DIGITS: Final = 4
SPREAD_DIGITS: Final = 2
_STEPS: Final = 30  # in the standard deviation of the runs, at least
_FEWEST_RUNS: Final = 3  # that say anything about how far runs lie apart


def rounded(report: Report) -> Report:
    """Return `report` as it is stored."""
    return replace(report, series=tuple(map(_series, report.series)))


def _series(series: Series) -> Series:
    if series.metric.exact:
        return series
    last = _last_digit(series.measured)
    pooled = _significant(_pooled(series.spreads), SPREAD_DIGITS)
    if last is not None:
        pooled = round(pooled, last) or _significant(pooled, 1)
    noise = series.noise and replace(series.noise, spread=_significant(series.noise.spread, SPREAD_DIGITS))
    return replace(
        series,
        noise=noise,
        values=tuple(_value(value, last) for value in series.values),
        spreads=tuple(spread if math.isnan(spread) else pooled for spread in series.spreads),
    )


def _last_digit(values: tuple[float, ...]) -> int | None:
    """Return how many digits after the point the runs support (before it when negative), or None where nobody knows."""
    smallest = min(map(abs, values), default=0)
    deviation = statistics.stdev(values) if len(values) >= _FEWEST_RUNS else 0
    if not smallest or not deviation:
        return None
    supported = -math.floor(math.log10(deviation / _STEPS))
    return max(supported, FEWEST_DIGITS - 1 - math.floor(math.log10(smallest)))


def _value(value: float, last: int | None) -> float:
    significant = _significant(value, MOST_DIGITS)
    return significant if last is None or math.isnan(value) else round(significant, last)


def _pooled(spreads: tuple[float, ...]) -> float:
    """Return the root mean square of the spreads that are known."""
    present = [spread for spread in spreads if not math.isnan(spread)]
    return math.sqrt(sum(spread * spread for spread in present) / len(present)) if present else math.nan


def _significant(number: float, digits: int) -> float:
    return float(f"{number:.{digits}g}")
