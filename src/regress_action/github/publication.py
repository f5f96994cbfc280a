"""A judgement as it is published on GitHub: its texts, and what was accepted of it by whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regress_action.github import alarms, hidden_state
from regress_action.github.issue_text import commit
from regress_action.model import escaping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.github.alarms import Acceptance
    from regress_action.github.event import Plan
    from regress_action.github.preferences import Preferences, Texts
    from regress_action.model.comparisons import Comparison, Judgement, Severity

SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A judgement with its plan, its texts, the preferences, and what was accepted of it."""

    plan: Plan
    judgement: Judgement
    texts: Texts
    preferences: Preferences
    accepted: tuple[Acceptance, ...] = ()

    @property
    def alarms(self) -> list[Comparison]:
        """The regressions that nobody accepted, worst first."""
        return alarms.alarming(self.judgement, self.accepted)

    @property
    def severity(self) -> Severity:
        """The worst of them."""
        return alarms.worst(self.alarms)

    @property
    def title(self) -> str:
        """The headline, and who accepted what it reports."""
        by = {accepted.by: None for accepted in self._effective}
        return f"{self.texts.headline} (accepted by {', '.join(by)})" if by else self.texts.headline

    def comment(self, limit: int) -> str:
        """Return the report for a pull request, what was accepted of it by whom, and what no longer is."""
        lines = [_accepted(accepted, self._covered(accepted)) for accepted in self._effective[:SHOWN]]
        lines += [_outgrown(accepted, missed) for accepted in self.accepted if (missed := self._missed(accepted))]
        below = "\n\n" + "\n>\n".join(lines) if lines else ""
        return self.texts.comment(limit - len(below.encode())) + below

    @property
    def state(self) -> str:
        """The judgement as data, hidden."""
        return hidden_state.pack(self.texts.record) if self.texts.record else ""

    def comment_with_state(self, limit: int) -> str:
        """Return the comment, with the judgement as data hidden on top of it."""
        state = self.state
        top = f"{state}\n" if state else ""
        return top + self.comment(limit - len(top))

    @property
    def _effective(self) -> list[Acceptance]:
        """The acceptances that cover a regression of this judgement."""
        return [accepted for accepted in self.accepted if self._covered(accepted)]

    def _covered(self, accepted: Acceptance) -> list[Comparison]:
        return [comparison for comparison in alarms.alarming(self.judgement) if accepted.covers(comparison)]

    def _missed(self, accepted: Acceptance) -> list[Comparison]:
        """What a label does not accept because it was not shown when the label was set."""
        return [] if accepted.shown is None else self.alarms


def _accepted(accepted: Acceptance, covered: Sequence[Comparison]) -> str:
    who, reason = escaping.markdown(accepted.by), escaping.markdown(accepted.reason)
    if accepted.shown is None:
        return f"> Accepted by {who}: {escaping.code_span(accepted.benchmark)}, {reason}"
    return f"> Accepted by {who}: {_names(covered)}, {reason}, set at {commit(accepted.head)}"


def _outgrown(accepted: Acceptance, missed: Sequence[Comparison]) -> str:
    head = accepted.head
    when = f"at {commit(head)}, where that was not there or not as bad" if head else "before this was pushed"
    return (
        f"> Not accepted: {_names(missed)}. The {escaping.markdown(accepted.reason)} of "
        f"{escaping.markdown(accepted.by)} was set {when}. Take it off and set it again to accept that, too."
    )


def _names(comparisons: Sequence[Comparison]) -> str:
    names = list(dict.fromkeys(escaping.code_span(comparison.benchmark.name) for comparison in comparisons))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
