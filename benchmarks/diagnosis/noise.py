"""Suites that are noisy for one planted reason: do trials name it, and does the remedy halve the spread?

REGRESS_CAUSE=clock python benchmarks/advice.py --only noise
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from diagnosis.figures import Figure
from diagnosis.planted_noise import CONTROLS, NOISE

if TYPE_CHECKING:
    from diagnosis.planted_noise import PlantedNoise

    from regress_action.commands.doctor_remedies import RemedyResult

_PAIRS = 5
_QUICK = 1
_RIGHT = 8 / 10


def figures(*, quick: bool) -> list[Figure]:
    """Return of how many the right cause came first and its remedy halved the spread, and where none was planted."""
    wanted = os.environ.get("REGRESS_CAUSE", "")
    planted = [noise for noise in NOISE if wanted in noise.name][: _QUICK if quick else None]
    controls = [noise for noise in CONTROLS if wanted in noise.name][: 0 if quick else None]
    print(f"  {'planted':<46}{'first':<26}{'before':>8}{'with it':>9}{'again':>9}", flush=True)
    right = sum(_tried(noise) for noise in planted)
    silent = sum(_tried(noise) for noise in controls)
    return [
        Figure(f"right cause first, its remedy halves, of {len(planted)}", right, floor=_RIGHT * len(planted)),
        Figure(f"no cause named where none was planted, of {len(controls)}", silent, floor=len(controls)),
    ]


def _tried(noise: PlantedNoise) -> bool:
    """Whether the diagnosis of a planted suite is right; print it."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="advice-") as folder:
        result = diagnosed(noise, Path(folder))
    best = result.best if result else None
    explained = result.explanation if result else None
    if noise.remedy:
        is_right = best is not None and best.remedy.name.startswith(noise.remedy)
        is_right &= result is not None and noise.cause in result.cause
    else:
        is_right = best is None and explained is None
    seen = f"; seen: {explained.cause}" if explained else ""
    took = time.perf_counter() - began
    print(f"  {noise.name:<46}{_shown(result)}  {'right' if is_right else 'WRONG'}  ({took:.0f} s){seen}", flush=True)
    if not is_right and result:
        print("\n".join(f"    {line}" for line in result.lines), flush=True)
    return is_right


def _shown(result: RemedyResult | None) -> str:
    from regress_action.commands.doctor_remedies import percent

    if result is None or not result.trials:
        return f"{'nothing':<26}"
    first = result.ordered[0]
    again = percent(first.again) if first.again is not None else "–"
    return f"{first.remedy.name:<26}{percent(result.before):>8}{percent(first.spread):>9}{again:>9}"


def diagnosed(planted: PlantedNoise, folder: Path) -> RemedyResult | None:
    """Make a repository with the suite, measure its commit against itself, and try what makes it steadier."""
    from regress_action.action.measure import MeasurementSpec, measure_pairs
    from regress_action.commands.doctor_remedies import tried
    from regress_action.settings import Settings

    for path, content in planted.files.items():
        (folder / path).write_text(content, encoding="utf-8")
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "--quiet"), ("add", "--all"), (*identity, "commit", "--quiet", "-m", "suite")):
        subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)
    command = planted.command.replace("{python}", sys.executable)
    settings = Settings(command=command, base="HEAD", runs=_PAIRS)
    spec = MeasurementSpec(command=(command,), out=folder / ".regress", adaptive=False)
    where = Path.cwd()
    os.chdir(folder)
    try:
        began = time.monotonic()
        before = measure_pairs(settings, spec, quiet=True)
        name = before.head.series[0].benchmark.name
        results, _ = tried(settings, spec, before, [name], elapsed_s=time.monotonic() - began)
    finally:
        os.chdir(where)
    return results[0] if results else None
