"""The sentences of a report: what happened, compared with what, how sure, how small a change could have been seen.

A sentence is a tuple of parts. Parts of type `Name` are foreign (benchmark and metric names, commits, branches), so
that each view can quote them in its own way; `spoken` joins them for a terminal.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from regress_action.escape import plain
from regress_action.report import numbers
from regress_action.report.findings import Findings, rows_are, sight
from regress_action.report.numbers import count, duration, percent, quantity
from regress_action.samples import Direction
from regress_action.verdicts import Mode, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.samples import Environment, Metric
    from regress_action.verdicts import Comparison, Judgement, Subject

__all__ = ["Name", "Sentence", "against", "duration", "headline", "percent", "quantity", "spoken"]

NAME_LIMIT = 60
_SHA = 40
_DOUBLE = 2.0
_NOTHING_FOUND = ("No regression",)


class Name(str):
    """A part of a sentence that somebody else chose."""

    __slots__ = ()


Sentence = tuple[str, ...]


def spoken(sentence: Sentence, limit: int = NAME_LIMIT) -> str:
    """Join a sentence for a reader of plain text."""
    return "".join(plain(part, limit) if isinstance(part, Name) else part for part in sentence)


def headline(judgement: Judgement) -> str:
    """Return the verdict in plain words, in one line."""
    return spoken(headline_parts(judgement))


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
    kinds = sorted(graded, key=lambda severity: -severity.rank)
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
    noun = rows_are(judgement)
    share = f"{seen.seen} of {count(seen.compared, noun)}"
    if seen.seen == seen.compared:
        share = {1: f"the one {noun}", 2: f"both {noun}s"}.get(seen.compared, f"all {count(seen.compared, noun)}")
    return (f"Anything above {numbers.change(seen.ratio)} would have been seen (80 % power) in {share}.",)


def what_changed(comparison: Comparison) -> Sentence:
    """Return `cache.evict is 3.1× slower`, with the metric's name where it is not the time."""
    return (*subject(comparison), " is ", comparative(comparison))


def subject(comparison: Comparison) -> Sentence:
    """Return the benchmark's name, and its metric unless that is plain time."""
    name = Name(comparison.benchmark.name)
    return (name,) if comparison.metric.name == "time" else (name, " (", Name(comparison.metric.name), ")")


def comparative(comparison: Comparison) -> str:
    """Return `3.1× slower`, `42 % larger` or `10 % faster`; by the difference where the metric has no ratio."""
    worse, better = _words(comparison.metric)
    ratio = comparison.ratio
    if ratio is None:
        if comparison.difference is None:
            return "changed"
        word = worse if comparison.difference > 0 else better
        return f"{quantity(abs(comparison.difference), comparison.metric.unit)} {word}"
    if ratio >= _DOUBLE:
        return f"{numbers.factor(ratio)} {worse}"
    if 0 < ratio <= 1 / _DOUBLE:
        return f"{numbers.factor(1 / ratio)} {better}"
    return f"{percent(ratio).lstrip('+−±')} {worse if ratio >= 1 else better}"


def moved(comparison: Comparison) -> str:
    """Return both medians; they are told apart where they are known to differ."""
    known = comparison.metric.exact or comparison.verdict in {Verdict.REGRESSION, Verdict.IMPROVEMENT}
    before, after = comparison.baseline.median, comparison.head.median
    return numbers.transition(before, after, comparison.metric.unit, apart=known)


def difference(comparison: Comparison) -> str:
    """Return the change in the metric's own unit, positive where it is worse."""
    if comparison.difference is None:
        return "–"
    sign = "+" if comparison.difference > 0 else ""
    return f"{sign}{quantity(comparison.difference, comparison.metric.unit)}"


def at_least(comparison: Comparison) -> Sentence:
    """Return ` (at least 2.9×)` from the near end of the interval, empty where that end proves nothing."""
    low = comparison.ratio_low
    if comparison.ratio is None or low is None or not low > 1:
        return ()
    end = numbers.change(low) if comparison.ratio >= _DOUBLE else f"{percent(low).lstrip('+')}"
    return (f" (at least {end})",)


def interval(comparison: Comparison) -> Sentence:
    """Return `, 95 % interval 2.9 to 3.3×`, empty where there is none."""
    if comparison.ratio is None or comparison.ratio_low is None:
        return ()
    ends = numbers.interval(comparison.ratio_low, comparison.ratio_high, like=comparison.ratio)
    return (f", 95 % interval {ends}",)


def budget(comparison: Comparison) -> Sentence:
    """Return `cache.get is at 7.2 ms, its limit cache_get_ms is 5 ms`."""
    limit = comparison.budget
    if limit is None:
        return ()
    unit = comparison.metric.unit
    measured = quantity(comparison.head.median, unit)
    return (
        *subject(comparison),
        f" is at {measured}, its limit ",
        Name(limit.key),
        f" is {quantity(limit.limit, unit)}",
    )


def _words(metric: Metric) -> tuple[str, str]:
    match metric.unit:
        case "s" | "1/s" | "B/s":
            return "slower", "faster"
        case "B" if metric.direction is Direction.LOWER:
            return "larger", "smaller"
        case "count" if metric.direction is Direction.LOWER:
            return "more", "fewer"
    return "worse", "better"


def against(judgement: Judgement) -> str:
    """Return which commit was compared with which, by what design and with how many runs."""
    return spoken(against_parts(judgement))


def against_parts(judgement: Judgement) -> Sentence:
    """Return the parts of the second line."""
    base, head = side(judgement.baseline, "the baseline"), side(judgement.head, "the head")
    return (*head, " against ", *base, *((": ", how) if (how := design(judgement)) else ()))


def side(subject: Subject, otherwise: str) -> Sentence:
    """Return a side as `a1b2c3d (main)`, or by its label, or by the words given."""
    commit, branch = short(subject.commit), subject.branch or subject.label
    if commit and branch:
        return (Name(commit), " (", Name(branch), ")")
    return (Name(commit or branch or otherwise),)


def short(commit: str | None) -> str | None:
    """Return seven digits of a full commit id, anything else as it is."""
    return commit[:7] if commit and len(commit) >= _SHA else commit


def design(judgement: Judgement) -> str:
    """Return how the two sides were measured and how often, empty when nothing was compared."""
    if not judgement.comparisons:
        return ""
    base = _range([comparison.baseline.runs for comparison in judgement.comparisons])
    head = _range([comparison.head.runs for comparison in judgement.comparisons])
    match judgement.mode:
        case Mode.PAIRED:
            return f"{base} pairs of runs, measured in turns on one machine"
        case Mode.HISTORY:
            return f"{head} {'run' if head == '1' else 'runs'} against {base} earlier ones"
        case Mode.SINGLE:
            return "one session on each side, so changes are at most suspected; give five runs or more"


def _range(runs: Sequence[int]) -> str:
    present = [number for number in runs if number]
    if not present:
        return "0"
    low, high = min(present), max(present)
    return f"{low}" if low == high else f"{low} to {high}"


def environments(judgement: Judgement) -> str:
    """Return the machine both sides were measured on, or both machines, empty if unknown."""
    base, head = judgement.baseline.environment, judgement.head.environment
    known = [environment for environment in (head, base) if environment is not None and environment.known]
    if not known:
        return ""
    if len(known) == 1 or known[0] == known[1]:
        return machine(known[0])
    return f"different machines: {machine(known[0])} against {machine(known[1])}"


def machine(environment: Environment) -> str:
    """Return a machine as `AMD EPYC 7763, 4 cores, ubuntu-24.04`."""
    cores = count(environment.cores, "core") if environment.cores else ""
    fields = (environment.cpu, cores, environment.os, environment.runtime)
    return ", ".join(plain(text, NAME_LIMIT) for text in fields if text and text != "unknown")


def shift(judgement: Judgement) -> str:
    """Return the sentence about a change of everything at once, empty if there was none."""
    ratio = judgement.summary.environment_shift
    if ratio is None:
        return ""
    return f"Everything moved together by {percent(ratio)}, which points to the machine. Measure again."


def runs_needed(comparison: Comparison, mode: Mode) -> str:
    """Return how many runs would decide an inconclusive comparison."""
    if comparison.runs_needed is None:
        return "–"
    return count(comparison.runs_needed, "pair") if mode is Mode.PAIRED else f"{comparison.runs_needed:,} per side"
