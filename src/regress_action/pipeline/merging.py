"""The fan-in of a matrix: shards become one head and one base report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from regress_action import formats, records
from regress_action.errors import IncompleteError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.samples import Report


def merge(patterns: Sequence[str], out: Path) -> Iterator[Path]:
    """Merge every shard's sides into `head.jsonl` and `base.jsonl` under `out`; yield what was written.

    A shard is a folder that `regress-action run` left, or a report file (which is a head).
    """
    sides: dict[str, list[Report]] = {"head": [], "base": []}
    for shard in patterns:
        for side, report in _sides(Path(shard)):
            sides[side].append(report)
    if not sides["head"]:
        raise IncompleteError(
            f"None of the {len(patterns)} shards holds a head report.", remedy="Give the shards' folders or reports."
        )
    if sides["base"] and len(sides["base"]) != len(sides["head"]):
        raise InputError(
            f"{len(sides['head'])} shards hold a head but {len(sides['base'])} a base.",
            meaning="The merged comparison would silently lose benchmarks.",
            remedy="Give all shards of one matrix, all measured with --base or all without.",
        )
    out.mkdir(parents=True, exist_ok=True)
    for side, reports in sides.items():
        if reports:
            path = out / f"{side}.jsonl"
            path.write_bytes(records.encode(formats.merge(reports)))
            yield path


def _sides(shard: Path) -> Iterator[tuple[str, Report]]:
    if not shard.is_dir():
        for report in formats.gather([str(shard)]):
            yield ("base" if shard.name == "base.jsonl" else "head"), report
        return
    for side in ("head", "base"):
        if (path := shard / f"{side}.jsonl").exists():
            for report in formats.read(path):
                yield side, report
