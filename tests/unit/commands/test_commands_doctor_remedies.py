"""Remedies for noise: which are offered, when one counts, and what is said about it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from regress_action.action.measure import MeasurementSpec, measure_pairs
from regress_action.commands import doctor
from regress_action.commands.doctor_remedies import Remedy, RemedyResult, RemedyTrial, remedies, tried
from regress_action.formats import Measurement
from regress_action.model.measurements import Report
from regress_action.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

SEED = Remedy("--hash-seed 0", "the hash seed differs", "Measure with --hash-seed 0.")
ROUNDS = Remedy("longer rounds (100 ms)", "its rounds are too short", "Make them longer.")
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


def result(before: float, again: float | None, **spreads: float) -> RemedyResult:
    """Return a result with trials of the two remedies, the smallest spread first."""
    trials = [RemedyTrial({"seed": SEED, "rounds": ROUNDS}[name], spread) for name, spread in spreads.items()]
    return RemedyResult("b", before, tuple(sorted(trials, key=lambda trial: trial.spread)), again)


@pytest.mark.parametrize(
    ("before", "again", "trial", "counts"),
    [(0.1, 0.02, 0.01, True), (0.1, 0.05, 0.05, True), (0.1, 0.06, 0.01, False), (0.1, None, 0.01, False)],
)
def test_remedy_counts_where_two_measurements_halve_the_spread(
    before: float, again: float | None, trial: float, *, counts: bool
) -> None:
    """One measurement may halve it by chance."""
    made = result(before, again, seed=trial, rounds=0.2)
    assert (made.best is not None) is counts
    assert made.cause == ("the hash seed differs" if counts else "")


def test_ticks_make_short_rounds_a_coarse_clock() -> None:
    """Longer rounds help against both, and only one of them is the cause."""
    assert result(0.1, 0.01, rounds=0.01).cause == "its rounds are too short"
    made = RemedyResult("b", 0.1, (RemedyTrial(ROUNDS, 0.01),), 0.01, is_coarse=True)
    assert made.cause == "its clock is too coarse for its rounds: values are whole ticks"


def test_longer_rounds_are_tried_where_the_command_takes_the_option(tmp_path: Path) -> None:
    """An option of pytest-benchmark in PYTEST_ADDOPTS; any other suite has its rounds in its own code."""
    names = [remedy.name for remedy in remedies(Settings(command="pytest --benchmark-json={out}"), tmp_path)]
    others = [remedy.name for remedy in remedies(Settings(command="python program.py {out}"), tmp_path)]
    assert set(names) - set(others) == {"longer rounds (100 ms)"}
    assert (tmp_path / "sitecustomize.py").read_text() == "import gc\n\ngc.disable()\n"


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
    results, untried = tried(settings, spec, before, names, elapsed_s=1.0, limit_s=4.0)
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
