"""A judgement as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

import math
import os
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from regress_action.model import escaping
from regress_action.report import notes, numbers, phrases, plots, reasons, text
from regress_action.report.chart import Axis
from regress_action.report.findings import Context, Findings, moved_services, rows_are
from regress_action.report.numbers import count
from regress_action.report.text import against_parts, design, environments, planned, saved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.model.comparisons import Comparison, Judgement
    from regress_action.model.measurements import Report

_MOST_PLOTS = 150
_SEPARATORS = re.compile(r"(?<=[/_.:,\[\]()=-])(?=[^/_.:,\[\]()=-])")
_OPEN = {"Regressions", "Suspected regressions", "Inconclusive"}
_OPEN_RUNS = {"Regressions", "Suspected regressions"}
_SECTIONS = (
    ("regressions", "Regressions"),
    ("suspected", "Suspected regressions"),
    ("inconclusive", "Inconclusive"),
    ("slight", "Worse without alarm: below the threshold, or allowed"),
    ("improvements", "Improvements"),
    ("unchanged", "Unchanged"),
)
_LISTS = (
    ("failed", "Failed"),
    ("missing", "Missing from the head"),
    ("skipped", "Skipped by the suite"),
    ("unstable", "Baseline not stable"),
    ("incomparable", "Not comparable"),
)


def render(
    judgement: Judgement,
    *,
    context: Context | None = None,
    baseline: Sequence[Report] = (),
    head: Sequence[Report] = (),
) -> str:
    """Return the page, with every row; sections without news are folded.

    The runs of `baseline` and `head` are drawn for the first 150 comparisons, worst first.
    """
    findings = Findings.of(judgement)
    context = context or Context()
    plotted = {(row.benchmark.name, row.metric.name) for row in judgement.comparisons[:_MOST_PLOTS]}
    runs = plots.runs_of(baseline, head)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            judgement=judgement,
            notes=notes.note_sentences(judgement),
            headline=text.headline_parts(judgement),
            against=against_parts(judgement),
            facts=_facts(judgement, context.looks),
            shift=text.shift(judgement),
            visible=text.visible(judgement),
            noun=rows_are(judgement),
            findings=findings,
            services=moved_services(judgement),
            over_budget=findings.over_budget,
            sections=[_Section(title, rows) for name, title in _SECTIONS if (rows := getattr(findings, name))],
            lists=[(title, rows) for name, title in _LISTS if (rows := getattr(findings, name))],
            runs={key: replace(values, looks=context.looks) for key, values in runs.items() if key in plotted},
            medians_disagree=phrases.MEDIANS_DISAGREE if any(map(phrases.medians_disagree, _tabled(findings))) else "",
            context=context,
        )
    )


class _Section:
    """Rows under one heading, with the scale that they share."""

    def __init__(self, title: str, rows: list[Comparison]) -> None:
        self.title, self.rows = title, rows
        self.axis = Axis.over(rows, 1000)
        self.scale = plots.scale(self.axis)
        self.is_open = title in _OPEN
        self.has_runs = title in _OPEN_RUNS


def _tabled(findings: Findings) -> list[Comparison]:
    return [row for name, _ in _SECTIONS for row in getattr(findings, name)]


def _facts(judgement: Judgement, looks: Sequence[int]) -> list[tuple[str, str]]:
    """Return what was measured and how it was judged, as terms and descriptions."""
    rows = judgement.comparisons
    names = {row.benchmark.name for row in rows}
    thresholds = sorted({row.threshold for row in rows if math.isfinite(row.threshold)})
    alarms = " to ".join(numbers.change(end) for end in dict.fromkeys(thresholds[:1] + thresholds[-1:]))
    facts = (
        ("Planned", planned(judgement, looks)),
        ("Measured", design(judgement)),
        ("Compared", f"{count(len(rows), 'comparison')} of {count(len(names), 'benchmark')}" if rows else ""),
        ("Alarms from", alarms),
        ("Sensitivity", phrases.as_text(text.visible(judgement))),
        ("Machine", environments(judgement)),
        ("Time", saved(judgement)),
    )
    return [(term, words) for term, words in facts if words]


@cache
def environment() -> Environment:
    """Return the environment of the HTML templates: whatever they print is escaped, and holds no control characters."""
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
        "subject": lambda row: sentence(phrases.subject(row), escaping.NAME_LIMIT, breaks=True),
        "budget": lambda row: sentence(phrases.budget(row), escaping.NAME_LIMIT),
        "moved": phrases.moved,
        "reason": reasons.sentence,
        "change": lambda row: phrases.difference(row) if row.ratio is None else numbers.change(row.ratio),
        "interval": lambda row: numbers.interval(row.ratio_low, row.ratio_high, like=row.ratio),
        "certainty": lambda row: numbers.certainty(row.q_value),
        "quantity": numbers.quantity,
        "count": numbers.count,
        "bar": plots.interval,
        "grade": phrases.grade,
        "plot": plots.runs,
        "service_change": lambda service: sentence(phrases.service_change(service), escaping.NAME_LIMIT),
        "service_evidence": phrases.service_evidence,
        "file_link": _file_link,
    }
    return templates


def sentence(parts: phrases.Sentence, limit: int = phrases.NAME_LIMIT, *, breaks: bool = False) -> Markup:
    """Return a sentence with its foreign parts as code; with `breaks` a long name wraps after its separators only."""
    return Markup("").join(
        Markup("<code>{}</code>").format(_name(escaping.plain(part, limit), breaks=breaks))
        if isinstance(part, phrases.Name)
        else part
        for part in parts
    )


def _file_link(path: str, folder: str | None) -> str:
    """Return the address of a file from a page in `folder`, as a path with what addresses reserve written as codes."""
    from urllib.parse import quote

    return "./" + quote(os.path.relpath(path, folder or "."))


def _name(text: str, *, breaks: bool) -> Markup:
    pieces = _SEPARATORS.split(text) if breaks else [text]
    return Markup("<wbr>").join(pieces)


def _shown(value: object) -> object:
    """Drop what a browser would obey or hide; Jinja escapes the rest."""
    return value if isinstance(value, Markup | int) else escaping.plain(str(value))
