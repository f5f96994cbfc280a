"""What the builds of a history teach about code layout, and which changes of pairs it then holds back."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from regress_action import analysis
from regress_action.analysis import code_layout
from regress_action.model.comparisons import Verdict
from regress_action.model.measurements import COMPILED, Environment, Metric
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


def drawn(random: Random) -> list[Report]:
    """Draw a history of one to eight benchmarks on one kind of machine, of which some builds, or reports, are slow."""
    names = [f"b{n}" for n in range(random.choice((1, 3, 4, 5, 8)))]
    environment = random.choice((stored_reports.MACHINE, HOSTED, Environment()))
    noise, missing = random.choice((0.0005, 0.005, 0.03)), random.choice((0.0, 0.2))
    together, size = random.choice((0.0, 0.1)), random.choice((0.1, 0.25, 0.4, 0.9))
    few, wild = random.random() < 0.5, random.choice((0.0, 0.05, 0.3))
    reports = []
    for number in range(random.choice((2, 3, 4, 5, 6, 12, 19, 20, 21, 30))):
        runs = random.choice((1, 2, 3, 4)) if few else 3
        machine = 0.5 if random.random() < together else 0.0
        values = {
            name: [math.exp(level + random.gauss(0, noise)) for _ in range(runs)]
            for name in names
            if random.random() >= missing
            for level in [machine + random.choice((-size, size)) * (random.random() < wild)]
        }
        if values:
            made = stored_reports.report(number, values, environment=environment)
            heap = stored_reports.report(number, {"b0": [1.0] * runs}, metric=Metric("peak_memory", "B"))
            commit = f"{number // random.choice((1, 1, 1, 2)):040x}"
            series = made.series + heap.series
            reports.append(replace(made, series=series, provenance=(COMPILED,), commit=commit))
    return reports


def wandered(levels: list[float]) -> float:
    """Return how far any lies beyond one before and one after it."""
    known = [one for one in levels if not math.isnan(one)]
    beyond = [
        sign * known[at] - max(min(sign * one for one in known[:at]), min(sign * one for one in known[at + 1 :]))
        for at in range(1, len(known) - 1)
        for sign in (1, -1)
    ]
    return max([0.0, *beyond])


def without_common_moves(level: dict[str, list[float]]) -> float:
    """Take off what moved the typical benchmark of each report, and return what two sessions then differ by."""
    middle = {name: np.nanmedian(of) for name, of in level.items()}
    for at in range(len(next(iter(level.values())))):
        apart = [of[at] - middle[name] for name, of in level.items() if not math.isnan(of[at])]
        for of in level.values():
            of[at] -= float(np.median(apart)) if apart else 0.0
    spreads = []
    for of in level.values():
        steps = np.abs(np.diff([one for one in of if not math.isnan(one)]))
        if len(steps):
            spreads.append(max(np.median(steps) / 0.954, np.quantile(steps, 0.9) / 2.326))
    return max(0.015, float(np.median(spreads)) if spreads else 0.0)


def by_definition(reports: list[Report]) -> dict[str, tuple[float, int]]:
    """Return the bound of each benchmark, and how many builds taught it."""
    names = sorted({row.benchmark.name for report in reports for row in report.series if row.metric.unit == "s"})
    level = {name: [math.nan] * len(reports) for name in names}
    runs = {name: [0] * len(reports) for name in names}
    for at, report in enumerate(reports):
        for row in report.series:
            if row.metric.unit == "s":
                level[row.benchmark.name][at] = float(np.median(np.log(row.values)))
                runs[row.benchmark.name][at] = len(row.values)
    environment = reports[0].environment
    usual = {stored_reports.MACHINE: 0.015, HOSTED: 0.03}.get(environment, 0.1)
    if len(names) >= 5:
        usual = without_common_moves(level)
    bounds = {}
    for name in names:
        builds = len({report.commit for at, report in enumerate(reports) if not math.isnan(level[name][at])})
        shown = [one if count >= 3 else math.nan for one, count in zip(level[name], runs[name], strict=True)]
        seen = wandered(shown) if len(names) >= 5 or environment == stored_reports.MACHINE else 0.0
        raised = min(1.25 * math.sqrt(max(seen**2 - (5 * usual) ** 2, 0)), math.log(2))
        lowered = max(1.25 * wandered(level[name]), math.log(1.1))
        bounds[name] = 1.25, 0
        if builds >= 5 and raised > math.log(1.25):
            bounds[name] = math.exp(raised), builds
        elif builds >= 20 and lowered < math.log(1.25):
            bounds[name] = math.exp(lowered), builds
    return bounds


def test_bounds_are_those_of_the_definition() -> None:
    """Of 300 histories: some raise the assumed bound, some lower it, and most teach nothing."""
    random = Random(11)  # noqa: S311 - no secret
    raised = lowered = 0
    for _ in range(300):
        reports = drawn(random)
        found = analysis.layout_bounds(reports, analysis.Policy())
        expected = by_definition(reports) if reports else {}
        assert {key[1]: bound.builds for key, bound in found.items()} == {name: of[1] for name, of in expected.items()}
        assert {key[1]: bound.ratio for key, bound in found.items()} == pytest.approx(
            {name: of[0] for name, of in expected.items()}
        )
        raised += any(ratio > 1.26 for ratio, _ in expected.values())
        lowered += any(ratio < 1.24 for ratio, _ in expected.values())
    assert min(raised, lowered) >= 20


def test_what_no_build_has_a_value_of_has_no_bound() -> None:
    """All of its runs failed."""
    reports = [stored_reports.report(0, {"b": [1.0], "c": [math.nan]})]
    bounds = analysis.layout_bounds([replace(reports[0], provenance=(COMPILED,))], analysis.Policy())
    assert [key[1] for key in bounds] == ["b"]


@pytest.mark.parametrize("level", [1.0, 1.15, 1.45, 1.7])
def test_when_pairs_stop_does_not_depend_on_the_bound_of_layout(level: float) -> None:
    """The runner, which knows no history, stops as one that does: no further pair tells a layout from the code."""
    rng = np.random.default_rng(2)
    base, head = (
        pairs(
            {"b": at * np.exp(rng.normal(0, 0.005, 6))},
            environment=stored_reports.MACHINE,
            provenance=(COMPILED,),
        )
        for at in (1.0, level)
    )
    plan = analysis.SamplingPlan()
    learned = analysis.layout_bounds(builds([1.0, 1.5] * 6), analysis.Policy())
    assumed, known = (
        analysis.analyse_interim([base], [head], policy, plan)
        for policy in (analysis.Policy(), analysis.Policy(layout=learned))
    )

    assert assumed == known
    assert not known.proceed
