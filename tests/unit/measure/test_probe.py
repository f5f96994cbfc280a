"""The speed probe: what a reading holds, and how often one is taken."""

from __future__ import annotations

import statistics

from regress_action.measure.machine import Probe, ProbeReading
from regress_action.measure.schedule import seconds_saved


def test_reading_times_real_work() -> None:
    """Milliseconds, not nothing and not seconds; the description names the work and lists every reading."""
    probe = Probe()
    probe.read(0)
    probe.read(3)
    described = probe.described
    assert [reading["after_pair"] for reading in described["looks"]] == [0, 3]
    assert 1e-4 < statistics.median(reading["median_s"] for reading in described["looks"]) < 1
    assert all(reading["spread"] >= 0 for reading in described["looks"])
    assert described["work"].startswith("1 CPython") or described["work"].startswith("1 PyPy")
    assert 8 * min(reading.median_s for reading in probe.readings) < described["spent_s"]


def test_readings_between_pairs_cost_below_a_hundredth() -> None:
    """A quick suite has readings before and after only; a long one whenever another reading is cheap enough."""
    quick = Probe([ProbeReading(0, 0.002, 0.01)], spent_s=0.02)
    for pair in range(1, 10):
        quick.read_between(pair, measured_s=0.1 * pair)
    assert len(quick.readings) == 1

    long = Probe([ProbeReading(0, 0.002, 0.01)], spent_s=0.02)
    long.read_between(1, measured_s=3.9)
    assert len(long.readings) == 1
    long.read_between(2, measured_s=4.1)
    assert len(long.readings) == 2


def test_saved_time_is_planned_time_minus_spent_time() -> None:
    """Ten runs of 2 s were planned: after six of them 8 s are saved; after six and four narrowed ones of 1 s, 4 s."""
    assert seconds_saved([2.0] * 6, 12.0, 10, None) == 8.0
    assert seconds_saved([2.0] * 6, 16.0, 10, None) == 4.0


def test_saved_time_is_limited_by_the_budget_and_at_least_one_run() -> None:
    """Without decisions the budget would have ended it; less than one run is noise; no run is no answer."""
    assert seconds_saved([2.0] * 6, 12.0, 10, 15.0) == 3.0
    assert seconds_saved([2.0] * 10, 20.0, 10, None) is None
    assert seconds_saved([2.0] * 6, 18.5, 10, None) is None
    assert seconds_saved([], 0.0, 10, None) is None
