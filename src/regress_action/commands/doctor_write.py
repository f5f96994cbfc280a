"""Edit `regress.yml` in place: numbers are replaced and entries added, and every comment stays where it is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from regress_action.commands.doctor_plan import Proposal

_RUNS = re.compile(r"^(runs\s*:\s*)(\d+)(\s*(?:#.*)?)$", re.MULTILINE)
_BENCHMARKS = re.compile(r"^benchmarks\s*:[ \t]*(\[\s*\])?[ \t]*(#.*)?$", re.MULTILINE)


def write(path: Path, proposal: Proposal) -> list[str]:
    """Write the proposal into a settings file; return a line for each change.

    Raises:
        UsageError: the file has a form in which this cannot be done without losing something.
    """
    import yaml

    from regress_action.model.errors import UsageError
    from regress_action.model.files import write_replace

    text = path.read_text(encoding="utf-8") if path.exists() else ""
    before = yaml.safe_load(text) or {}
    edited, changes = _edited(text, proposal, before)
    try:
        after = yaml.safe_load(edited) or {}
    except yaml.YAMLError:
        after = {}
    rest = {key: value for key, value in after.items() if key not in ("runs", "benchmarks")}
    kept = {key: value for key, value in before.items() if key not in ("runs", "benchmarks")}
    if rest != kept or after.get("runs") != proposal.runs:
        raise UsageError(
            f"{path} cannot be edited without changing its form.",
            remedy=f"Write it yourself: runs: {proposal.runs}, and the thresholds above under `benchmarks`.",
        )
    if changes:
        write_replace(path, edited.encode())
    return changes


def _edited(text: str, proposal: Proposal, before: dict[str, object]) -> tuple[str, list[str]]:
    """Return the text with the proposal in it, and what was changed."""
    changes = []
    if before.get("runs") != proposal.runs:
        changes.append(f"runs: {before.get('runs', 'unset')} → {proposal.runs}")
        if _RUNS.search(text):
            text = _RUNS.sub(rf"\g<1>{proposal.runs}\g<3>", text, count=1)
        else:
            text = f"{text.rstrip()}\n\n# Proposed by `regress-action doctor`.\nruns: {proposal.runs}\n"
    listed = before.get("benchmarks") or []
    present = {
        (entry.get("match"), entry.get("metric", "*"))
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict) and "threshold" in entry
    }
    entries = [entry for entry in proposal.thresholds if entry[:2] not in present]
    if not entries:
        return text, changes
    changes += [f"benchmarks: {benchmark} ({metric}) threshold {ratio:g}" for benchmark, metric, ratio in entries]
    lines = [
        f"  - {{match: {json.dumps(_literal(benchmark))}, metric: {json.dumps(metric)}, threshold: {ratio:g}}}"
        for benchmark, metric, ratio in entries
    ]
    block = "\n".join(["  # Proposed by `regress-action doctor`: the noise of these hides smaller changes.", *lines])
    if match := _BENCHMARKS.search(text):
        head = f"benchmarks:{' ' + match[2] if match[2] else ''}"
        return f"{text[: match.start()]}{head}\n{block}{text[match.end() :]}", changes
    return f"{text.rstrip()}\n\nbenchmarks:\n{block}\n", changes


def _literal(name: str) -> str:
    """Return a name as a shell pattern that matches nothing else."""
    return re.sub(r"([*?\[])", r"[\1]", name)
