"""A judgement in a terminal or a CI log: the verdict first, then the rows that matter, the rest as counts.

Words carry every meaning, colours only repeat it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.model.comparisons import Outcome
from regress_action.model.escaping import plain
from regress_action.report import notes, phrases, reasons, sides, text
from regress_action.report.console import ConsolePage, listing, table
from regress_action.report.findings import Findings, moved_services, rows_are
from regress_action.report.numbers import count, quantity

if TYPE_CHECKING:
    from rich.console import Console

    from regress_action.model.comparisons import Comparison, Judgement, ServiceComparison

_MOST_NAMES = 8
_MOST_REASONS = 3
_LONGEST_CAUSE = 2_000
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
    left_out = "" if verbose else phrases.common_beginning(judgement.comparisons)
    page, findings = ConsolePage(console, verbose, left_out), Findings.of(judgement)
    _header(page, judgement)
    if elsewhere:
        page.sentence(elsewhere, "yellow")

    def with_reason(row: Comparison) -> str:
        return f"{page.as_text(phrases.subject(row))}: {plain(reasons.sentence(row))}"

    table(page, "Regressions", [row for row in findings.regressions if row.alarms])
    listing(page, "Causes", list({_cause(row): row for row in findings.regressions if row.cause}.values()), _cause)
    if findings.regressions:
        _resources(page, judgement)
    suspected = [row for row in findings.regressions if row.is_suspected]
    table(page, "Suspected regressions", suspected, why=verbose or len(suspected) <= _MOST_REASONS)
    listing(page, "Services as a whole", moved_services(judgement), lambda service: _service(page, service))
    listing(page, "Over budget", findings.over_budget, lambda row: page.as_text(phrases.budget(row)) + _beyond(row))
    listing(page, "Failed", findings.failed, with_reason)
    listing(page, "Missing from the head", findings.missing, with_reason)
    table(
        page,
        "Inconclusive: too noisy to tell",
        findings.inconclusive,
        why=verbose or len(findings.inconclusive) <= _MOST_REASONS,
    )
    listing(page, "Baseline not stable", findings.unstable, with_reason)
    listing(page, "Not comparable", findings.incomparable, with_reason)
    slight = "Worse without alarm: below the threshold, or waived"
    table(page, slight, findings.slight, why=verbose or len(findings.slight) <= _MOST_REASONS)
    table(page, "Improvements", findings.improvements, why=verbose)
    table(page, "Unchanged", findings.unchanged if verbose else [], why=False)
    _footer(page, judgement, findings)


def _header(page: ConsolePage, judgement: Judgement) -> None:
    page.sentence(text.headline(judgement), _HEADLINES[judgement.summary.verdict])
    page.sentence(sides.against(judgement), "dim")
    if page.left_out:
        page.sentence(f"Tables leave out what every name begins with: {page.left_out}", "dim")
    if machine := sides.environments(judgement):
        page.sentence(machine, "dim")
    if saved := sides.saved(judgement):
        page.sentence(f"{saved[0].upper()}{saved[1:]}.", "dim")
    shift = text.shift(judgement)
    for note in notes.sentences(judgement) or ([shift] if shift else []):
        page.sentence(f"Note: {plain(note)}", "yellow" if shift else "")


def _footer(page: ConsolePage, judgement: Judgement, findings: Findings) -> None:
    if findings.new or findings.unchanged:
        page.line()
    if findings.new:
        shown = findings.new if page.verbose else findings.new[:_MOST_NAMES]
        more = f" and {len(findings.new) - len(shown)} more" if len(shown) < len(findings.new) else ""
        names = ", ".join(page.as_text(phrases.subject(row)) for row in shown)
        page.sentence(f"New, nothing to compare with: {names}{more}", "cyan")
    if findings.unchanged:
        stated = text.headline_parts(judgement) != text.verdict_parts(judgement)
        limit = "" if stated else page.as_text(text.visible(judgement))
        beyond = " beyond what the whole suite moved by" if judgement.summary.environment_shift is not None else ""
        page.sentence(f"{count(len(findings.unchanged), rows_are(judgement))} unchanged{beyond}. {limit}", "green")


def _service(page: ConsolePage, service: ServiceComparison) -> str:
    """Return how a service changed as a whole, how bad that is, and what shows it."""
    graded = f"{grade}: " if (grade := phrases.grade(service)) else ""
    return f"{graded}{page.as_text(phrases.service_change(service))}; {phrases.service_evidence(service)}"


def _resources(page: ConsolePage, judgement: Judgement) -> None:
    """Print what the monitor of the runs shows."""
    if judgement.resources:
        page.section("Resources")
    for note in judgement.resources:
        page.sentence(plain(note.paragraph, _LONGEST_CAUSE), indent=2)


def _cause(row: Comparison) -> str:
    """Return what profiles say about a regression."""
    return plain(row.cause.paragraph, _LONGEST_CAUSE) if row.cause else ""


def _beyond(row: Comparison) -> str:
    """Return the interval that lies beyond the budget."""
    limit, unit = row.budget, row.metric.unit
    return f" (interval {quantity(limit.low, unit)} to {quantity(limit.high, unit)})" if limit else ""
