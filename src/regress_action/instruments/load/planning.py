"""How long a load has to be measured to see a change of a given size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from regress_action.model import normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.instruments.load.recorder import SecondStats

SHORTEST_S, LONGEST_S = 5.0, 600.0
PILOT_S = 5.0
_LEAST_SECONDS = 3


def duration_for(change: float, seconds: Sequence[SecondStats]) -> float:
    """Return the seconds for which each of two loads must be measured to see their medians differ by `change`.

    `change` is a ratio such as 1.1. `seconds` come from a pilot: the scatter of the medians of its seconds, as a
    logarithm, decides. Variation between runs, which a single run cannot show, comes on top.
    """
    medians = [math.log(second.p50_s) for second in seconds if second.p50_s > 0 and not math.isnan(second.p50_s)]
    if len(medians) < _LEAST_SECONDS:
        return LONGEST_S
    spread = float(np.std(medians, ddof=1))
    needed = 2 * ((normal.Z_95 + normal.Z_POWER_80) * spread / abs(math.log(change))) ** 2
    return min(max(needed, SHORTEST_S), LONGEST_S)
