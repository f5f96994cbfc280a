"""Issues with a life cycle: opened once, kept up to date, closed on recovery, opened again on relapse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from regress_action.github import issue_texts, labels, markers, tracking
from regress_action.github.alarms import worst
from regress_action.github.attempts import make_once, read
from regress_action.github.comments import say_once
from regress_action.github.issue_texts import Origin, State
from regress_action.github.plan import Stage
from regress_action.model.comparisons import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from github.Issue import Issue

    from regress_action.github.client import Client
    from regress_action.github.speech import Speech
    from regress_action.model.comparisons import Comparison

NEEDS = "issues: write"
COMMITS_ASKED = 5
LISTED = 500

Known = dict[int, tuple["Issue", State]]
Kind = Literal["opened", "regraded", "recovered", "relapsed"]


@dataclass(frozen=True, slots=True)
class Change:
    """Something that people may want to be told: `sentence` is one plain line."""

    kind: Kind
    severity: Severity
    sentence: str
    url: str


@dataclass
class Book:
    """The issues of a suite, as they are on GitHub, and what a judgement makes of them."""

    client: Client
    speech: Speech

    def update(self) -> tuple[Change, ...]:
        """List our issues, decide, and do it; one that fails does not keep the others from being done."""
        access = self.client.access
        known = access.attempt(NEEDS, "the issues", self._known)
        if known is None:
            return ()
        actions = tracking.decide(
            _tracked(known),
            self.speech.judgement.comparisons,
            self._identify,
            commit=self._commit,
            max_issues=self.speech.preferences.max_issues,
            by_trend=self._by_trend,
        )
        changes = [access.attempt(NEEDS, "an issue", partial(self._do, action, known)) for action in actions]
        return tuple(change for change in changes if change is not None)

    @property
    def _commit(self) -> str:
        return self.speech.plan.head_sha or ""

    @property
    def _by_trend(self) -> bool:
        return self.speech.plan.mode is Stage.TREND

    def _identify(self, comparison: Comparison) -> str:
        return tracking.fingerprint(self.speech.preferences.suite, self.speech.plan.default_branch, comparison)

    def _known(self) -> Known:
        """Return our open issues, and the closed ones where something regressed that none of the open ones is about."""
        known = read(self.client, lambda: self._ours("open"))
        comparisons = self.speech.judgement.comparisons
        if tracking.unclaimed(_tracked(known), comparisons, self._identify, by_trend=self._by_trend):
            known |= read(self.client, lambda: self._ours("closed"))
        return known

    def _ours(self, state: str) -> Known:
        """Return the issues that we wrote, by their marks; the search API would be late and soon exhausted.

        They are ours also when somebody took their label off. Where we do not know our own name, everybody's are
        looked at; only where there are more than are worth a look the label has to do for the older ones.
        """
        repository, me = self.client.repository, self.client.whoami()
        wanted: dict[str, Any] = {"state": state} | ({"creator": me} if me else {})
        listed = list(islice(repository.get_issues(**wanted), LISTED))
        if len(listed) == LISTED:
            listed += repository.get_issues(state=state, labels=[self.speech.preferences.label])
        marked = [(each, issue_texts.state_of(each.body)) for each in listed if "/issues/" in each.html_url]
        return {each.number: (each, said) for each, said in marked if said and self.client.is_mine(each.user)}

    def _do(self, action: tracking.Action, known: Known) -> Change | None:
        if isinstance(action, tracking.Open):
            return self._open(action.comparisons)
        issue, state = known[action.issue.number]
        match action:
            case tracking.Merge(into=number):
                say_once(self.client, issue, {"merged": number}, f"Duplicate of #{number}.")
                issue.edit(state="closed", state_reason=tracking.DUPLICATE)
                return None
            case tracking.Recover(comparisons=comparisons):
                return self._close(issue, state, comparisons)
            case tracking.Persist(comparisons=comparisons):
                self._rewrite(issue, state, comparisons)
                return None
            case tracking.Regrade(issue=before, comparisons=comparisons):
                text = issue_texts.regraded(comparisons, before.severity, self.speech.texts, self.speech.plan)
                say_once(self.client, issue, {"regraded": self._commit}, text)
                self._rewrite(issue, state, comparisons)
                return self._change("regraded", comparisons, issue.html_url)
            case tracking.Relapse(comparisons=comparisons):
                text = issue_texts.relapsed(comparisons, self.speech.texts, self.speech.plan)
                say_once(self.client, issue, {"relapsed": self._commit}, text)
                origin = self._origin(comparisons)
                self._rewrite(issue, replace(state, origin=origin), comparisons, reopen=True)
                return self._change("relapsed", comparisons, issue.html_url)

    def _open(self, comparisons: Sequence[Comparison]) -> Change:
        label = self.speech.preferences.label
        labels.ensure(self.client, label)
        members = {self._identify(each): each.severity for each in comparisons}
        state = State(members, self._origin(comparisons), by_trend=self._by_trend)
        state = replace(state, seen=state.after(self._commit, worst(comparisons), _ratio(comparisons)))
        title = issue_texts.title(comparisons, self.speech.texts, self.speech.preferences.suite)
        body = issue_texts.body(state, comparisons, self.speech.texts, self.speech.plan)

        def look() -> Issue | None:
            ours = self._ours("open").values()
            return next((issue for issue, other in ours if other.members.keys() == members.keys()), None)

        def make() -> Issue:
            return self.client.repository.create_issue(title, body, labels=[label])

        return self._change("opened", comparisons, make_once(self.client, look, make).html_url)

    def _rewrite(self, issue: Issue, state: State, comparisons: Sequence[Comparison], *, reopen: bool = False) -> None:
        """Bring title, body and hidden state up to date, and open it again if need be, in one request."""
        now = {self._identify(each): each.severity for each in comparisons}
        members = {mark: now.get(mark, Severity.NONE) for mark in state.members}
        seen = state.after(self._commit, worst(comparisons), _ratio(comparisons))
        state = replace(state, members=members, seen=seen, by_trend=self._by_trend)
        body = issue_texts.body(state, comparisons, self.speech.texts, self.speech.plan)
        title = issue_texts.title(comparisons, self.speech.texts, self.speech.preferences.suite)
        if reopen:
            issue.edit(title=title, body=body, state="open", state_reason="reopened")
        else:
            issue.edit(title=title, body=body)

    def _close(self, issue: Issue, state: State, comparisons: Sequence[Comparison]) -> Change:
        pulls = self._pulls([self._commit])
        text = issue_texts.recovered(comparisons, self.speech.plan, pulls)
        say_once(self.client, issue, {"recovered": self._commit}, text)
        seen = state.after(self._commit, Severity.NONE, _ratio(comparisons))
        kept = replace(state, members=dict.fromkeys(state.members, Severity.NONE), seen=seen)
        body = markers.replaced(issue_texts.KIND, issue.body or "", kept.mark())
        issue.edit(body=body, state="closed", state_reason="completed")
        return self._change("recovered", comparisons, issue.html_url)

    def _change(
        self,
        kind: Kind,
        comparisons: Sequence[Comparison],
        url: str,
    ) -> Change:
        first = self.speech.texts.finding(comparisons[0])
        if kind == "recovered":
            first = f"{comparisons[0].benchmark.name} has recovered"
        more = f" and {len(comparisons) - 1} more" if len(comparisons) > 1 else ""
        severity = Severity.NONE if kind == "recovered" else worst(comparisons)
        return Change(kind, severity, first + more, url)

    def _origin(self, comparisons: Sequence[Comparison]) -> Origin:
        """Return the range in which it happened, and the pull requests merged in it, as far as the token may know."""
        if self.speech.texts.span is not None:
            return self._long_origin(*self.speech.texts.span(comparisons))
        base = self.speech.judgement.baseline.commit or self.speech.plan.base_sha
        if base is None or base == self._commit:
            return Origin(None, self._commit, None, self._pulls([self._commit]))
        shas = self._between(base, self._commit)
        newest = (shas or [self._commit])[-COMMITS_ASKED:]
        return Origin(base, self._commit, len(shas) if shas else None, self._pulls(newest))

    def _long_origin(self, good: str | None, bad: str | None) -> Origin:
        """Return the range that a history shows; pull requests are only named where there are few to suspect."""
        if good is None or bad is None or good == bad:
            return Origin(None, bad or self._commit)
        shas = self._between(good, bad)
        suspects = shas if shas and len(shas) <= COMMITS_ASKED else []
        return Origin(good, bad, len(shas) if shas else None, self._pulls(suspects))

    def _between(self, base: str, head: str) -> list[str] | None:
        return self.client.access.attempt("contents: read", "the range of commits", lambda: self._listing(base, head))

    def _listing(self, base: str, head: str) -> list[str]:
        compared = self.client.repository.compare(base, head)
        return read(self.client, lambda: [each.sha for each in compared.commits])

    def _pulls(self, shas: Sequence[str]) -> tuple[int, ...]:
        found: dict[int, None] = {}
        for sha in shas:
            ask = partial(read, self.client, partial(self._pulls_of, sha))
            answer = self.client.access.attempt("pull-requests: read", "the merged pull request", ask)
            found |= dict.fromkeys(answer or [])
        return tuple(found)

    def _pulls_of(self, sha: str) -> list[int]:
        return [pull.number for pull in self.client.repository.get_commit(sha).get_pulls()]


def _tracked(known: Known) -> list[tracking.Tracked]:
    return [
        state.tracked(issue.number, issue.state_reason, is_open=issue.state == "open")
        for issue, state in known.values()
    ]


def _ratio(comparisons: Sequence[Comparison]) -> float | None:
    """Return the worst ratio, rounded as it is shown."""
    ratios = [each.ratio for each in comparisons if each.ratio is not None]
    return round(max(ratios), 4) if ratios else None
