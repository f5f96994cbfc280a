"""What a reader must know about a comparison as a whole, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.model.reasons import Note, NoteCode
from regress_action.report import numbers, phrases
from regress_action.report.numbers import count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from regress_action.model.bisections import PackageChange
    from regress_action.model.comparisons import Judgement

_ABOUT_AS_LONG = 0.05
_MOST_PACKAGES = 8
_FIELDS = {
    "cpu": "CPU",
    "os": "operating system",
    "cores": "number of cores",
    "library_build_type": "build type of the benchmark library (library_build_type)",
    "build_type": "build type",
    "tool": "benchmark tool",
}


def sentences(judgement: Judgement) -> tuple[str, ...]:
    """Return every note of a judgement as a sentence; names in it are not escaped."""
    return tuple(note if isinstance(note, str) else sentence(note) for note in judgement.notes)


def sentence(note: Note) -> str:
    """Return one note in words."""
    return _WORDS[note.code](note)


def changed_packages(path: str, packages: Sequence[PackageChange], *, paired: bool) -> str:
    """Return a sentence about the packages that a change updates in a lock file."""
    named = ", ".join(map(_package, packages[:_MOST_PACKAGES]))
    more = f", and {len(packages) - _MOST_PACKAGES} more" if len(packages) > _MOST_PACKAGES else ""
    own = " Each side was set up with its own." if paired else ""
    return f"The change updates {count(len(packages), 'package')} in {path}: {named}{more}.{own}"


def _package(change: PackageChange) -> str:
    if change.before is None:
        return f"{change.name} {change.after} (new)"
    return f"{change.name} {change.before} → {change.after}" if change.after else f"{change.name} (removed)"


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
            f"A fixed piece of work was {phrases.times_changed(ratio)} on the head's machine, no more than such work "
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


def _unreachable(note: Note) -> str:
    some, everything = map(int, note.numbers)
    of = count(everything, "benchmark")
    return f"{some} of {of} cannot be caused by this diff: they execute nothing that it changes, and fail no check."


def _control_floor(note: Note) -> str:
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
    NoteCode.OTHER_SPEED: _other_speed,
    NoteCode.SAME_SPEED: _same_speed,
    NoteCode.SPEED_VARIES: _speed_varies,
    NoteCode.CPU_STOLEN: _cpu_stolen,
    NoteCode.UNREACHABLE: _unreachable,
    NoteCode.CONTROL_FLOOR: _control_floor,
    NoteCode.ENVIRONMENT_DIFFERS: _environment_differs,
}


def _explained(undecided: int) -> str:
    return f", which explains {count(undecided, 'undecided comparison')}" if undecided else ""


def _percent(ratio: float) -> str:
    return f"{(ratio - 1) * 100:.0f}"
