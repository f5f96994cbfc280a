"""What becomes of the arrays: one comparison per row, with the reason that its verdict rests on."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from regress_action.analysis import LayoutBound, Policy, designs, exact_tests, grading
from regress_action.analysis.comparison import _Rows, _sides, analyse
from regress_action.model.comparisons import Mode, Reason, ReasonCode, Severity, Side, Verdict, WaiverApplied
from unit.analysis.compared_sides import NAN, pairs

ROWS = 600
NAMES = [f"b{number}" for number in range(ROWS)]


def some(random: np.random.Generator, share: float) -> np.ndarray:
    """Draw which rows something is true of."""
    return np.asarray(random.random(ROWS) < share)


def drawn(seed: int) -> grading.Analysis:
    """Return an analysis of many rows whose flags and numbers are random."""
    random = np.random.default_rng(seed)
    values = {name: [1.0, 1.1] for name in NAMES}
    seen = analyse([pairs(values)], [pairs(values)], Policy())
    estimates, results = seen.estimates, seen.results
    estimate = estimates.estimate
    estimate.design[:] = random.choice([designs.PAIRED, designs.HISTORY, designs.SINGLE, designs.NONE], ROWS)
    estimate.d = random.choice([0.1, -0.2, NAN, 1e4], ROWS)
    estimate.weak, estimates.cut, estimates.coarse = some(random, 0.3), some(random, 0.5), some(random, 0.5)
    estimate.spread, estimates.spread = random.choice([0.01, 0.03, NAN], ROWS), random.random(ROWS)
    estimates.of_rounds = random.choice([0.0001, 0.0004, NAN], ROWS)
    estimates.layout = {row: LayoutBound(1.25, row) for row in range(ROWS)}
    results.low, results.high = estimate.d - 0.1, estimate.d + 0.1
    results.alarm, results.margin = random.choice([0.1, 1e4], ROWS), random.choice([0.05, 1e4], ROWS)
    results.ruled_out, results.beyond = random.choice([0.03, NAN], ROWS), random.choice([-1, 0, 3], ROWS)
    results.detectable, results.runs_needed = random.choice([0.05, NAN], ROWS), random.choice([17.0, NAN], ROWS)
    results.p, results.q = random.choice([0.01, NAN], ROWS), random.choice([0.02, NAN], ROWS)
    results.regression, results.improvement = some(random, 0.2), some(random, 0.2)
    results.suspected, results.layout = some(random, 0.3), some(random, 0.3)
    estimates.drifting, estimates.p_line = some(random, 0.3), random.choice([0.2, NAN], ROWS)
    results.independent, results.slow_runs = some(random, 0.5), random.choice([0, 2], ROWS)
    seen.matrix.scale.linear[:], seen.matrix.scale.stopped[:] = some(random, 0.3), some(random, 0.5)
    seen.matrix.rows.clashes |= dict.fromkeys(range(0, ROWS, 2), Reason(ReasonCode.UNIT_CHANGED))
    seen.matrix.rows.invalid |= dict.fromkeys(range(0, ROWS, 3), Reason(ReasonCode.UNUSABLE_ROUNDS))
    failures = {name: Reason(ReasonCode.FAILED, text=name) for name in NAMES[::4]}
    return replace(seen, failures=failures, skipped=dict.fromkeys(NAMES[::2], "not today"))


def reason_in_words(seen: grading.Analysis, row: int, verdict: Verdict, waiver: WaiverApplied | None) -> Reason:
    """Return the reason of a row, the first that applies."""
    estimates, results, name = seen.estimates, seen.results, NAMES[row]
    weak, coarse = bool(estimates.estimate.weak[row]), bool(estimates.coarse[row])
    design = [Mode.PAIRED, Mode.HISTORY, Mode.SINGLE, Mode.SINGLE][estimates.estimate.design[row]]
    margin = math.exp(min(float(results.margin[row]), 700))
    ruled_out, beyond = math.exp(float(results.ruled_out[row])), int(results.beyond[row])
    bound, doubted = estimates.layout[row], bool(results.suspected[row])
    is_noisy_pair = design is Mode.PAIRED and not seen.matrix.scale.exact[row]
    missed_share = exact_tests.missed_path_share(2) if is_noisy_pair else None
    rules: dict[Verdict, list[tuple[bool, Reason]]] = {
        Verdict.NEW: [(True, Reason(ReasonCode.NEW))],
        Verdict.MISSING: [
            (name in seen.skipped, Reason(ReasonCode.SKIPPED, text="not today")),
            (True, Reason(ReasonCode.MISSING)),
        ],
        Verdict.FAILED: [
            (row % 3 == 0, Reason(ReasonCode.UNUSABLE_ROUNDS)),
            (bool(seen.matrix.scale.stopped[row]), Reason(ReasonCode.BELOW_CLOCK)),
            (name in seen.failures, Reason(ReasonCode.FAILED, text=name)),
            (True, Reason(ReasonCode.FAILED)),
        ],
        Verdict.UNSTABLE_BASELINE: [
            (bool(estimates.cut[row]), Reason(ReasonCode.LEVEL_CHANGED, count=2)),
            (True, Reason(ReasonCode.UNSTABLE_BASELINE, spread=float(estimates.spread[row]))),
        ],
        Verdict.INCOMPARABLE: [
            (row % 2 == 0, Reason(ReasonCode.UNIT_CHANGED)),
            (True, Reason(ReasonCode.OTHER_MACHINE, text="one model")),
        ],
        Verdict.UNCHANGED: [
            (
                True,
                Reason(
                    ReasonCode.RULED_OUT,
                    design,
                    ruled_out=ruled_out,
                    pairs_beyond=beyond if beyond >= 0 else None,
                    missed_share=missed_share,
                ),
            )
        ],
        Verdict.INCONCLUSIVE: [
            (bool(results.regression[row] | results.improvement[row]), Reason(ReasonCode.DIRECTION_UNKNOWN, design)),
            (results.slow_runs[row] > 0, Reason(ReasonCode.SLOW_PATH, design, count=2)),
            (bool(estimates.drifting[row]), Reason(ReasonCode.DRIFTING_BASELINE, design)),
            (coarse and not weak, Reason(ReasonCode.COARSE_CLOCK, design)),
            (True, Reason(ReasonCode.UNDECIDED, design, margin=margin, weak=weak)),
        ],
        Verdict.REGRESSION: [
            (weak, Reason(ReasonCode.SUSPECTED, design, weak=True)),
            (doubted and design is Mode.PAIRED, Reason(ReasonCode.ALIKE_PAIRS, design)),
            (doubted and not math.isnan(estimates.p_line[row]), Reason(ReasonCode.DRIFTING_BASELINE, design)),
            (doubted and _sides(seen, base=False)[row].runs > 1, Reason(ReasonCode.NOISE_EXCEEDED, design)),
            (doubted, Reason(ReasonCode.ONE_NEW_RUN, design)),
            (bool(results.layout[row]), Reason(ReasonCode.CODE_LAYOUT, design, margin=1.25, count=bound.builds)),
            (True, Reason(ReasonCode.PROVEN, design, waiver=waiver, independent=bool(results.independent[row]))),
        ],
    }
    rules[Verdict.IMPROVEMENT] = rules[Verdict.REGRESSION]
    return next(reason for applies, reason in rules[verdict] if applies)


def ratio_of(log: float, *, linear: bool) -> float | None:
    """Return the ratio of a logarithm, where there is one."""
    return None if linear or math.isnan(log) else math.exp(min(log, 700))


@pytest.mark.parametrize("seed", range(3))
def test_a_comparison_says_what_the_arrays_hold(seed: int) -> None:
    """Numbers that are not there are None, and ratios stay finite."""
    seen, random = drawn(seed), np.random.default_rng(seed)
    codes, ranks = random.integers(0, 9, ROWS), random.integers(0, 5, ROWS)
    waived = {row: WaiverApplied(1.5, "r") for row in range(0, ROWS, 5)}
    estimate, results, linear = seen.estimates.estimate, seen.results, seen.matrix.scale.linear

    of_rounds = seen.estimates.of_rounds
    assert of_rounds is not None
    rows = _Rows(seen, codes, ranks, waived)

    for row in range(ROWS):
        found, verdict = rows.comparison(row), grading.WORST_FIRST[codes[row]]
        assert (found.verdict, found.severity) == (verdict, list(Severity)[ranks[row]])
        assert repr(found.reason) == repr(reason_in_words(seen, row, verdict, waived.get(row)))
        ends = [ratio_of(float(of[row]), linear=linear[row]) for of in (estimate.d, results.low, results.high)]
        assert [found.ratio, found.ratio_low, found.ratio_high] == ends
        assert found.difference == (estimate.d[row] if linear[row] and not np.isnan(estimate.d[row]) else None)
        assert found.threshold == math.exp(min(results.alarm[row], 700))
        assert found.minimum_detectable_ratio == ratio_of(results.detectable[row], linear=linear[row])
        assert [found.p_value, found.q_value] == [
            None if np.isnan(of[row]) else of[row] for of in (results.p, results.q)
        ]
        changed = results.regression[row] or results.improvement[row]
        wanted = verdict is Verdict.INCONCLUSIVE and not (
            changed or seen.estimates.drifting[row] or np.isnan(results.runs_needed[row])
        )
        assert found.runs_needed == (17 if wanted else None)
        doubted = estimate.weak[row] or results.suspected[row] or results.layout[row]
        judged = verdict in (Verdict.REGRESSION, Verdict.IMPROVEMENT)
        assert found.confirmed is (False if judged and doubted else None)
        assert found.skipped == (verdict is Verdict.MISSING and row % 2 == 0)
        within, total = of_rounds[row], estimate.spread[row] ** 2
        paired = estimate.design[row] == designs.PAIRED and not linear[row] and not np.isnan(within + total)
        assert (found.pair_noise is not None) == paired
        if found.pair_noise:
            assert found.pair_noise.within == pytest.approx(math.sqrt(min(within, total)))
            assert found.pair_noise.between == pytest.approx(math.sqrt(max(total - within, 0)))


def test_a_side_is_described_by_the_runs_that_were_used_or_by_all_it_has() -> None:
    """The median in the metric's unit; of pairs those of which both sides have a value."""
    base = pairs({"a": [1.0, 2.0, 4.0, NAN], "none": [5.0, 7.0, NAN, NAN], "gone": [NAN] * 4})
    head = pairs({"a": [1.0, NAN, 8.0, 9.0], "none": [NAN, NAN, 3.0, 4.0], "gone": [2.0] * 4})
    seen = analyse([base], [head], Policy())
    names = [benchmark.name for benchmark in seen.matrix.rows.benchmarks]

    before, after = (dict(zip(names, _sides(seen, base=side), strict=True)) for side in (True, False))

    assert (before["a"], after["a"]) == (Side(2, 2.5), Side(2, 4.5))
    assert (before["none"], after["none"]) == (Side(2, 6.0), Side(2, 3.5))
    assert (before["gone"], after["gone"]) == (Side(0, None), Side(4, 2.0))
