"""Planted causes: small git repositories with a base and a head; is the right function first, and the right line?"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from diagnosis.figures import Figure
from diagnosis.planted import CAUSES
from diagnosis.planted_blind import BLIND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diagnosis.planted import PlantedCause

    from regress_action.model.profiles import Cause

_PAIRS = 3
_QUICK = 3
_RIGHT_FUNCTIONS, _RIGHT_LINES = 12 / 14, 10 / 14
SOURCE = Path(__file__).parents[2] / "src"


def figures(*, quick: bool) -> list[Figure]:
    """Return how many causes came out right."""
    wanted = os.environ.get("REGRESS_CAUSE", "")
    known = _judged([cause for cause in CAUSES if wanted in cause.name][: _QUICK if quick else None])
    blind = _judged([cause for cause in BLIND if wanted in cause.name][: 1 if quick else None])
    return [*_figures("", known), *_figures(" written before they were run", blind)]


def _figures(which: str, judged: tuple[int, int, int]) -> list[Figure]:
    count, functions, lines = judged
    return [
        Figure(f"right function first, of {count}{which}", functions, floor=round(count * _RIGHT_FUNCTIONS, 1)),
        Figure(f"right line, of {count}{which}", lines, floor=round(count * _RIGHT_LINES, 1)),
    ]


def _judged(causes: Sequence[PlantedCause]) -> tuple[int, int, int]:
    """Return how many causes there are, and of how many the function and the line came out right."""
    functions = lines = 0
    for planted in causes:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="advice-") as folder:
            cause = diagnosed(planted, Path(folder))
        function, line = is_right(planted, cause)
        functions += function
        lines += line
        place = _place(cause)
        print(
            f"  {planted.name:<32} function {'right' if function else 'WRONG'}  line {'right' if line else 'WRONG'}"
            f"  {place}  ({time.perf_counter() - began:.0f} s)",
            flush=True,
        )
    return len(causes), functions, lines


def is_right(planted: PlantedCause, cause: Cause | None) -> tuple[bool, bool]:
    """Return whether the first function and the line are those that were planted."""
    if cause is None or not cause.functions:
        return False, False
    first = cause.functions[0].key.function
    culprit = cause.culprit
    line = culprit is not None and any(
        culprit.location.path == path and _line_of(planted.head[path], text, culprit.location.line)
        for path, text in planted.lines
    )
    return first in planted.functions, line


def _line_of(content: str, text: str, line: int) -> bool:
    return content.splitlines()[line - 1].strip() == text


def _place(cause: Cause | None) -> str:
    if cause is None:
        return "nothing"
    culprit = cause.culprit
    first = cause.functions[0].key.function if cause.functions else "-"
    where = (
        f"{culprit.location.path}:{culprit.location.line} {culprit.evidence} {culprit.share:.0%}"
        if culprit
        else "no line"
    )
    return f"{cause.mode} ×{cause.ratio or 0:.2f} {first} {where}"


def diagnosed(planted: PlantedCause, folder: Path) -> Cause | None:
    """Make the repository, measure and profile both commits, and return what is said about them."""
    from regress_action.action.hotspots import causes
    from regress_action.measure.options import measurer_argv

    repository(planted, folder)
    main = next(path for path in ("main.py", "shop.py") if path in planted.base)
    line = measurer_argv(
        [sys.executable, main],
        out=folder / ".regress",
        repository=folder,
        base="HEAD~1",
        head="HEAD",
        pairs=1,
        profile=_PAIRS,
        profile_calls=1,
        setup=planted.setup,
    )
    environ = {**os.environ, "PYTHONPATH": str(SOURCE)}
    completed = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise RuntimeError(f"{planted.name}: {completed.stdout[-2000:]}{completed.stderr[-2000:]}")
    explained = causes(folder / ".regress", folder, os.environ)
    return explained[0][0] if explained else None


def repository(planted: PlantedCause, folder: Path) -> None:
    """Write a git repository with the base as its first commit and the head as its second."""
    git("init", "--quiet", folder=folder)
    for message, files in (("base", planted.base), ("head", planted.head)):
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content, encoding="utf-8")
        git("add", "--all", folder=folder)
        git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", message, folder=folder)


def git(*arguments: str, folder: Path) -> None:
    """Run git in a folder."""
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)
