"""The fan-in of a matrix: shards become one head and one base report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action import formats
from regress_action.model import records
from regress_action.model.errors import IncompleteError, InputError
from regress_action.model.files import write_replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.model.measurements import Report

SHARD = "shard"
"""Key of a report's provenance that says which shard of how many it is."""

DEFAULT = "default"
_COUNTED = re.compile(r"([1-9]\d{0,3})/([1-9]\d{0,3})")


def sides(suite: str) -> tuple[str, str]:
    """Return the names of the files with the measured reports of a suite, by its `slug`: of the head, of the base."""
    end = "" if suite == DEFAULT else f"-{suite}"
    return f"head{end}.jsonl", f"base{end}.jsonl"


def merge(patterns: Sequence[str], out: Path) -> Iterator[Path]:
    """Merge every shard's sides into `head.jsonl` and `base.jsonl` under `out`; yield what was written."""
    head, base = join([Path(shard) for shard in patterns])
    out.mkdir(parents=True, exist_ok=True)
    for side, report in (("head", head), ("base", base)):
        if report is not None:
            path = out / f"{side}.jsonl"
            write_replace(path, records.encode(report))
            yield path


def join(shards: Sequence[Path], suite: str = DEFAULT) -> tuple[Report, Report | None]:
    """Return the head and the base of a whole matrix, None for a base that no shard measured.

    A shard is a folder that `regress-action run` or a leg of the matrix left, or a report file (which is a head). Of a
    folder, the files of the suite are read, which is given by its `slug`.

    Raises:
        IncompleteError: a shard is missing, or none holds a head.
        InputError: only some shards hold a base, or they do not belong together.
    """
    heads: list[Report] = []
    bases: list[Report] = []
    for shard in shards:
        for is_base, report in _read(shard, suite):
            (bases if is_base else heads).append(report)
    if not heads:
        raise IncompleteError(
            f"None of the {len(shards)} shards holds a head report.", remedy="Give the shards' folders or reports."
        )
    _demand_all(heads)
    if bases and len(bases) != len(heads):
        raise InputError(
            f"{len(heads)} shards hold a head but {len(bases)} a base.",
            meaning="The merged comparison would silently lose benchmarks.",
            remedy="Give all shards of one matrix, all measured with --base or all without.",
        )
    return formats.merge(heads), formats.merge(bases) if bases else None


def _demand_all(heads: Sequence[Report]) -> None:
    """Check that, where shards say `2/4`, all four are there.

    Raises:
        IncompleteError: one is missing.
    """
    shards = [_COUNTED.fullmatch(dict(head.provenance).get(SHARD, "")) for head in heads]
    present = {int(match[1]) for match in shards if match}
    of = max((int(match[2]) for match in shards if match), default=0)
    if missing := sorted(set(range(1, of + 1)) - present):
        listed = ", ".join(map(str, missing[:5])) + (" …" if len(missing) > 5 else "")  # noqa: PLR2004 - a line's worth
        raise IncompleteError(
            f"Of {of} shards, {len(missing)} are missing: {listed}.",
            meaning="Their benchmarks were not measured, so this gate did not see them; that is not a pass.",
            remedy="Look at the jobs of the matrix that failed.",
        )


def _read(shard: Path, suite: str) -> Iterator[tuple[bool, Report]]:
    """Yield the reports of a shard, and whether each is of the base."""
    head_file, base_file = sides(suite)
    if not shard.is_dir():
        for report in formats.gather([str(shard)]):
            yield shard.name == base_file, report
        return
    for name in (head_file, base_file):
        if (path := shard / name).exists():
            for report in formats.read(path):
                yield name == base_file, report
