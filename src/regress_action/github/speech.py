"""What is to be said: the judgement, in whose words, about which commit, and what was accepted of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regress_action.github import alarms

if TYPE_CHECKING:
    from regress_action.github.alarms import Acceptance
    from regress_action.github.plan import Plan
    from regress_action.github.preferences import Preferences, Texts
    from regress_action.verdicts import Comparison, Judgement, Severity


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
        regressions = alarms.alarming(self.judgement)
        by = {each.by: None for each in self.accepted if any(each.covers(comparison) for comparison in regressions)}
        return f"{self.texts.headline} (accepted by {', '.join(by)})" if by else self.texts.headline
