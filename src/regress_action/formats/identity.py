"""Names for benchmarks that stand under one name in one file: distinguished by what the file states, else numbered."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from regress_action.formats.naming import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def distinct_names(names: Sequence[str], facts: Sequence[Mapping[str, str]]) -> tuple[list[str], list[str]]:
    """Return a name of its own for every benchmark, and a warning for every name that had to be numbered.

    `facts` are what else the file states of each: path, target, project, configuration. Those that differ between
    benchmarks of one name are added in brackets to all of them; where none does, the second is called `NAME #2`.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for at, name in enumerate(names):
        groups[name].append(at)
    if len(groups) == len(names):
        return list(names), []
    distinct = list(names)
    warnings = []
    taken = set(names)
    for name, members in groups.items():
        if len(members) > 1:
            _label(distinct, members, facts)
            if _number(distinct, members, taken):
                warnings.append(
                    f"{name} is the name of {len(members)} benchmarks in one file. They are called "
                    f"{distinct[members[0]]}, {distinct[members[1]]} and so on, in the order of the file, which may "
                    "change: give them different names."
                )
    return distinct, warnings


def _label(names: list[str], members: list[int], facts: Sequence[Mapping[str, str]]) -> None:
    """Add to the names of one group the facts that differ inside it."""
    keys = dict.fromkeys(key for at in members for key in facts[at])
    differing = [key for key in keys if len({facts[at].get(key, "") for at in members}) > 1]
    for at in members:
        if values := [facts[at][key] for key in differing if facts[at].get(key)]:
            names[at] = clean(f"{names[at]} [{', '.join(values)}]")


def _number(names: list[str], members: list[int], taken: set[str]) -> int:
    """Number what still has the name of an earlier member, and return how many had."""
    seen: dict[str, int] = {}
    numbered = 0
    for at in members:
        name = names[at]
        count = seen.get(name, 0) + 1
        if count > 1:
            numbered += 1
            while clean(f"{name} #{count}") in taken:
                count += 1
            names[at] = clean(f"{name} #{count}")
            taken.add(names[at])
        seen[name] = count
    return numbered
