"""The second line of a report: what was compared with what, by which design, on which machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.model.comparisons import Mode
from regress_action.model.escaping import plain
from regress_action.report.numbers import count
from regress_action.report.phrases import NAME_LIMIT, Name, Sentence, as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.model.comparisons import Judgement, Subject
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
    base = _range([comparison.baseline.runs for comparison in judgement.comparisons])
    head = _range([comparison.head.runs for comparison in judgement.comparisons])
    match judgement.mode:
        case Mode.PAIRED:
            return f"{base} pairs of runs, measured in turns on one machine"
        case Mode.HISTORY:
            return f"{head} {'run' if head == '1' else 'runs'} against {base} earlier ones"
        case Mode.SINGLE:
            return "one session on each side, so changes are at most suspected; give five runs or more"


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
    """Return a machine as `AMD EPYC 7763, 4 cores, ubuntu-24.04`."""
    cores = count(environment.cores, "core") if environment.cores else ""
    runtime = environment.runtime if not environment.runtime[:1].isdigit() else f"runtime {environment.runtime}"
    fields = (environment.cpu, cores, environment.os, runtime)
    return ", ".join(plain(text, NAME_LIMIT) for text in fields if text and text != "unknown")
