"""What becomes of an issue, case by case."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.github import hidden_comment
from regress_action.github.issue_text import IssueState, RegressionRange, state_of
from regress_action.github.issue_tracking import (
    Action,
    CloseIssue,
    MergeIssue,
    OpenIssue,
    RegradeIssue,
    ReopenIssue,
    TrackedIssue,
    UpdateIssue,
    decide,
    fingerprint,
)
from regress_action.model.comparisons import Comparison, Severity, Side, Verdict
from regress_action.model.measurements import Benchmark, Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = "f" * 40
RATIOS = {Severity.SLIGHT: 1.1, Severity.MINOR: 1.3, Severity.MODERATE: 1.7, Severity.CRITICAL: 2.5}


def row(
    name: str = "a",
    severity: Severity = Severity.NONE,
    verdict: Verdict | None = None,
    *,
    confirmed: bool | None = True,
) -> Comparison:
    """Return a comparison."""
    verdict = verdict or (Verdict.UNCHANGED if severity is Severity.NONE else Verdict.REGRESSION)
    side = Side(10, 1.0)
    return Comparison(
        Benchmark(name), Metric("time", "s"), side, side, RATIOS.get(severity, 1.0), None, None, None, None, 1.2, None,
        verdict, severity, "", confirmed=confirmed,
    )  # fmt: skip


def mark(comparison: Comparison) -> str:
    """Return a readable fingerprint."""
    return comparison.benchmark.name


def tracked(
    number: int = 1,
    *names: str,
    is_open: bool = True,
    reason: str | None = None,
    severity: Severity = Severity.MODERATE,
    seen: Sequence[str] = (),
) -> TrackedIssue:
    """Return an issue."""
    return TrackedIssue(number, is_open, reason, dict.fromkeys(names or ("a",), severity), tuple(seen))


def decided(issues: Sequence[TrackedIssue], rows: Sequence[Comparison], max_issues: int = 5) -> list[Action]:
    """Decide about the newest commit."""
    return decide(issues, rows, mark, commit=NOW, max_issues=max_issues)


MODERATE, CRITICAL = row(severity=Severity.MODERATE), row(severity=Severity.CRITICAL)
OPEN, CLOSED = tracked(), tracked(is_open=False, reason="completed")
MUTED = tracked(is_open=False, reason="not_planned")
UNCONFIRMED = row(severity=Severity.CRITICAL, confirmed=None)
BELOW = replace(row(verdict=Verdict.INCONCLUSIVE), ratio_high=1.05)


@pytest.mark.parametrize(
    ("issues", "rows", "expected"),
    [
        ([], [MODERATE], [OpenIssue((MODERATE,))]),
        ([], [row(severity=Severity.MINOR)], []),
        ([], [UNCONFIRMED], []),
        ([], [row()], []),
        ([OPEN], [MODERATE], [UpdateIssue(OPEN, (MODERATE,))]),
        ([OPEN], [CRITICAL], [RegradeIssue(OPEN, (CRITICAL,))]),
        ([OPEN], [row(severity=Severity.MINOR)], [RegradeIssue(OPEN, (row(severity=Severity.MINOR),))]),
        ([OPEN], [row()], [CloseIssue(OPEN, (row(),))]),
        ([OPEN], [row(severity=Severity.SLIGHT)], [CloseIssue(OPEN, (row(severity=Severity.SLIGHT),))]),
        ([OPEN], [row(verdict=Verdict.IMPROVEMENT)], [CloseIssue(OPEN, (row(verdict=Verdict.IMPROVEMENT),))]),
        ([OPEN], [UNCONFIRMED], []),
        ([OPEN], [row(verdict=Verdict.INCONCLUSIVE)], []),
        ([OPEN], [replace(row(verdict=Verdict.INCONCLUSIVE), ratio_high=1.25)], []),
        ([OPEN], [BELOW], [CloseIssue(OPEN, (BELOW,))]),
        ([OPEN], [row(verdict=Verdict.MISSING)], []),
        ([OPEN], [row(verdict=Verdict.FAILED)], []),
        ([OPEN], [row("b")], []),
        ([OPEN], [], []),
        ([CLOSED], [MODERATE], [ReopenIssue(CLOSED, (MODERATE,))]),
        ([CLOSED], [row(severity=Severity.MINOR)], []),
        ([CLOSED], [row()], []),
        ([MUTED], [CRITICAL], []),
        ([MUTED], [row()], []),
        ([tracked(seen=[NOW])], [row()], []),
        ([tracked(is_open=False, seen=[NOW])], [CRITICAL], []),
        ([tracked(1), tracked(2)], [MODERATE], [UpdateIssue(tracked(1), (MODERATE,)), MergeIssue(tracked(2), 1)]),
        ([tracked(1, is_open=False), tracked(2)], [MODERATE], [UpdateIssue(tracked(2), (MODERATE,))]),
        ([tracked(1, is_open=False, reason="duplicate")], [MODERATE], [OpenIssue((MODERATE,))]),
        ([tracked(3, is_open=False), MUTED], [MODERATE], []),
    ],
)
def test_each_case(issues: list[TrackedIssue], rows: list[Comparison], expected: list[Action]) -> None:
    """One issue, or none, and what was judged now."""
    assert decided(issues, rows) == expected


MINOR = row(severity=Severity.MINOR)
CREPT = replace(tracked(severity=Severity.MINOR), by_trend=True)
CREPT_CLOSED = replace(CREPT, is_open=False, reason="completed")


@pytest.mark.parametrize(
    ("issue", "now", "pushed", "followed"),
    [
        (None, row(), [], []),
        (None, MINOR, [], [OpenIssue((MINOR,))]),
        (None, replace(MINOR, confirmed=None), [], []),
        (CREPT, row(), [], [CloseIssue(CREPT, (row(),))]),
        (CREPT, row(verdict=Verdict.INCONCLUSIVE), [], []),
        (CREPT, MINOR, [], [UpdateIssue(CREPT, (MINOR,))]),
        (CREPT, CRITICAL, [RegradeIssue(CREPT, (CRITICAL,))], [RegradeIssue(CREPT, (CRITICAL,))]),
        (OPEN, row(), [CloseIssue(OPEN, (row(),))], []),
        (OPEN, CRITICAL, [RegradeIssue(OPEN, (CRITICAL,))], []),
        (CREPT_CLOSED, MINOR, [], [ReopenIssue(CREPT_CLOSED, (MINOR,))]),
        (MUTED, MINOR, [], []),
        (replace(CREPT, seen=(NOW,)), row(), [], []),
    ],
)
def test_an_issue_is_updated_by_what_opened_it(
    issue: TrackedIssue | None, now: Comparison, pushed: list[Action], followed: list[Action]
) -> None:
    """A push sees nothing of what came slowly, so it cannot call that over; only when it finds worse it takes over."""
    existing = [issue] if issue else []
    assert decide(existing, [now], mark, commit=NOW, max_issues=5) == pushed
    assert decide(existing, [now], mark, commit=NOW, max_issues=5, by_trend=True) == followed


def test_many_at_once_are_one_umbrella_worst_first() -> None:
    """Above the cap there is one issue, and no more next time: it speaks for all of them."""
    rows = [row(f"n{number}", Severity.MODERATE) for number in range(5)] + [row("worst", Severity.CRITICAL)]

    (action,) = decided([], rows, max_issues=5)
    assert isinstance(action, OpenIssue)
    assert mark(action.comparisons[0]) == "worst"
    assert len(decided([], rows[:5], max_issues=5)) == 5

    umbrella = tracked(1, *map(mark, rows), severity=Severity.CRITICAL)
    assert decided([umbrella], rows) == [UpdateIssue(umbrella, tuple(rows))]


def test_an_umbrella_recovers_when_the_last_of_it_has() -> None:
    """Until then it is brought up to date with those that are left."""
    umbrella = tracked(1, "a", "b")

    assert decided([umbrella], [row("a", Severity.MODERATE), row("b")]) == [
        UpdateIssue(umbrella, (row("a", Severity.MODERATE),))
    ]
    assert decided([umbrella], [row("a")]) == []
    assert decided([umbrella], [row("a"), row("b")]) == [CloseIssue(umbrella, (row("a"), row("b")))]


@given(
    st.lists(
        st.builds(
            lambda number, names, is_open, reason, severity, seen: tracked(
                number, *names, is_open=is_open, reason=reason, severity=severity, seen=[NOW] if seen else []
            ),
            st.integers(1, 9),
            st.lists(st.sampled_from("abc"), min_size=1, unique=True),
            st.booleans(),
            st.sampled_from([None, "completed", "not_planned", "duplicate", "reopened"]),
            st.sampled_from(Severity),
            st.booleans(),
        ),
        unique_by=lambda issue: issue.number,
        max_size=5,
    ),
    st.lists(
        st.builds(
            row, st.sampled_from("abcd"), st.sampled_from(Severity), confirmed=st.sampled_from([True, False, None])
        ),
        unique_by=mark,
        max_size=4,
    ),
)
def test_a_commit_changes_an_issue_once(issues: list[TrackedIssue], rows: list[Comparison]) -> None:
    """At most one action for each issue, no new issue for what one speaks for, nothing for what is muted."""
    actions = decided(issues, rows)

    numbers = [action.issue.number for action in actions if not isinstance(action, OpenIssue)]
    assert len(numbers) == len(set(numbers))
    spoken_for = {name for issue in issues if issue.is_open or issue.reason != "duplicate" for name in issue.members}
    opened = {mark(row) for action in actions if isinstance(action, OpenIssue) for row in action.comparisons}
    assert not opened & spoken_for
    muted = {issue.number for issue in issues if not issue.is_open and issue.reason == "not_planned"}
    assert not muted & set(numbers)


def test_a_fingerprint_distinguishes_suites_branches_benchmarks_and_metrics() -> None:
    """And nothing else: neither ratios nor commits."""
    moderate = row(severity=Severity.MODERATE)
    assert fingerprint("s", "main", moderate) == fingerprint("s", "main", row(severity=Severity.CRITICAL))
    others = [fingerprint("t", "main", moderate), fingerprint("s", "dev", moderate), fingerprint("s", "main", row("b"))]
    assert len({fingerprint("s", "main", moderate), *others}) == 4


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(max_size=10), values, max_size=4), st.text(max_size=20))
def test_a_mark_is_found_again_and_cannot_end_early(content: dict[str, object], after: str) -> None:
    """Also with `-->` in its content; and what people see of it is nothing."""
    made = hidden_comment.mark("issue", content)

    other = hidden_comment.mark("other", {"kind": 1})
    assert hidden_comment.read("issue", f"{made}\n{after}") == content
    assert hidden_comment.read("issue", f"{other}\n{made}\r\n\n{after}") == content
    assert hidden_comment.read("issue", hidden_comment.replace("issue", f"{other}\n{other}\n{after}", made)) == content
    assert hidden_comment.replace("other", f"{made}\n{other}\n{after}", "x") == f"{made}\nx\n{after}"
    assert made.count("-->") == 1
    assert hidden_comment.read("other", made) is None


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_a_mark_below_the_start_of_a_text_is_text(before: str, after: str) -> None:
    """What a text quotes is never a mark of it."""
    made = hidden_comment.mark("issue", {"members": {}})

    assert hidden_comment.read("issue", f"{before}{made}\n{after}") is None
    assert hidden_comment.read("issue", f"> {made}") is None
    assert hidden_comment.read("issue", f"{hidden_comment.mark('other', {})} {made}\n") is None


@pytest.mark.parametrize(
    "body",
    [None, "", "hello", "<!-- regress-action:issue {broken -->", "<!-- regress-action:issue [1] -->"]
    + [f"<!-- regress-action:issue {text} -->" for text in ("{}", '{"members":1}', '{"members":{"a":"huge"}}')],
)
def test_a_damaged_state_is_no_state(body: str | None) -> None:
    """People may edit what we wrote; then it is not ours any more."""
    assert state_of(body) is None


def test_a_state_survives_the_body() -> None:
    """Members, origin and what was seen come back as they were."""
    state = IssueState(
        {"ab12": Severity.CRITICAL},
        RegressionRange("a" * 40, "b" * 40, 3, (7, 8)),
        (("b" * 40, "critical", 2.5), ("c" * 40, "none", None)),
    )

    assert state_of(f"{state.mark()}\n\ny") == state
    assert state.tracked(4, "completed", is_open=False).seen == ("b" * 40, "c" * 40)
