"""Is a stored baseline fit to compare with? One level, one machine, a spread that lets a change be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import distributions
from regress_action.analysis.arrays import medians
from regress_action.model import normal

if TYPE_CHECKING:
    from regress_action.analysis.arrays import Flags, Floats, Ints

_SHORTEST = 3  # runs on either side of a step that is believed
_SURE = 0.001  # the chance of one false cut per baseline
_STEP = 0.05  # a smaller step is noise of the baseline, not another level
_PASSES = 3


@dataclass(frozen=True, slots=True)
class Stability:
    """The baseline after the cut: `values` with NaN before the last step, robust `spread`, and whether it was cut."""

    values: Floats
    spread: Floats
    cut: Flags


def settle(values: Floats) -> Stability:
    """Cut each row (oldest run first, on the scale of `badness`) to what came after its last step."""
    kept = values.copy()
    cut = np.zeros(len(values), dtype=bool)
    for _ in range(_PASSES):
        start = _last_step(kept)
        stepped = start > 0
        if not stepped.any():
            break
        before = np.arange(values.shape[1]) < start[:, None]
        kept[before] = np.nan
        cut |= stepped
    center = medians(kept)
    spread = normal.DEVIATION_PER_MAD * medians(np.abs(kept - center[:, None]))
    return Stability(kept, spread, cut)


def _last_step(values: Floats) -> Ints:
    """Return for each row the column at which a proven step begins; 0 for none.

    The best split of a row is tested with a pooled t statistic whose p-value is corrected for the number of
    splits tried (Bonferroni: conservative, because neighbouring splits agree).
    """
    start = np.zeros(len(values), dtype=np.int64)
    if values.shape[1] < 2 * _SHORTEST:
        return start
    present = ~np.isnan(values)
    filled = np.where(present, values, 0.0)
    n = np.cumsum(present, axis=1).astype(float)
    total, sums, squares = n[:, -1:], np.cumsum(filled, axis=1), np.cumsum(filled**2, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rest = total - n
        left, right = sums / n, (sums[:, -1:] - sums) / rest
        inside = squares[:, -1:] - n * left**2 - rest * right**2
        df = total - 2
        se = np.sqrt(np.maximum(inside, 0) / df * (1 / n + 1 / rest))
        t = (right - left) / np.maximum(se, 1e-9)
    allowed = present & (n >= _SHORTEST) & (rest >= _SHORTEST) & (np.abs(right - left) >= np.log1p(_STEP))
    t = np.where(allowed, np.abs(t), -1.0)
    best = t.argmax(axis=1)
    strongest = t[np.arange(len(t)), best]
    tried = strongest > 0
    if tried.any():
        p = distributions.two_sided_p(strongest[tried], df[tried, 0]) * np.maximum(
            total[tried, 0] - 2 * _SHORTEST + 1, 1
        )
        start[tried] = np.where(p < _SURE, best[tried] + 1, 0)
    return start
