"""The first line of a report: what happened, how sure, and how small a change could have been seen."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from regress_action.model.comparisons import Outcome
from regress_action.report import numbers
from regress_action.report.findings import Findings, rows_are, sight
from regress_action.report.numbers import count, duration, percent, quantity
from regress_action.report.phrases import Name, Sentence, at_least, budget, spoken, what_changed
from regress_action.report.sides import against

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.model.comparisons import Comparison, Judgement

__all__ = ["against", "duration", "finding", "headline", "percent", "quantity", "spoken", "what_changed"]

_NOTHING_FOUND = ("No regression",)


def headline(judgement: Judgement) -> str:
    """Return the verdict in plain words, in one line."""
    return spoken(headline_parts(judgement))


def finding(comparison: Comparison) -> str:
    """Return one change in plain words, in one line: `cache.evict is 3.1× slower (at least 2.9×)`."""
    return spoken((*what_changed(comparison), *at_least(comparison)))


def headline_parts(judgement: Judgement) -> Sentence:
    """Return the parts of the first line: the verdict, and without an alarm how small a change could have been seen."""
    parts = verdict_parts(judgement)
    if parts == _NOTHING_FOUND and (seen := visible(judgement)):
        return (*parts, ". ", *seen)
    return parts


def verdict_parts(judgement: Judgement) -> Sentence:
    """Return the verdict in plain words, with the worst of it named."""
    found = Findings.of(judgement)
    if found.regressions:
        return _alarm(found)
    if found.over_budget:
        return (count(len(found.over_budget), "budget"), " exceeded: ", *budget(found.over_budget[0]))
    if found.failed or found.missing:
        first = (found.failed or found.missing)[0]
        more = "" if len(found.failed) + len(found.missing) == 1 else " and others"
        return ("The comparison is incomplete: ", _gaps(found), " (", Name(first.benchmark.name), more, ")")
    return _quiet(judgement, found)


def _alarm(found: Findings) -> Sentence:
    worst = found.regressions[0]
    colon = ": " if len(found.regressions) == 1 else "; the worst: "
    gaps = f"; {_gaps(found)}" if found.failed or found.missing else ""
    return (_regressions(found.regressions), colon, *what_changed(worst), *at_least(worst), gaps)


def _quiet(judgement: Judgement, found: Findings) -> Sentence:
    rows = count(len(judgement.comparisons), rows_are(judgement))
    if not judgement.comparisons or judgement.summary.verdict is Outcome.INCOMPLETE:
        return ("Nothing was compared: the two sides have no benchmark in common",)
    if len(found.new) == len(judgement.comparisons):
        return (f"Nothing to compare with yet: {rows} measured for the first time",)
    if judgement.summary.verdict is Outcome.INCONCLUSIVE:
        undecided = len(found.inconclusive) + len(found.unstable) + len(found.incomparable)
        of_all = f"{undecided} of " if undecided < len(judgement.comparisons) else ""
        return (f"No verdict yet: {of_all}{rows} could not be decided",)
    return _NOTHING_FOUND


def _regressions(regressions: Sequence[Comparison]) -> str:
    graded = Counter(row.severity for row in regressions)
    kinds = sorted(graded, reverse=True)
    suspected = "suspected " if all(row.confirmed is False for row in regressions) else ""
    if len(kinds) == 1:
        return count(len(regressions), f"{suspected}{kinds[0]} regression")
    shares = ", ".join(f"{graded[kind]} {kind}" for kind in kinds)
    return f"{count(len(regressions), f'{suspected}regression')} ({shares})"


def _gaps(found: Findings) -> str:
    parts = [f"{count(len(found.failed), 'benchmark')} failed"] if found.failed else []
    if found.missing:
        parts.append(f"{count(len(found.missing), 'benchmark')} {'is' if len(found.missing) == 1 else 'are'} missing")
    return " and ".join(parts)


def visible(judgement: Judgement) -> Sentence:
    """Return how small a change could have been seen, empty when that is unknown."""
    seen = sight(judgement)
    if seen is None:
        return ()
    noun = f"{'other ' if seen.others else ''}{rows_are(judgement)}"
    share = f"{seen.seen} of {count(seen.compared, noun)}"
    if seen.seen == seen.compared:
        share = {1: f"the one {noun}", 2: f"both {noun}s"}.get(seen.compared, f"all {count(seen.compared, noun)}")
    return (f"Anything above {numbers.change(seen.ratio)} would have been seen (80 % power) in {share}.",)


def shift(judgement: Judgement) -> str:
    """Return the sentence about a change of everything at once, empty if there was none."""
    ratio = judgement.summary.environment_shift
    if ratio is None:
        return ""
    return f"Everything moved together by {percent(ratio)}, which points to the machine. Measure again."
