"""What is to be said: the judgement, in whose words, about which commit, and what was accepted of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regress_action import escape
from regress_action.github import alarms, memory

if TYPE_CHECKING:
    from regress_action.github.alarms import Acceptance
    from regress_action.github.plan import Plan
    from regress_action.github.preferences import Preferences, Texts
    from regress_action.verdicts import Comparison, Judgement, Severity


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
        """Return the report for a pull request, and what was accepted of it by whom."""
        lines = [_accepted(each) for each in self._acceptances[:SHOWN]]
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
        regressions = alarms.alarming(self.judgement)
        return [each for each in self.accepted if any(each.covers(comparison) for comparison in regressions)]


def _accepted(each: Acceptance) -> str:
    who, what = escape.markdown(each.by), escape.code_span(each.benchmark)
    return f"> Accepted by {who}: {what}, {escape.markdown(each.reason)}"
