"""Histories followed: the trend and the change points of each, and the object that `trend --json` prints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regress_action.analysis.series import change_points, trend
from regress_action.analysis.series.trend import Tendency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis.series.change_points import ChangePoint
    from regress_action.analysis.series.histories import History
    from regress_action.analysis.series.trend import Trend

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Followed:
    """A history, where it goes, and where its level changed."""

    history: History
    trend: Trend
    change_points: tuple[ChangePoint, ...]


def follow(
    histories: Sequence[History],
    *,
    trends: trend.Rule = trend.DEFAULT,
    changes: change_points.Rule = change_points.DEFAULT,
) -> tuple[Followed, ...]:
    """Follow every history.

    A change point needs less evidence to be seen in a whole history than in its last runs, so runs that are
    stable but for a change point among them are called a step.
    """
    values = [history.values for history in histories]
    directions = [history.metric.direction for history in histories]
    found = change_points.find_all(values, changes, directions)
    going = trend.follow_all(values, [history.times for history in histories], directions, trends)
    return tuple(
        Followed(history, _with_steps(one, points, len(history)), points)
        for history, one, points in zip(histories, going, found, strict=True)
    )


def _with_steps(followed: Trend, points: tuple[ChangePoint, ...], runs: int) -> Trend:
    inside = [point for point in points if point.index >= runs - followed.points + trend.SHORTEST_LEVEL]
    if followed.direction is not Tendency.STABLE or not inside:
        return followed
    largest = max(inside, key=lambda point: abs(point.difference))
    height = followed.drift if largest.ratio is None else largest.ratio - 1
    return replace(followed, direction=Tendency.STEP, drift=height)


def as_object(followed: Sequence[Followed]) -> dict[str, object]:
    """Return the JSON object of `trend --json`."""
    return {"schema": SCHEMA, "series": [_series(one) for one in followed]}


def _series(followed: Followed) -> dict[str, object]:
    history, going = followed.history, followed.trend
    return {
        "name": history.benchmark.name,
        "service": history.benchmark.service,
        "metric": history.metric.name,
        "unit": history.metric.unit,
        "suite": history.suite,
        "environment": history.environment,
        "points": len(history),
        "direction": going.direction.value,
        "correlation": going.correlation,
        "p_value": going.p_value,
        "drift": going.drift,
        "change_points": [
            {
                "index": point.index,
                "commit": history.point(point.index).commit,
                "time": history.point(point.index).time,
                "ratio": point.ratio,
                "difference": point.difference,
                "p_value": point.p_value,
                "settled": point.settled,
            }
            for point in followed.change_points
        ],
    }
