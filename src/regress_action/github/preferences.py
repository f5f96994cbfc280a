"""What the user wants published, and the texts of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from regress_action.model import escaping
from regress_action.model.comparisons import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regress_action.model.comparisons import Comparison

SUITE_LIMIT = 100
CommentPolicy = Literal["on-change", "always", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What is published where.

    `max_issues` is the number of new issues in one run above which they become one umbrella issue. With
    `block_moderate` a moderate regression makes the check run `action_required` instead of `neutral`.
    """

    suite: str = "default"
    comment: CommentPolicy = "on-change"
    check_run: bool = True
    issues: bool = True
    fail_on: Severity = Severity.CRITICAL
    block_moderate: bool = False
    reviewers: tuple[str, ...] = ()
    team_reviewers: tuple[str, ...] = ()
    label: str = "performance-regression"
    accept_label: str = "performance-accepted"
    max_issues: int = 5
    max_annotations: int = 500

    @property
    def check_name(self) -> str:
        """The name of the check run; one for each suite."""
        return "Performance" if self.suite == "default" else f"Performance ({self.suite_name})"

    @property
    def suite_name(self) -> str:
        """The suite in one short line."""
        return escaping.plain(self.suite, SUITE_LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The texts of a judgement, rendered by the caller: functions take the number of bytes they may fill.

    `headline`, `finding`, `reason` are single lines; `comment`, `summary` and `details` are Markdown in which foreign
    text is inert already. `details` is what an issue shows of one comparison. `advice` are sentences. `span` names the
    last good and the first bad commit of what an issue is about, where the judgement's own two do not. `record` is the
    judgement as data, for a later `/regress explain`.
    """

    headline: str
    comment: Callable[[int], str]
    summary: Callable[[int], str]
    finding: Callable[[Comparison], str]
    reason: Callable[[Comparison], str]
    details: Callable[[Comparison, int], str]
    advice: tuple[str, ...] = ()
    record: Callable[[int], bytes] | None = None
    span: Callable[[Sequence[Comparison]], tuple[str | None, str | None]] | None = None
