"""Callgrind's output: the instructions of every line, and which function calls which.

The format is described in Valgrind's manual, "Callgrind Format Specification". It has calls and no stacks, so that the
stack of a line is the chain of callers that caused most of each other's cost: own costs are exact, those of callers are
right where a function has one caller that matters.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from regress_action.advice.profile_files.formats import DEEPEST, HIGHEST_LINE, StackBuilder, damaged, frame
from regress_action.model.profiles import CostMode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regress_action.model.profiles import StackFrame, StackProfile

    Function = tuple[str, str]

_NAMED = re.compile(r"\((\d{1,9})\)(?: (.*))?\Z")
_FIELD = re.compile(r"(fl|fi|fe|fn|cfi|cfl|cfn|positions)[=:] ?(.*)\Z")
_MOST_LINES = 5_000_000
_MOST_CALLERS = 32  # of a function: code in which all functions call one another would take minutes


@dataclass(slots=True)
class _Reader:
    """What was read so far; `own` are instructions by function, file and line, `callers` those of calls.

    `function` and `file` are where costs belong to, `inlined` the file of code that was put into a function, `called`
    and `called_file` the function that the next call is of.
    """

    names: dict[tuple[str, str], str] = field(default_factory=dict)
    own: dict[tuple[Function, str, int], float] = field(default_factory=lambda: defaultdict(float))
    callers: dict[Function, dict[tuple[Function, int], float]] = field(default_factory=dict)
    line: int = 0
    function: str = ""
    file: str = ""
    inlined: str = ""
    called: str = ""
    called_file: str = ""

    def note(self, key: str, value: str) -> None:
        """Take a line with a name.

        Raises:
            ValueError: costs do not belong to lines.
        """
        match key:
            case "positions":
                if value.split() != ["line"]:
                    raise ValueError("positions are not lines")
            case "fl":
                self.file, self.inlined = self._file(value), ""
            case "fi" | "fe":
                self.inlined = self._file(value)
            case "fn":
                self.function, self.inlined, self.called_file = self._name("fn", value), "", ""
            case "cfi" | "cfl":
                self.called_file = self._file(value)
            case "cfn":
                self.called = self._name("fn", value)

    def add(self, text: str) -> None:
        """Add a line of numbers to the costs of the function."""
        cost = self._cost(text)
        self.own[(self.function, self.file), self.inlined or self.file, self.line] += cost

    def add_call(self, text: str) -> None:
        """Add the line of numbers that follows a call, which holds the cost of all that is called."""
        cost = self._cost(text)
        arcs = self.callers.setdefault((self.called, self.called_file or self.file), {})
        arc = (self.function, self.file), self.line
        arcs[arc] = arcs.get(arc, 0.0) + cost
        self.called_file = ""

    def _file(self, text: str) -> str:
        """Return the path of a file; one that is not absolute lies where a library was built, not in the tree."""
        name = self._name("file", text)
        return name if name.startswith("/") else f"<{name}>"

    def _name(self, kind: str, text: str) -> str:
        """Return a name that may be abbreviated: `(3) main` defines what `(3)` stands for."""
        match = _NAMED.match(text)
        if match is None:
            return text
        if match[2] is not None:
            self.names[kind, match[1]] = match[2]
        return self.names.get((kind, match[1]), "?")

    def _cost(self, text: str) -> float:
        """Return the first cost of a line of numbers, and take its position, which may be relative to the last."""
        position, *costs = text.split()
        if position.startswith(("+", "-")):
            self.line += int(position)
        elif position != "*":
            self.line = int(position, 0)
        self.line = max(0, min(self.line, HIGHEST_LINE))
        return float(costs[0]) if costs else 0.0


def looks_like(data: bytes) -> bool:
    """Whether a file is callgrind's."""
    return b"\nevents:" in data[:20_000] and (b"callgrind" in data[:2_000] or b"\nfn=" in data[:200_000])


def read(text: str, name: str) -> StackProfile:
    """Return the instructions of every line under the chain of its callers.

    Raises:
        InputError: it is not callgrind's format with lines as positions.
    """
    reader = _Reader()
    try:
        _read(text, name, reader)
    except (ValueError, IndexError) as error:
        raise damaged(name, f"it is not what callgrind writes ({error})") from error
    builder = StackBuilder(name, CostMode.INSTRUCTIONS)
    chains: dict[Function, tuple[StackFrame, ...]] = {}
    arcs = {called: _costliest(called, costs) for called, costs in reader.callers.items()}
    for (function, file, line), cost in reader.own.items():
        if function not in chains:
            chains[function] = _chain(function, arcs)
        builder.add((*chains[function], frame(function[0], file, line)), cost)
    return builder.profile()


def _read(text: str, name: str, reader: _Reader) -> None:
    """Read all lines."""
    lines = iter(text.split("\n"))
    for number, line in enumerate(lines):
        if number > _MOST_LINES:
            raise damaged(name, "it has too many lines")
        if line[:1].isdigit() or line[:1] in {"+", "-", "*"}:
            reader.add(line)
        elif line.startswith("calls="):
            reader.add_call(next(lines, ""))
        elif match := _FIELD.match(line):
            reader.note(*match.groups())


def _costliest(called: Function, costs: Mapping[tuple[Function, int], float]) -> list[tuple[Function, int]]:
    """Return the functions that call `called`, each with its costliest line, the costliest function first."""
    lines: dict[Function, int] = {}
    for function, line in sorted(costs, key=lambda arc: costs[arc], reverse=True):
        if function != called:
            lines.setdefault(function, line)
    return list(lines.items())[:_MOST_CALLERS]


def _chain(function: Function, callers: Mapping[Function, Sequence[tuple[Function, int]]]) -> tuple[StackFrame, ...]:
    """Return the callers of a function, root first, each that which caused most of the cost below it.

    `callers` are the costliest of each function. Where all of them are in the chain already, it ends.
    """
    frames: list[StackFrame] = []
    seen = {function}
    while len(frames) < DEEPEST:
        caller = next((arc for arc in callers.get(function, ()) if arc[0] not in seen), None)
        if caller is None:
            break
        function, line = caller
        seen.add(function)
        frames.append(_frame(*function, line))
    return tuple(reversed(frames))


_frame = lru_cache(maxsize=100_000)(frame)
