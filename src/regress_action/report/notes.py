"""The notes of a judgement in words: what a reader must know about the comparison as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.model.comparisons import NoteCode
from regress_action.model.escaping import NAME_LIMIT as FULL_NAME_LIMIT
from regress_action.model.escaping import plain
from regress_action.report import numbers
from regress_action.report.numbers import count
from regress_action.report.phrases import NAME_LIMIT, as_text, interval, times_changed, trade_off, what_changed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from regress_action.model.changes import PackageChange
    from regress_action.model.comparisons import Judgement, Note

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
