"""How runs are laid out: rows, sessions and environments, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from regress_action.analysis import run_matrix as evidence
from regress_action.model.comparisons import Reason, ReasonCode
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series
from unit.analysis.compared_sides import HOSTED, OWN, TIME, pairs, runs, session


def made(*values: float, rounds: int = 0, dropped: int = 0, created: str | None = None, commit: str = "c") -> Report:
    """Make a report of one benchmark, with one run per value."""
    series = Series(Benchmark("b"), TIME, values, (rounds,) * len(values), (), dropped)
    return Report((series,), tuple(Run() for _ in values), created=created, commit=commit, environment=OWN)


def test_a_side_is_a_row_per_series_and_a_column_per_run() -> None:
    """Oldest first, NaN where a run holds none, and the rows of both sides are the same."""
    rows, base, head, environments = evidence.lay_out(runs({"a": [1.0, 2.0], "b": [3.0]}), [session({"b": [4.0, 5.0]})])

    assert [(row.name, metric.name) for row, metric in zip(rows.benchmarks, rows.metrics, strict=True)] == [
        ("b", "time"),
        ("a", "time"),
    ]
    assert np.array_equal(base.values, np.array([[3, np.nan], [1, 2]]), equal_nan=True)
    assert np.array_equal(head.values, np.array([[4, 5], [np.nan, np.nan]]), equal_nan=True)
    assert (base.sessions.tolist(), head.sessions.tolist()) == ([0, 1], [0, 0])
    assert (base.listed.tolist(), head.listed.tolist()) == ([True, True], [True, False])
    assert (base.newest.tolist(), head.newest.tolist()) == ([False, True], [True, False])
    assert environments == (OWN.fingerprint,)


def test_environments_are_numbered_on_both_sides_alike() -> None:
    """The same machine has the same number."""
    _, base, head, environments = evidence.lay_out(
        [*runs({"a": [1.0]}), *runs({"a": [1.0]}, environment=HOSTED)], runs({"a": [1.0]}, environment=HOSTED)
    )

    assert environments == (OWN.fingerprint, HOSTED.fingerprint)
    assert (base.fingerprints.tolist(), head.fingerprints.tolist()) == ([0, 1], [1])


def test_only_runs_with_a_session_and_a_number_have_a_pair() -> None:
    """What is not known to be next to another run is not."""
    half = Report(pairs({"a": [1.0, 1.0]}).series, (Run(session="s"), Run(pair=1)))

    _, base, head, _ = evidence.lay_out([pairs({"a": [1.0, 1.0]})], [half])

    assert (base.pairs, head.pairs) == ((("s", 0), ("s", 1)), (None, None))


def test_rows_are_added_at_the_end_and_are_empty() -> None:
    """For what failed everywhere; the others stay as they are, and nothing happens where there is nothing to add."""
    _, side, _, _ = evidence.lay_out(runs({"a": [1.0, 2.0]}), runs({"a": [1.0]}))

    grown = evidence.grown(side, 3)

    assert np.array_equal(grown.values, np.array([[1, 2], [np.nan] * 2, [np.nan] * 2]), equal_nan=True)
    assert (grown.newest.tolist(), grown.listed.tolist()) == ([True, False, False], [True, False, False])
    assert evidence.grown(side, 1) is side


def test_runs_of_one_session_are_one_value() -> None:
    """Their mean, in the order in which the sessions began."""
    _, side, _, _ = evidence.lay_out([session({"a": [1.0, 3.0]}), session({"a": [5.0]}, name="later")], ())

    assert evidence.by_session(side.values, side).tolist() == [[2, 5]]


@pytest.mark.parametrize(("rounds", "dropped", "kept"), [(8, 2, True), (7, 2, False), (0, 0, True), (0, 1, False)])
def test_up_to_a_fifth_of_the_rounds_may_be_lost(rounds: int, dropped: int, kept: bool) -> None:
    """Two of ten are a fifth, two of nine are more."""
    rows, _, head, _ = evidence.lay_out((), [made(1.0, rounds=rounds, dropped=dropped)])

    assert np.isfinite(head.values).all() == kept
    assert (rows.invalid == {}) is kept


def test_reports_are_ordered_by_time_only_where_all_have_one() -> None:
    """Otherwise they are taken as they are given."""
    later, earlier = made(2.0, created="2026-01-02"), made(1.0, created="2026-01-01")

    for reports, expected in (([later, earlier], [1, 2]), ([later, made(1.0)], [2, 1])):
        _, base, _, _ = evidence.lay_out(reports, ())
        assert base.values.tolist() == [expected]


def test_every_report_of_the_newest_commit_says_what_it_was_meant_to_measure() -> None:
    """A commit may have been measured by several jobs."""
    other = Report((Series(Benchmark("other"), TIME, (1.0,)),), (Run(),), commit="c")

    _, base, _, _ = evidence.lay_out([made(1.0, commit="old"), other, made(1.0)], ())

    assert base.newest.tolist() == [True, True]


def test_a_metric_that_changed_its_unit_is_another_one() -> None:
    """The newest description wins, and older values are left out with a reason; a body that is unknown is no clash."""
    old = Report((Series(Benchmark("b", version="v1"), Metric("time", "ms"), (9.0,)),), (Run(),))

    rows, base, _, _ = evidence.lay_out([old], [made(1.0)])
    agreed, both, _, _ = evidence.lay_out(
        [Report((Series(Benchmark("b", version="v1"), TIME, (9.0,)),), (Run(),))], [made(1.0)]
    )

    assert rows.clashes == {0: Reason(ReasonCode.UNIT_CHANGED, before="ms", text="s")}
    assert np.isnan(base.values).all()
    assert (agreed.clashes, both.values.tolist()) == ({}, [[9]])


def test_values_that_do_not_fit_their_runs_are_refused() -> None:
    """One too many is as bad as one too few."""
    for count in (1, 3):
        crooked = Report((Series(Benchmark("b"), TIME, (1.0,) * count),), (Run(), Run()), origin="x.json")
        with pytest.raises(InputError, match=r"x\.json does not hold one value per run \(2 runs\)"):
            evidence.lay_out((), [crooked])
