"""An optimization is worth the time that it saves in a run, times the runs of the last thirty days."""

import math

import pytest

from regress_action.site.recommendations import time_gain

DAY_S = 86_400.0
REPORTS = [(0.0, 5), (40 * DAY_S, 5), (69 * DAY_S, 10), (math.nan, 7), (70 * DAY_S, 1)]


def test_time_saved_counts_for_every_recent_run() -> None:
    """Runs of older reports and of those without a time are left out."""
    gain = time_gain(0.1, 0.35, "s", REPORTS)
    assert gain is not None
    assert gain.seconds_a_run == pytest.approx(0.25)
    assert gain.runs == 16
    assert gain.seconds == pytest.approx(4.0)


def test_a_rate_counts_as_the_time_of_an_operation() -> None:
    """From 100 to 50 operations a second, an operation takes ten milliseconds more."""
    gain = time_gain(100.0, 50.0, "1/s", REPORTS)
    assert gain is not None
    assert gain.seconds_a_run == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("reference", "level", "unit", "reports"),
    [
        (None, 1.0, "s", REPORTS),
        (1.0, 0.9, "s", REPORTS),
        (1.0, 2.0, "B", REPORTS),
        (1.0, 0.0, "1/s", REPORTS),
        (1.0, 2.0, "s", []),
        (1.0, 2.0, "s", [(math.nan, 3)]),
    ],
)
def test_nothing_is_claimed_without_time_or_runs(
    reference: float | None, level: float, unit: str, reports: list[tuple[float, int]]
) -> None:
    """Memory, an improvement, and runs of unknown time save nothing that could be stated."""
    assert time_gain(reference, level, unit, reports) is None
