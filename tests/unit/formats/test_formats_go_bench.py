"""The text of `go test -bench`."""

from __future__ import annotations

from pathlib import Path

import pytest

from regress_action.formats import read

COUNT = Path(__file__).parents[2] / "data" / "formats" / "go" / "count.txt"


def test_count_gives_rounds_of_one_run(tmp_path: Path) -> None:
    """Repeated lines are rounds in base units, with colours and Windows line ends too."""
    path = tmp_path / "windows.txt"
    path.write_bytes(COUNT.read_bytes().replace(b"\n", b"\r\n").replace(b"goos", b"\x1b[1mgoos"))
    (report,) = read(COUNT)
    series_by_metric = {series.metric.name: series for series in report.series}

    assert {series.benchmark.name for series in report.series} == {"example.org/a.BenchmarkCopy/size-8"}
    assert series_by_metric["time"].values == pytest.approx((25e-9,))
    assert series_by_metric["time"].rounds == (2,)
    assert series_by_metric["throughput"].values == pytest.approx((4.5e6,))
    assert series_by_metric["allocations"].metric.exact
    assert [failure.benchmark for failure in report.failures] == ["example.org/a.BenchmarkBroken"]
    assert read(path)[0].series == report.series
