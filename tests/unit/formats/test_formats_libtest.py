"""The text of Rust's `cargo bench`."""

from __future__ import annotations

from pathlib import Path

import pytest

from regress_action.formats import read

BENCH = Path(__file__).parents[2] / "data" / "formats" / "libtest" / "bench.txt"


def test_lines_give_medians_in_base_units() -> None:
    """Thousands separators, rates and other units are read; what failed is named; what was ignored is not."""
    (report,) = read(BENCH)
    values = {series.key: series.values[0] for series in report.series}

    assert values == pytest.approx(
        {
            ("sort::ascending", "time"): 5.44531e-6,
            ("copy", "time"): 50e-9,
            ("copy", "throughput"): 800e6,
            ("cycles", "cycles"): 2835,
        }
    )
    assert [failure.benchmark for failure in report.failures] == ["broken"]


def test_colours_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    """A log from another system reads the same."""
    path = tmp_path / "windows.txt"
    path.write_bytes(BENCH.read_bytes().replace(b"\n", b"\r\n").replace(b"FAILED\r", b"\x1b[31mFAILED\x1b[0m\r"))

    (ours,), (theirs,) = read(BENCH), read(path)
    assert [(series.key, series.values) for series in theirs.series] == [
        (series.key, series.values) for series in ours.series
    ]
    assert theirs.failures == ours.failures
