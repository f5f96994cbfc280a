"""A judgement in a terminal or a CI log: the verdict first, then the rows that matter, the rest as counts.

Words carry every meaning, colours only repeat it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.model.comparisons import Outcome
from regress_action.model.escaping import plain
from regress_action.report import phrases, sides, text
from regress_action.report.findings import Findings, rows_are
from regress_action.report.numbers import count, quantity
from regress_action.report.page import Page
from regress_action.report.rows import listing, table

if TYPE_CHECKING:
    from rich.console import Console

    from regress_action.model.comparisons import Comparison, Judgement

_NAMED = 8
_EXPLAINED = 3
_HEADLINES = {
    Outcome.PASS: "bold green",
    Outcome.WARN: "bold yellow",
    Outcome.FAIL: "bold red",
    Outcome.INCONCLUSIVE: "bold yellow",
    Outcome.INCOMPLETE: "bold red",
}


def show(judgement: Judgement, console: Console, *, verbose: bool = False, elsewhere: str | None = None) -> None:
    """Print the judgement, `verbose` with the unchanged rows and every name in full.

    `elsewhere` is the sentence that suggests another machine.
    """
    page, found = Page(console, verbose), Findings.of(judgement)
    _open(page, judgement)
    if elsewhere:
        page.sentence(elsewhere, "yellow")

    def because(row: Comparison) -> str:
        return f"{page.spoken(phrases.subject(row))}: {plain(row.reason)}"

    table(page, "Regressions", found.regressions)
    listing(page, "Over budget", found.over_budget, lambda row: page.spoken(phrases.budget(row)) + _beyond(row))
    listing(page, "Failed", found.failed, because)
    listing(page, "Missing from the head", found.missing, because)
    table(
        page,
        "Inconclusive: too noisy to tell",
        found.inconclusive,
        why=verbose or len(found.inconclusive) <= _EXPLAINED,
    )
    listing(page, "Baseline not stable", found.unstable, because)
    listing(page, "Not comparable", found.incomparable, because)
    slight = "Worse without alarm: below the threshold, or waived"
    table(page, slight, found.slight, why=verbose or len(found.slight) <= _EXPLAINED)
    table(page, "Improvements", found.improvements, why=verbose)
    table(page, "Unchanged", found.unchanged if verbose else [], why=False)
    _close(page, judgement, found)


def _open(page: Page, judgement: Judgement) -> None:
    page.sentence(text.headline(judgement), _HEADLINES[judgement.summary.verdict])
    page.sentence(sides.against(judgement), "dim")
    if machine := sides.environments(judgement):
        page.sentence(machine, "dim")
    if saved := sides.saved(judgement):
        page.sentence(f"{saved[0].upper()}{saved[1:]}.", "dim")
    shift = text.shift(judgement)
    for note in judgement.notes or ([shift] if shift else []):
        page.sentence(f"Note: {plain(note)}", "yellow" if shift else "")


def _close(page: Page, judgement: Judgement, found: Findings) -> None:
    if found.new or found.unchanged:
        page.line()
    if found.new:
        shown = found.new if page.verbose else found.new[:_NAMED]
        more = f" and {len(found.new) - len(shown)} more" if len(shown) < len(found.new) else ""
        names = ", ".join(page.spoken(phrases.subject(row)) for row in shown)
        page.sentence(f"New, nothing to compare with: {names}{more}", "cyan")
    if found.unchanged:
        said = text.headline_parts(judgement) != text.verdict_parts(judgement)
        seen = "" if said else page.spoken(text.visible(judgement))
        page.sentence(f"{count(len(found.unchanged), rows_are(judgement))} unchanged. {seen}", "green")


def _beyond(row: Comparison) -> str:
    """Return the interval that lies beyond the budget."""
    limit, unit = row.budget, row.metric.unit
    return f" (interval {quantity(limit.low, unit)} to {quantity(limit.high, unit)})" if limit else ""
