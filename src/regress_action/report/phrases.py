"""What is said about one comparison, in the metric's own words.

* What a reader must know about a comparison as a whole, in words.

A sentence is a tuple of parts. Parts of type `Name` are foreign (benchmark and metric names, commits, branches), so
that each view can quote them in its own way; `as_text` joins them for a reader of plain text.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from regress_action.model.comparisons import Mode, Note, NoteCode, Severity, TradeOffState, Verdict
from regress_action.model.escaping import NAME_LIMIT as FULL_NAME_LIMIT
from regress_action.model.escaping import plain
from regress_action.model.measurements import Direction
from regress_action.report import numbers
from regress_action.report.numbers import count, percent, quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from regress_action.model.changes import PackageChange
    from regress_action.model.comparisons import Comparison, Judgement, PairNoise, ServiceComparison, TradeOff
    from regress_action.model.measurements import Metric


NAME_LIMIT = 60
_WORTH_LEAVING_OUT = 10  # characters
_WORTH_FOR_TWO = 20
_SEPARATOR = re.compile(r"::|[/.]|(?<![A-Za-z])(?:test|bench|benchmark)_")
_DOUBLE = 2.0
_NEGLIGIBLE = 0.01
MEDIANS_DISAGREE = (
    "* The medians of all runs moved the other way. The change is that of the typical pair, measured side by side."
)


class Name(str):
    """A part of a sentence that somebody else chose."""

    __slots__ = ()


Sentence = tuple[str, ...]


def as_text(sentence: Sentence, limit: int = NAME_LIMIT) -> str:
    """Join a sentence for a reader of plain text."""
    return "".join(plain(part, limit) if isinstance(part, Name) else part for part in sentence)


def what_changed(comparison: Comparison) -> Sentence:
    """Return `cache.evict is 3.1× slower`, with the metric's name where it is not the time."""
    return (*subject(comparison), " is ", comparative(comparison))


def subject(comparison: Comparison) -> Sentence:
    """Return the benchmark's name, and its metric unless that is plain time."""
    name = Name(comparison.benchmark.name)
    return (name,) if comparison.metric.name == "time" else (name, " (", Name(comparison.metric.name), ")")


def common_beginning(comparisons: Iterable[Comparison]) -> str:
    """Return what all names begin with, up to a separator, where leaving it out makes a table easier to read."""
    names = {plain(comparison.benchmark.name, FULL_NAME_LIMIT) for comparison in comparisons}
    if len(names) < 2:  # noqa: PLR2004 - one name has nothing in common
        return ""
    worth = _WORTH_LEAVING_OUT if len(names) > 2 else _WORTH_FOR_TWO  # noqa: PLR2004
    first, last = min(names), max(names)
    shared = first[: next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]
    ends = [separator.end() for separator in _SEPARATOR.finditer(shared)]
    beginning = shared[: ends[-1]] if ends else ""
    return beginning if len(beginning) >= worth and beginning not in names else ""


def comparative(comparison: Comparison) -> str:
    """Return `3.1× slower`, `42 % larger` or `10 % faster`; by the difference where the metric has no ratio."""
    worse, better = _words(comparison.metric)
    ratio = comparison.ratio
    if ratio is None:
        if comparison.difference is None:
            return "changed"
        word = worse if comparison.difference > 0 else better
        return f"{quantity(abs(comparison.difference), comparison.metric.unit)} {word}"
    return compared(ratio, worse, better)


def times_changed(ratio: float) -> str:
    """Return a ratio of times as `7.0× slower` or `10 % faster`."""
    return compared(ratio, "slower", "faster")


def compared(ratio: float, worse: str, better: str) -> str:
    """Return a badness ratio with the word that fits: `3.1× slower` or `10 % faster`."""
    if ratio >= _DOUBLE:
        return f"{numbers.factor(ratio)} {worse}"
    if 0 < ratio <= 1 / _DOUBLE:
        return f"{numbers.factor(1 / ratio)} {better}"
    return f"{percent(ratio).lstrip('+−±')} {worse if ratio >= 1 else better}"


def service_name(service: ServiceComparison) -> Sentence:
    """Return which service it is, or that its benchmarks belong to none."""
    return ("service ", Name(service.service)) if service.service else ("the suite",)


def service_change(service: ServiceComparison) -> Sentence:
    """Return `service cache is 6 % slower as a whole (at least 4 %)`."""
    near = times_changed(service.ratio_low if service.ratio > 1 else service.ratio_high)
    return (
        *service_name(service),
        f" is {times_changed(service.ratio)} as a whole (at least {near.rpartition(' ')[0]})",
    )


def service_evidence(service: ServiceComparison) -> str:
    """Return what a change of a service rests on, in one sentence for people."""
    runs = count(service.runs, "pair") if service.mode is Mode.PAIRED else f"{service.runs} runs, measured apart"
    ends = numbers.interval(service.ratio_low, service.ratio_high, like=service.ratio)
    return f"geometric mean of {service.benchmarks} benchmarks over {runs}, 95 % interval {ends}{_leaning(service)}"


def _leaning(service: ServiceComparison) -> str:
    """Return how many benchmarks of a service that got worse lean that way, and what that makes of a quorum."""
    if service.quorum is None or service.leaning is None or service.verdict is not Verdict.REGRESSION:
        return ""
    lean = f"{service.leaning} of {service.benchmarks} benchmarks lean that way by themselves"
    if not service.has_quorum:
        return f"; {lean}, fewer than the quorum of {service.quorum}"
    below = f", so it alarms below its threshold of {numbers.change(service.threshold)}"
    return f"; {lean}, and the quorum is {service.quorum}{below if service.ratio < service.threshold else ''}"


def trade_off(comparison: Comparison) -> str:
    """Return what a trade-off of the thresholds file says about a regression: both numbers, and whether it is allowed.

    Empty where no trade-off is about it.
    """
    rule = comparison.trade_off
    if rule is None:
        return ""
    asked = f"the trade-off “{plain(rule.rule, FULL_NAME_LIMIT)}”"
    whose = "the time of its service" if rule.of_service else f"its {plain(rule.metric.name, NAME_LIMIT)}"
    match rule.state:
        case TradeOffState.HOLDS:
            return f"It is allowed by {asked}: {whose} is {_other_change(rule)}."
        case TradeOffState.TOO_LARGE:
            why = f"{whose} is {_other_change(rule)}, but the regression is beyond {numbers.change(rule.ceiling)}"
        case TradeOffState.NOT_PROVEN:
            why = (
                f"{whose} is {_other_change(rule)}, which does not prove {compared(rule.needed, *_words(rule.metric))}"
            )
        case TradeOffState.NOT_COMPARED:
            why = f"{whose} was not compared"
        case TradeOffState.SUITE_MOVED:
            why = "the whole suite moved, measured apart, so an improvement may be the machine's"
    return f"It is not allowed by {asked}: {why}."


def _other_change(rule: TradeOff) -> str:
    ends = numbers.interval(rule.ratio_low, rule.ratio_high, like=rule.ratio)
    return f"{compared(rule.ratio or math.nan, *_words(rule.metric))} (95 % interval {ends})"


def grade(comparison: Comparison | ServiceComparison) -> str:
    """Return the severity, and whether a change is only suspected; empty where there is nothing to grade."""
    severity = "" if comparison.severity is Severity.NONE else comparison.severity.value
    suspected = comparison.confirmed is False and comparison.verdict in {Verdict.REGRESSION, Verdict.IMPROVEMENT}
    return f"suspected {severity}".rstrip() if suspected else severity


def moved(comparison: Comparison) -> str:
    """Return both medians; they are distinguished where they differ for sure."""
    differs = comparison.metric.exact or comparison.verdict in {Verdict.REGRESSION, Verdict.IMPROVEMENT}
    before, after = comparison.baseline.median, comparison.head.median
    mark = "*" if medians_disagree(comparison) else ""
    return numbers.transition(before, after, comparison.metric.unit, apart=differs) + mark


def medians_disagree(comparison: Comparison) -> bool:
    """Whether the medians of the sides moved the other way than the typical pair, by more than a per cent each."""
    before, after, ratio = comparison.baseline.median, comparison.head.median, comparison.ratio
    if ratio is None or before is None or after is None:
        return False
    if not all(value > 0 and math.isfinite(value) for value in (ratio, before, after)):
        return False
    medians = (math.log(after) - math.log(before)) * (1 if comparison.metric.direction is not Direction.HIGHER else -1)
    return medians * math.log(ratio) < 0 and min(abs(medians), abs(math.log(ratio))) > _NEGLIGIBLE


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
    end = (
        numbers.factor(low, digits=3 if low < _DOUBLE else 2)
        if comparison.ratio >= _DOUBLE
        else f"{percent(low).lstrip('+')}"
    )
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


def pair_noise(noise: PairNoise) -> str:
    """Return both parts of the noise of a pair, and what averages out the larger one."""
    remedy = "only more pairs help" if noise.between > noise.within else "more or longer rounds help"
    return f"{noise.between * 100:.2g} % between processes, {noise.within * 100:.2g} % within them: {remedy}"


def runs_needed(comparison: Comparison, mode: Mode) -> str:
    """Return how many runs would decide an inconclusive comparison."""
    if comparison.runs_needed is None:
        return "–"
    if has_runs_needed(comparison):
        return "measure again"
    return count(comparison.runs_needed, "pair") if mode is Mode.PAIRED else f"{comparison.runs_needed:,} per side"


def has_runs_needed(comparison: Comparison) -> bool:
    """Whether as many runs were measured as decide unchanged code mostly, so that chance or a change is left."""
    measured = min(comparison.baseline.runs, comparison.head.runs)
    return comparison.runs_needed is not None and comparison.runs_needed <= measured


def all_runs_needed(rows: Sequence[Comparison], mode: Mode) -> str:
    """Return how many runs would decide half of the rows that more runs decide, and all of these; empty for none."""
    needed = sorted(row.runs_needed for row in rows if row.runs_needed is not None and not has_runs_needed(row))
    if not needed or mode is Mode.SINGLE:
        return ""
    unit = "pairs" if mode is Mode.PAIRED else "runs per side"
    half = len(needed) if needed[0] == needed[-1] else (len(needed) + 1) // 2
    more = f", {needed[-1]:,} those of {len(needed)}" if len(needed) > half else ""
    return (
        f"About {needed[half - 1]:,} {unit} would rule out the thresholds of {half} of them if nothing changed{more}."
    )


def _words(metric: Metric) -> tuple[str, str]:
    if metric.direction is Direction.UNKNOWN:
        return "more", "less"
    match metric.unit:
        case "s" | "1/s" | "B/s":
            return "slower", "faster"
        case "B" if metric.direction is Direction.LOWER:
            return "larger", "smaller"
        case "count" if metric.direction is Direction.LOWER:
            return "more", "fewer"
    return "worse", "better"


_ABOUT_AS_LONG = 0.05
_MOST_PACKAGES = 8
_MOST_TRADED = 5
_FIELDS = {
    "cpu": "CPU",
    "os": "operating system",
    "cores": "number of cores",
    "library_build_type": "build type of the benchmark library (library_build_type)",
    "build_type": "build type",
    "tool": "benchmark tool",
}


def note_sentences(judgement: Judgement) -> tuple[str, ...]:
    """Return every note of a judgement as a sentence, what was traded included; names in it are not escaped.

    A judgement that was read back has the sentences about what was traded among its notes already.
    """
    notes = [note if isinstance(note, str) else note_sentence(note) for note in judgement.notes]
    traded = [row for row in judgement.comparisons if row.is_traded]
    said = [f"{as_text((*what_changed(row), *interval(row)), FULL_NAME_LIMIT)}. {trade_off(row)}" for row in traded]
    more = len(said) - _MOST_TRADED
    rest = [f"{count(more, 'more regression is', 'more regressions are')} allowed by trade-offs."] if more > 0 else []
    return tuple(dict.fromkeys((*said[:_MOST_TRADED], *rest, *notes)))


def note_sentence(note: Note) -> str:
    """Return one note in words."""
    return _WORDS[note.code](note)


def removed_on_purpose(names: Sequence[str]) -> str:
    """Return a sentence about benchmarks that regress-aliases.yml says were removed; they are not missing."""
    named = ", ".join(plain(name, NAME_LIMIT) for name in names[:_MOST_PACKAGES])
    more = f" and {len(names) - _MOST_PACKAGES} more" if len(names) > _MOST_PACKAGES else ""
    were = "benchmark was" if len(names) == 1 else "benchmarks were"
    return f"{len(names)} {were} removed on purpose, as regress-aliases.yml says: {named}{more}."


def changed_packages(path: str, packages: Sequence[PackageChange], *, paired: bool, carried: bool = False) -> str:
    """Return a sentence about the packages that a change updates in a lock file."""
    named = ", ".join(map(_package, packages[:_MOST_PACKAGES]))
    more = f", and {len(packages) - _MOST_PACKAGES} more" if len(packages) > _MOST_PACKAGES else ""
    own = " Each side was set up with its own." if paired else ""
    if paired and carried:
        own = " Both sides were set up with the head's, because `carry` names it, so what they change is not seen."
    return f"The change updates {count(len(packages), 'package')} in {plain(path, NAME_LIMIT)}: {named}{more}.{own}"


def _package(change: PackageChange) -> str:
    name, before, after = (plain(text or "", NAME_LIMIT) for text in (change.name, change.before, change.after))
    if change.before is None:
        return f"{name} {after} (new)"
    return f"{name} {before} → {after}" if change.after else f"{name} (removed)"


def _suite_shift(note: Note) -> str:
    return (
        f"All times moved together, by {numbers.change(note.numbers[0])}. The sides were measured apart, so it may be "
        "the machine, the build or the runtime as well as the code. Measure both sides in pairs on one machine to tell."
    )


def _learned_noise(note: Note) -> str:
    comparisons, spread, runs = note.numbers
    metric, benchmark = note.names
    rest = "1 comparison rests" if comparisons == 1 else f"{comparisons:.0f} comparisons rest"
    return (
        f"{rest} on noise learned from the history; neighbouring runs differ most, by {spread * 100:.1f} % over "
        f"{runs:.0f} runs, in {metric} of {benchmark}."
    )


def _other_machine(note: Note) -> str:
    have = f"{count(int(note.numbers[0]), 'benchmark has', 'benchmarks have')}"
    return f"{have} no stored run from this kind of machine ({note.names[0]}); nothing certain can be said about them."


def _level_changed(note: Note) -> str:
    benchmarks = count(int(note.numbers[0]), "benchmark")
    return f"The baseline of {benchmarks} changed its level; only the runs since then were used."


def _correlated_pairs(note: Note) -> str:
    largest, comparisons = note.numbers
    return (
        f"In {count(int(comparisons), 'comparison')} neighbouring pairs are alike (correlation up to {largest:.1f}): "
        "something drifts on one side more than on the other. Their intervals are wider for it, and of so few pairs "
        "may still be too narrow. Measure again, with more time between pairs."
    )


def _unused_budget(note: Note) -> str:
    key, service, name = note.names
    return (
        f"The budget {key} of service {service} applies to nothing that was measured: no benchmark or metric of that "
        f"service and unit is called {name!r}."
    )


def _unused_trade_off(note: Note) -> str:
    rule, service = note.names
    if not note.numbers:
        return f"The trade-off “{rule}” of service {service} is about no metric that was measured."
    return (
        f"The trade-off “{rule}” of service {service} allows nothing: without it the metric alarms from "
        f"{numbers.change(note.numbers[0])} on, which is more. Set a lower regression_threshold."
    )


def _unused_quorum(note: Note) -> str:
    return (
        f"The quorum of service {note.names[0]} applies to nothing: a service is judged as a whole where five of "
        "its benchmarks have times."
    )


def _other_speed(note: Note) -> str:
    ratio = note.numbers[0]
    compared = f"{_percent(ratio)} % longer" if ratio > 1 else f"{(1 - ratio) * 100:.0f} % less time"
    return (
        f"A fixed piece of work took {compared} on the head's machine than on those of the baseline, so what differs "
        "from the history may be the machine's."
    )


def _same_speed(note: Note) -> str:
    ratio = note.numbers[0]
    if abs(ratio - 1) > _ABOUT_AS_LONG:
        return (
            f"A fixed piece of work was {times_changed(ratio)} on the head's machine, no more than such work "
            "varies there: the machine may or may not be the cause."
        )
    return (
        f"A fixed piece of work took about as long as on the baseline's machines ({numbers.percent(note.numbers[0])}): "
        "look also for what all benchmarks share, such as the runtime or a dependency."
    )


def _speed_varies(note: Note) -> str:
    slowest, undecided = note.numbers
    return (
        f"The speed of this machine varies: a fixed piece of work took up to {_percent(slowest)} % longer at one "
        f"moment than at another{_explained(int(undecided))}."
    )


def _cpu_stolen(note: Note) -> str:
    share, undecided = note.numbers
    return (
        f"Other machines on this host took {share * 100:.0f} % of the CPU time that the suite wanted"
        f"{_explained(int(undecided))}."
    )


def _environment_differs(note: Note) -> str:
    field, before, after = note.names
    return f"The two sides differ in {_FIELDS.get(field, field)}: {before} at the baseline, {after} at the head."


_RUN_REMEDIES = {
    "exited with status": "Where that status is good, name it in ok-status.",
    "in no known format": "`regress-action formats` lists what is read; without {out} the program is timed as a whole.",
}


def _failed_runs(note: Note) -> str:
    failed, runs, with_values = map(int, note.numbers)
    side, how = note.names
    kept = " What it had measured by then counts." if with_values else ""
    which = f"The one run of the {side}" if runs == 1 else f"{failed} of {runs} runs of the {side}"
    remedy = next((f" {words}" for sign, words in _RUN_REMEDIES.items() if sign in how), "")
    is_about_the_run = how[:1].islower() and "/" not in how.partition(" ")[0]  # else about its file of results
    return f"{which} failed: {'the run ' if is_about_the_run else ''}{how.rstrip('.')}.{kept}{remedy}"


def _unreachable(note: Note) -> str:
    some, everything = map(int, note.numbers)
    of = count(everything, "benchmark")
    return f"{some} of {of} cannot be caused by this diff: they execute nothing that it changes, and fail no check."


def _unreachable_moved(note: Note) -> str:
    moved, floor, within = note.numbers
    also = f" {count(int(within), 'regression')} up to that does not alarm." if within else ""
    return (
        f"{count(int(moved), 'benchmark')} that this diff cannot reach moved all the same, by up to "
        f"{numbers.change(floor)}: that is what this machine moves by itself.{also}"
    )


_WORDS: Mapping[NoteCode, Callable[[Note], str]] = {
    NoteCode.SUITE_SHIFT: _suite_shift,
    NoteCode.LEARNED_NOISE: _learned_noise,
    NoteCode.OTHER_MACHINE: _other_machine,
    NoteCode.LEVEL_CHANGED: _level_changed,
    NoteCode.CORRELATED_PAIRS: _correlated_pairs,
    NoteCode.UNUSED_BUDGET: _unused_budget,
    NoteCode.UNUSED_TRADE_OFF: _unused_trade_off,
    NoteCode.UNUSED_QUORUM: _unused_quorum,
    NoteCode.OTHER_SPEED: _other_speed,
    NoteCode.SAME_SPEED: _same_speed,
    NoteCode.SPEED_VARIES: _speed_varies,
    NoteCode.CPU_STOLEN: _cpu_stolen,
    NoteCode.UNREACHABLE: _unreachable,
    NoteCode.CONTROL_FLOOR: _unreachable_moved,
    NoteCode.FAILED_RUNS: _failed_runs,
    NoteCode.ENVIRONMENT_DIFFERS: _environment_differs,
}


def _explained(undecided: int) -> str:
    return f", which explains {count(undecided, 'undecided comparison')}" if undecided else ""


def _percent(ratio: float) -> str:
    return f"{(ratio - 1) * 100:.0f}"
