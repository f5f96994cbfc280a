"""Why a verdict is what it is, for somebody who asked: the numbers, the rule, and what could have been seen."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from regress_action.model.comparisons import Mode, Severity, Verdict
from regress_action.report import notes, numbers, phrases, text
from regress_action.report.findings import Context
from regress_action.report.markdown import fitting
from regress_action.report.numbers import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.model.comparisons import Comparison, Judgement

MOST_ROWS = 10
MOST_NAMES = 10
_VERDICT_WORDS = {Verdict.INCOMPARABLE: "not comparable", Verdict.UNSTABLE_BASELINE: "unstable baseline"}
_RULES = {
    Verdict.REGRESSION: "A change is a regression when it is as large as what counts as a change at all and is "
    "unlikely to be chance among so many benchmarks; it alarms from its threshold on.",
    Verdict.IMPROVEMENT: "An improvement takes the same proof as a regression, in the other direction.",
    Verdict.UNCHANGED: "Unchanged means: a change for the worse that matters is ruled out.",
    Verdict.INCONCLUSIVE: "Inconclusive means: the runs neither prove a change nor rule it out.",
    Verdict.NEW: "New means: the baseline does not have it, so there is nothing to compare with.",
    Verdict.MISSING: "Missing means: the baseline has it and the head does not. That is no pass.",
    Verdict.FAILED: "Failed means: it was started and gave no usable value. That is no pass.",
    Verdict.INCOMPARABLE: "Not comparable means: the baseline has no value that was measured in the same way.",
    Verdict.UNSTABLE_BASELINE: "Unstable means: the baseline itself moves too much to be compared with.",
}


def render(
    judgement: Judgement,
    benchmark: str | None = None,
    *,
    left_out: int = 0,
    reproduce: str = "",
    limit_bytes: int = 30_000,
) -> str:
    """Return the explanation in Markdown, of one benchmark (a name, a pattern or a part of a name) or of the verdict.

    `left_out` is how many comparisons there were besides those of the judgement; foreign text comes out inert.
    """
    rows = _matching(judgement.comparisons, benchmark) if benchmark else _deciding(judgement.comparisons)

    def page(shown: int) -> str:
        from regress_action.report import templating

        return templating.page(
            "explanation.md.j2",
            judgement=judgement,
            headline=text.headline_parts(judgement),
            asked=benchmark,
            rows=[_Row(row, judgement.mode) for row in rows[:shown]],
            more=len(rows) - min(shown, len(rows)),
            others=[row.benchmark.name for row in judgement.comparisons[:MOST_NAMES]] if benchmark and not rows else [],
            left_out=left_out,
            machine=text.environments(judgement),
            against=text.against_parts(judgement),
            notes=notes.note_sentences(judgement)[:MOST_ROWS],
            resources=judgement.resources[:MOST_ROWS] if any(row.is_proven_regression for row in rows) else (),
            rules=list(dict.fromkeys(_RULES[row.verdict] for row in rows[:shown])),
            context=Context(reproduce=reproduce or None),
        )

    return fitting(page, min(MOST_ROWS, len(rows)), limit_bytes)


class _Row:
    """A comparison with what the template says about it."""

    def __init__(self, row: Comparison, mode: Mode) -> None:
        self.row = row
        self.verdict = _VERDICT_WORDS.get(row.verdict, row.verdict.value)
        if row.severity is not Severity.NONE:
            self.verdict = f"{row.severity.value} {self.verdict}"
        self.change = phrases.comparative(row) if row.ratio is not None or row.difference is not None else ""
        if row.ratio is not None and row.verdict is Verdict.UNCHANGED:
            self.change = numbers.change(row.ratio)
        self.interval = phrases.as_text(phrases.interval(row))
        self.threshold = numbers.change(row.threshold) if row.threshold == row.threshold else ""
        self.pair_noise = phrases.pair_noise(row.pair_noise) if row.pair_noise else ""
        self.visible = _visible(row.minimum_detectable_ratio, mode)
        self.needed = f"about {count(row.runs_needed, 'run')} on each side would decide it" if row.runs_needed else ""
        if phrases.has_runs_needed(row):
            self.needed = "so many runs decide unchanged code mostly: measure again"


def _visible(ratio: float | None, mode: Mode) -> str:
    """Return how small a change could have been seen, empty where that is unknown."""
    if not ratio or mode is Mode.SINGLE:
        return ""
    if ratio < numbers.UNDETECTABLE:
        return f"anything above {numbers.change(ratio)}, with 80 % power"
    unit = "pairs" if mode is Mode.PAIRED else "runs"
    return f"not even {numbers.factor(numbers.UNDETECTABLE)} with 80 % power: it needs more {unit}"


def _matching(rows: Sequence[Comparison], benchmark: str) -> list[Comparison]:
    """Return the rows of that name, else those that fit it as a pattern, else those whose name holds it."""
    exact = [row for row in rows if row.benchmark.name == benchmark]
    by_pattern = exact or [row for row in rows if fnmatchcase(row.benchmark.name, benchmark)]
    return by_pattern or [row for row in rows if benchmark in row.benchmark.name]


def _deciding(rows: Sequence[Comparison]) -> list[Comparison]:
    """Return what made the verdict: everything but what did not change, or the first of that where nothing else is."""
    return [row for row in rows if row.verdict is not Verdict.UNCHANGED] or list(rows[:1])
