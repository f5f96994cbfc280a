"""Names out of result files, made safe to print and stable as an identity.

Also here: names for benchmarks that stand under one name in one file: distinguished by what the file states, else
numbered.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


LONGEST_NAME = 500
EXIT_CODE = "exit code"
_DIGITS = 8


def clean(name: str, longest: int = LONGEST_NAME) -> str:
    """Return `name` without control characters and at most `longest` characters long.

    A name that had to be changed ends in `~` and eight hexadecimal digits of the original, so that two names
    never become one and the same name is always changed in the same way.
    """
    if name.isprintable() and 0 < len(name) <= longest:
        return name
    visible = "".join(_printable(character) for character in name).strip()
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{visible[: longest - _DIGITS - 1] or 'unnamed'}~{digest}"


def with_parameters(name: str, parameters: Sequence[tuple[str, str]]) -> str:
    """Return the name of a benchmark with its parameters: `sort [size=8, order=up]`."""
    shown = ", ".join(f"{key}={value}" for key, value in parameters)
    return clean(f"{name} [{shown}]" if shown else name)


def exit_version(code: object) -> str:
    """Return the version of a benchmark whose every run ended with exit code `code`, which is not 0."""
    return f"{EXIT_CODE} {code}"


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    # bidirectional overrides and zero-width characters (Cf) can make a name read as another one
    return " " if character.isspace() or unicodedata.category(character)[0] == "Z" else ""


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
