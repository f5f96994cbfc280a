"""What is to be said: the judgement, in whose words, about which commit, and what was accepted of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regress_action.github import alarms, memory
from regress_action.github.issue_texts import commit
from regress_action.model import escaping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.github.alarms import Acceptance
    from regress_action.github.plan import Plan
    from regress_action.github.preferences import Preferences, Texts
    from regress_action.model.comparisons import Comparison, Judgement, Severity


SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Speech:
    """One judgement on its way to the people who can act on it."""

    plan: Plan
    judgement: Judgement
    texts: Texts
    preferences: Preferences
    accepted: tuple[Acceptance, ...] = ()

    @property
    def alarms(self) -> list[Comparison]:
        """The regressions that call for somebody, worst first."""
        return alarms.alarming(self.judgement, self.accepted)

    @property
    def severity(self) -> Severity:
        """The worst of them."""
        return alarms.worst(self.alarms)

    @property
    def title(self) -> str:
        """The headline, and who took responsibility for what it says."""
        by = {each.by: None for each in self._acceptances}
        return f"{self.texts.headline} (accepted by {', '.join(by)})" if by else self.texts.headline

    def comment(self, limit: int) -> str:
        """Return the report for a pull request, what was accepted of it by whom, and what no longer is."""
        lines = [_accepted(each, self._covered(each)) for each in self._acceptances[:SHOWN]]
        lines += [_outgrown(each, missed) for each in self.accepted if (missed := self._missed(each))]
        below = "\n\n" + "\n>\n".join(lines) if lines else ""
        return self.texts.comment(limit - len(below.encode())) + below

    def remembered(self, limit: int) -> str:
        """Return the same, and hidden on top of it the judgement as data."""
        hidden = memory.remembered(self.texts.record) if self.texts.record else ""
        top = f"{hidden}\n" if hidden else ""
        return top + self.comment(limit - len(top))

    @property
    def _acceptances(self) -> list[Acceptance]:
        """What was accepted and is there."""
        return [each for each in self.accepted if self._covered(each)]

    def _covered(self, each: Acceptance) -> list[Comparison]:
        return [found for found in alarms.alarming(self.judgement) if each.covers(found)]

    def _missed(self, each: Acceptance) -> list[Comparison]:
        """What a label does not accept because it was set before that was there to see."""
        return [] if each.known is None else self.alarms


def _accepted(each: Acceptance, covered: Sequence[Comparison]) -> str:
    who = escaping.markdown(each.by)
    if each.known is None:
        return f"> Accepted by {who}: {escaping.code_span(each.benchmark)}, {escaping.markdown(each.reason)}"
    return f"> Accepted by {who}: {_names(covered)}, {escaping.markdown(each.reason)}, set at {commit(each.head)}"


def _outgrown(each: Acceptance, missed: Sequence[Comparison]) -> str:
    when = f"at {commit(each.head)}, where that was not there or not as bad" if each.head else "before this was pushed"
    return (
        f"> Not accepted: {_names(missed)}. The {escaping.markdown(each.reason)} of "
        f"{escaping.markdown(each.by)} was set {when}. Take it off and set it again to accept that, too."
    )


def _names(comparisons: Sequence[Comparison]) -> str:
    names = list(dict.fromkeys(escaping.code_span(each.benchmark.name) for each in comparisons))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
