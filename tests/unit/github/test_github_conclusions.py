"""The conclusion of the check run where a service as a whole alarms."""

from __future__ import annotations

import pytest

from judgements import UNCHANGED, judgement, whole_service
from regress_action.github.alarms import Acceptance, Regressions, conclusion
from regress_action.github.preferences import Preferences
from regress_action.model.comparisons import Outcome, Severity

SHOWN: Regressions = {"an-id": (Severity.MODERATE, 1.7)}
WORSE: Regressions = {"an-id": (Severity.CRITICAL, 2.6)}


@pytest.mark.parametrize(
    ("ratio", "severity", "confirmed", "concluded"),
    [
        (1.06, Severity.SLIGHT, None, "success"),
        (1.6, Severity.MODERATE, None, "neutral"),
        (1.6, Severity.MODERATE, False, "success"),
        (2.5, Severity.CRITICAL, None, "failure"),
    ],
)
def test_service_counts_by_its_severity(
    ratio: float, severity: Severity, confirmed: bool | None, concluded: str
) -> None:
    """As a benchmark does, though each of its benchmarks is unchanged."""
    service = whole_service("cache", ratio, severity, confirmed=confirmed)
    assert conclusion(judgement(Outcome.WARN, *UNCHANGED, services=(service,)), Preferences()) == concluded


@pytest.mark.parametrize(
    ("acceptance", "concluded"),
    [
        (Acceptance("*", "ann"), "success"),
        (Acceptance("cache", "ann"), "success"),
        (Acceptance("cache.get", "ann"), "failure"),
        (Acceptance("*", "ann", shown=SHOWN), "failure"),
        (Acceptance("*", "ann", shown=WORSE), "success"),
    ],
)
def test_service_is_accepted_by_its_name(acceptance: Acceptance, concluded: str) -> None:
    """A label accepts it while it is no worse than what was shown."""
    service = whole_service("cache", 2.5, Severity.CRITICAL)
    judged = judgement(Outcome.FAIL, *UNCHANGED, services=(service,))
    assert conclusion(judged, Preferences(), [acceptance]) == concluded
