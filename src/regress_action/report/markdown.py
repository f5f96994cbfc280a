"""A judgement as GitHub Markdown: a pull request's comment, a job's summary, or a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from regress_action.model.escaping import cut_bytes
from regress_action.report import chart, notes, numbers, phrases, text
from regress_action.report.findings import Context, Findings, moved_services, rows_are

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regress_action.model.comparisons import Comparison, Judgement

__all__ = ["Audience", "Context", "detail", "render"]

Audience = Literal["comment", "summary", "file"]
LIMIT_BYTES = 65_000
_NOTES = 10


def render(
    judgement: Judgement,
    *,
    limit_bytes: int = LIMIT_BYTES,
    audience: Audience = "comment",
    context: Context | None = None,
) -> str:
    """Return the page in at most `limit_bytes` bytes of UTF-8: as many rows as fit, worst first, and how many did not.

    A `comment` shows what changed; a `summary` and a `file` also hold a folded table of what did not.
    """
    findings = Findings.of(judgement)
    if audience == "comment":
        findings = findings.without_unchanged()
    return fitting(
        lambda rows: _page(judgement, findings, rows, audience, context or Context()), len(findings), limit_bytes
    )


def detail(
    judgement: Judgement,
    comparison: Comparison,
    *,
    limit_bytes: int = LIMIT_BYTES,
    context: Context | None = None,
    history: Sequence[tuple[str, float]] = (),
) -> str:
    """Return everything about one comparison, for its issue: the numbers, the reason, the way to repeat them.

    `history` holds a label and a value in the metric's unit for each earlier run, oldest first; it becomes a chart.
    """
    from regress_action.report import templating

    values, unit = numbers.in_one_unit([value for _, value in history], comparison.metric.unit)
    labels = [label for label, _ in history]

    def page(charts: int) -> str:
        return templating.page(
            "detail.md.j2",
            row=comparison,
            change=phrases.comparative(comparison) + phrases.as_text(phrases.interval(comparison)),
            threshold=numbers.change(comparison.threshold),
            against=text.against_parts(judgement),
            machine=text.environments(judgement),
            chart=chart.mermaid(comparison.benchmark.name, unit, values, labels) if charts else "",
            context=context or Context(),
        )

    return fitting(page, 1, limit_bytes)


def fitting(page: Callable[[int], str], rows: int, limit_bytes: int) -> str:
    """Return `page(n)` with the largest n ≤ `rows` that fits, or the beginning of the shortest page if none does."""
    complete = page(rows)
    if len(complete.encode()) <= limit_bytes:
        return complete
    fits, too_many = -1, rows
    best = page(0)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        candidate = page(middle)
        if len(candidate.encode()) <= limit_bytes:
            fits, best = middle, candidate
        else:
            too_many = middle
    return best if fits >= 0 else cut_bytes(best.partition("\n")[0], max(0, limit_bytes))


def _has_tables(rows: Findings) -> bool:
    """Whether a table of the page has rows; what is new or missing stands in lists, with whole names."""
    tabled = (rows.regressions, rows.suspected, rows.inconclusive, rows.slight, rows.improvements, rows.unchanged)
    return any(tabled)


def _remark_on_medians(findings: Findings) -> str:
    """Return what the asterisk in the tables means, empty where there is none."""
    worse = (*findings.regressions, *findings.suspected, *findings.slight)
    shown = [*worse, *findings.improvements, *findings.unchanged]
    return phrases.MEDIANS_DISAGREE if any(map(phrases.medians_disagree, shown)) else ""


def _page(judgement: Judgement, findings: Findings, rows: int, audience: Audience, context: Context) -> str:
    from regress_action.report import templating

    kept, sentences = findings.first(rows), notes.note_sentences(judgement)
    if not (findings.regressions or findings.suspected or findings.over_budget or findings.missing):
        context = replace(context, accept=None)
    return templating.page(
        "report.md.j2",
        judgement=judgement,
        headline=text.verdict_parts(judgement),
        design=text.design(judgement),
        shift=text.shift(judgement),
        visible=text.visible(judgement),
        noun=rows_are(judgement),
        unchanged=len(Findings.of(judgement).unchanged),
        findings=findings,
        services=moved_services(judgement),
        left_out=phrases.common_beginning(judgement.comparisons) if _has_tables(Findings.of(judgement)) else "",
        kept=kept,
        hidden=len(findings) - len(kept),
        medians_disagree=_remark_on_medians(kept),
        notes=(*sentences[:_NOTES], *filter(None, [context.elsewhere])),
        hidden_notes=max(0, len(sentences) - _NOTES),
        context=context,
        audience=audience,
        footer=templating.footer(judgement, context),
    )
