"""What the builds of a history teach about code layout, and which changes of pairs it then holds back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from regress_action import analysis
from regress_action.analysis import code_layout
from regress_action.model.comparisons import Verdict
from regress_action.model.measurements import COMPILED, Environment
from regress_action.report.reasons import sentence
from unit.analysis import stored_reports
from unit.analysis.compared_sides import HOSTED, OTHER, pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.model.comparisons import Comparison
    from regress_action.model.measurements import Report

STEADY = [1.0, 1.01, 0.99, 1.0, 1.005] * 5


def builds(values: Sequence[float], others: int = 0) -> list[Report]:
    """Store one build of compiled code per value, with so many other benchmarks that the same machine measured."""
    rng = np.random.default_rng(len(values))
    return [
        replace(
            stored_reports.report(
                number,
                {"b": [value] * 3}
                | {f"other {other}": [float(np.exp(rng.normal(0, 0.005)))] * 3 for other in range(others)},
            ),
            provenance=(COMPILED,),
        )
        for number, value in enumerate(values)
    ]


def bound(reports: Sequence[Report]) -> analysis.LayoutBound:
    """Return what they teach about `b` on their machine."""
    return analysis.layout_bounds(reports, analysis.Policy())[reports[0].environment.fingerprint, "b", "time"]


def judged(level: float, reports: Sequence[Report], *marks: tuple[str, str]) -> Comparison:
    """Compare ten pairs whose head is `level` times as slow, with what the reports teach."""
    rng = np.random.default_rng(1)
    base, head = (
        pairs(
            {"b": at * np.exp(rng.normal(0, 0.005, 10))},
            environment=stored_reports.MACHINE,
            provenance=marks,
        )
        for at in (1.0, level)
    )
    policy = analysis.Policy(layout=analysis.layout_bounds(reports, analysis.Policy()))
    (row,) = analysis.compare([base], [head], policy).comparisons
    return row


@pytest.mark.parametrize("slow", [1, 10])
def test_builds_that_are_slow_now_and_then_raise_the_bound(slow: int) -> None:
    """One of twelve builds 42 % slower: as much more is suspected, and the reason names the builds."""
    history = builds([*STEADY[:slow], 1.42, *STEADY[slow + 1 : 12]])

    assert 1.42 < bound(history).ratio < 1.6
    row = judged(1.45, history, COMPILED)
    assert (row.verdict, row.confirmed) == (Verdict.REGRESSION, False)
    assert "as 12 builds in the history show" in sentence(row)
    assert "up to +5" in sentence(row)
    assert judged(1.45, builds(STEADY[:12]), COMPILED).confirmed is None
    assert judged(1.7, history, COMPILED).confirmed is None


def test_builds_that_are_fast_now_and_then_raise_it_as_much() -> None:
    """The next one may be slow again."""
    assert bound(builds([*STEADY[:6], 1 / 1.42, *STEADY[:5]])).ratio > 1.42


@pytest.mark.parametrize("values", [[1.0] * 9 + [1.5], [1.0] * 6 + [1.5] * 6, list(np.linspace(1, 1.6, 15))])
def test_what_stays_is_the_code(values: list[float]) -> None:
    """The newest build alone, a step, and a drift leave the bound as it was assumed."""
    assert bound(builds(values)) == analysis.LayoutBound(1.25)


def test_twenty_steady_builds_lower_the_bound() -> None:
    """15 % is then proven, 8 % still suspected; nineteen builds are not enough."""
    assert bound(builds(STEADY[:19])) == analysis.LayoutBound(1.25)
    assert bound(builds(STEADY[:20])).ratio == pytest.approx(1.1)
    assert bound(builds(STEADY[:20])).builds == 20
    assert judged(1.15, builds(STEADY[:20]), COMPILED).confirmed is None
    assert judged(1.15, builds(STEADY[:19]), COMPILED).confirmed is False
    assert judged(1.08, builds(STEADY[:20]), COMPILED).confirmed is False


def test_twenty_builds_that_differ_a_little_lower_it_less() -> None:
    """They lie 12 % apart at most: another may lie a little further."""
    assert bound(builds([1.0, 1.12] * 10)).ratio == pytest.approx(1.12**1.25)


def test_nothing_beyond_twice_as_slow_passes_for_layout() -> None:
    """A history that knows factors of five holds no critical regression back."""
    assert bound(builds([1.0, 5.0] * 6)).ratio == pytest.approx(2.0)


def test_only_different_builds_of_compiled_code_count() -> None:
    """One commit measured often, unmarked reports, unknown commits and uncommitted changes teach nothing."""
    wild = builds([1.0, 1.42] * 6)
    dirty = (COMPILED, ("dirty", "true"))

    assert bound([replace(report, commit=f"{number % 4}") for number, report in enumerate(wild)]).builds == 0
    for ignored in ({"provenance": ()}, {"commit": None}, {"provenance": dirty}):
        assert analysis.layout_bounds([replace(report, **ignored) for report in wild], analysis.Policy()) == {}


def test_the_builds_of_another_machine_are_not_asked() -> None:
    """What its branch predictor makes of a layout says nothing about this one's."""
    elsewhere = [replace(report, environment=OTHER) for report in builds([1.0, 1.42] * 6)]

    assert judged(1.45, elsewhere, COMPILED).confirmed is None


def test_a_machine_that_was_slow_is_not_taken_for_layout() -> None:
    """It made all benchmarks of a report slower; where one alone was, that is its build."""
    slow = [1.0, 1.01, 1.5, 0.99, *STEADY]
    together = [
        replace(report, series=tuple(replace(row, values=(slow[number],) * 3) for row in report.series))
        for number, report in enumerate(builds(slow, others=11))
    ]

    assert bound(together).ratio < 1.25
    alone = builds(slow, others=11)
    assert bound(alone).ratio > 1.5
    for elsewhere in (HOSTED, Environment()):
        assert bound([replace(report, environment=elsewhere) for report in alone]).ratio > 1.5


@pytest.mark.parametrize(("runs", "environment"), [(2, stored_reports.MACHINE), (3, HOSTED)])
def test_what_may_be_a_slow_run_or_a_slow_machine_raises_no_bound(runs: int, environment: Environment) -> None:
    """Two runs say nothing of a build, and one benchmark alone nothing of a hosted machine."""
    history = [
        replace(
            report,
            environment=environment,
            runs=report.runs[:runs],
            series=tuple(replace(row, values=row.values[:runs]) for row in report.series),
        )
        for report in builds([1.0, 1.42] * 12)
    ]

    bounds = analysis.layout_bounds(history, analysis.Policy())
    assert bounds == {(environment.fingerprint, "b", "time"): analysis.LayoutBound(1.25)}


def test_noise_that_all_benchmarks_show_is_not_taken_for_layout() -> None:
    """Sessions that differ by 10 % in every benchmark, each by itself, tell nothing of any build."""
    rng = np.random.default_rng(5)
    noisy = [
        replace(
            report,
            series=tuple(replace(row, values=(float(np.exp(rng.normal(0, 0.1))),) * 3) for row in report.series),
        )
        for report in builds(STEADY, others=11)
    ]

    assert bound(noisy).ratio <= 1.25


def test_a_history_of_compiled_code_marks_what_is_not_marked() -> None:
    """An artifact's word about what it measured is not taken; that of the stored builds is."""
    assert judged(1.15, builds(STEADY[:12])).confirmed is False
    assert judged(1.15, []).confirmed is None


def test_a_build_lies_beyond_one_before_and_one_after_it() -> None:
    """By the nearer of the two, in either direction; two builds show only that something changed."""
    levels = np.array([[0.0, 0.3, 0.1], [0.0, -0.3, -0.1], [0.0, 0.1, 0.3]])

    assert code_layout._wandered(levels) == pytest.approx([0.2, 0.2, 0.0])
    assert not code_layout._wandered(levels[:, :2]).any()
