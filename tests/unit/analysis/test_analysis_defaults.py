"""The numbers that the documentation promises are those that the judge uses when nobody says otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regress_action.analysis.policy import Policy, SamplingPlan, WaiverRule

DOCUMENT = " ".join((Path(__file__).parents[3] / "docs/statistics.md").read_text().split())
POLICY = Policy()
TAU = POLICY.session_spread


@pytest.mark.parametrize(
    "promise",
    [
        f"√(s²/R + τ²) over R pairs, τ = {TAU.paired:.2%}",
        f"τ = {TAU.dedicated:.1%} on one's own machine, {TAU.hosted:.0%} on a hosted one, {TAU.unknown:.0%} where",
        f"{POLICY.minimum_ratio_paired} (paired) or {POLICY.minimum_ratio_history} (history)",
        f"instruction counts {POLICY.minimum_ratio_exact}.",
        f"`regression_threshold` ({POLICY.regression_threshold} unless set)",
        "`moderate` from {:g}; `critical` above {:g}".format(*POLICY.severities),
        f"(all times, all peak memories …) at {POLICY.alpha:.0%}",
        f"at {POLICY.power:.0%} power",
        f"they spread by more than {POLICY.maximum_spread:.0%}",
        f"(p ≤ {POLICY.screen})",
    ],
)
def test_the_documentation_names_the_default(promise: str) -> None:
    """Word for word, but for the space before a percent sign."""
    assert promise.replace("%", " %") in DOCUMENT


def test_five_runs_or_pairs_are_the_fewest() -> None:
    """So the documentation says of runs, pairs and the first look."""
    assert "with fewer than five runs or pairs nothing is ruled out" in DOCUMENT
    assert (POLICY.minimum_runs, POLICY.minimum_pairs, SamplingPlan().minimum) == (5, 5, 5)


def test_a_plan_ends_after_ten_pairs_and_looks_after_every_one_from_the_fifth() -> None:
    """Six looks; one that is not looked at before its end costs nothing."""
    assert SamplingPlan().looks == (5, 6, 7, 8, 9, 10)
    assert SamplingPlan().penalty(np.array([5.0, 9.0, 10.0])).tolist() == [10, 10, 2]
    assert SamplingPlan((5,)).penalty(np.array([5.0])).tolist() == [1]


def test_a_waiver_that_names_no_ceiling_waives_nothing() -> None:
    """A ratio of one is where worse begins."""
    assert (WaiverRule("b").ceiling, WaiverRule("b").metric) == (1.0, "*")
