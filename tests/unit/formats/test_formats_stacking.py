"""Reports on top of each other and side by side."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from regress_action.formats import merge
from regress_action.formats.stacking import stack
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Conditions, Environment, Failure, Metric, Report, Run, Series

_TIME = Metric("time", "s")


def _report(*names: str, value: float = 1.0, pair: int = 0, unit: str = "s", cpu: str = "A", runs: int = 1) -> Report:
    series = tuple(
        Series(Benchmark(name), Metric("time", unit), (value,) * runs, (5,) * runs, (0.1,) * runs) for name in names
    )
    return Report(
        series,
        tuple(Run(session=cpu, pair=pair + at) for at in range(runs)),
        commit="c1",
        environment=Environment("hosted", "Linux", cpu, 4, "16G", "CPython 3.12"),
        origin=f"{'-'.join(names)}.json",
    )


def test_stacked_runs_keep_their_order_and_their_gaps() -> None:
    """A run without a benchmark has NaN there, and every series is as long as the runs."""
    stacked = stack([_report("a", "b", value=1), _report("a", value=2, pair=1), _report("b", value=3, pair=2)])

    a, b = stacked.series
    assert a.values[:2] == (1, 2)
    assert math.isnan(a.values[2])
    assert b.values[0::2] == (1, 3)
    assert math.isnan(b.values[1])
    assert a.rounds == (5, 5, 0)
    assert [run.pair for run in stacked.runs] == [0, 1, 2]


def test_what_runs_do_not_agree_on_is_unknown() -> None:
    """Runs of two commits have no common commit."""
    assert stack([_report("a"), _report("a")]).commit == "c1"
    assert stack([_report("a"), replace(_report("a"), commit="c2")]).commit is None


def test_units_that_disagree_are_refused() -> None:
    """Seconds and bytes are not put into one series."""
    with pytest.raises(InputError, match="units disagree"):
        stack([_report("a"), _report("a", unit="B")])


def test_a_benchmark_that_failed_sometimes_is_a_warning() -> None:
    """With a value in another run it did not fail as a whole; without any it did."""
    broken = replace(_report(), failures=(Failure("a", "boom"), Failure("z", "bang")))

    stacked = stack([_report("a"), broken])

    assert stacked.failures == (Failure("z", "bang"),)
    assert stacked.warnings == ("a failed in 1 of its runs: boom",)


def test_many_warnings_are_cut() -> None:
    """A report does not drown in its own warnings."""
    noisy = replace(_report("a"), warnings=tuple(str(number) for number in range(50)))

    assert len(stack([noisy]).warnings) == 21
    assert stack([noisy]).warnings[-1] == "… and 30 more warnings."


def test_shards_become_one_report() -> None:
    """The benchmarks of all shards are there, each with the runs of its own shard."""
    merged = merge([_report("a", "b", runs=2), _report("c", cpu="A", runs=3)])

    assert [series.benchmark.name for series in merged.series] == ["a", "b", "c"]
    assert len(merged.runs) == 5
    assert merged.series[2].measured == (1.0, 1.0, 1.0)
    assert merged.environment == _report("a").environment


def test_the_machines_of_all_shards_are_kept_and_what_they_saved_is_added() -> None:
    """Each shard ran on a machine of its own; runs of one machine tell of it once; who saved nothing adds nothing."""
    calm, restless = Conditions("1", 0.002, 0.002, 0.002), Conditions("1", 0.002, 0.002, 0.004)
    first = replace(_report("a"), conditions=(calm,), saved_s=60.0, planned_pairs=10)
    second = replace(_report("b"), conditions=(restless, calm), saved_s=30.0, planned_pairs=33)

    merged = merge([first, second, _report("c")])

    assert merged.conditions == (calm, restless)
    assert merged.saved_s == 90.0
    assert merged.planned_pairs == 33
    assert merge([_report("a"), _report("b")]).saved_s is None


def test_shards_on_other_cpus_are_a_machine_of_their_own() -> None:
    """The same mixture in another assignment of shards has another fingerprint."""
    merged = merge([_report("a", cpu="A"), _report("b", cpu="B")])
    swapped = merge([_report("a", cpu="B"), _report("b", cpu="A")])
    again = merge([_report("b", cpu="B"), _report("a", cpu="A")])

    assert merged.environment.cpu == "mixed: A, B"
    assert merged.environment.fingerprint != swapped.environment.fingerprint
    assert merged.environment.fingerprint == again.environment.fingerprint
    assert merged.environment.fingerprint != _report("a").environment.fingerprint


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (_report("a"), "a .time. is twice there: in a.json and a.json"),
        (replace(_report("b"), commit="c2"), "not of one commit: c1 in a.json; c2 in b.json"),
        (replace(_report("b"), suite="other"), "not of one suite"),
        (replace(_report("b"), environment=Environment("self-hosted")), "not of one kind of runner"),
    ],
)
def test_what_is_no_shard_of_the_same_matrix_is_refused(second: Report, message: str) -> None:
    """Duplicates and strangers are named with their files."""
    with pytest.raises(InputError, match=message):
        merge([_report("a"), second])


def test_nothing_cannot_be_merged() -> None:
    """No shard at all is a mistake of the caller."""
    with pytest.raises(InputError, match="no report to merge"):
        merge([])
