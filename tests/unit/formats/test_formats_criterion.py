"""The folder of Criterion.rs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from regress_action.formats import read
from regress_action.model.errors import InputError

TARGET = Path(__file__).parents[2] / "data" / "formats" / "criterion" / "target"


def test_the_folder_gives_what_criterion_reports() -> None:
    """A linear sample gives its slope, a flat one its median, under the names that the files state."""
    (report,) = read(TARGET)

    values = {series.key: series.values[0] for series in report.series}
    assert values == pytest.approx({("parse:8", "time"): 111e-9, ("flat", "time"): 110e-9})
    assert [series.rounds for series in report.series] == [(3,), (3,)]


def test_a_result_that_is_left_over_is_left_out(tmp_path: Path) -> None:
    """A cached target folder keeps the results of benchmarks that were removed."""
    folder = shutil.copytree(TARGET, tmp_path / "criterion")
    os.utime(folder / "flat" / "new" / "estimates.json", (0, 0))

    (report,) = read(folder)

    assert [series.benchmark.name for series in report.series] == ["parse:8"]
    assert "flat is " in report.warnings[0]


def test_a_damaged_result_loses_itself_alone(tmp_path: Path) -> None:
    """The others are read, and the damaged file is named."""
    folder = shutil.copytree(TARGET, tmp_path / "criterion")
    (folder / "flat" / "new" / "estimates.json").write_text("[")

    (report,) = read(folder)

    assert [series.benchmark.name for series in report.series] == ["parse:8"]
    assert "left out" in report.warnings[0]


def test_a_folder_without_results_names_what_was_looked_for(tmp_path: Path) -> None:
    """An empty folder is none of the three that can be read."""
    with pytest.raises(InputError, match="neither a measurement nor the results of asv or Criterion"):
        read(tmp_path)
