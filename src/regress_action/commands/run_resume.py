"""`regress-action run --resume`: what an interrupted measurement holds counts, and only what is left is measured."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from regress_action.model.errors import UsageError
from regress_action.model.files import read_bounded, write_replace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from regress_action.action.judge import Judged, JudgingRules

_LARGEST = 100_000_000


@dataclass(frozen=True, slots=True)
class EarlierPart:
    """A folder with a part of the measurement, how many pairs (or runs of the head alone) succeeded, and the plan."""

    folder: Path
    pairs: int
    planned: int


def earlier_parts(out: Path, commits: dict[str, str], command: str) -> list[EarlierPart]:
    """Return the parts under `out`, the interrupted one set aside under a name of its own.

    `commits` are those that would be measured now, by side.

    Raises:
        UsageError: there is nothing to go on with, or it was about other commits, another command or uncommitted edits.
    """
    newest = out / "measurement"
    if not (newest / "measurement.json").is_file():
        raise UsageError(f"There is no measurement in {out} to go on with.", remedy="Leave --resume out.")
    aside = sorted(out.glob("measurement-[0-9]*"))
    parts = [_part(folder, commits, command) for folder in (*aside, newest)]
    target = out / f"measurement-{len(aside) + 1}"
    newest.rename(target)
    return [*parts[:-1], replace(parts[-1], folder=target)]


def forget_parts(out: Path) -> None:
    """Remove the parts of an earlier measurement, as a new one begins."""
    for folder in out.glob("measurement-[0-9]*"):
        shutil.rmtree(folder, ignore_errors=True)


def _part(folder: Path, commits: dict[str, str], command: str) -> EarlierPart:
    """Return a part after a look at what it measured."""
    content: dict[str, Any] = json.loads(read_bounded(folder / "measurement.json", _LARGEST))
    sides = content.get("sides", {})
    if any(side.get("dirty") for side in sides.values()):
        raise UsageError(
            f"{folder} measured uncommitted changes, which may be others by now.",
            remedy="Commit them, and measure anew without --resume.",
        )
    measured = {name: str(side.get("commit")) for name, side in sides.items()}
    if measured != commits:
        shown = ", ".join(f"{name} {commit[:12]}" for name, commit in measured.items())
        raise UsageError(
            f"{folder} measured other commits: {shown}.",
            remedy="Check out the same commit and give the same --base, or leave --resume out.",
        )
    if content.get("command") != command:
        raise UsageError(
            f"{folder} measured another command: {content.get('command')}",
            remedy="Give the same, or leave --resume out.",
        )
    runs = [run for run in content["runs"] if not run.get("failure") or run.get("result")]
    good = [{run["pair"] for run in runs if run["side"] == side} for side in sides]
    planned = content.get("plan", {}).get("pairs")
    done = len(set.intersection(*good)) if good else 0
    return EarlierPart(folder, done, planned if isinstance(planned, int) else 0)


def judge_parts(parts: Sequence[EarlierPart], out: Path, rules: JudgingRules, *, interim: bool) -> Judged | None:
    """Judge all parts together and write `head.jsonl` and `base.jsonl`; None where there is no base."""
    from regress_action import formats
    from regress_action.action.judge import judge_reports
    from regress_action.model import records

    measured = [formats.read_measurement(part.folder) for part in parts if part.pairs]
    heads = [measurement.head for measurement in measured]
    bases = [measurement.base for measurement in measured if measurement.base is not None]
    write_replace(out / "head.jsonl", records.encode(formats.stack(heads)))
    if not bases:
        return None
    write_replace(out / "base.jsonl", records.encode(formats.stack(bases)))
    return judge_reports(bases, heads, rules, interim=interim)
