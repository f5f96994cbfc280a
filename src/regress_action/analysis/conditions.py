"""How the machines behaved, as a check of the comparison: it is shown to the reader and never changes a verdict.

No value is divided by the time of the probe. A program does not slow down in proportion to another, so that would add
the noise of the probe and prove nothing; that the probe moved as well only says where to look.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import noise
from regress_action.analysis.arrays import medians
from regress_action.model import normal
from regress_action.model.comparisons import Doubt, Machine, Mode, Note, NoteCode, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from regress_action.analysis.arrays import Floats
    from regress_action.analysis.policy import SessionSpread
    from regress_action.model.comparisons import Comparison
    from regress_action.model.measurements import Conditions, Report

_OTHER_SPEED = math.log(1.10)
_VARYING = 1.20
_STOLEN = 0.05
_SPREADS = 3.0  # what three standard deviations explain is no other speed
_UNDECIDED = (Verdict.INCONCLUSIVE, Verdict.UNSTABLE_BASELINE)


def observed(
    baseline: Sequence[Report], head: Sequence[Report], mode: Mode, tau: SessionSpread, *, foreign: bool
) -> Machine:
    """Return how the head's machine behaved, and how its speed compares with that of the baseline's machines.

    In the paired design both sides met the same machine, so there is no such ratio. `foreign` says that benchmarks
    have no stored run from this kind of machine.
    """
    present = [conditions for report in head for conditions in report.conditions]
    variation = max((machine.speed_variation for machine in present if machine.speed_variation), default=None)
    steal = max((machine.steal for machine in present if machine.steal is not None), default=None)
    ratio, limit = (None, 0.0) if mode is Mode.PAIRED else _speed(baseline, head, tau)
    doubts = {
        Doubt.FOREIGN: foreign,
        Doubt.SPEED: ratio is not None and abs(ratio) > limit,
        Doubt.SWING: variation is not None and variation > _VARYING,
        Doubt.STEAL: steal is not None and steal > _STOLEN,
    }
    return Machine(
        probe_ratio=None if ratio is None else math.exp(ratio),
        probe_swing=variation,
        steal=steal,
        doubts=tuple(doubt for doubt, applies in doubts.items() if applies),
    )


def notes(machines: Machine, mode: Mode, comparisons: Sequence[Comparison], moved: float | None) -> Iterator[Note]:
    """Yield what the reader must know of the machines; of varying speed only where pairing did not overcome it."""
    undecided = sum(row.verdict in _UNDECIDED for row in comparisons)
    if machines.probe_ratio is not None:
        if Doubt.SPEED in machines.doubts:
            yield Note(NoteCode.OTHER_SPEED, (machines.probe_ratio,))
        elif moved is not None:
            yield Note(NoteCode.SAME_SPEED, (machines.probe_ratio,))
    if mode is Mode.PAIRED and not undecided:
        return
    if Doubt.SWING in machines.doubts and machines.probe_swing is not None:
        yield Note(NoteCode.SPEED_VARIES, (machines.probe_swing, undecided))
    if Doubt.STEAL in machines.doubts and machines.steal is not None:
        yield Note(NoteCode.CPU_STOLEN, (machines.steal, undecided))


def failed_runs(baseline: Sequence[Report], head: Sequence[Report]) -> Iterator[Note]:
    """Yield how many runs of a side failed, also where they have values; of a baseline those measured with the head."""
    sessions = {run.session for report in head for run in report.runs if run.session}
    for side, reports in (("base", baseline), ("head", head)):
        runs = [
            (run, any(math.isfinite(series.values[at]) for series in report.series))
            for report in reports
            for at, run in enumerate(report.runs)
            if side == "head" or run.session in sessions
        ]
        failed = [(run.failure, has_values) for run, has_values in runs if run.failure]
        if failed:
            counts = (len(failed), len(runs), sum(has_values for _, has_values in failed))
            yield Note(NoteCode.FAILED_RUNS, counts, (side, failed[0][0]))


def is_beside(report: Report, head: Sequence[Report]) -> bool:
    """Whether a report of the base was measured in a session of the head."""
    sessions = {run.session for other in head for run in other.runs if run.session}
    return any(run.session in sessions for run in report.runs)


def differences(baseline: Sequence[Report], head: Sequence[Report]) -> Iterator[Note]:
    """Yield in what the two sides differ as far as their files say, such as the runtime or the type of a build.

    A field counts where both sides state it and no value of it stands on both.
    """
    for field, value_of in _STATED.items():
        before, after = (
            sorted({value for report in side if (value := value_of(report)) and value != "unknown"})
            for side in (baseline, head)
        )
        if before and after and not set(before) & set(after):
            values = (", ".join(side[:_MOST_VALUES]) for side in (before, after))
            yield Note(NoteCode.ENVIRONMENT_DIFFERS, names=(field, *values))


def _provenance(key: str) -> Callable[[Report], str]:
    return lambda report: dict(report.provenance).get(key, "")


_STATED: Mapping[str, Callable[[Report], str]] = {
    "cpu": lambda report: report.environment.cpu,
    "os": lambda report: report.environment.os,
    "runtime": lambda report: report.environment.runtime,
    "toolchain": lambda report: report.environment.toolchain,
    "cores": lambda report: str(report.environment.cores or ""),
    "library_build_type": _provenance("library_build_type"),
    "build_type": _provenance("build_type"),
    "tool": _provenance("tool"),
}
_MOST_VALUES = 3


def _speed(baseline: Sequence[Report], head: Sequence[Report], tau: SessionSpread) -> tuple[float | None, float]:
    """Return the log ratio of the probes' times, None where no two can be compared, and what spread explains of it.

    Compared are the same work on the same interpreter and CPU model: other models are never compared. Explained is
    10 %, or where it is more: three times the spread between sessions, that which this kind of machine is known for
    or that of the baseline's own probes, and how far the probe swung within a session.
    """
    environment = max(head, key=lambda report: report.created or "").environment
    now = [condition for report in head for condition in report.conditions if condition.typical_s]
    works = {condition.probe for condition in now}
    alike = [report for report in baseline if report.environment.cpu == environment.cpu]
    then = [
        condition
        for report in alike
        for condition in report.conditions
        if condition.typical_s and condition.probe in works
    ]
    if not (now and then):
        return None, 0.0
    before = _logs(then)
    usual = _middle(before)
    between = max(noise.between_sessions(environment, tau), normal.DEVIATION_PER_MAD * _middle(np.abs(before - usual)))
    within = max(_middle(_speed_variations(now)), _middle(_speed_variations(then)))
    return _middle(_logs(now)) - usual, max(_OTHER_SPEED, _SPREADS * between, within)


def _logs(conditions: Sequence[Conditions]) -> Floats:
    return np.log([condition.typical_s or math.nan for condition in conditions])


def _speed_variations(conditions: Sequence[Conditions]) -> Floats:
    return np.log([condition.speed_variation or 1.0 for condition in conditions])


def _middle(values: Floats) -> float:
    return float(medians(values[None, :])[0])
