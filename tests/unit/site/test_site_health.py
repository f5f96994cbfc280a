"""How well the gate can see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from regress_action.site import health
from regress_action.site.tables import tables_of
from unit.site.site_reports import MACHINE, commit, history, report
from unit.site.test_site_content import rows_of


def test_neighbours_beyond_the_threshold_are_counted_within_a_level() -> None:
    """Two disturbed reports of forty; the step, which is a change, is none."""
    values = [*[1.0] * 10, 1.5, *[1.0] * 9, *[2.0] * 10, 3.0, *[2.0] * 9]
    tables = tables_of(history({"a": values}))

    (machine,) = health.health(tables, rows_of(tables), ())["machines"]

    assert (machine["neighbours"], machine["crossed"]) == (38, 2)


def test_two_reports_of_one_commit_are_counted_as_comparisons_of_the_same_with_the_same() -> None:
    """One of two differs by more than the threshold, and no program changed."""
    values = [1.0, 1.0, 1.3, 1.3, 1.0, 1.0]
    twice = [replace(report(n, {"a": [value]}), commit=commit(n // 2)) for n, value in enumerate(values)]
    tables = tables_of([*twice, report(6, {"a": [2.0]}), replace(report(7, {"a": [2.6]}), commit=commit(6))])

    (machine,) = health.health(tables, rows_of(tables), ())["machines"]

    assert (machine["repeated"], machine["differed"]) == (4, 1)


def test_a_planted_slowdown_is_caught_from_the_threshold_on() -> None:
    """Of 40 quiet values, 20 have twenty before them on their level; 1.2 is noise around the threshold of 1.2."""
    values = [float(v) for v in np.exp(np.random.default_rng(1).normal(0, 0.002, 40))]
    tables = tables_of(history({"a": values}))

    found = health.health(tables, rows_of(tables), ())
    (machine,) = found["machines"]
    caught = dict(zip(found["planted"], machine["caught"], strict=True))

    assert machine["judged"] == 20
    assert [caught[factor] for factor in (1.0, 1.05, 1.1)] == [0, 0, 0]
    assert 0 < caught[1.2] < 20
    assert [caught[factor] for factor in (1.5, 2.0)] == [20, 20]


def test_a_noisy_series_hides_a_planted_slowdown() -> None:
    """It is beyond the threshold, and within what single values differ."""
    values = [float(v) for v in np.exp(np.random.default_rng(2).normal(0, 0.4, 60))]
    tables = tables_of(history({"a": values}))

    found = health.health(tables, rows_of(tables), ())
    (machine,) = found["machines"]

    assert machine["judged"] == 40
    assert machine["caught"][found["planted"].index(1.5)] < 20


def test_values_on_another_level_are_not_judged() -> None:
    """After a step, the twenty values before belong to another program."""
    tables = tables_of(history({"a": [*[1.0] * 30, *[2.0] * 30]}))

    (machine,) = health.health(tables, rows_of(tables), ())["machines"]

    assert (machine["judged"], machine["caught"][0]) == (20, 0)


def test_machines_of_one_runner_are_a_class() -> None:
    """Their noise is shown together, with how many kinds of processor they have."""
    other = replace(MACHINE, cpu="other")
    reports = [report(n, {"a": [1.0 + n % 2 / 50]}, environment=(MACHINE, other)[n % 4 // 2]) for n in range(40)]
    tables = tables_of(reports)

    ((runner, machines, processors, _),) = health.health(tables, rows_of(tables), ())["classes"]

    assert (runner, machines, processors) == ("runner", 2, 2)
