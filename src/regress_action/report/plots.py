"""Inline SVG for the HTML page: intervals on a scale, and the runs behind a comparison.

Colours come from classes of the page's style sheet, so a plot follows light and dark. Text is escaped by `Markup`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from markupsafe import Markup

from regress_action.model.measurements import Direction
from regress_action.report import numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from regress_action.model.comparisons import Comparison
    from regress_action.model.measurements import Report
    from regress_action.report.chart import Axis

MOST_RUNS = 60  # a side; more would be one blot
_RATIOS = (0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 1.01, 1.02, 1.05, 1.1, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0)
_CLOSEST_PERCENT = 14.0  # of the width, between the labels of a scale
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 440, 190, 76, 12, 14, 28
_BASE = _HEIGHT - _BOTTOM
_MARGIN = 0.08
_GAP = 24
_LARGEST = 1e100  # beyond, nothing is drawn
_LINES = 4.5
_LEAST_SPREAD = 1e-6  # of the largest value: what is closer together is drawn as equal


@dataclass(frozen=True, slots=True)
class Runs:
    """The values of a comparison's runs in the metric's unit, oldest first; `paired` where both sides go by pairs.

    `looks` are the numbers of pairs after which the measurement was judged.
    """

    baseline: tuple[float, ...]
    head: tuple[float, ...]
    paired: bool
    looks: tuple[int, ...] = ()


def runs_of(baseline: Sequence[Report], head: Sequence[Report]) -> dict[tuple[str, str], Runs]:
    """Return the runs of every benchmark × metric that has values on both sides, by its two names."""
    before, after = _values(baseline), _values(head)
    runs_by_name = {}
    for key in before.keys() & after.keys():
        pairs = [pair for pair in before[key] if pair in after[key] and pair[1] is not None]
        if pairs:
            base_side, head_side = ([side[key][pair] for pair in pairs] for side in (before, after))
        else:
            base_side, head_side = (list(side[key].values()) for side in (before, after))
        runs_by_name[key] = Runs(tuple(base_side[-MOST_RUNS:]), tuple(head_side[-MOST_RUNS:]), paired=bool(pairs))
    return runs_by_name


_Run = tuple[object, int | None]


def _values(reports: Sequence[Report]) -> dict[tuple[str, str], dict[_Run, float]]:
    """Return the finite values of every series by its session and pair, or by its place where it has none."""
    values: dict[tuple[str, str], dict[_Run, float]] = {}
    for number, report in enumerate(reports):
        for series in report.series:
            by_run = values.setdefault(series.key, {})
            for place, (run, value) in enumerate(zip(report.runs, series.values, strict=False)):
                if math.isfinite(value):
                    paired = run.session is not None and run.pair is not None
                    by_run[(run.session, run.pair) if paired else ((number, place), None)] = value
    return values


def interval(row: Comparison, axis: Axis) -> Markup:
    """Return the interval of a row on a scale 1000 wide: no change as a line, the threshold dashed, the estimate."""
    if row.ratio is None:
        return Markup("")
    low = axis.cell(row.ratio if row.ratio_low is None else row.ratio_low)
    high = axis.cell(row.ratio if row.ratio_high is None else row.ratio_high)
    none, limit, ratio = (axis.cell(at) for at in (1.0, row.threshold, row.ratio))
    label = f"{numbers.change(row.ratio)}, {numbers.interval(row.ratio_low, row.ratio_high, like=row.ratio)}"
    return Markup(
        '<svg class="interval" viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="none" d="M{} 0V100"/><path class="limit" d="M{} 0V100"/>'
        '<path class="range" d="M{} 50H{}"/><path class="point" d="M{} 22V78"/></svg>'
    ).format(label, none, limit, low, max(high, low + 4), ratio)


def scale(axis: Axis) -> list[tuple[float, str]]:
    """Return the labels of an axis with their places in per cent of its width: no change, then what keeps apart."""
    places = [(axis.cell(1.0) / axis.cells * 100, "0")]
    for ratio in sorted(_RATIOS, key=lambda ratio: (_steps_from_end(ratio), ratio)):
        place = axis.cell(ratio) / axis.cells * 100
        inside = axis.low < math.log(ratio) < axis.high
        if inside and all(abs(place - other) >= _CLOSEST_PERCENT for other, _ in places):
            places.append((place, numbers.change(ratio)))
    return sorted(places)


def _steps_from_end(ratio: float) -> float:
    """Return an order in which the larger changes come first, so that the ends of a scale are labelled."""
    return -abs(math.log(ratio))


def runs(row: Comparison, values: Runs) -> Markup:
    """Return every run of both sides on one scale, and for pairs the change of each pair beside it.

    Pairs are lines from baseline to head; runs without pairs are dots in the order of time.
    """
    every_value = (*values.baseline, *values.head)
    if not values.baseline or not values.head or not all(abs(value) < _LARGEST for value in every_value):
        return Markup("")
    scaled, unit = numbers.in_one_unit(list(every_value), row.metric.unit)
    factor = max(map(abs, scaled)) / (max(map(abs, every_value)) or 1.0) or 1.0
    base, head = (tuple(value * factor for value in side) for side in (values.baseline, values.head))
    frame = _Frame.over((*base, *head))
    drawn = _paired(base, head, frame) if values.paired else _apart(base, head, frame)
    plot = _svg(_in_words(row, values), unit, frame, drawn)
    return plot + _changes(row, values) if values.paired else plot


def _changes(row: Comparison, values: Runs) -> Markup:
    """Return the change of every pair in their order, with no change, the threshold and the interval."""
    ratios = [after / before for before, after in zip(values.baseline, values.head, strict=True) if before > 0 < after]
    if len(ratios) < len(values.head) or row.ratio is None or not all(0 < ratio < _LARGEST for ratio in ratios):
        return Markup("")
    worse = [1 / ratio for ratio in ratios] if row.metric.direction is Direction.HIGHER else ratios
    changes = [(ratio - 1) * 100 for ratio in worse]
    ends = [(end - 1) * 100 for end in (row.ratio_low, row.ratio_high) if end is not None and abs(end) < _LARGEST]
    frame = _Frame.over((*changes, *ends, 0.0))
    step = (_WIDTH - _LEFT - _RIGHT) / len(changes)
    parts = [Markup('<path class="none" d="M{} {}H{}"/>').format(_LEFT, frame.height(0.0), _WIDTH - _RIGHT)]
    if len(ends) == 2:  # noqa: PLR2004 - both ends are known
        low, high = map(frame.height, ends)
        band = Markup('<path class="band" d="M{} {}H{}V{}H{}Z"/>')
        parts.insert(0, band.format(_LEFT, low, _WIDTH - _RIGHT, high, _LEFT))
    parts += [
        _dot("head", round(_LEFT + step * (index + 0.5), 1), frame.height(change))
        for index, change in enumerate(changes)
    ]
    looks = [look for look in values.looks if look < len(changes)]
    parts += [Markup('<path class="look" d="M{} {}V{}"/>').format(_LEFT + step * look, _TOP, _BASE) for look in looks]
    words = "pairs in their order, the interval, looks dashed" if looks else "pairs in their order, and the interval"
    parts.append(_label((_LEFT + _WIDTH - _RIGHT) / 2, words))
    return _svg(f"Change of {len(changes)} pairs in per cent.", "% worse", frame, parts)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The vertical scale of a plot, from `low` at its bottom to `high` at its top."""

    low: float
    high: float

    @classmethod
    def over(cls, values: Sequence[float]) -> _Frame:
        low, high = min(values), max(values)
        margin = max((high - low) * _MARGIN, max(abs(low), abs(high)) * _LEAST_SPREAD) or 1.0
        return cls(low - margin, high + margin)

    def height(self, value: float) -> float:
        """Return how far below the top of the plot a value lies."""
        share = (self.high - value) / (self.high - self.low)
        return round(_TOP + (_HEIGHT - _TOP - _BOTTOM) * share, 1)


def _svg(words: str, unit: str, frame: _Frame, parts: Iterable[Markup]) -> Markup:
    """Return a plot with its lines and labels; `words` say it to those who do not see it."""
    line = Markup('<path class="grid" d="M{} {}H{}"/><text class="end" x="{}" y="{}">{}</text>')
    grid = [line.format(*place) for place in _grid(frame)]
    return Markup(
        '<svg class="runs" viewBox="0 0 {} {}" role="img" aria-label="{}">{}<text x="4" y="{}">{}</text></svg>'
    ).format(_WIDTH, _HEIGHT, words, Markup("").join([*grid, *parts]), _HEIGHT - 6, unit)


def _in_words(row: Comparison, values: Runs) -> str:
    """Return the plot in words, for those who do not see it."""
    sides = ((len(values.baseline), row.baseline.median), (len(values.head), row.head.median))
    base, head = (f"{runs} runs, median {numbers.quantity(median, row.metric.unit)}" for runs, median in sides)
    return f"Baseline: {base}. Head: {head}."


def _paired(baseline: Sequence[float], head: Sequence[float], frame: _Frame) -> Iterator[Markup]:
    """Yield a line for every pair with a dot at either end, and the medians as bars."""
    left, right = _LEFT + 70, _WIDTH - _RIGHT - 70
    for before, after in zip(baseline, head, strict=True):
        start, end = frame.height(before), frame.height(after)
        yield Markup('<path class="pair" d="M{} {}L{} {}"/>').format(left, start, right, end)
        yield _dot("base", left, start)
        yield _dot("head", right, end)
    yield from _median(baseline, left, frame, "baseline")
    yield from _median(head, right, frame, "head")


def _apart(baseline: Sequence[float], head: Sequence[float], frame: _Frame) -> Iterator[Markup]:
    """Yield a dot for every run in the order of time, baseline first, and the medians as bars."""
    step = (_WIDTH - _LEFT - _RIGHT - _GAP) / max(1, len(baseline) + len(head))
    start = float(_LEFT)
    for side, label, values in (("base", "baseline", baseline), ("head", "head", head)):
        for index, value in enumerate(values):
            yield _dot(side, round(start + step * (index + 0.5), 1), frame.height(value))
        yield from _median(values, round(start + step * len(values) / 2, 1), frame, label)
        start += step * len(values) + _GAP


def _dot(side: str, across: float, down: float) -> Markup:
    return Markup('<circle class="{}" cx="{}" cy="{}" r="3"/>').format(side, across, down)


def _median(values: Sequence[float], across: float, frame: _Frame, label: str) -> Iterator[Markup]:
    middle = frame.height(median(values))
    yield Markup('<path class="median" d="M{} {}H{}"/>').format(round(across - 14, 1), middle, round(across + 14, 1))
    yield _label(across, label)


def _label(across: float, words: str) -> Markup:
    return Markup('<text class="side" x="{}" y="{}">{}</text>').format(across, _HEIGHT - 6, words)


def _grid(frame: _Frame) -> Iterator[tuple[int, float, int, int, float, str]]:
    """Yield a few lines at round values, as start, height and end of each, and its label."""
    low, high = frame.low, frame.high
    rough = (high - low) / _LINES
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough)
    first = math.ceil(low / step) * step
    digits = min(9, max(0, -math.floor(math.log10(step))))
    for index in range(math.floor((high - first) / step) + 1):
        value = first + index * step
        down = frame.height(value)
        label = f"{value:,.{digits}f}" if abs(value) < 1e9 else f"{value:.3g}"  # noqa: PLR2004 - nine digits
        yield _LEFT - 6, down, _WIDTH - _RIGHT, _LEFT - 10, down + 4, label.replace("-", "−")
