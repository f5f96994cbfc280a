"""The first two lines of a report.

* What happened, how sure that is, and how small a change could have been seen.
* What was compared with what, by which design, on which machine.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from regress_action.model.comparisons import Mode, Note, NoteCode, Outcome
from regress_action.model.escaping import plain
from regress_action.report import numbers
from regress_action.report.findings import Findings, detectability, moved_services, rows_are, rules_out_alarms
from regress_action.report.numbers import count, duration, percent, quantity
from regress_action.report.phrases import (
    NAME_LIMIT,
    Name,
    Sentence,
    as_text,
    at_least,
    budget,
    grade,
    service_change,
    times_changed,
    what_changed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.model.comparisons import Comparison, Judgement, Subject
    from regress_action.model.measurements import Environment


_SHA = 40


def against(judgement: Judgement) -> str:
    """Return which commit was compared with which, by what design and with how many runs."""
    return as_text(against_parts(judgement))


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
    if not any(comparison.baseline.runs for comparison in judgement.comparisons):
        return "the baseline holds none of these benchmarks"
    base = _range([comparison.baseline.runs for comparison in judgement.comparisons])
    head = _range([comparison.head.runs for comparison in judgement.comparisons])
    match judgement.mode:
        case Mode.PAIRED:
            return f"{base} pairs of runs, measured in turns on one machine"
        case Mode.HISTORY:
            return f"{head} {'run' if head == '1' else 'runs'} against {base} earlier ones"
        case Mode.SINGLE:
            return "one session on each side, so changes are at most suspected; measure five times or more"


def planned(judgement: Judgement, looks: Sequence[int]) -> str:
    """Return how many pairs were planned and after which of them the measurement was judged, empty without pairs."""
    if judgement.mode is not Mode.PAIRED:
        return ""
    if not looks:
        return "nothing was judged before all runs were measured"
    *early, last = map(str, looks)
    after = f"{', '.join(early)} and {last}" if early else last
    return f"at most {last} pairs, judged after {after}; p-values and intervals account for judging early"


def _range(runs: Sequence[int]) -> str:
    present = [number for number in runs if number]
    if not present:
        return "0"
    low, high = min(present), max(present)
    return f"{low}" if low == high else f"{low} to {high}"


def saved(judgement: Judgement) -> str:
    """Return how long measuring would have gone on without early decisions, empty where none spared anything."""
    minutes = judgement.minutes_saved
    if minutes is None:
        return ""
    amount = f"{minutes:.1f} minutes" if minutes >= 1 else f"{minutes * 60:.2g} seconds"
    return f"{amount} saved by stopping early"


def environments(judgement: Judgement) -> str:
    """Return the machine both sides were measured on, or both machines, empty if unknown."""
    base, head = judgement.baseline.environment, judgement.head.environment
    machines = [environment for environment in (head, base) if environment is not None and environment.is_known]
    if not machines:
        return ""
    if len(machines) == 1 or machines[0] == machines[1]:
        return machine(machines[0])
    return f"different machines: {machine(machines[0])} against {machine(machines[1])}"


def machine(environment: Environment) -> str:
    """Return a machine as `AMD EPYC 7763, 4 cores, ubuntu-24.04, go1.25.1 linux/amd64`."""
    cores = count(environment.cores, "core") if environment.cores else ""
    runtime = environment.runtime if not environment.runtime[:1].isdigit() else f"runtime {environment.runtime}"
    used = environment.toolchain if environment.toolchain != "unknown" else runtime
    fields = (environment.cpu, cores, environment.os, used)
    return ", ".join(plain(text, NAME_LIMIT) for text in fields if text and text != "unknown")


__all__ = ["against", "as_text", "duration", "finding", "headline", "percent", "quantity", "what_changed"]

_NO_REGRESSION = ("No regression",)
_NONE_PROVEN = ("No regression proven",)
_NONE_IN_COMMON = "the two sides have no benchmark in common"


def headline(judgement: Judgement) -> str:
    """Return the verdict in plain words, in one line."""
    return as_text(headline_parts(judgement))


def finding(comparison: Comparison) -> str:
    """Return one change in plain words, in one line: `cache.evict is 3.1× slower (at least 2.9×)`."""
    return as_text((*what_changed(comparison), *at_least(comparison)))


def headline_parts(judgement: Judgement) -> Sentence:
    """Return the parts of the first line: the verdict, and without an alarm how small a change could have been seen."""
    parts = verdict_parts(judgement)
    if parts in (_NO_REGRESSION, _NONE_PROVEN) and (limit := visible(judgement)):
        return (*parts, ". ", *limit)
    return parts


def verdict_parts(judgement: Judgement) -> Sentence:
    """Return the verdict in plain words, with the worst of it named."""
    findings = Findings.of(judgement)
    certain = findings.over_budget or findings.unmeasured
    if not certain and not findings.regressions and (moved := suite_shift(judgement)):
        return (moved,)
    services = [service for service in moved_services(judgement) if service.reaches_threshold]
    proven_service = any(service.alarms for service in services)
    if findings.regressions or (findings.suspected and not proven_service):
        return _with_alarm(findings)
    if services and not findings.over_budget and (proven_service or not findings.unmeasured):
        worst = next((service for service in services if service.alarms), services[0])
        rest = f"; {_incomplete(findings)}" if findings.unmeasured else ""
        return (f"{grade(worst)} regression: ".capitalize(), *service_change(worst), rest)
    if findings.over_budget:
        return (count(len(findings.over_budget), "budget"), " exceeded: ", *budget(findings.over_budget[0]))
    if findings.unmeasured:
        first = findings.unmeasured[0]
        more = "" if len(findings.unmeasured) == 1 else " and others"
        return ("The comparison is incomplete: ", _incomplete(findings), " (", Name(first.benchmark.name), more, ")")
    return _without_alarm(judgement, findings)


def suite_shift(judgement: Judgement) -> str:
    """Return how far the whole suite moved, as the suspicion that it is; empty where it did not."""
    ratio = judgement.summary.environment_shift
    if ratio is None:
        return ""
    return f"Suspected: the whole suite is {times_changed(ratio)}, measured apart and not in pairs"


def _with_alarm(findings: Findings) -> Sentence:
    """Count budgets, proven and suspected regressions, and name the worst one: a proven one where there is any."""
    rows = [*findings.regressions, *findings.suspected]
    counted = [f"{count(len(findings.over_budget), 'budget')} exceeded"] if findings.over_budget else []
    counted += [_regressions(findings.regressions)] if findings.regressions else []
    counted += [_regressions(findings.suspected, "suspected ")] if findings.suspected else []
    colon = ": " if len(rows) == 1 and not findings.over_budget else "; the worst: "
    rest = f"; {_incomplete(findings)}" if findings.unmeasured else ""
    return (_listed(counted), colon, *what_changed(rows[0]), *at_least(rows[0]), rest)


def _without_alarm(judgement: Judgement, findings: Findings) -> Sentence:
    """Say that nothing alarms, and where so little was measured that this proves nothing, say that as well."""
    rows = count(len(judgement.comparisons), rows_are(judgement))
    if findings.new and len(findings.new) == len(judgement.comparisons):
        return (f"Nothing to compare with yet: {rows} measured for the first time",)
    if not judgement.comparisons or judgement.summary.verdict is Outcome.INCOMPLETE:
        failed = count(len(findings.incomparable), rows_are(judgement))
        why = f"{failed} could not be measured on the base" if findings.incomparable else _NONE_IN_COMMON
        nothing = f"Nothing was compared: {why}"
        is_empty = _sides_without_values(judgement) == {"base", "head"}
        return ("Nothing was measured: not one run gave a value",) if is_empty else (nothing,)
    if judgement.summary.verdict is Outcome.INCONCLUSIVE:
        undecided = len(findings.inconclusive) + len(findings.unstable) + len(findings.incomparable)
        of_all = f"{undecided} of " if undecided < len(judgement.comparisons) else ""
        return (f"No verdict yet: {of_all}{rows} could not be decided",)
    if judgement.mode is Mode.SINGLE and not all(row.metric.exact for row in judgement.comparisons):
        return ("No alarm, but one session on each side can rule out nothing: measure in pairs, or five times or more",)
    if worse := [service for service in moved_services(judgement) if service.ratio > 1]:
        return ("No regression of a benchmark, but ", *service_change(worse[0]))
    smallest = detectability(judgement)
    certain = smallest is None or smallest.covers_alarms or rules_out_alarms(judgement)
    return _NO_REGRESSION if certain else _NONE_PROVEN


def _sides_without_values(judgement: Judgement) -> set[str]:
    """Return the sides of which every run failed and left nothing that can be read."""
    failed = (note for note in judgement.notes if isinstance(note, Note) and note.code is NoteCode.FAILED_RUNS)
    return {note.names[0] for note in failed if note.numbers[0] == note.numbers[1] and not note.numbers[2]}


def _regressions(regressions: Sequence[Comparison], suspected: str = "") -> str:
    graded = Counter(row.severity for row in regressions)
    kinds = sorted(graded, reverse=True)
    if len(kinds) == 1:
        return count(len(regressions), f"{suspected}{kinds[0]} regression")
    shares = ", ".join(f"{graded[kind]} {kind}" for kind in kinds)
    return f"{count(len(regressions), f'{suspected}regression')} ({shares})"


def _incomplete(findings: Findings) -> str:
    """Return how many benchmarks failed, are missing and were skipped: three things."""
    failed, missing, skipped = (
        count(len(rows), "benchmark") for rows in (findings.failed, findings.missing, findings.skipped)
    )
    parts = [f"{failed} failed"] if findings.failed else []
    if findings.missing:
        parts.append(f"{missing} {'is' if len(findings.missing) == 1 else 'are'} missing")
    if findings.skipped:
        parts.append(f"{skipped} {'was' if len(findings.skipped) == 1 else 'were'} skipped")
    return _listed(parts)


def _listed(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def visible(judgement: Judgement) -> Sentence:
    """Return how small a change could have been seen, or how large a one missed; empty when that is unknown."""
    smallest = detectability(judgement)
    if smallest is None:
        return ()
    noun = f"{'other ' if smallest.others else ''}{rows_are(judgement)}"
    rows = count(smallest.compared, noun)
    every = {1: f"the one {noun}", 2: f"both {noun}s"}.get(smallest.compared, f"all {rows}")
    above = numbers.change(smallest.ratio)
    if smallest.covers_alarms:
        share = every if smallest.rows == smallest.compared else f"{smallest.rows} of {rows}"
        return (f"Anything above {above} would have been seen (80 % power) in {share}.",)
    if rules_out_alarms(judgement):
        ruled_out = f"A change as large as its threshold is ruled out in {every}"
        return (f"{ruled_out}; anything above {above} would have been proven (80 % power) in {smallest.rows}.",)
    lost = smallest.ratio >= numbers.UNDETECTABLE
    more = f": it needs more {'pairs' if judgement.mode is Mode.PAIRED else 'runs'}" if lost else ""
    seen = f"A change as large as its threshold would have been seen (80 % power) in {smallest.at_threshold} of {rows}"
    return (f"{seen}, anything above {above} in {smallest.rows}{more}.",)


def shift(judgement: Judgement) -> str:
    """Return the sentence about a change of everything at once, empty if there was none."""
    ratio = judgement.summary.environment_shift
    if ratio is None:
        return ""
    return (
        f"Everything moved together by {numbers.change(ratio)}: the machine, the build or the code. Measure both sides "
        "in pairs on one machine to tell."
    )
