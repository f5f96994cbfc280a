"""Which benchmark that vanished is probably which that appeared: the same body, or a like name at a like level."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regress_action.model.measurements import Series

_ALIKE = 0.6
"""Share of characters in common from which two names are alike, as difflib counts it."""

_NEAR = 1.5
"""Largest ratio of two levels that are near each other: a renaming may come with a change."""

_MOST = 200


@dataclass(frozen=True, slots=True)
class ProbableRenaming:
    """A name that vanished, the name that appeared, and why they are probably one benchmark."""

    old: str
    new: str
    why: str

    @property
    def line(self) -> str:
        """The entry for `aliases` in regress-aliases.yml."""
        import json

        return f"- {{old: {json.dumps(self.old, ensure_ascii=False)}, new: {json.dumps(self.new, ensure_ascii=False)}}}"


def probable_renamings(before: Iterable[Series], after: Iterable[Series]) -> list[ProbableRenaming]:
    """Return the pairs of names, each name in at most one; the surest pairs are made first.

    Series of names that are on both sides are passed over.
    """
    old, new = _by_name(before), _by_name(after)
    gone = [name for name in old if name not in new][:_MOST]
    come = [name for name in new if name not in old][:_MOST]
    candidates = sorted(
        ((*rated, first, second) for first in gone for second in come if (rated := _rated(old, new, first, second))),
        key=lambda entry: (-entry[0], entry[2], entry[3]),
    )
    used: set[tuple[str, str]] = set()
    pairs = []
    for _, why, first, second in candidates:
        if ("old", first) not in used and ("new", second) not in used:
            used |= {("old", first), ("new", second)}
            pairs.append(ProbableRenaming(first, second, why))
    return sorted(pairs, key=lambda pair: pair.old)


def _by_name(series: Iterable[Series]) -> dict[str, list[Series]]:
    names: dict[str, list[Series]] = {}
    for row in series:
        names.setdefault(row.benchmark.name, []).append(row)
    return names


def _rated(
    old: dict[str, list[Series]], new: dict[str, list[Series]], first: str, second: str
) -> tuple[float, str] | None:
    """Return how sure it is that two names are one benchmark, from 0 to 2, and why; None where nothing says so."""
    alike = SequenceMatcher(None, first, second, autojunk=False).ratio()
    versions = {row.benchmark.version for row in old[first] if row.benchmark.version}
    if versions and versions & {row.benchmark.version for row in new[second]}:
        return 1 + alike, "its body is the same"
    if alike < _ALIKE or not _is_near(old[first], new[second]):
        return None
    return alike, "its name and its level are alike"


def _is_near(before: Sequence[Series], after: Sequence[Series]) -> bool:
    """Whether every metric that both have is at a like level."""
    levels = {row.metric.name: _median(row) for row in before}
    shared = [(levels[row.metric.name], _median(row)) for row in after if levels.get(row.metric.name) and _median(row)]
    return bool(shared) and all(1 / _NEAR <= second / first <= _NEAR for first, second in shared if first and second)


def _median(row: Series) -> float | None:
    from statistics import median

    return median(row.measured) if row.measured else None
