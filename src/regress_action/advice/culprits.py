"""The changed line that explains most of a difference: what changed lines cost, and what they are connected with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from regress_action.advice.changed_lines import SourceFile, assigned, changes_code, is_code, read_source, words
from regress_action.model.measurements import Location
from regress_action.model.profiles import CostChange, Culprit, Evidence, FunctionKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from regress_action.advice.changed_lines import ChangedFile, Hunk
    from regress_action.advice.profile_difference import LineCosts, PairedProfiles
    from regress_action.model.profiles import FunctionChange, MovedCost

_ENOUGH = 0.3
_NEARLY_ALL = 0.75
_HOT = 0.15
_WEIGHTS = {Evidence.EXECUTED: 1.0, Evidence.ENCLOSING: 0.97, Evidence.DEFINES: 0.9, Evidence.DEPENDENCY: 0.9}
_UNLINKED = 0.35
_BY_CALLS = 0.7
_LOCK_FILES = ("requirements", "constraints", "Pipfile", "poetry.lock", "uv.lock", "pdm.lock", "pyproject.toml")
_PACKAGES = "<packages>/"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A changed place and the additional cost connected with it; `depth` is that of its function on the stack."""

    location: Location
    evidence: Evidence
    change: CostChange
    score: float
    depth: float = 0.0
    function: FunctionKey | None = None
    text: str = ""
    removed: str = ""
    is_definition: bool = False


@dataclass(slots=True)
class CulpritSearch:
    """Everything that is known about one difference; `source` gives the text of a file of the head by its path."""

    profiles: PairedProfiles
    lines: LineCosts
    functions: Mapping[FunctionKey, FunctionChange]
    total: CostChange
    files: Sequence[ChangedFile]
    source: Callable[[str], str | None]
    moved: Sequence[MovedCost] = ()
    _sources: dict[str, SourceFile] = field(default_factory=dict)
    _depths: dict[FunctionKey, float] = field(default_factory=dict)

    def culprit(self) -> Culprit | None:
        """Return the changed line that explains most, None where none explains a third of the difference."""
        candidates = [
            candidate for candidate in self._candidates() if candidate.score > _ENOUGH * self.total.difference
        ]
        if not candidates or self.total.difference <= 0:
            return None
        best = max(candidate.score for candidate in candidates)
        near = self._without_those_called_more([row for row in candidates if row.score >= _NEARLY_ALL * best])
        chosen = max(near, key=_preference)
        if chosen.evidence is Evidence.EXECUTED:
            chosen = replace(chosen, location=self._hottest_line(chosen, near))
        share = chosen.change.difference / self.total.difference
        low, high = (
            None if bound is None else max(0.0, min(1.0, bound / self.total.difference))
            for bound in (chosen.change.low, chosen.change.high)
        )
        text = self._source(chosen.location.path).text(chosen.location.line) or chosen.text
        share = max(0.0, min(1.0, share))
        where, removed = chosen.location, chosen.removed
        return Culprit(where, text, chosen.evidence, share, low, high, chosen.function, removed)

    def _candidates(self) -> Iterator[Candidate]:
        for file in self.files:
            path = file.head_path or file.base_path
            source = self._source(path)
            for hunk in file.hunks:
                if changes_code(hunk.removed, hunk.added):
                    yield from self._of_hunk(file, path, source, hunk)

    def _of_hunk(self, file: ChangedFile, path: str, source: SourceFile, hunk: Hunk) -> Iterator[Candidate]:
        yield from self._executed(file, path, source, hunk)
        yield from self._enclosing(path, source, hunk)
        yield from self._defining(path, source, hunk)
        yield from self._depended(path, hunk)

    def _executed(self, file: ChangedFile, path: str, source: SourceFile, hunk: Hunk) -> Iterator[Candidate]:
        """A changed line that takes time itself, with all that it calls."""
        numbers = {
            number
            for line, text in zip(hunk.head_lines, hunk.added, strict=True)
            if is_code(text)
            for number in source.executed_with(line)
        }
        change = self.lines.change((file.base_path, set(hunk.base_lines)), (path, numbers))
        if numbers - set(hunk.head_lines):  # the rest of the statement was there before, at other line numbers
            before = {self._line_of_base(file, number) for number in numbers - set(hunk.head_lines)}
            change = self.lines.change((file.base_path, before | set(hunk.base_lines)), (path, numbers))
        if change.difference <= 0:
            return
        function = self._function_key(path, source, hunk.head_start)
        taken_over = sum(moved.amount for moved in self.moved if moved.target == function)
        line = next((n for n, text in zip(hunk.head_lines, hunk.added, strict=True) if is_code(text)), hunk.head_start)
        yield Candidate(
            Location(path, line),
            Evidence.EXECUTED,
            change,
            change.difference - taken_over,
            self._depth(function),
            function,
        )

    def _enclosing(self, path: str, source: SourceFile, hunk: Hunk) -> Iterator[Candidate]:
        """A changed line that takes no time, in a function that takes more: a decorator, a variable."""
        line = hunk.head_start if hunk.added else hunk.head_start + 1
        line = next((n for n, text in zip(hunk.head_lines, hunk.added, strict=True) if is_code(text)), line)
        function = source.function_at(line) or source.function_at(hunk.head_start)
        if function is None:
            return
        key = self._known_key(path, function.name)
        changed = self.functions.get(key)
        if changed is None or changed.total.difference <= 0:
            return
        is_definition = line < function.body
        linked = is_definition or not hunk.added or self._is_used_where_hot(path, source, function.name, hunk)
        weight = _WEIGHTS[Evidence.ENCLOSING] * (1.0 if linked else _UNLINKED)
        taken_over = sum(moved.amount for moved in self.moved if moved.target == key)
        yield Candidate(
            Location(path, line),
            Evidence.ENCLOSING,
            changed.total,
            weight * (changed.total.difference - taken_over),
            self._depth(key),
            key,
            text=(hunk.added or hunk.removed)[0].strip(),
            removed="" if hunk.added else next((text.strip() for text in hunk.removed if is_code(text)), ""),
            is_definition=is_definition,
        )

    def _defining(self, path: str, source: SourceFile, hunk: Hunk) -> Iterator[Candidate]:
        """A line outside of functions that gives a value to a name which a slower function uses."""
        for line, text in zip(hunk.head_lines, hunk.added, strict=True):
            name = assigned(text)
            if name is None or source.function_at(line) or not is_code(text):
                continue
            users = [row for row in self.functions.values() if row.own.difference > 0 and self._uses(row.key, name)]
            if not users:
                continue
            change = _sum([row.own for row in users])
            largest = max(users, key=lambda row: row.own.difference)
            yield Candidate(
                Location(path, line),
                Evidence.DEFINES,
                change,
                _WEIGHTS[Evidence.DEFINES] * change.difference,
                self._depth(largest.key),
                largest.key,
                text=text.strip(),
            )

    def _depended(self, path: str, hunk: Hunk) -> Iterator[Candidate]:
        """A line of a lock file that names a package in which more time is spent."""
        if not PurePosixPath(path).name.startswith(_LOCK_FILES) and not path.endswith(".lock"):
            return
        for line, text in zip(hunk.head_lines, hunk.added, strict=True):
            names = {name.lower() for name in words(text.replace("-", "_"))}
            inside = self.profiles.change(lambda run, _, names=names: _in_packages(run, names))  # type: ignore[misc]
            if inside.difference > 0:
                yield Candidate(
                    Location(path, line),
                    Evidence.DEPENDENCY,
                    inside,
                    _WEIGHTS[Evidence.DEPENDENCY] * inside.difference,
                    math.inf,
                    text=text.strip(),
                )

    def _is_used_where_hot(self, path: str, source: SourceFile, name: str, hunk: Hunk) -> bool:
        """Whether a name of the changed lines stands in a line of the function that got slower."""
        function = source.function(name)
        if function is None:
            return False
        changed = {word for text in (*hunk.added, *hunk.removed) for word in words(text)}
        targets = {word for text in hunk.added if (word := assigned(text))} or changed
        for line in range(function.definition, function.last + 1):
            if line in hunk.head_lines or not targets & words(source.text(line)):
                continue
            change = self.lines.change((path, set()), (path, set(source.executed_with(line))))
            if change.head > _HOT * self.total.head:
                return True
        return False

    def _uses(self, key: FunctionKey, name: str) -> bool:
        """Whether the source of a function holds a name as a word."""
        source = self._source(key.path)
        function = source.function(key.function)
        if function is None:
            return False
        return any(name in words(source.text(line)) for line in range(function.first, function.last + 1))

    def _without_those_called_more(self, candidates: list[Candidate]) -> list[Candidate]:
        """Leave out functions that take longer because they are called more, where a caller changed too."""
        kept = []
        for row in candidates:
            outer = [other for other in candidates if other.depth < row.depth and other.function != row.function]
            if not (outer and not row.is_definition and self._is_explained_by_calls(row)):
                kept.append(row)
        return kept or candidates

    def _is_explained_by_calls(self, row: Candidate) -> bool:
        changed = self.functions.get(row.function) if row.function else None
        if changed is None or changed.calls_ratio is None or changed.calls_ratio <= 0:
            return False
        if changed.total.base <= 0 or changed.total.head <= 0:
            return False
        return math.log(changed.calls_ratio) > _BY_CALLS * math.log(changed.total.head / changed.total.base) > 0

    def _hottest_line(self, chosen: Candidate, near: Sequence[Candidate]) -> Location:
        """Return the changed line that takes most, among those of the chosen place and of others in its function."""
        path = chosen.location.path
        best, cost = chosen.location.line, -1.0
        for file in self.files:
            for hunk in file.hunks if (file.head_path or file.base_path) == path else ():
                if not any(row.location.line in hunk.head_lines for row in near if row.function == chosen.function):
                    continue
                for line, text in zip(hunk.head_lines, hunk.added, strict=True):
                    costs = self.lines.costs(path, {line}, is_head=True)
                    if is_code(text) and sum(costs) > cost:
                        best, cost = line, sum(costs)
        return Location(path, best)

    def _line_of_base(self, file: ChangedFile, line: int) -> int:
        """Return the number that an unchanged line of the head has in the base."""
        shift = 0
        for hunk in file.hunks:
            last = hunk.head_start + len(hunk.added)
            if last > line:
                break
            shift += len(hunk.removed) - len(hunk.added)
        return line + shift

    def _function_key(self, path: str, source: SourceFile, line: int) -> FunctionKey:
        if not path.endswith(".py") and (seen := self._seen_at(path, line)):
            return seen
        function = source.function_at(line)
        return self._known_key(path, function.name if function else "<module>")

    def _seen_at(self, path: str, line: int) -> FunctionKey | None:
        """Return the function that was seen executing the line, else the one whose seen lines begin last before it.

        Sources of other languages than Python are not parsed; their profiles say which lines a function has.
        """
        firsts: dict[FunctionKey, int] = {}
        for run in self.profiles.head:
            for frame in {frame for stack in run for frame in stack if frame.path == path and frame.line}:
                if frame.line == line:
                    return frame.key
                firsts[frame.key] = min(frame.line, firsts.get(frame.key, frame.line))
        before = {key: first for key, first in firsts.items() if first <= line}
        return max(before, key=lambda key: before[key], default=None)

    def _known_key(self, path: str, name: str) -> FunctionKey:
        """Return the key under which the profiles have a function: its qualified name, or the last part of it."""
        keys = (FunctionKey(name, path), FunctionKey(name.rpartition(".")[2], path))
        return next((key for key in keys if key in self.functions), keys[0])

    def _depth(self, key: FunctionKey) -> float:
        """Return how deep a function lies on the stacks of the head, the mean weighted with their costs."""
        if not self._depths:
            sums: dict[FunctionKey, list[float]] = {}
            for run in self.profiles.head:
                for stack, cost in run.items():
                    for index, frame in enumerate(stack):
                        entry = sums.setdefault(frame.key, [0.0, 0.0])
                        entry[0] += cost * index
                        entry[1] += cost
            self._depths.update({name: weighted / cost for name, (weighted, cost) in sums.items() if cost})
        return self._depths.get(key, 0.0)

    def _source(self, path: str) -> SourceFile:
        if path not in self._sources:
            self._sources[path] = read_source(path, self.source(path))
        return self._sources[path]


def _preference(row: Candidate) -> tuple[bool, float, bool, float]:
    """Order places that explain about as much: the innermost function first, in it a line that takes time itself."""
    executed = row.evidence is Evidence.EXECUTED
    return row.evidence is not Evidence.DEFINES, round(row.depth, 1), executed, row.score


def _in_packages(run: Mapping[tuple[object, ...], float], names: set[str]) -> float:
    """Return the cost of the stacks that execute code of one of the packages."""
    total = 0.0
    for stack, cost in run.items():
        for frame in stack:
            path = frame.path  # type: ignore[attr-defined]
            if path.startswith(_PACKAGES) and _package(path) in names:
                total += cost
                break
    return total


def _package(path: str) -> str:
    return path[len(_PACKAGES) :].partition("/")[0].removesuffix(".py").lower().replace("-", "_")


def _sum(changes: Sequence[CostChange]) -> CostChange:
    """Return the sum of costs; its interval is the sum of the bounds, which is wider than needed."""
    lows = [change.low for change in changes if change.low is not None]
    highs = [change.high for change in changes if change.high is not None]
    full = len(lows) == len(changes) == len(highs)
    return CostChange(
        sum(change.base for change in changes),
        sum(change.head for change in changes),
        sum(lows) if full else None,
        sum(highs) if full else None,
    )
