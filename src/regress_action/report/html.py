"""A judgement as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from regress_action.model import escaping
from regress_action.report import notes, numbers, phrases, reasons, sides, text
from regress_action.report.chart import Axis
from regress_action.report.context import Context
from regress_action.report.findings import Findings, rows_are

if TYPE_CHECKING:
    from regress_action.model.comparisons import Comparison, Judgement

_SECTIONS = (
    ("inconclusive", "Inconclusive"),
    ("slight", "Worse without alarm: below the threshold, or waived"),
    ("improvements", "Improvements"),
    ("unchanged", "Unchanged"),
)
_LISTS = (
    ("failed", "Failed"),
    ("missing", "Missing from the head"),
    ("unstable", "Baseline not stable"),
    ("incomparable", "Not comparable"),
)


def render(judgement: Judgement, *, context: Context | None = None) -> str:
    """Return the page, with every row; sections without news are folded."""
    findings = Findings.of(judgement)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            judgement=judgement,
            notes=notes.sentences(judgement),
            headline=text.headline_parts(judgement),
            against=sides.against_parts(judgement),
            machine=sides.environments(judgement),
            saved=sides.saved(judgement),
            shift=text.shift(judgement),
            visible=text.visible(judgement),
            noun=rows_are(judgement),
            findings=findings,
            sections=[(title, rows) for name, title in _SECTIONS if (rows := getattr(findings, name))],
            lists=[(title, rows) for name, title in _LISTS if (rows := getattr(findings, name))],
            axis=Axis.over(judgement.comparisons, 1000),
            context=context or Context(),
        )
    )


@cache
def _environment() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {
        "sentence": sentence,
        "subject": lambda row: sentence(phrases.subject(row), escaping.NAME_LIMIT),
        "budget": lambda row: sentence(phrases.budget(row), escaping.NAME_LIMIT),
        "moved": phrases.moved,
        "reason": reasons.sentence,
        "change": lambda row: phrases.difference(row) if row.ratio is None else numbers.change(row.ratio),
        "interval": lambda row: numbers.interval(row.ratio_low, row.ratio_high, like=row.ratio),
        "certainty": lambda row: numbers.certainty(row.q_value),
        "quantity": numbers.quantity,
        "count": numbers.count,
        "bar": bar,
    }
    return templates


def sentence(parts: phrases.Sentence, limit: int = phrases.NAME_LIMIT) -> Markup:
    """Return a sentence with its foreign parts as code."""
    return Markup("").join(
        Markup("<code>{}</code>").format(escaping.plain(part, limit)) if isinstance(part, phrases.Name) else part
        for part in parts
    )


def bar(row: Comparison, axis: Axis) -> Markup:
    """Return the interval of a row as a small picture on the page's common axis."""
    if row.ratio is None:
        return Markup("")
    low = axis.cell(row.ratio if row.ratio_low is None else row.ratio_low)
    high = axis.cell(row.ratio if row.ratio_high is None else row.ratio_high)
    none, limit, ratio = (axis.cell(at) for at in (1.0, row.threshold, row.ratio))
    label = f"{numbers.change(row.ratio)}, {numbers.interval(row.ratio_low, row.ratio_high, like=row.ratio)}"
    return Markup(
        '<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="none" d="M{} 0V100"/><path class="limit" d="M{} 0V100"/>'
        '<path class="range" d="M{} 50H{}"/><path class="point" d="M{} 22V78"/></svg>'
    ).format(label, none, limit, low, max(high, low + 4), ratio)


def _shown(value: object) -> object:
    """Drop what a browser would obey or hide; Jinja escapes the rest."""
    return value if isinstance(value, Markup | int) else escaping.plain(str(value))
