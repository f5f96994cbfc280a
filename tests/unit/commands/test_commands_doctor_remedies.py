"""Remedies for noise: which are offered, when one counts, and what is said about it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from regress_action.action.measure import MeasurementSpec, measure_pairs
from regress_action.advice.noise import Explanation, Option
from regress_action.commands import doctor
from regress_action.commands.doctor_remedies import (
    CPU_ALONE,
    Remedy,
    RemedyResult,
    RemedyTrial,
    remedies,
    spreads,
    tried,
)
from regress_action.formats import Measurement
from regress_action.formats.measured_run import Execution
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series
from regress_action.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

SEED = Remedy("--hash-seed 0", "the hash seed differs", "Measure with --hash-seed 0.")
ROUNDS = Remedy("longer rounds (100 ms)", "its rounds are too short", "Make them longer.")
OTHER = Remedy("files in memory", "its files are on a disk", "Put them into memory.")
# The values are made from what the cause decides, and not measured: they do not depend on the speed of the machine.
SUITE = """
import gc, json, os, sys
own = int.from_bytes(os.urandom(4), "big")
with open("COUNT", "a+") as file:
    file.write("x")
    turn = file.tell() % 2
values = {
    "hashing": 100.0 + hash("a word") % 64 + own % 7 / 100,
    "collecting": 100.0 + (own % 40 if gc.isenabled() else 0) + own % 7 / 100,
    "alternating": 100.0 + 40 * turn,
}
json.dump({name: {"latency": {"value": value * 1e6}} for name, value in values.items()}, open(sys.argv[1], "w"))
"""


def result(
    before: float, *trials: tuple[Remedy, float, float | None], explanation: Explanation | None = None
) -> RemedyResult:
    """Return a result of trials: the remedy, the spread with it, and that of a second measurement."""
    return RemedyResult("b", before, tuple(RemedyTrial(*trial) for trial in trials), explanation)


@pytest.mark.parametrize(
    ("before", "again", "trial", "counts"),
    [(0.1, 0.02, 0.01, True), (0.1, 0.05, 0.05, True), (0.1, 0.06, 0.01, False), (0.1, None, 0.01, False)],
)
def test_remedy_counts_where_two_measurements_halve_the_spread(
    before: float, again: float | None, trial: float, *, counts: bool
) -> None:
    """One measurement may halve it by chance."""
    made = result(before, (SEED, trial, again), (ROUNDS, 0.2, None))
    assert (made.best is not None) is counts
    assert made.cause == ("the hash seed differs" if counts else "")


def test_two_remedies_are_repeated_and_the_one_that_helps_twice_counts() -> None:
    """The smallest spread of one measurement may be chance, and must not hide the second smallest."""
    first = result(0.4, (SEED, 0.01, None), (ROUNDS, 0.1, None), (OTHER, 0.15, None), (CPU_ALONE, 0.3, None))
    assert first.worth_repeating == [SEED, ROUNDS]
    made = result(0.4, (SEED, 0.01, 0.5), (ROUNDS, 0.1, 0.12), (OTHER, 0.15, None))
    assert made.best is not None
    assert made.best.remedy is ROUNDS
    assert [line.split()[0] for line in made.lines] == ["longer", "files", "--hash-seed"]


def test_what_the_runs_suggest_comes_first() -> None:
    """Longer rounds help against a coarse clock and short rounds; whole ticks tell which it is."""
    coarse = Explanation("its clock is too coarse", "whole ticks", (Option("use a finer clock"),), "longer rounds")
    trials = (SEED, 0.01, 0.01), (ROUNDS, 0.02, 0.03)
    made = result(0.1, *trials, explanation=coarse)
    assert made.cause == "its clock is too coarse (whole ticks)"
    assert result(0.1, *trials).cause == "the hash seed differs"
    assert result(0.1, trials[1]).cause == "its rounds are too short"


def test_a_remedy_that_halved_once_is_not_refuted() -> None:
    """It was not measured again, because two others came first; what halved nothing, or only by chance, is refuted."""
    made = result(0.4, (SEED, 0.3, None), (ROUNDS, 0.1, 0.3), (OTHER, 0.15, None))
    assert made.refuted == (SEED.name, ROUNDS.name)


def test_doctor_does_not_advise_what_its_own_trial_refuted() -> None:
    """The clock is coarse, and longer rounds did not help: the finer clock remains."""
    ticking = measured([0.004, 0.008, 0.004, 0.008, 0.004], [0.004, 0.004, 0.008, 0.004, 0.004])
    sides = [(side, pair) for side in ("base", "head") for pair in range(1, 6)]
    watched = replace(ticking, executions=tuple(Execution(*place, None, {}) for place in sides))
    refuted = replace(result(0.4, (ROUNDS, 0.39, None)), benchmark="work")
    assert [finding.remedy for finding in doctor.causes(watched, ["work"], [])] == [
        "Put more work into a round, or read a finer clock."
    ]
    assert [finding.remedy for finding in doctor.causes(watched, ["work"], [refuted])] == ["Read a finer clock."]


def test_one_disturbed_run_does_not_decide() -> None:
    """Another program that disturbs one run of ten must not hide that a remedy helps."""
    disturbed = measured([1.0, 1.01, 0.99, 1.0, 1.02], [1.0, 0.98, 1.01, 1.0, 3.0])
    assert spreads(disturbed, ["work"])["work"] < 0.06  # its standard deviation is 0.35
    noisy = measured([1.0, 1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 3.0, 3.0])
    assert spreads(noisy, ["work"])["work"] > 0.3


def test_what_a_coarse_clock_hides_counts_as_spread() -> None:
    """Values that are all one tick look steady, and a half of them zero shows nothing at all."""
    ticking = measured([0.004, 0.008, 0.004, 0.008, 0.004], [0.004, 0.004, 0.008, 0.004, 0.004])
    assert spreads(ticking, ["work"])["work"] >= 0.28
    assert spreads(measured([0.0] * 5, [0.0] * 4 + [0.004]), ["work"]) == {"work": math.inf}


def test_longer_rounds_are_tried_where_the_command_takes_the_option(tmp_path: Path) -> None:
    """An option of pytest-benchmark in PYTEST_ADDOPTS; any other suite has its rounds in its own code."""
    names = [remedy.name for remedy in remedies(Settings(command="pytest --benchmark-json={out}"), tmp_path)]
    others = [remedy.name for remedy in remedies(Settings(command="python program.py {out}"), tmp_path)]
    assert set(names) - set(others) == {"longer rounds (100 ms)"}
    assert (tmp_path / "sitecustomize.py").read_text() == "import gc\n\ngc.disable()\n"


def measured(base: list[float], head: list[float]) -> Measurement:
    """Return a measurement of one benchmark whose runs took these times."""
    runs = tuple(Run(pair=pair) for pair in range(1, 6))
    sides = [
        Report((Series(Benchmark("work"), Metric("time", "s"), tuple(values)),), runs, source="test")
        for values in (base, head)
    ]
    return Measurement(sides[1], sides[0], "s", "true")


def test_option_of_the_command_does_not_win_over_the_remedy(tmp_path: Path) -> None:
    """What the command says comes after PYTEST_ADDOPTS, so the shorter rounds would stay."""
    command = "pytest --benchmark-min-time=0.001 --benchmark-json={out}"
    longer = next(offer for offer in remedies(Settings(command=command), tmp_path) if offer.instead_of)
    assert longer.command((command,)) == ("pytest --benchmark-json={out}",)
    assert SEED.command((command,)) == (command,)


@pytest.mark.timeout(900)
def test_planted_causes_are_found_by_their_remedies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit is measured with two remedies; each helps one benchmark and none the third, and doctor says so."""
    (tmp_path / "suite.py").write_text(SUITE.replace("COUNT", str(tmp_path / "count")))
    (tmp_path / ".gitignore").write_text("*\n!suite.py\n")
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "--quiet"), ("add", "--all"), (*identity, "commit", "--quiet", "-m", "suite")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    settings = Settings(command=f"{sys.executable} suite.py {{out}}", base="HEAD", runs=3)
    spec = MeasurementSpec(command=(settings.command,), out=tmp_path / ".regress", adaptive=False)
    before = measure_pairs(settings, spec, quiet=True)
    variables = dict(os.environ)
    names = ["hashing", "collecting", "alternating"]
    results, untried = tried(settings, spec, before, names, elapsed_s=1.0, limit_s=5.0)
    assert dict(os.environ) == variables
    assert untried >= 1
    best = {result.benchmark: result.best.remedy.name if result.best else None for result in results}
    assert best == {"hashing": "--hash-seed 0", "collecting": "garbage collection off", "alternating": None}
    said = {finding.what.split()[0]: finding for finding in doctor.causes(before, names, results)}
    assert "With --hash-seed 0 its runs spread by" in said["hashing"].what
    assert said["collecting"].remedy.startswith("Switch it off while timing")
    assert "o remedy that was tried halves its spread" in said["alternating"].what
    assert [len(finding.details) for finding in said.values()] == [2, 2, 2]


def test_trials_that_do_not_fit_into_the_time_are_counted(tmp_path: Path) -> None:
    """A measurement of five minutes leaves no room for a trial beside the one without remedy and the repetition."""
    nothing = Measurement(Report((), ()), None, "s", "true")
    spec = MeasurementSpec(command=("true",), out=tmp_path, adaptive=False)
    results, untried = tried(Settings(command="true"), spec, nothing, ["work"], elapsed_s=300.0)
    assert results == []
    assert untried >= 3
