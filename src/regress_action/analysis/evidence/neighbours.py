"""How far neighbouring runs of a history lie apart: the noise that a comparison of two commits has to beat.

Where a level drifts from commit to commit, neighbours differ less than the whole does: there a comparison sees more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis.evidence.layout import by_session, lay_out
from regress_action.analysis.evidence.scale import badness
from regress_action.analysis.numeric.arrays import medians, plain, quantiles
from regress_action.model.measurements import Noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.model.measurements import Report

_MEDIAN_OF_DIFFERENCE = 0.954  # median |x - y| of two independent normal values with standard deviation 1
_DECILE_OF_DIFFERENCE = 2.326  # … and the value that one in ten exceeds
_FEWEST = 12  # sessions whose eleven differences hold one real change below their outer decile


def noise_between(reports: Sequence[Report]) -> dict[tuple[str, str], Noise]:
    """Return the session-to-session spread of every benchmark × metric of reports from one kind of machine.

    From the differences between neighbours in time: a real change is one large difference among many and a slow
    drift is many small ones, so neither counts as noise. The larger of two estimates: their median and their outer
    decile, for a machine that is quiet most of the time and now and then far off looks silent to the median. A
    series with fewer than twelve sessions, or without a ratio, teaches nothing.
    """
    rows, _, side, _ = lay_out((), reports)
    scale, _, values = badness(rows, side, side)
    levels = by_session(values, side)
    steps = np.full((len(rows), max(levels.shape[1] - 1, 0)), np.nan)
    for row, level in enumerate(levels):
        known = np.diff(level[~np.isnan(level)])
        steps[row, : len(known)] = np.abs(known)
    usual, outer = medians(steps), quantiles(np.sort(steps, axis=1), 0.9)
    spread = np.maximum(usual / _MEDIAN_OF_DIFFERENCE, outer / _DECILE_OF_DIFFERENCE)
    runs = (~np.isnan(levels)).sum(axis=1)
    taught = (runs >= _FEWEST) & ~scale.linear & np.isfinite(spread)
    return {
        (rows.benchmarks[row].name, rows.metrics[row].name): Noise(float(spread[row]), int(runs[row]))
        for row in plain(np.flatnonzero(taught))
    }
