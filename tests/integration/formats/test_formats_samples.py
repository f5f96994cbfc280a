"""Every sample file at hand: our own, and the collection that `REGRESS_SHARED` or a neighbouring folder holds."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from regress_action.formats import read
from regress_action.model.errors import InputError

if TYPE_CHECKING:
    from regress_action.model.measurements import Report

DATA = Path(__file__).parents[2] / "data" / "formats"
SHARED = Path(os.environ.get("REGRESS_SHARED") or Path(__file__).parents[4] / "shared") / "formats"
NO_SAMPLES = {"SOURCE.txt"}
SAMPLES = [
    path
    for root in (DATA, SHARED)
    for path in sorted(root.rglob("*"))
    if path.is_file() and path.name not in NO_SAMPLES and not path.name.startswith("producer_")
]
KNOWN = {
    "pytest-benchmark/full_with_data.json": ("test_perf.py::test_fib[5]", "time", 7.110500007456722e-07),
    "pytest-benchmark/gha_pytest_output_v3.json": ("bench.py::test_fib_10", "time", 2.2300000000363696e-05),
    "pytest-benchmark/git_dirty_process_time.json": ("test_perf.py::test_fib[5]", "cpu_time", 5.267999999974959e-07),
    "pyperf/memory.json": ("track", "peak_memory", 12619776.0),
    "hyperfine/basic.json": ("ok", "time", 0.0062209435),
    "hyperfine/v2_abort.json": ("true", "peak_memory", 3096576.0),
    "asv/v2_no_samples.json": ("bench.Mem.mem_list(1000)", "memory", 8056.0),
    "bencher-bmf/report_bmf_mixed.json": ("benchmark-b", "time", 3.443e-06),
    "bencher-bmf/report_dhat.json": ("bench_play_game", "total_bytes", 662.0),
    "asv/v1_asv041_samples_stats.json": ("bench.time_simple", "time", 1.7296800012900346e-05),
}


def _label(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def test_most_real_outputs_are_read() -> None:
    """Of every tool with a reader at least one real file of the collection gives values, where the collection is."""
    if not SHARED.is_dir():
        sys.stdout.write("The collection of real outputs is not here: set REGRESS_SHARED.\n")
    tools = {path.relative_to(SHARED).parts[0] for path in SAMPLES if path.is_relative_to(SHARED)}
    read_from = {path.relative_to(SHARED).parts[0] for path in SAMPLES if path.is_relative_to(SHARED) and _gives(path)}

    assert tools - read_from <= {"oha", "github-action-benchmark"}  # a schema only; histories are imported


def _gives(path: Path) -> bool:
    try:
        return any(report.series for report in read(path))
    except InputError:
        return False


@pytest.mark.parametrize("path", SAMPLES, ids=_label)
def test_a_sample_is_read_or_refused_with_words(path: Path) -> None:
    """Real files of every version give values or say what is wrong; known ones give known values."""
    reports: tuple[Report, ...] = ()
    refusal = None
    try:
        reports = read(path)
    except InputError as error:
        refusal = error
    assert reports or (refusal and refusal.remedy)
    assert all(report.series or report.failures for report in reports)
    if expected := KNOWN.get(_label(path)):
        values = {series.key: series.values[0] for report in reports for series in report.series}
        assert values[expected[:2]] == pytest.approx(expected[2])
