"""Jinja templates in which foreign text is escaped unless a filter made it inert."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from regress_action.model import escaping
from regress_action.report import numbers, phrases, reasons, text

if TYPE_CHECKING:
    from regress_action.model.comparisons import Comparison, Judgement, Subject
    from regress_action.report.findings import Context

CELL_LIMIT = 48
_FULL_SHA = re.compile(r"[0-9a-f]{40,64}\Z")


class Inert(str):
    """Markdown that may be printed as it is."""

    __slots__ = ()


@cache
def environment() -> Environment:
    """Return the environment of the Markdown templates: whatever they print is escaped for Markdown, once."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=False,  # noqa: S701 - that would escape for HTML; `finalize` escapes every value for Markdown
        finalize=_inert,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {
        "sentence": sentence,
        "inert": Inert,
        "code": lambda foreign: Inert(escaping.code_span(foreign)),
        "name": name,
        "benchmark": lambda row: sentence(phrases.subject(row), escaping.NAME_LIMIT),
        "quantity": numbers.quantity,
        "block": lambda command: Inert(escaping.code_block(command, "sh")),
        "link": lambda words, url: Inert(escaping.link(_inert(words), url)),
        "commit": commit,
        "count": numbers.count,
        "evidence": evidence,
        "moved": lambda row: unbroken(phrases.moved(row)),
        "change": change,
        "grade": phrases.grade,
        "service_name": lambda service: sentence(phrases.service_name(service)),
        "service_change": lambda service: numbers.change(service.ratio),
        "service_evidence": phrases.service_evidence,
        "budget": lambda row: sentence(phrases.budget(row)),
        "reason": reasons.sentence,
        "runs_needed": phrases.runs_needed,
    }
    return templates


def sentence(parts: phrases.Sentence, limit: int = phrases.NAME_LIMIT) -> Inert:
    """Return a sentence with its foreign parts as code."""
    return Inert(
        "".join(
            escaping.code_span(part, limit) if isinstance(part, phrases.Name) else escaping.inline(part)
            for part in parts
        )
    )


def name(row: Comparison, left_out: str = "") -> Inert:
    """Return a benchmark's name for a table's cell, short so that the numbers stay visible, and its metric below.

    `left_out` is what the name begins with and the table does not repeat.
    """
    below = [] if row.metric.name == "time" else [escaping.code_span(row.metric.name, phrases.NAME_LIMIT)]
    below += [escaping.markdown(row.benchmark.service, phrases.NAME_LIMIT)] if row.benchmark.service else []
    small = f"<br><sub>{' · '.join(below)}</sub>" if below else ""
    return Inert(
        escaping.code_span(escaping.plain(row.benchmark.name, escaping.NAME_LIMIT).removeprefix(left_out), CELL_LIMIT)
        + small
    )


def change(row: Comparison) -> Inert:
    """Return the change for a table's cell, and below it its interval."""
    if row.ratio is None:
        return Inert(f"**{escaping.inline(phrases.difference(row))}**")
    interval = numbers.interval(row.ratio_low, row.ratio_high, like=row.ratio)
    return Inert(f"**{unbroken(numbers.change(row.ratio))}**<br><sub>{unbroken(interval)}</sub>")


def unbroken(words: str) -> Inert:
    """Return numbers that a narrow table does not tear apart; names can wrap instead."""
    return Inert(escaping.inline(words).replace(" ", "\u00a0"))


def commit(subject: Subject, otherwise: str, context: Context) -> Inert:
    """Return a side of the comparison, its commit linked when the repository is known."""
    words = sentence(text.side(subject, otherwise))
    sha = subject.commit or ""
    if not context.repository_url or not _FULL_SHA.match(sha):
        return words
    return Inert(escaping.link(words, f"{context.repository_url}/commit/{sha}"))


def footer(judgement: Judgement, context: Context) -> Inert:
    """Return the last line: the machine, what stopping early saved, and where the rest is."""
    parts = [escaping.markdown(machine)] if (machine := text.environments(judgement)) else []
    if saved := text.saved(judgement):
        parts.append(saved)
    links = (("run", context.run_url), ("dashboard", context.dashboard_url), ("JSON", context.report_url))
    parts += [escaping.link(words, url) for words, url in links if url]
    return Inert(" · ".join(parts))


def page(template: str, **values: object) -> str:
    """Render a template and close the gaps that left-out sections leave."""
    return re.sub(r"\n{3,}", "\n\n", environment().get_template(template).render(values)).strip("\n") + "\n"


def evidence(row: Comparison) -> Inert:
    """Return how sure a change is, and whether somebody measured again."""
    sure = numbers.certainty(row.q_value)
    if row.q_value is None and row.p_value is not None:
        sure = numbers.p_value(row.p_value)
    again = {None: "", True: ", confirmed", False: ", suspected"}[row.confirmed]
    return Inert(unbroken(sure) + again)


def _inert(value: object) -> str:
    return value if isinstance(value, Inert) else Inert(escaping.markdown(str(value)))
