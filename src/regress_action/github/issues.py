"""Issues about regressions: opened once, kept up to date, closed on recovery, opened again on relapse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from regress_action.github import hidden_comment, issue_text, issue_tracking, labels
from regress_action.github.alarms import worst
from regress_action.github.comment import comment_once
from regress_action.github.event import Stage
from regress_action.github.idempotency import make_once, read
from regress_action.github.issue_text import IssueState, RegressionRange
from regress_action.model.comparisons import Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from github.Issue import Issue

    from regress_action.github.alarms import Acceptance
    from regress_action.github.client import Client
    from regress_action.github.publication import Publication
    from regress_action.model.comparisons import Comparison

NEEDS = "issues: write"
COMMITS_ASKED = 5
LISTED = 500

Issues = dict[int, tuple["Issue", IssueState]]
ChangeKind = Literal["opened", "regraded", "recovered", "relapsed"]


@dataclass(frozen=True, slots=True)
class AlertChange:
    """A change of an alert that people may want to be notified of; `sentence` is one plain line."""

    kind: ChangeKind
    severity: Severity
    sentence: str
    url: str


@dataclass
class IssueSync:
    """Brings the issues of a suite on GitHub in line with a judgement."""

    client: Client
    publication: Publication

    def update(self) -> tuple[AlertChange, ...]:
        """List our issues, decide, and do it; one that fails does not keep the others from being done."""
        permissions = self.client.permissions
        ours = permissions.attempt(NEEDS, "the issues", self._relevant)
        if ours is None:
            return ()
        rows = self.publication.judgement.comparisons
        accepted = frozenset(self._identify(row) for row in rows if self._covers(row))
        actions = issue_tracking.decide(
            _tracked(ours),
            self._comparisons,
            self._identify,
            commit=self._commit,
            max_issues=self.publication.preferences.max_issues,
            by_trend=self._by_trend,
            accepted=accepted,
        )
        changes = [permissions.attempt(NEEDS, "an issue", partial(self._do, action, ours)) for action in actions]
        return tuple(change for change in changes if change is not None)

    @property
    def _commit(self) -> str:
        return self.publication.plan.head_sha or ""

    @property
    def _by_trend(self) -> bool:
        return self.publication.plan.mode is Stage.TREND

    @property
    def _comparisons(self) -> list[Comparison]:
        """The comparisons of the judgement; what somebody accepted is no change any more."""
        unchanged = partial(replace, verdict=Verdict.UNCHANGED, severity=Severity.NONE, confirmed=None)
        return [unchanged(row) if self._covers(row) else row for row in self.publication.judgement.comparisons]

    def _covers(self, comparison: Comparison) -> Acceptance | None:
        """Return the acceptance that covers a comparison; None where there is none."""
        return next((accepted for accepted in self.publication.accepted if accepted.covers(comparison)), None)

    def _identify(self, comparison: Comparison) -> str:
        return issue_tracking.fingerprint(
            self.publication.preferences.suite, self.publication.plan.default_branch, comparison
        )

    def _relevant(self) -> Issues:
        """Return our open issues, and the closed ones where something regressed that none of the open ones is about."""
        ours = read(self.client, lambda: self._ours("open"))
        if issue_tracking.unclaimed(_tracked(ours), self._comparisons, self._identify, by_trend=self._by_trend):
            ours |= read(self.client, lambda: self._ours("closed"))
        return ours

    def _ours(self, state: str) -> Issues:
        return our_issues(self.client, state, self.publication.preferences.label)

    def _do(self, action: issue_tracking.Action, ours: Issues) -> AlertChange | None:
        if isinstance(action, issue_tracking.OpenIssue):
            return self._open(action.comparisons)
        issue, state = ours[action.issue.number]
        match action:
            case issue_tracking.MergeIssue(into=number):
                comment_once(self.client, issue, {"merged": number}, f"Duplicate of #{number}.")
                issue.edit(state="closed", state_reason=issue_tracking.DUPLICATE)
                return None
            case issue_tracking.CloseIssue(comparisons=comparisons):
                return self._close(issue, state, comparisons)
            case issue_tracking.UpdateIssue(comparisons=comparisons):
                self._rewrite(issue, state, comparisons)
                return None
            case issue_tracking.RegradeIssue(issue=before, comparisons=comparisons):
                text = issue_text.regraded(comparisons, before.severity, self.publication.texts, self.publication.plan)
                comment_once(self.client, issue, {"regraded": self._commit}, text)
                self._rewrite(issue, state, comparisons)
                return self._change("regraded", comparisons, issue.html_url)
            case issue_tracking.ReopenIssue(comparisons=comparisons):
                text = issue_text.relapsed(comparisons, self.publication.texts, self.publication.plan)
                comment_once(self.client, issue, {"relapsed": self._commit}, text)
                origin = self._origin(comparisons)
                self._rewrite(issue, replace(state, origin=origin), comparisons, reopen=True)
                return self._change("relapsed", comparisons, issue.html_url)

    def _open(self, comparisons: Sequence[Comparison]) -> AlertChange:
        label = self.publication.preferences.label
        labels.ensure(self.client, label)
        members = {self._identify(row): row.severity for row in comparisons}
        about = (comparisons[0].benchmark.name, comparisons[0].metric.name)
        state = IssueState(members, self._origin(comparisons), by_trend=self._by_trend, about=about)
        state = replace(state, seen=state.after(self._commit, worst(comparisons), _ratio(comparisons)))
        title = issue_text.title(comparisons, self.publication.texts, self.publication.preferences.suite)
        body = issue_text.body(state, comparisons, self.publication.texts, self.publication.plan)

        def find() -> Issue | None:
            existing = self._ours("open").values()
            return next((issue for issue, other in existing if other.members.keys() == members.keys()), None)

        def make() -> Issue:
            return self.client.repository.create_issue(title, body, labels=[label])

        return self._change("opened", comparisons, make_once(self.client, find, make).html_url)

    def _rewrite(
        self, issue: Issue, state: IssueState, comparisons: Sequence[Comparison], *, reopen: bool = False
    ) -> None:
        """Bring title, body and hidden state up to date, and open it again if need be, in one request."""
        now = {self._identify(row): row.severity for row in comparisons}
        members = {member: now.get(member, Severity.NONE) for member in state.members}
        seen = state.after(self._commit, worst(comparisons), _ratio(comparisons))
        state = replace(state, members=members, seen=seen, by_trend=self._by_trend)
        body = issue_text.body(state, comparisons, self.publication.texts, self.publication.plan)
        title = issue_text.title(comparisons, self.publication.texts, self.publication.preferences.suite)
        if reopen:
            issue.edit(title=title, body=body, state="open", state_reason="reopened")
        else:
            issue.edit(title=title, body=body)

    def _close(self, issue: Issue, state: IssueState, comparisons: Sequence[Comparison]) -> AlertChange:
        pulls = self._pulls([self._commit])
        accepted = self._acceptance_of(comparisons)
        text = issue_text.recovered(comparisons, self.publication.plan, pulls, accepted)
        comment_once(self.client, issue, {"accepted" if accepted else "recovered": self._commit}, text)
        seen = state.after(self._commit, Severity.NONE, _ratio(comparisons))
        kept = replace(state, members=dict.fromkeys(state.members, Severity.NONE), seen=seen)
        body = hidden_comment.replace(issue_text.KIND, issue.body or "", kept.mark())
        issue.edit(body=body, state="closed", state_reason="completed")
        return self._change("recovered", comparisons, issue.html_url)

    def _acceptance_of(self, comparisons: Sequence[Comparison]) -> Acceptance | None:
        """Return the acceptance because of which an issue about these comparisons is closed, if any."""
        keys = {self._identify(row) for row in comparisons}
        rows = [row for row in self.publication.judgement.comparisons if self._identify(row) in keys]
        return next((accepted for row in rows if (accepted := self._covers(row))), None)

    def _change(
        self,
        kind: ChangeKind,
        comparisons: Sequence[Comparison],
        url: str,
    ) -> AlertChange:
        first = self.publication.texts.finding(comparisons[0])
        if kind == "recovered":
            first = f"{comparisons[0].benchmark.name} has recovered"
        more = f" and {len(comparisons) - 1} more" if len(comparisons) > 1 else ""
        severity = Severity.NONE if kind == "recovered" else worst(comparisons)
        return AlertChange(kind, severity, first + more, url)

    def _origin(self, comparisons: Sequence[Comparison]) -> RegressionRange:
        """Return the range in which it happened, and the pull requests merged in it, as far as the token may know."""
        if self.publication.texts.span is not None:
            return self._long_origin(*self.publication.texts.span(comparisons))
        base = self.publication.judgement.baseline.commit or self.publication.plan.base_sha
        if base is None or base == self._commit:
            return RegressionRange(None, self._commit, None, self._pulls([self._commit]))
        shas = self._between(base, self._commit)
        newest = (shas or [self._commit])[-COMMITS_ASKED:]
        return RegressionRange(base, self._commit, len(shas) if shas else None, self._pulls(newest))

    def _long_origin(self, good: str | None, bad: str | None) -> RegressionRange:
        """Return the range that a history shows; pull requests are only named where there are few to suspect."""
        if good is None or bad is None or good == bad:
            return RegressionRange(None, bad or self._commit)
        shas = self._between(good, bad)
        suspects = shas if shas and len(shas) <= COMMITS_ASKED else []
        return RegressionRange(good, bad, len(shas) if shas else None, self._pulls(suspects))

    def _between(self, base: str, head: str) -> list[str] | None:
        return self.client.permissions.attempt(
            "contents: read", "the range of commits", lambda: self._listing(base, head)
        )

    def _listing(self, base: str, head: str) -> list[str]:
        compared = self.client.repository.compare(base, head)
        return read(self.client, lambda: [commit.sha for commit in compared.commits])

    def _pulls(self, shas: Sequence[str]) -> tuple[int, ...]:
        numbers: dict[int, None] = {}
        for sha in shas:
            ask = partial(read, self.client, partial(self._pulls_of, sha))
            answer = self.client.permissions.attempt("pull-requests: read", "the merged pull request", ask)
            numbers |= dict.fromkeys(answer or [])
        return tuple(numbers)

    def _pulls_of(self, sha: str) -> list[int]:
        return [pull.number for pull in self.client.repository.get_commit(sha).get_pulls()]


def our_issues(client: Client, state: str, label: str) -> Issues:
    """Return the issues that we wrote, by their marks; the search API would be late and soon exhausted.

    They are ours also when somebody took their label off. Where we do not know our own name, everybody's are looked at;
    only where there are more than are worth a look the label has to do for the older ones.
    """
    repository, login = client.repository, client.own_login()
    wanted: dict[str, Any] = {"state": state} | ({"creator": login} if login else {})
    listed = list(islice(repository.get_issues(**wanted), LISTED))
    if len(listed) == LISTED:
        listed += repository.get_issues(state=state, labels=[label])
    marked = [(issue, issue_text.state_of(issue.body)) for issue in listed if "/issues/" in issue.html_url]
    return {issue.number: (issue, state) for issue, state in marked if state and client.wrote(issue.user)}


def comment_on_regression(
    client: Client, key: dict[str, Any], text: str, *, member: str, label: str
) -> tuple[str, ...] | None:
    """Comment once on every open issue of ours about a regression; return their addresses, None without permission.

    `member` is the fingerprint of the regression. A comment with the same `key` is not written again.
    """

    def write() -> tuple[str, ...]:
        ours = read(client, lambda: our_issues(client, "open", label))
        about = [(issue, state) for issue, state in ours.values() if member in state.members]
        for issue, state in about:
            comment_once(client, issue, key, text + issue_text.of_several(state))
        return tuple(issue.html_url for issue, _ in about)

    return client.permissions.attempt(NEEDS, "the answer of the bisection", write)


def comment_in_thread(client: Client, key: dict[str, Any], text: str, number: int) -> str | None:
    """Comment once on the issue or pull request `number`; return its address, None where that is not possible."""

    def write() -> str:
        thread = client.repository.get_issue(number)
        body, author, url = read(client, lambda: (thread.body, thread.user, thread.html_url))
        state = issue_text.state_of(body) if client.wrote(author) else None
        comment_once(client, thread, key, text + (issue_text.of_several(state) if state else ""))
        return url

    return client.permissions.attempt(NEEDS, f"the answer on #{number}", write)


def _tracked(ours: Issues) -> list[issue_tracking.TrackedIssue]:
    return [
        state.tracked(issue.number, issue.state_reason, is_open=issue.state == "open") for issue, state in ours.values()
    ]


def _ratio(comparisons: Sequence[Comparison]) -> float | None:
    """Return the worst ratio, rounded as it is shown."""
    ratios = [row.ratio for row in comparisons if row.ratio is not None]
    return round(max(ratios), 4) if ratios else None
