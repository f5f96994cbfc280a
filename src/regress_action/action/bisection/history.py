"""What the records of a history say before anything is measured: where along the commits a series steps."""

from __future__ import annotations

import math
import os
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from regress_action.analysis.bisection.pairs import main_keys
from regress_action.analysis.bisection.prior import of_levels
from regress_action.model.measurements import Direction

if TYPE_CHECKING:
    from regress_action.action.bisection.commits import CommitRange
    from regress_action.analysis.arrays import Floats
    from regress_action.model.measurements import Report

_FEWEST = 4


def prior_of(where: str, commits: CommitRange, pattern: str, metric: str | None) -> Floats | None:
    """Return the weights of the commits by the records of the history `where`; None where there are too few.

    Records of the environment that has the most of them count, each with the median of its runs. They were measured at
    other times, so they only say where to begin: no weight falls below a twentieth of what the files alone give.
    """
    from regress_action.stores import connected_history

    position = {commit.id: at for at, commit in enumerate(commits.commits)} | {commits.good: -1}
    by_environment: dict[str, list[Report]] = {}
    for report in connected_history(where, repository=Path.cwd(), environ=os.environ).load():
        if report.commit in position:
            by_environment.setdefault(report.environment.fingerprint, []).append(report)
    reports = max(by_environment.values(), key=len, default=[])
    keys = main_keys([series for report in reports for series in report.series], pattern, metric)
    if not keys:
        return None
    levels: list[tuple[int, float]] = []
    for report in reports:
        for series in report.series:
            if series.key == keys[0] and series.measured and (middle := median(series.measured)) > 0:
                sign = -1.0 if series.metric.direction is Direction.HIGHER else 1.0
                levels.append((position[report.commit or ""], sign * math.log(middle)))
    if len(levels) < _FEWEST:
        return None
    return of_levels(commits.contains(), commits.weights(), levels)
