"""The custom JSON of github-action-benchmark."""

from __future__ import annotations

from pathlib import Path

import pytest

from regress_action.formats import read

CUSTOM = Path(__file__).parents[2] / "data" / "formats" / "github-action-benchmark" / "custom.json"


def test_unit_and_name_show_metric_and_direction() -> None:
    """The file itself states no direction; what neither shows is unknown."""
    (report,) = read(CUSTOM)

    assert [
        (series.benchmark.name, series.metric.name, series.metric.unit, series.metric.direction.value, *series.values)
        for series in report.series
    ] == [
        ("parse small", "time", "s", "lower", pytest.approx(0.0125)),
        ("cache hits", "%", "%", "higher", 81.5),
        ("send", "throughput", "B/s", "higher", 210e6),
        ("colours", "pieces", "pieces", "unknown", 7.0),
    ]
