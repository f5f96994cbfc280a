"""From recorded allocations of both sides and the diff to the lines that hold more memory than before."""

from __future__ import annotations

import itertools
from statistics import fmean
from typing import TYPE_CHECKING

from regress_action.advice.changed_lines import read_source
from regress_action.advice.profile_difference import change_of
from regress_action.model.measurements import Location
from regress_action.model.profiles import FunctionKey, MemoryCause, MemorySite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from regress_action.advice.changed_lines import ChangedFile, SourceFile
    from regress_action.advice.profile_files import ProfiledTarget, ProfileRun
    from regress_action.model.profiles import CostChange

    Line = tuple[str, int]

MOST_SITES = 20
_LEAST_SHARE = 0.05
_FEWEST_LOOKS = 4
_GROWN = 1.5
_HELD = 0.5


def memory_growth(
    target: ProfiledTarget, files: Sequence[ChangedFile], source: Callable[[str], str | None]
) -> MemoryCause | None:
    """Return where the head's additional memory was allocated, None where no pair was recorded.

    Lines of the base are counted as those that they became in the head. Only lines of the repository are named, and
    only those whose growth is a twentieth of all and, with two pairs or more, beyond chance.
    """
    base, head = (
        {run.pair: run for run in target.runs if run.side == side and run.memory} for side in ("base", "head")
    )
    pairs = sorted(base.keys() & head.keys())
    if not pairs:
        return None
    moved = {file.base_path: file for file in files if file.base_path}
    sides = [_lines(base[pair], moved) for pair in pairs], [_lines(head[pair], {}) for pair in pairs]
    total = change_of(
        *([sum(process.peak for process in runs[pair].memory) for pair in pairs] for runs in (base, head))
    )
    changed = {(file.head_path, line) for file in files for hunk in file.hunks for line in hunk.head_lines}
    sources: dict[str, SourceFile] = {}
    sites = []
    for line in {line for runs in sides for run in runs for line in run}:
        change, number = (_change(sides, line, column) for column in (0, 1))
        certain = change.low is None or change.low > 0
        if change.difference < _LEAST_SHARE * max(total.difference, 0.05 * total.base) or not certain:
            continue
        path, place = line
        if path not in sources:
            sources[path] = read_source(path, source(path))
        function = sources[path].function_at(place)
        growing = _is_growing(head[pairs[-1]], line, {}) and not _is_growing(base[pairs[-1]], line, moved)
        name = function.name if function else ""
        location = Location(path, place)
        sites.append(MemorySite(location, name, sources[path].text(place), change, number, line in changed, growing))
    sites.sort(key=lambda site: -site.change.difference)
    peaks = [process for pair in pairs for process in head[pair].memory if process.peak]
    seen = sum(process.seen for process in peaks) / sum(process.peak for process in peaks) if peaks else 0.0
    return MemoryCause(target.benchmarks, len(pairs), total, tuple(sites[:MOST_SITES]), min(1.0, seen))


def _lines(run: ProfileRun, moved: Mapping[str, ChangedFile]) -> dict[Line, tuple[float, float]]:
    """Return the bytes and the blocks of every line of the repository, all processes together."""
    lines: dict[Line, tuple[float, float]] = {}
    for process in run.memory:
        for site in process.sites:
            if not FunctionKey("", site.path).is_own:
                continue
            line = _place(site.path, site.line, moved)
            size, number = lines.get(line, (0.0, 0.0))
            lines[line] = (size + site.bytes, number + site.number)
    return lines


def _place(path: str, line: int, moved: Mapping[str, ChangedFile]) -> Line:
    """Return what a line of the base is in the head."""
    file = moved.get(path)
    return (file.head_path or path, file.line_of_head(line)) if file else (path, line)


def _change(
    sides: tuple[list[dict[Line, tuple[float, float]]], list[dict[Line, tuple[float, float]]]], line: Line, column: int
) -> CostChange:
    nothing = (0.0, 0.0)
    return change_of(*([run.get(line, nothing)[column] for run in runs] for runs in sides))


def _is_growing(run: ProfileRun, line: Line, moved: Mapping[str, ChangedFile]) -> bool:
    """Whether what a line holds grew from look to look, and most of it was held at the end."""
    for process in run.memory:
        for site in process.sites:
            along = site.along
            if _place(site.path, site.line, moved) != line or len(along) < _FEWEST_LOOKS or not site.bytes:
                continue
            early = fmean(along[: max(1, len(along) // 3)])
            rises = all(after >= before for before, after in itertools.pairwise(along))
            if rises and along[-1] >= _HELD * site.bytes and along[-1] >= _GROWN * max(early, 1.0):
                return True
    return False
