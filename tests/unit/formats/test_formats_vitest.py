"""The JSON of vitest's benchmarks, old and new."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regress_action.formats import read

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
    assert [failure.benchmark for failure in report.failures] == [broken]


def test_a_negative_time_is_no_value(tmp_path: Path) -> None:
    """No benchmark ends before it begins; it failed, and the reason has its place in the file."""
    path = tmp_path / "bad.json"
    path.write_text((DATA / "v4.json").read_text().replace('"median": 1.9', '"median": -1.9'))

    (report,) = read(path)

    assert not report.series
    assert "cannot be negative" in report.failures[0].reason


def test_files_of_one_name_are_distinguished_by_their_folder(tmp_path: Path) -> None:
    """The same suite in two packages is two benchmarks."""
    content = json.loads((DATA / "v4.json").read_text())
    other = json.loads((DATA / "v4.json").read_text())["files"][0]
    content["files"][0]["filepath"] = "/w/packages/a/sort.bench.ts"
    other["filepath"] = "/w/packages/b/sort.bench.ts"
    content["files"].append(other)
    path = tmp_path / "two.json"
    path.write_text(json.dumps(content))

    (report,) = read(path)

    assert [series.benchmark.name for series in report.series] == [
        "sort.bench.ts > sort > ascending [a]",
        "sort.bench.ts > sort > ascending [b]",
    ]
    assert report.warnings == ()
