"""The texts of issues: titles, bodies with their hidden state, and comments about what changed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regress_action.github import hidden_comment
from regress_action.github.issue_tracking import TrackedIssue
from regress_action.model import escaping
from regress_action.model.comparisons import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.github.alarms import Acceptance
    from regress_action.github.event import Plan
    from regress_action.github.preferences import Texts
    from regress_action.model.comparisons import Comparison

KIND = "issue"
BODY_BYTES = 60_000
DETAIL_BYTES = 8_000
TITLE_LIMIT = 200
COMMITS_KEPT = 50
ABOUT_LIMIT = 500
SHOWN = 10
LISTED = 100
RECOVERED = "recovered"
FOOTER = (
    "This issue follows the benchmark: it is updated with every {}, closes when the regression is gone and opens "
    "again if it returns. Close it as *not planned* to mute it."
)
_SHA = re.compile(r"[0-9a-f]{7,64}\Z")


@dataclass(frozen=True, slots=True)
class RegressionRange:
    """Where a regression came from: the last commit without it, the first with it, and the pull requests between."""

    base: str | None = None
    head: str | None = None
    commits: int | None = None
    pulls: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class IssueState:
    """The state of an issue between runs, hidden in its body.

    `about` names the benchmark and the metric of the worst regression when it was opened, where they are short enough.
    """

    members: dict[str, Severity]
    origin: RegressionRange = RegressionRange()
    seen: tuple[tuple[str, str, float | None], ...] = field(default=())
    by_trend: bool = False
    about: tuple[str, str] | None = None

    def after(self, commit: str, severity: Severity, ratio: float | None) -> tuple[tuple[str, str, float | None], ...]:
        """Return the commits judged so far and one more, the newest last."""
        return (*self.seen, (commit, severity.value, ratio))[-COMMITS_KEPT:]

    def mark(self) -> str:
        """Return the hidden form."""
        origin = {"base": self.origin.base, "head": self.origin.head, "commits": self.origin.commits}
        content = {
            "members": {member: severity.value for member, severity in self.members.items()},
            "origin": origin | {"pulls": list(self.origin.pulls)},
            "seen": [list(commit) for commit in self.seen],
            **({"by_trend": True} if self.by_trend else {}),
            **({"about": list(self.about)} if self.about and sum(map(len, self.about)) <= ABOUT_LIMIT else {}),
        }
        return hidden_comment.mark(KIND, content)

    def tracked(self, number: int, reason: str | None, *, is_open: bool) -> TrackedIssue:
        """Return what the decision needs."""
        seen = tuple(commit for commit, _, _ in self.seen)
        return TrackedIssue(number, is_open, reason, self.members, seen, self.by_trend)


def of_several(state: IssueState) -> str:
    """Return the remark on an answer about one of several regressions of an issue, empty where it has only one."""
    others = sum(severity is not Severity.NONE for severity in state.members.values()) - 1
    if others < 1:
        return ""
    words = "another regression" if others == 1 else f"{others} other regressions"
    return (
        f"\n\nThis issue is about {words} as well, for which no commit was searched. "
        "`/regress bisect BENCHMARK` searches for one of them."
    )


def state_of(body: str | None) -> IssueState | None:
    """Read the hidden state; None where there is none or somebody damaged it."""
    content = hidden_comment.read(KIND, body)
    if content is None:
        return None
    try:
        origin = content["origin"]
        return IssueState(
            {str(member): Severity(severity) for member, severity in content["members"].items()},
            RegressionRange(
                origin["base"], origin["head"], origin["commits"], tuple(int(number) for number in origin["pulls"])
            ),
            tuple((str(commit), str(severity), ratio) for commit, severity, ratio in content["seen"]),
            content.get("by_trend") is True,
            _about(content.get("about")),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _about(content: Any) -> tuple[str, str] | None:  # noqa: ANN401 - read back from a text that people may edit
    name, metric = content if isinstance(content, list) and len(content) == 2 else (None, None)  # noqa: PLR2004 - a pair
    return (name, metric) if isinstance(name, str) and isinstance(metric, str) else None


def title(comparisons: Sequence[Comparison], texts: Texts, suite: str) -> str:
    """Return the title, of one regression or of many."""
    if len(comparisons) == 1:
        first_sentence = texts.finding(comparisons[0]).partition(". ")[0]
        return escaping.plain(f"Performance: {first_sentence}", TITLE_LIMIT)
    of_suite = "" if suite == "default" else f" in {suite}"
    return escaping.plain(f"Performance: {len(comparisons)} regressions at once{of_suite}", TITLE_LIMIT)


def body(state: IssueState, comparisons: Sequence[Comparison], texts: Texts, plan: Plan) -> str:
    """Return the body: what, since when, what to do; a table of the judged commits; and how the issue behaves."""
    footer = FOOTER.format("look at the trend" if state.by_trend else "push")
    parts = [
        state.mark(),
        *([_single(comparisons[0], texts)] if len(comparisons) == 1 else [_many(comparisons, texts)]),
        _since(state.origin, plan),
        _what_to_do(texts),
        _judged(state),
        f"<sub>{footer} Last judged in [this run]({plan.run_url}).</sub>",
    ]
    return escaping.cut_bytes("\n\n".join(part for part in parts if part), BODY_BYTES)


def regraded(comparisons: Sequence[Comparison], before: Severity, texts: Texts, plan: Plan) -> str:
    """Return the comment that the severity changed."""
    now = max(comparison.severity for comparison in comparisons)
    return f"Now **{now}**, before **{before}**, at {commit(plan.head_sha)}: {_findings(comparisons, texts)}"


def recovered(
    comparisons: Sequence[Comparison], plan: Plan, pulls: Sequence[int], accepted: Acceptance | None = None
) -> str:
    """Return the comment that it is over, and by which commit or whose acceptance."""
    by = f", merged with {_numbers(pulls)}" if pulls else ""
    shown = [
        f"{escaping.code_span(row.benchmark.name)} is at {_times(row.ratio)} × its baseline" for row in comparisons
    ]
    more = f", and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    if accepted is not None:
        by, reason = escaping.markdown(accepted.by), escaping.markdown(accepted.reason or "no reason given")
        return f"Accepted by {by} as the new level ({reason}): {', '.join(shown[:SHOWN])}{more}."
    return f"Recovered in {commit(plan.head_sha)}{by}: {', '.join(shown[:SHOWN])}{more}."


def relapsed(comparisons: Sequence[Comparison], texts: Texts, plan: Plan) -> str:
    """Return the comment that it is back."""
    return f"It is back at {commit(plan.head_sha)}: {_findings(comparisons, texts)}"


def commit(sha: str | None) -> str:
    """Return a commit for Markdown; GitHub links a full one by itself."""
    return sha if sha and _SHA.match(sha) else escaping.code_span(sha or "an unknown commit")


def _single(comparison: Comparison, texts: Texts) -> str:
    where = comparison.benchmark.location
    place = f"\n\nDefined in {escaping.code_span(f'{where.path}:{where.line}')}." if where else ""
    heading = f"**{comparison.severity.capitalize()}**: {_finding(comparison, texts)}."
    return f"{heading}\n\n{texts.details(comparison, DETAIL_BYTES)}{place}"


def _many(comparisons: Sequence[Comparison], texts: Texts) -> str:
    rows = [f"| {row.severity} | {_finding(row, texts)} |" for row in comparisons[:LISTED]]
    more = f"\n\n… and {len(comparisons) - LISTED} more in the job summary." if len(comparisons) > LISTED else ""
    counted = f"**{len(comparisons)} benchmarks** regressed at once. One cause for all of them is likely."
    return counted + "\n\n| severity | what changed |\n|---|---|\n" + "\n".join(rows) + more


def _since(origin: RegressionRange, plan: Plan) -> str:
    if origin.head is None:
        return ""
    words = f"First seen at {commit(origin.head)}"
    if origin.base and _SHA.match(origin.base) and _SHA.match(origin.head):
        count = f"{origin.commits} commits" if origin.commits and origin.commits > 1 else "one commit"
        link = f"{plan.server_url}/{plan.repository}/compare/{origin.base}...{origin.head}"
        words += f"; the last good one is {commit(origin.base)} ([{count}]({link}))"
    return words + (f". Merged with {_numbers(origin.pulls)}." if origin.pulls else ".")


def _what_to_do(texts: Texts) -> str:
    if not texts.advice:
        return ""
    return "**What to do**\n\n" + "\n".join(f"- {escaping.markdown(sentence)}" for sentence in texts.advice[:SHOWN])


def _judged(state: IssueState) -> str:
    rows = [
        f"| {commit(sha)} | {_severity(severity)} | {_times(ratio)} |"
        for sha, severity, ratio in reversed(state.seen[-SHOWN:])
    ]
    judged = "one commit" if len(state.seen) == 1 else f"{len(state.seen)} commits"
    table = "| commit | severity | × baseline |\n|---|---|--:|\n" + "\n".join(rows)
    return f"<details><summary>Judged on {judged}</summary>\n\n{table}\n\n</details>" if rows else ""


def _severity(severity: str) -> str:
    return RECOVERED if severity == Severity.NONE else escaping.markdown(severity)


def _times(ratio: Any) -> str:  # noqa: ANN401 - read back from a text that people may edit
    return f"{ratio:.2f}" if isinstance(ratio, int | float) else "–"


def _findings(comparisons: Sequence[Comparison], texts: Texts) -> str:
    shown = "; ".join(_finding(row, texts) for row in comparisons[:SHOWN])
    return shown + (f"; and {len(comparisons) - SHOWN} more." if len(comparisons) > SHOWN else ".")


def _finding(comparison: Comparison, texts: Texts) -> str:
    return escaping.markdown(texts.finding(comparison).rstrip("."))


def _numbers(pulls: Sequence[int]) -> str:
    return ", ".join(f"#{number}" for number in pulls)
