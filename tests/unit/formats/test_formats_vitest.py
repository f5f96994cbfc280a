"""The JSON of vitest's benchmarks, old and new."""

from __future__ import annotations

from pathlib import Path

import pytest

from regress_action.formats import read
from regress_action.model.errors import InputError

DATA = Path(__file__).parents[2] / "data" / "formats" / "vitest"


@pytest.mark.parametrize(
    ("file", "name", "broken"),
    [
        ("v4.json", "sort.bench.ts > sort > ascending", "sort.bench.ts > sort > broken"),
        ("v5.json", "sort.bench.ts > sort ascending > numbers", "sort.bench.ts > sort broken"),
    ],
)
def test_the_median_is_the_value(file: str, name: str, broken: str) -> None:
    """Milliseconds become seconds, the folder of the machine is no part of a name, and what broke is a failure."""
    (report,) = read(DATA / file)
    (series,) = report.series

    assert (series.benchmark.name, series.rounds) == (name, (40,))
    assert series.values + series.spreads == pytest.approx((1.9e-3, 1e-4))
    assert [one.benchmark for one in report.failures] == [broken]


def test_a_negative_time_is_refused(tmp_path: Path) -> None:
    """No benchmark ends before it begins."""
    path = tmp_path / "bad.json"
    path.write_text((DATA / "v4.json").read_text().replace('"median": 1.9', '"median": -1.9'))
    with pytest.raises(InputError, match="negative"):
        read(path)
