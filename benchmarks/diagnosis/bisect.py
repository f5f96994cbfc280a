"""Bisections whose first bad commit is known: simulated histories, and small git repositories with a planted step.

A simulated history has 64 commits and a step of 5 % at a random one; a run has 2 % noise, so a pair has 2.8 %. The real
repositories are measured by the command itself: some write counts, some are busy loops whose CPU time is compared.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from diagnosis.figures import Figure

from regress_action.analysis.bisection.search import Bisection, MeasurementStep
from regress_action.model.changes import Ending

COMMITS = 64
STEP, NOISE = 1.05, 0.02
_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.99, 1.0001)
_REPOSITORY_COMMITS = 24


@dataclass(frozen=True)
class Outcome:
    """How a simulated bisection ended; `stated` holds (probability, right) after every measurement."""

    right: bool
    named: bool
    builds: int
    pairs: int
    stated: list[tuple[float, bool]] = field(default_factory=list)


def figures(*, quick: bool) -> list[Figure]:
    """Return how often the commit was right, what that cost, and how far the stated probabilities are off."""
    histories = 20 if quick else 200
    plain = [simulate(seed) for seed in range(histories)]
    _report("64 commits, step 5 %, noise 2 % a run", plain)
    rng = np.random.default_rng(7)
    worlds = [
        {
            "step": float(np.exp(rng.normal(math.log(0.06), 0.7))) + 1,
            "noise": float(np.exp(rng.normal(math.log(0.012), 0.6))),
            "build": float(rng.choice([0.0, 0.0, 0.001, 0.003])),
        }
        for _ in range(histories)
    ]
    mixed = [simulate(1000 + seed, **world) for seed, world in enumerate(worlds)]
    _report("64 commits, steps of 1.5 to 25 %, noise of 0.4 to 4 %, builds that move by up to 0.3 %", mixed)
    equal = [simulate(2000 + seed, step=1.0) for seed in range(histories)]
    print(f"    no change at all: a commit was named in {sum(run.named for run in equal)} of {histories}")
    named = [run for run in mixed if run.named]
    repositories = 2 if quick else 10
    return [
        Figure("simulated histories: right, in %", _share(plain), floor=98, unit=" %"),
        Figure("builds on average, log2(64) × 1.3 = 7.8", float(np.mean([r.builds for r in plain])), ceiling=7.8),
        Figure("mixed worlds: right where a commit was named, in %", _share(named), floor=98, unit=" %"),
        Figure("nothing changed: a commit named, in %", 100 * float(np.mean([r.named for r in equal])), ceiling=1),
        Figure("real git repositories: right", sum(map(real, range(repositories))), floor=repositories),
    ]


def simulate(seed: int, *, step: float = STEP, noise: float = NOISE, build: float = 0.0) -> Outcome:
    """Bisect one simulated history; `build` is the deviation of a build's own effect."""
    rng = np.random.default_rng(seed)
    truth = int(rng.integers(COMMITS)) if step != 1 else COMMITS
    offsets = rng.normal(0, build, COMMITS) - rng.normal(0, build)
    now = Bisection(np.tril(np.ones((COMMITS, COMMITS), dtype=bool)), np.ones(COMMITS))
    stated: list[tuple[float, bool]] = []
    while isinstance(action := now.next_step(), MeasurementStep):
        level = offsets[action.commit] + (math.log(step) if action.commit >= truth else 0.0)
        values = rng.normal(level, noise * math.sqrt(2), action.pairs).tolist()
        measured = {**now.measured, action.commit: [*now.measured.get(action.commit, ()), *values]}
        now = replace(now, measured=measured)
        best = now.posterior.best
        stated.append((float(now.posterior.first[best]), best == truth))
    pairs = sum(map(len, now.measured.values()))
    named = action is Ending.FOUND
    return Outcome(named and now.posterior.best == truth, named, now.builds, pairs, stated)


def _share(outcomes: list[Outcome]) -> float:
    return 100 * float(np.mean([outcome.right for outcome in outcomes]))


def _report(title: str, outcomes: list[Outcome]) -> None:
    """Print what the bisections cost, and the reliability curve: stated against observed, over all steps."""
    builds = np.array([outcome.builds for outcome in outcomes])
    pairs = np.mean([outcome.pairs for outcome in outcomes])
    print(f"    {title}: {len(outcomes)} histories")
    print(f"      right {_share(outcomes):.1f} %, named {sum(o.named for o in outcomes)}, ", end="")
    print(f"builds {builds.mean():.2f} (most {builds.max()}), pairs {pairs:.0f}")
    stated = [entry for outcome in outcomes for entry in outcome.stated]
    print("      stated probability   steps   stated   observed")
    for low, high in pairwise(_EDGES):
        inside = [entry for entry in stated if low <= entry[0] < high]
        if inside:
            mean, right = np.mean([p for p, _ in inside]), np.mean([right for _, right in inside])
            print(f"      {low:.2f} to {min(high, 1):.2f}        {len(inside):>6}   {mean:.3f}    {right:.3f}")


def real(number: int) -> bool:
    """Make a repository with a planted step, bisect it with the command, and return whether the commit is right."""
    rng = np.random.default_rng(100 + number)
    truth = int(rng.integers(2, _REPOSITORY_COMMITS))
    counts = number % 2 == 0
    with tempfile.TemporaryDirectory(prefix="bisect-bench-") as folder:
        planted, good = _repository(Path(folder), truth, counts=counts)
        options = ["--metric", "instructions"] if counts else ["--metric", "cpu_time"]
        line = [sys.executable, "-m", "regress_action", "bisect", f"{good}..HEAD", *options, "--json", "-", "-q"]
        suite = [sys.executable, "-I", "-S", "work.py", *(["{out}"] if counts else [])]
        sources = str(Path(__file__).parents[2] / "src")
        ended = subprocess.run(
            [*line, "--", *suite],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": sources},
            capture_output=True,
            text=True,
            check=False,
        )
        answer = json.loads(ended.stdout or "{}")
    right: bool = answer.get("first_bad") == planted
    kind = "counts" if counts else "CPU time"
    stated = f"{answer.get('probability')}, {answer.get('builds')} builds, {answer.get('pairs')} pairs"
    print(f"      repository {number + 1} ({kind}): {'right' if right else 'WRONG'}, stated {stated}", flush=True)
    return right


def _repository(folder: Path, truth: int, *, counts: bool) -> tuple[str, str]:
    """Return the id of the commit with the step and that of the first commit."""

    def git(*words: str) -> str:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        return subprocess.run(
            ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet")
    loops, slower = (100_000, 105_000) if counts else (1_500_000, 1_800_000)
    result = (
        'import json\njson.dump({"work": {"instructions": {"value": LOOPS}}}, open(__import__("sys").argv[1], "w"))'
    )
    commits = []
    for number in range(_REPOSITORY_COMMITS + 1):
        size = slower if number >= truth else loops
        busy = "for number in range(LOOPS):\n    total = number * 3\n"
        (folder / "work.py").write_text(f"LOOPS = {size}\n{result if counts else busy}\n# change {number}\n")
        git("add", "--all")
        git("commit", "--quiet", "--message", f"change {number}")
        commits.append(git("rev-parse", "HEAD"))
    return commits[truth], commits[0]
