"""What is decided of a row, by plain formulas over random estimates."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from regress_action.analysis import LayoutBound, Policy, SamplingPlan, designs, exact_tests, looks, tests
from regress_action.analysis.comparison import analyse
from regress_action.analysis.policy import RowThresholds
from regress_action.analysis.run_matrix import Scale
from unit.analysis.compared_sides import pairs

if TYPE_CHECKING:
    from regress_action.analysis.estimate import RowEstimates

ROWS = 240


def drawn(seed: int, runs: int = 12) -> tuple[RowEstimates, Scale]:
    """Draw the estimates of rows of each design and kind, with some runs far slower than the others."""
    random = np.random.default_rng(seed)
    estimates = analyse([pairs({"b": [1.0, 1.1]})], [pairs({"b": [1.0, 1.2]})], Policy()).estimates
    seen = estimates.estimate
    seen.design = random.choice([designs.PAIRED, designs.HISTORY, designs.SINGLE, designs.NONE], ROWS)
    seen.d = random.choice([-0.3, -0.04, 0.0, 0.02, 0.04, 0.3], ROWS) + random.normal(0, 0.005, ROWS)
    seen.se = random.choice([0.002, 0.01, 0.03], ROWS)
    seen.irreducible = seen.se * random.choice([0.0, 0.5, 1.0], ROWS)
    seen.spread = random.choice([0.005, 0.05], ROWS)
    seen.df = random.choice([1.0, 4.0, 20.0], ROWS)
    seen.base_runs = random.choice([5.0, 7.0, 10.0], ROWS)
    spread = random.choice([0.001, 0.01, 0.05], (ROWS, 1))
    estimates.base, estimates.head = (
        spread * random.standard_normal((ROWS, runs)) + 0.4 * (random.random((ROWS, runs)) < share)
        for share in (0.03, 0.12)
    )
    estimates.head[:, -1] = np.where(random.random(ROWS) < 0.3, np.nan, estimates.head[:, -1])
    estimates.p_counts = random.choice([np.nan, np.nan, 0.01, 0.6], ROWS)
    estimates.coarse = random.random(ROWS) < 0.1
    kinds = random.integers(0, 8, ROWS)
    return estimates, Scale(kinds == 1, np.ones(ROWS), kinds == 2, kinds != 3, np.zeros(ROWS, bool))


def test_the_p_value_is_students_and_that_of_counts_and_pays_for_looks() -> None:
    """The larger of both, of rows that have a design; pairs cost what their plan says."""
    estimates, _ = drawn(1)
    seen = estimates.estimate
    shift = np.random.default_rng(2).choice([0.0, 0.1], ROWS)
    expected = 2 * stats.t.sf(np.abs((seen.d - shift) / seen.se), seen.df)
    expected = np.where(seen.design == designs.NONE, np.nan, np.fmax(expected, estimates.p_counts))
    assert tests._p_values(estimates, seen, Policy(), shift) == pytest.approx(expected, nan_ok=True)

    plan = SamplingPlan()
    paid = np.minimum(looks.paid_for_looks(expected, plan, 0.05, seen.base_runs, seen), 1)
    paid = np.where(seen.design == designs.PAIRED, paid, expected)
    assert tests._p_values(estimates, seen, Policy(plan=plan), shift) == pytest.approx(paid, nan_ok=True)


def test_runs_that_are_far_slower_than_all_others_are_counted() -> None:
    """Beyond the size and five deviations of the noisier side; two or more, where counting both sides shows a path."""
    estimates, scale = drawn(3)
    size = np.random.default_rng(4).choice([0.03, 0.2, 0.5], ROWS)
    expected = []
    for row in range(ROWS):
        base, head = (side[row][~np.isnan(side[row])] for side in (estimates.base, estimates.head))
        deviation = max(np.median(np.abs(side - np.median(side))) for side in (base, head))
        limit = max(size[row], 5 * 1.4826 * deviation)
        slow = sum(run - np.median(head) > limit for run in head)
        of_base = sum(run - np.median(base) > limit for run in base)
        shown = slow >= 2 and exact_tests.may_be_a_path(slow, len(head), of_base, len(base))
        expected.append(slow if shown and not scale.exact[row] else 0)
    assert tests._slow_runs(estimates, scale, size).tolist() == expected
    assert 2 in expected


def test_layout_explains_timed_pairs_below_the_bound_of_their_row() -> None:
    """Rows of compiled code have a bound, all others none."""
    estimates, scale = drawn(5)
    seen = estimates.estimate
    estimates.layout = {row: LayoutBound(1.1 if row % 2 else 1.5) for row in range(0, ROWS, 3)}
    bounds = [math.log(estimates.layout[row].ratio) if row in estimates.layout else 0.0 for row in range(ROWS)]
    timed_pairs = (seen.design == designs.PAIRED) & scale.timed & ~scale.linear
    expected = [here and abs(d) < bound for here, d, bound in zip(timed_pairs, seen.d, bounds, strict=True)]
    assert tests._within_layout(estimates, scale).tolist() == expected


def test_the_smallest_change_depends_on_the_design_and_is_never_above_the_threshold() -> None:
    """3 % in pairs, 5 % against a history, 1 % of exact counts; of rows without a ratio that share of the level."""
    estimates, scale = drawn(6)
    thresholds = np.random.default_rng(7).choice([1.005, 1.02, 1.04, 1.2], ROWS)
    expected = []
    for row in range(ROWS):
        ratio = 1.03 if estimates.estimate.design[row] == designs.PAIRED else 1.05
        ratio = min(1.01 if scale.exact[row] else ratio, thresholds[row])
        level = abs(np.mean(estimates.base[row]))
        expected.append((ratio - 1) * level if scale.linear[row] else math.log(ratio))
    assert tests._smallest(estimates, scale, thresholds, Policy()) == pytest.approx(expected)


def test_the_detectable_change_counts_the_errors_of_both_estimates_of_noise() -> None:
    """The fixed point of what has to be exceeded, and 0.84 deviations of the difference with those of its noise."""
    estimates, _ = drawn(8)
    seen = estimates.estimate
    random = np.random.default_rng(9)
    smallest, strict = random.choice([0.01, 0.03], ROWS), seen.se * random.choice([1.5, 2.0, 4.0], ROWS)
    found = tests._detectable(seen, smallest, strict, Policy())
    for row in range(ROWS):
        random_part = max(1 - (seen.irreducible[row] / seen.se[row]) ** 2, 0)
        relative = random_part**2 * 2 / (2 * seen.df[row])
        limit = max(smallest[row], strict[row]) / seen.se[row]
        estimated = limit if strict[row] >= smallest[row] else 0.0
        reach = limit + stats.norm.isf(0.2)
        for _ in range(12):
            reach = limit + stats.norm.isf(0.2) * math.sqrt(1 + relative * (reach**2 + estimated**2))
        assert found[row] == pytest.approx(reach * seen.se[row])


@pytest.mark.parametrize("plan", [None, SamplingPlan()])
def test_the_smaller_of_two_sizes_is_ruled_out_by_the_interval_or_by_counting(plan: SamplingPlan | None) -> None:
    """Counted are pairs with a ratio and without a lattice, against the size less what two builds may differ by."""
    estimates, scale = drawn(10)
    seen = estimates.estimate
    random = np.random.default_rng(11)
    half, small, large = random.choice([0.005, 0.05, 0.3], ROWS), np.full(ROWS, 0.03), random.choice([0.03, 0.2], ROWS)
    policy = Policy(plan=plan)
    alpha = 0.05 if plan is None else looks.strictest_level(plan, 0.05)
    found, beyond = tests._ruled_out(estimates, scale, seen.d, half, (small, large), policy)
    counted_rows = 0
    for row in range(ROWS):
        wanted, count = np.nan, -1
        for size in (large[row], small[row]):
            top = seen.d[row] + half[row]
            if top < size or (scale.linear[row] and top <= size):
                wanted, count = size, -1
                continue
            if seen.design[row] != designs.PAIRED or scale.linear[row] or estimates.coarse[row]:
                continue
            steps = (estimates.head - estimates.base)[row]
            steps = steps[~np.isnan(steps)]
            limit = size - stats.norm.isf(0.75 * 0.05) * seen.irreducible[row]
            slow = int((steps >= limit).sum())
            if stats.binom.cdf(slow, len(steps), 0.5) <= alpha / 4 and seen.d[row] < limit:
                wanted, count = size, int((steps >= size).sum())
        assert (found[row], beyond[row]) == (pytest.approx(wanted, nan_ok=True), count)
        counted_rows += count >= 0
    assert counted_rows


def test_a_discovery_needs_the_level_of_its_rank() -> None:
    """Benjamini and Hochberg's step-up in each family: the k-th smallest of n p-values is held to k α / n."""
    random = np.random.default_rng(12)
    for _ in range(40):
        p = np.where(random.random(14) < 0.2, np.nan, random.random(14) ** 3)
        families = random.choice(["time", "memory"], 14).tolist()
        q = tests.q_values(p, families)
        needed = tests.levels(q, families, 0.05)
        for row in range(14):
            family = [one for one, name in zip(p, families, strict=True) if name == families[row] and one >= 0]
            if math.isnan(p[row]):
                assert math.isnan(q[row])
                assert needed[row] == 0.05
                continue
            assert q[row] == pytest.approx(stats.false_discovery_control(family)[family.index(p[row])])
            rejected = sum(one <= 0.05 for one in stats.false_discovery_control(family))
            rank = min(rejected + (q[row] > 0.05), len(family))
            assert needed[row] == pytest.approx(0.05 * rank / len(family))


@pytest.mark.parametrize("plan", [None, SamplingPlan()])
@pytest.mark.parametrize("has_cautious", [True, False])
def test_a_row_is_decided_with_and_without_what_the_suite_moved_by(
    plan: SamplingPlan | None, *, has_cautious: bool
) -> None:
    """Proven, large enough, and not ruled out by what is doubted: every row by its own numbers."""
    estimates, scale = drawn(13)
    seen, random = estimates.estimate, np.random.default_rng(14)
    seen.d = np.where(random.random(ROWS) < 0.1, math.log(1.03), seen.d)
    (seen.weak, estimates.alike), estimates.widened = (
        random.random((2, ROWS)) < 0.2,
        random.choice([1, 1, 1.5, 3], ROWS),
    )
    estimates.p_order, estimates.p_line = random.choice([np.nan, np.nan, 0.001, 0.4], (2, ROWS))
    estimates.cautious = replace(seen, se=seen.se * random.choice([1, 4], ROWS)) if has_cautious else None
    families = random.choice(["time", "memory"], ROWS).tolist()
    asked = random.choice([np.nan, 1.02, 1.5], ROWS)
    thresholds = RowThresholds(np.where(np.isnan(asked), 1.2, asked), asked)
    shift = random.choice([0.0, 0.0, 0.03, -0.03, 0.25], ROWS)
    policy, nothing = Policy(plan=plan), np.zeros(ROWS)

    found = tests.decide(estimates, scale, families, thresholds, policy, shift)

    p = tests._p_values(estimates, seen, policy, nothing)
    p_both = np.fmax(p, tests._p_values(estimates, seen, policy, shift))
    q_alike = q = tests.q_values(p_both, families)
    smallest = tests._smallest(estimates, scale, thresholds.alarm, policy)
    needed, paired = tests.levels(q, families, 0.05), seen.design == designs.PAIRED
    level, penalty = np.full(ROWS, 0.05), np.ones(ROWS)
    if plan:
        level[paired] = looks.interval_levels(plan, 0.05, seen.irreducible, seen.spread)[paired]
        end = looks.paid_for_looks(nothing + 0.05, plan, 0.05, nothing + plan.pairs, seen) / 0.05
        penalty[paired] = end[paired]
    half = stats.t.isf(level / 2, seen.df) * seen.se * estimates.widened
    strict = stats.t.isf(needed / penalty / 2, seen.df) * seen.se
    margin = np.where(scale.linear | np.isnan(asked), smallest, np.maximum(np.log(asked), smallest))
    upper = seen.d - np.minimum(shift, 0)
    ruled_out, beyond = tests._ruled_out(estimates, scale, upper, half, (smallest, margin), policy)
    p_widened = 2 * stats.t.sf(np.abs(seen.d) / (estimates.widened * seen.se), seen.df)
    doubted = np.fmax(np.fmax(estimates.p_order, estimates.p_line), np.where(estimates.widened > 1, p_widened, np.nan))
    q_doubted = tests.q_values(np.fmax(p_both, doubted), families)
    if estimates.cautious:
        alike = [tests._p_values(estimates, estimates.cautious, policy, off) for off in (nothing, shift)]
        q_alike = tests.q_values(np.fmax(p_both, np.fmax(*alike)), families)
    for row in range(ROWS):
        slower, faster = seen.d[row] - max(shift[row], 0), upper[row]
        significant = q[row] <= 0.05
        worse = significant and slower >= smallest[row] - 1e-12 and slower > 0
        better = significant and -faster >= smallest[row] - 1e-12 and faster < 0
        quiet = not worse and not better and found.slow_runs[row] == 0 and not seen.weak[row]
        assert (found.regression[row], found.improvement[row]) == (worse, better)
        assert found.unchanged[row] == (quiet and not np.isnan(ruled_out[row]))
        independent, doubtful = not q_alike[row] <= 0.05, not np.isnan(doubted[row]) and not q_doubted[row] <= 0.05
        assert found.suspected[row] == (
            (worse or better) and (doubtful or (has_cautious and independent and estimates.alike[row]))
        )
        assert found.independent[row] == ((worse or better) and has_cautious and independent)
        least = math.log(thresholds.alarm[row])
        assert found.alarm[row] == pytest.approx(least if scale.linear[row] else max(least, half[row]))
    for name, values in {
        "p": p,
        "q": q,
        "low": seen.d - half,
        "high": seen.d + half,
        "smallest": smallest,
        "margin": margin,
        "ruled_out": ruled_out,
        "beyond": beyond,
        "detectable": tests._detectable(seen, smallest, strict, policy),
        "runs_needed": tests._runs_needed(estimates, margin, policy),
        "layout": tests._within_layout(estimates, scale),
        "slow_runs": tests._slow_runs(estimates, scale, smallest),
    }.items():
        assert getattr(found, name) == pytest.approx(values, nan_ok=True)
    for flags in (found.regression, found.improvement, found.unchanged, found.suspected):
        assert np.count_nonzero(flags) >= 3
    assert bool(found.independent.any()) == has_cautious


def test_no_difference_is_no_evidence_however_steady_the_runs_are() -> None:
    """Its p-value is one, also where nothing varies at all."""
    estimates, _ = drawn(15)
    seen = estimates.estimate
    seen.d, seen.se = np.zeros(ROWS), np.where(np.arange(ROWS) % 2, 0.0, seen.se)
    estimates.p_counts = np.full(ROWS, np.nan)

    p = tests._p_values(estimates, seen, Policy(), np.zeros(ROWS))

    assert p == pytest.approx(np.where(seen.design == designs.NONE, np.nan, 1.0), nan_ok=True)
