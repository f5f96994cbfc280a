"""Two sides brought into a form in which only like is compared with like."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regress_action.formats import matched
from regress_action.model.measurements import Benchmark, Environment, Failure, Metric, Report, Run, Series

NEW = Environment(cpu="one CPU", runtime="CPython 3.13.1")
OLD = Environment(cpu="one CPU", runtime="CPython 3.9.1")


def report(value: float, environment: Environment) -> Report:
    """Make a report of one benchmark."""
    return Report(
        (Series(Benchmark("parse"), Metric("time", "s"), (value,)),),
        (Run(),),
        environment=environment,
        failures=(Failure("lex", "It failed."),),
    )


def test_environments_of_one_head_are_judged_separately() -> None:
    """What differs between them becomes part of every name, on both sides and in the failures."""
    base, head = matched([report(1, OLD), report(2, NEW)], [report(3, OLD), report(4, NEW)])

    for side in (base, head):
        assert [item.series[0].benchmark.name for item in side] == ["parse [CPython 3.9.1]", "parse [CPython 3.13.1]"]
        assert side[1].failures[0].benchmark == "lex [CPython 3.13.1]"


def test_a_failed_group_stands_for_its_benchmarks() -> None:
    """A test that failed is not reported next to its missing benchmarks."""
    series = tuple(
        Series(Benchmark(name), Metric("time", "s"), (1.0,)) for name in ("sort > up", "sort > down", "sorted > x")
    )
    base = Report(series, (Run(),))
    head = Report((series[2],), (Run(),), failures=(Failure("sort", "It failed."),))

    _, (side,) = matched([base], [head])

    assert [failure.benchmark for failure in side.failures] == ["sort > down", "sort > up"]


@pytest.mark.parametrize("other", [OLD, Environment(), replace(OLD, memory="7 GB")])
def test_one_environment_changes_no_name(other: Environment) -> None:
    """An unknown environment, or another size of the memory, tells nothing apart."""
    sides = ((report(1, NEW),), (report(3, OLD), report(4, other)))

    assert matched(*sides) == sides
