"""Remedies for noise, tried on the spot: the same commit is measured with each, and what the spread becomes is told.

What slow runs have in common (`advice.noise`) only suggests a cause. A remedy that halves the spread shows it, so it
is tried: a fixed hash seed, no garbage collection, longer rounds, a run before the first, one processor, temporary
files in memory. A remedy counts where the spread is at most half of that before and of that after all trials, and
where a second measurement with it shows the same: by chance alone the standard deviations of ten runs each lie a
factor of two apart in one of forty comparisons (F distribution with 9 and 9 degrees of freedom).
"""

from __future__ import annotations

import math
import os
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from regress_action.action.measure import MeasurementSpec
    from regress_action.advice.noise import Explanation
    from regress_action.formats import Measurement
    from regress_action.settings import Settings

LIMIT_S = 600.0
"""Seconds that all trials together may take, judged by how long the A/A measurement took."""

HALF = 0.5
_FEWEST = 6
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder in memory, where the system has one
_NO_COLLECTION = "import gc\n\ngc.disable()\n"
_ROUND_S = 0.1
_REPEATED = 2


@dataclass(frozen=True, slots=True)
class Remedy:
    """Something that may make a benchmark steadier: how it is tried, which cause it shows, and how to keep it.

    `variables` are set for the suite while it is tried. `instead_of` is an option that the command must not have then.
    """

    name: str
    cause: str
    advice: str
    variables: tuple[tuple[str, str], ...] = ()
    hash_seed: str | None = None
    cpus: str | None = None
    warmup: int = 0
    instead_of: str = ""

    def command(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the words of a command without the option that would win over the remedy."""
        if not self.instead_of:
            return tuple(words)
        option = re.compile(rf"(^|\s){self.instead_of}[= ]\S+")
        return tuple(option.sub("", word) for word in words)


CPU_ALONE = Remedy("CPU time alone", "it waits", "Time the CPU alone.")
"""What is not tried but computed: the spread of the CPU time of the runs that were measured without any remedy."""


@dataclass(frozen=True, slots=True)
class RemedyTrial:
    """The spread of one benchmark with a remedy, and `again` in a second measurement with it, where there was one.

    The spread is a robust standard deviation of the logarithm of a run's time.
    """

    remedy: Remedy
    spread: float
    again: float | None = None

    def halves(self, before: float) -> bool:
        """Whether two measurements with it spread by at most half as much as those without."""
        return self.again is not None and max(self.spread, self.again) <= HALF * before


@dataclass(frozen=True, slots=True)
class RemedyResult:
    """What became of the spread of one benchmark.

    `before` is the spread without any remedy: the smaller one of two measurements, before and after all trials.
    `explanation` is what was seen in the runs without any remedy.
    """

    benchmark: str
    before: float
    trials: tuple[RemedyTrial, ...]
    explanation: Explanation | None = None

    @property
    def ordered(self) -> list[RemedyTrial]:
        """The trials, the best first: what halves the spread twice, of these what the runs themselves suggest."""
        return sorted(self.trials, key=self._place)

    def _place(self, trial: RemedyTrial) -> tuple[bool, bool, float]:
        is_suggested = bool(self.explanation) and self._suggests(trial.remedy)
        return not trial.halves(self.before), not is_suggested, max(trial.spread, trial.again or 0.0)

    def _suggests(self, remedy: Remedy) -> bool:
        wanted = self.explanation.trial if self.explanation else ""
        return bool(wanted) and remedy.name.startswith(wanted)

    @property
    def worth_repeating(self) -> list[Remedy]:
        """What halved the spread in its first measurement: what the runs suggest, and the best others."""
        halving = [trial for trial in self.trials if trial.spread <= HALF * self.before and trial.again is None]
        halving.sort(key=lambda trial: (not self._suggests(trial.remedy), trial.spread))
        return [trial.remedy for trial in halving[:_REPEATED]]

    @property
    def best(self) -> RemedyTrial | None:
        """The remedy that halves the spread in two measurements, None where none does."""
        return next((trial for trial in self.ordered if trial.halves(self.before)), None)

    @property
    def cause(self) -> str:
        """What the best remedy shows; empty without one."""
        if self.best is None:
            return ""
        if self.explanation and self._suggests(self.best.remedy):
            return f"{self.explanation.cause} ({self.explanation.shown_by})"
        return self.best.remedy.cause

    @property
    def refuted(self) -> tuple[str, ...]:
        """The names of the remedies that did not halve the spread, in the first measurement or in the second."""
        tried = ((trial.remedy.name, max(trial.spread, trial.again or 0.0)) for trial in self.trials)
        return tuple(name for name, spread in tried if spread > HALF * self.before)

    @property
    def lines(self) -> list[str]:
        """A line for each remedy that was tried: the spread before and with it."""
        width = max((len(trial.remedy.name) for trial in self.trials), default=0)
        return [
            f"{trial.remedy.name:<{width}}  {percent(self.before)} → {percent(trial.spread)}"
            + (f", again {percent(trial.again)}" if trial.again is not None else "")
            for trial in self.ordered
        ]


def percent(spread: float) -> str:
    """Return a spread for a person."""
    if math.isinf(spread):
        return "no value"
    return f"{spread * 100:.2g} %" if spread < 1 else f"{spread * 100:.0f} %"


def remedies(settings: Settings, scratch: Path) -> list[Remedy]:
    """Return what can be tried here; `scratch` takes the files that a trial needs."""
    offered = [
        Remedy(
            "--hash-seed 0",
            "Python's hash seed differs from run to run",
            "Measure with --hash-seed 0, or set PYTHONHASHSEED in the job.",
            hash_seed="0",
        )
    ]
    (scratch / "sitecustomize.py").write_text(_NO_COLLECTION, encoding="utf-8")
    searched = os.pathsep.join(filter(None, (str(scratch), os.environ.get("PYTHONPATH"))))
    offered.append(
        Remedy(
            "garbage collection off",
            "Python's garbage collector runs at moments that differ from run to run",
            "Switch it off while timing: --benchmark-disable-gc of pytest-benchmark, or gc.disable() before a round.",
            (("PYTHONPATH", searched),),
        )
    )
    if "--benchmark-json" in settings.command or "--benchmark-autosave" in settings.command:
        words = (os.environ.get("PYTEST_ADDOPTS", ""), f"--benchmark-min-time={_ROUND_S:g}")
        offered.append(
            Remedy(
                f"longer rounds ({_ROUND_S * 1000:.0f} ms)",
                "its rounds are too short",
                f"Give pytest-benchmark --benchmark-min-time={_ROUND_S:g}, or put more work into a round.",
                (("PYTEST_ADDOPTS", " ".join(filter(None, words))),),
                instead_of="--benchmark-min-time",
            )
        )
    offered.append(
        Remedy(
            "a run before the first",
            "the first run in a fresh tree is slow",
            "Let the setup run the suite once, so that what it builds or compiles is there.",
            warmup=1,
        )
    )
    if hasattr(os, "sched_getaffinity") and len(usable := sorted(os.sched_getaffinity(0))) > 1:
        offered.append(
            Remedy(
                f"--cpus {usable[-1]}",
                "it moves between processors, or its threads compete for them",
                f"Pin the suite: --cpus {usable[-1]}.",
                cpus=str(usable[-1]),
            )
        )
    if os.access(_IN_MEMORY, os.W_OK) and not Path(tempfile.gettempdir()).is_relative_to(_IN_MEMORY):
        offered.append(
            Remedy(
                "files in memory",
                "its temporary files are on a disk",
                f"Put them into memory: TMPDIR={_IN_MEMORY}.",
                (("TMPDIR", str(_IN_MEMORY)),),
            )
        )
    return offered


def tried(
    settings: Settings,
    spec: MeasurementSpec,
    before: Measurement,
    noisy: Sequence[str],
    *,
    elapsed_s: float,
    limit_s: float = LIMIT_S,
) -> tuple[list[RemedyResult], int]:
    """Measure the commit of an A/A measurement again with each remedy; return results and how many were left untried.

    `before` is the A/A measurement, which took `elapsed_s` seconds. Remedies that do not fit into `limit_s` beside the
    measurement without any and the repetition of the best are left out, the last ones first.
    """
    from regress_action.commands.doctor_checks import noise_causes

    with tempfile.TemporaryDirectory(prefix="regress-remedies-") as scratch:
        offered = remedies(settings, Path(scratch))
        fitting = offered[: max(0, int(limit_s / max(elapsed_s, 0.001)) - 1 - _REPEATED)]
        if not noisy or not fitting:
            return [], len(offered)
        measure = _measurer(settings, spec)
        measured = {remedy: spreads(measurement, noisy) for remedy in fitting if (measurement := measure(remedy))}
        without = measure(None)
        explanations = noise_causes(before, noisy)
        plain = [spreads(measurement, noisy) for measurement in (before, without) if measurement]
        results = []
        for name in noisy:
            spread_before = [spread[name] for spread in plain if name in spread]
            trials = [RemedyTrial(remedy, spread[name]) for remedy, spread in measured.items() if name in spread]
            explanation = explanations.get(name)
            if explanation and explanation.cpu_helps:
                waiting = replace(CPU_ALONE, cause=explanation.cause, advice=explanation.remedy())
                trials.append(RemedyTrial(waiting, _cpu_spread(before), _cpu_spread(without)))
            if spread_before and trials:
                results.append(RemedyResult(name, min(spread_before), tuple(trials), explanation))
        wanted = {remedy: None for result in results for remedy in result.worth_repeating}
        repeated = {remedy: spreads(again, noisy) for remedy in wanted if (again := measure(remedy))}
        return [_with_repetitions(result, repeated) for result in results], len(offered) - len(fitting)


def _with_repetitions(result: RemedyResult, repeated: Mapping[Remedy, Mapping[str, float]]) -> RemedyResult:
    trials = (
        replace(trial, again=repeated.get(trial.remedy, {}).get(result.benchmark, trial.again))
        for trial in result.trials
    )
    return replace(result, trials=tuple(trials))


def _cpu_spread(measured: Measurement | None) -> float:
    """Return the spread of the CPU time of the good runs; infinite where it is not known."""
    runs = [run.numbers for run in measured.executions if run.failure is None] if measured else []
    return _spread([run.get("user_s", 0.0) + run.get("system_s", 0.0) for run in runs])


def _measurer(settings: Settings, spec: MeasurementSpec) -> Callable[[Remedy | None], Measurement | None]:
    """Return what measures the commit against itself once more, with a remedy or without any."""
    from regress_action.action.measure import IsolationOptions, measure_pairs
    from regress_action.model.errors import RegressError

    def measure(remedy: Remedy | None) -> Measurement | None:
        chosen = remedy or Remedy("", "", "")
        isolation = IsolationOptions(hash_seed=chosen.hash_seed, cpus=chosen.cpus)
        changed = settings.model_copy(update={"env_pass": (*settings.env_pass, *dict(chosen.variables))})
        try:
            with _variables(dict(chosen.variables)):
                command = chosen.command(spec.command)
                made = replace(spec, command=command, isolation=isolation, warmup=chosen.warmup)
                return measure_pairs(changed, made, quiet=True)
        except RegressError:
            return None  # a trial that fails, as where a folder in memory is too small, says nothing

    return measure


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables while the block lasts."""
    previous = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in previous.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def spreads(measured: Measurement, names: Sequence[str]) -> dict[str, float]:
    """Return the spread of the runs of both sides, which are of the same code, for each name that has enough runs.

    Where values are whole ticks of a clock, what rounding hides counts as spread, even where all are the same.
    """
    import numpy as np

    from regress_action.commands.doctor_checks import tick_of

    by_name = {}
    for name in names:
        values = times(measured, name)
        if len(values) >= _FEWEST:
            hidden = tick_of(np.array(values)) / math.sqrt(12) / (float(np.median(values)) or 1.0)
            by_name[name] = max(_spread(values), hidden)
    return by_name


def _spread(values: Sequence[float]) -> float:
    """Return the robust standard deviation of the logarithms; infinite without values or with some that are zero."""
    import numpy as np

    from regress_action.analysis.noise import robust_deviations

    if not values or min(values) <= 0:
        return math.inf
    return float(robust_deviations(np.log([values]))[0])


def times(measured: Measurement, name: str) -> list[float]:
    """Return the times of a benchmark, a value for each good run of either side."""
    return [
        value
        for report in (measured.base, measured.head)
        for series in (report.series if report else ())
        if series.key == (name, "time")
        for value in series.values
        if math.isfinite(value)
    ]
