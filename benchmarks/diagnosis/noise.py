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
from diagnosis.planted_noise import NOISE

if TYPE_CHECKING:
    from diagnosis.planted_noise import PlantedNoise

    from regress_action.commands.doctor_remedies import RemedyResult

_PAIRS = 5
_QUICK = 1
_RIGHT = 8 / 10


def figures(*, quick: bool) -> list[Figure]:
    """Return of how many the right cause came first, and of how many the remedy halves the spread."""
    wanted = os.environ.get("REGRESS_CAUSE", "")
    planted = [noise for noise in NOISE if wanted in noise.name][: _QUICK if quick else None]
    right = 0
    print(f"  {'planted':<46}{'first':<26}{'before':>8}{'with it':>9}{'again':>8}", flush=True)
    for noise in planted:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="advice-") as folder:
            result = diagnosed(noise, Path(folder))
        best = result.best if result else None
        is_right = best is not None and best.remedy.name.startswith(noise.remedy)
        is_right &= result is not None and noise.cause in result.cause
        right += is_right
        print(f"  {noise.name:<46}{_shown(result)}  {'right' if is_right else 'WRONG'}"
              f"  ({time.perf_counter() - began:.0f} s)", flush=True)  # fmt: skip
    return [
        Figure(
            f"right cause first, and its remedy halves the spread, of {len(planted)}",
            right,
            floor=_RIGHT * len(planted),
        )
    ]


def _shown(result: RemedyResult | None) -> str:
    from regress_action.commands.doctor_remedies import percent

    if result is None or not result.trials:
        return f"{'nothing':<26}"
    first = result.trials[0]
    again = percent(result.again) if result.again is not None else "–"
    return f"{first.remedy.name:<26}{percent(result.before):>8}{percent(first.spread):>9}{again:>8}"


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
