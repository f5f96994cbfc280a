"""The fixed piece of work: what a look says, and how seldom one is taken."""

from __future__ import annotations

import statistics

from regress_action.measure.probe import Look, Probe
from regress_action.measure.schedule import spared_s


def test_a_look_times_real_work() -> None:
    """Milliseconds, not nothing and not seconds; the description names the work and lists every look."""
    probe = Probe()
    probe.look(0)
    probe.look(3)
    told = probe.described
    assert [look["after_pair"] for look in told["looks"]] == [0, 3]
    assert 1e-4 < statistics.median(look["median_s"] for look in told["looks"]) < 1
    assert all(look["spread"] >= 0 for look in told["looks"])
    assert told["work"].startswith("1 CPython") or told["work"].startswith("1 PyPy")
    assert 8 * min(look.median_s for look in probe.looks) < told["spent_s"]


def test_looks_between_the_pairs_cost_less_than_a_hundredth() -> None:
    """A quick suite is looked at before and after only; a long one whenever another look is cheap enough."""
    quick = Probe([Look(0, 0.002, 0.01)], spent_s=0.02)
    for pair in range(1, 10):
        quick.between(pair, measured_s=0.1 * pair)
    assert len(quick.looks) == 1

    long = Probe([Look(0, 0.002, 0.01)], spent_s=0.02)
    long.between(1, measured_s=3.9)
    assert len(long.looks) == 1
    long.between(2, measured_s=4.1)
    assert len(long.looks) == 2


def test_what_a_decision_spared_is_what_was_planned_less_what_was_spent() -> None:
    """Ten runs of 2 s were planned: after six of them 8 s are spared; after six and four narrowed ones of 1 s, 4 s."""
    assert spared_s([2.0] * 6, 12.0, 10, None) == 8.0
    assert spared_s([2.0] * 6, 16.0, 10, None) == 4.0


def test_nothing_is_spared_beyond_the_budget_or_below_a_run() -> None:
    """Without decisions the budget would have ended it; less than one run is noise; no run is no answer."""
    assert spared_s([2.0] * 6, 12.0, 10, 15.0) == 3.0
    assert spared_s([2.0] * 10, 20.0, 10, None) is None
    assert spared_s([2.0] * 6, 18.5, 10, None) is None
    assert spared_s([], 0.0, 10, None) is None
