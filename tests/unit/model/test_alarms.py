"""Whether a comparison alarms: the one rule that every part of the program asks."""

from __future__ import annotations

from itertools import pairwise

import pytest

from judgements import row
from regress_action.model.comparisons import Comparison, Severity, Verdict


def regression(severity: Severity, *, confirmed: bool | None) -> Comparison:
    """Return a regression of that severity."""
    return row("cache.get", Verdict.REGRESSION, 1.5, severity=severity, confirmed=confirmed)


def test_severities_are_ordered_by_how_bad_they_are() -> None:
    """Severities compare by rank and not by spelling, also with their values as text."""
    assert all(milder < worse for milder, worse in pairwise(Severity))
    assert max([Severity.MINOR, Severity.CRITICAL, Severity.MODERATE]) is Severity.CRITICAL
    assert Severity.SLIGHT <= "slight"
    assert Severity.MINOR >= "slight"


@pytest.mark.parametrize(
    ("confirmed", "alarms", "suspected", "is_confirmed"),
    [(None, True, False, False), (True, True, False, True), (False, False, True, False)],
)
def test_regression_alarms_unless_it_is_only_suspected(
    *, confirmed: bool | None, alarms: bool, suspected: bool, is_confirmed: bool
) -> None:
    """A proven regression alarms, one that a single session shows is suspected, one seen twice is confirmed."""
    comparison = regression(Severity.MINOR, confirmed=confirmed)
    assert (comparison.alarms, comparison.is_suspected, comparison.is_confirmed) == (alarms, suspected, is_confirmed)


def test_slight_regression_never_alarms() -> None:
    """A proven change below its threshold is a regression, and neither an alarm nor a suspicion."""
    comparison = regression(Severity.SLIGHT, confirmed=True)
    assert comparison.is_proven_regression
    assert not comparison.reaches_threshold


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.REGRESSION])
def test_only_a_regression_alarms(verdict: Verdict) -> None:
    """No other verdict alarms, whatever severity stands beside it."""
    assert not row("cache.get", verdict, 3.0, severity=Severity.CRITICAL, confirmed=True).reaches_threshold
