"""The first line of a report: what happened, how sure, and how small a change could have been seen."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from regress_action.model.comparisons import Outcome
from regress_action.report import numbers
from regress_action.report.findings import Findings, detectability, rows_are
from regress_action.report.numbers import count, duration, percent, quantity
from regress_action.report.phrases import Name, Sentence, as_text, at_least, budget, what_changed
from regress_action.report.sides import against

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.model.comparisons import Comparison, Judgement

__all__ = ["against", "as_text", "duration", "finding", "headline", "percent", "quantity", "what_changed"]

_NO_REGRESSION = ("No regression",)


def headline(judgement: Judgement) -> str:
    """Return the verdict in plain words, in one line."""
    return as_text(headline_parts(judgement))


def finding(comparison: Comparison) -> str:
    """Return one change in plain words, in one line: `cache.evict is 3.1× slower (at least 2.9×)`."""
    return as_text((*what_changed(comparison), *at_least(comparison)))


def headline_parts(judgement: Judgement) -> Sentence:
    """Return the parts of the first line: the verdict, and without an alarm how small a change could have been seen."""
    parts = verdict_parts(judgement)
    if parts == _NO_REGRESSION and (limit := visible(judgement)):
        return (*parts, ". ", *limit)
    return parts


def verdict_parts(judgement: Judgement) -> Sentence:
    """Return the verdict in plain words, with the worst of it named."""
    findings = Findings.of(judgement)
    if findings.regressions:
        return _with_alarm(findings)
    if findings.over_budget:
        return (count(len(findings.over_budget), "budget"), " exceeded: ", *budget(findings.over_budget[0]))
    if findings.failed or findings.missing:
        first = (findings.failed or findings.missing)[0]
        more = "" if len(findings.failed) + len(findings.missing) == 1 else " and others"
        return ("The comparison is incomplete: ", _incomplete(findings), " (", Name(first.benchmark.name), more, ")")
    return _without_with_alarm(judgement, findings)


def _with_alarm(findings: Findings) -> Sentence:
    worst = findings.regressions[0]
    colon = ": " if len(findings.regressions) == 1 else "; the worst: "
    rest = f"; {_incomplete(findings)}" if findings.failed or findings.missing else ""
    return (_regressions(findings.regressions), colon, *what_changed(worst), *at_least(worst), rest)


def _without_with_alarm(judgement: Judgement, findings: Findings) -> Sentence:
    rows = count(len(judgement.comparisons), rows_are(judgement))
    if not judgement.comparisons or judgement.summary.verdict is Outcome.INCOMPLETE:
        return ("Nothing was compared: the two sides have no benchmark in common",)
    if len(findings.new) == len(judgement.comparisons):
        return (f"Nothing to compare with yet: {rows} measured for the first time",)
    if judgement.summary.verdict is Outcome.INCONCLUSIVE:
        undecided = len(findings.inconclusive) + len(findings.unstable) + len(findings.incomparable)
        of_all = f"{undecided} of " if undecided < len(judgement.comparisons) else ""
        return (f"No verdict yet: {of_all}{rows} could not be decided",)
    return _NO_REGRESSION


def _regressions(regressions: Sequence[Comparison]) -> str:
    graded = Counter(row.severity for row in regressions)
    kinds = sorted(graded, reverse=True)
    suspected = "suspected " if all(row.confirmed is False for row in regressions) else ""
    if len(kinds) == 1:
        return count(len(regressions), f"{suspected}{kinds[0]} regression")
    shares = ", ".join(f"{graded[kind]} {kind}" for kind in kinds)
    return f"{count(len(regressions), f'{suspected}regression')} ({shares})"


def _incomplete(findings: Findings) -> str:
    parts = [f"{count(len(findings.failed), 'benchmark')} failed"] if findings.failed else []
    if findings.missing:
        parts.append(
            f"{count(len(findings.missing), 'benchmark')} {'is' if len(findings.missing) == 1 else 'are'} missing"
        )
    return " and ".join(parts)


def visible(judgement: Judgement) -> Sentence:
    """Return how small a change could have been seen, empty when that is unknown."""
    smallest = detectability(judgement)
    if smallest is None:
        return ()
    noun = f"{'other ' if smallest.others else ''}{rows_are(judgement)}"
    share = f"{smallest.rows} of {count(smallest.compared, noun)}"
    if smallest.rows == smallest.compared:
        share = {1: f"the one {noun}", 2: f"both {noun}s"}.get(
            smallest.compared, f"all {count(smallest.compared, noun)}"
        )
    return (f"Anything above {numbers.change(smallest.ratio)} would have been seen (80 % power) in {share}.",)


def shift(judgement: Judgement) -> str:
    """Return the sentence about a change of everything at once, empty if there was none."""
    ratio = judgement.summary.environment_shift
    if ratio is None:
        return ""
    return f"Everything moved together by {percent(ratio)}, which points to the machine. Measure again."
