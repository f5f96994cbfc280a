"""The suite's command: from the words of the caller to the argument vector of one run."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from regress_action.measure.selection import STYLES, Invocation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_SPECIAL_IN_DOUBLE_QUOTES = str.maketrans({character: "\\" + character for character in '\\"$`'})


@dataclass(frozen=True, slots=True)
class SuiteCommand:
    """The words of the caller; a single word is a line for the shell, several are an argument vector."""

    words: tuple[str, ...]
    style: str = "plain"

    @property
    def text(self) -> str:
        """The command as a person would type it."""
        return self.words[0] if len(self.words) == 1 else shlex.join(self.words)

    @property
    def promises_result(self) -> bool:
        """Whether the command was given the path of its result, so that a missing one is a failure."""
        return any("{out}" in word or "REGRESS_OUT" in word for word in self.words)

    @property
    def obeys_selection(self) -> bool:
        """Whether the words limit the run to a selection; what the program reads by itself is not visible here."""
        return any("{select}" in word or "REGRESS_SELECT" in word for word in self.words)

    def argv(
        self,
        out: Path,
        selection: Sequence[str],
        folder: Path,
        write_list: Callable[[Sequence[str]], Path] | None = None,
    ) -> list[str]:
        """Return what is executed in `folder`, with `{out}` and `{select}` filled in and other braces left alone.

        `write_list` writes a long selection into a file, one name a line, and returns its path.
        """
        chosen = STYLES[self.style](selection, Invocation(self.words, folder, write_list)) if selection else []
        if len(self.words) == 1:
            return [*shell(), fill_in(self.words[0], {"{out}": [str(out)], "{select}": chosen})]
        argv: list[str] = []
        for word in self.words:
            if word == "{select}":
                argv += chosen
            else:
                argv.append(word.replace("{out}", str(out)).replace("{select}", " ".join(chosen)))
        return argv


class _Quoting(Enum):
    """The quotes around a place in a shell line."""

    NONE = ""
    SINGLE = "'"
    DOUBLE = '"'


def fill_in(line: str, values: dict[str, list[str]]) -> str:
    """Return a shell line with each placeholder replaced by its words, quoted as its place in the line needs it.

    Outside of quotes the words stay separate arguments. Inside quotes they are one text, joined by spaces.
    """
    quotings, filled, index = [_Quoting.NONE], "", 0
    while index < len(line):
        quoting = quotings[-1]
        placeholder = next((name for name in values if line.startswith(name, index)), None)
        if placeholder is not None:
            filled += _quoted(values[placeholder], quoting)
            index += len(placeholder)
            continue
        length = 2 if quoting is not _Quoting.SINGLE and line[index] == "\\" else 1
        _follow(quotings, line, index)
        filled += line[index : index + length]
        index += length
    return filled


def _follow(quotings: list[_Quoting], line: str, index: int) -> None:
    """Update the stack of quotings for the character at `index`; `$(` begins a command with quotes of its own."""
    character, quoting = line[index], quotings[-1]
    if quoting is not _Quoting.NONE and character == quoting.value:
        quotings.pop()
    elif quoting is not _Quoting.SINGLE and line.startswith("(", index) and line[index - 1 : index] == "$":
        quotings.append(_Quoting.NONE)
    elif quoting is _Quoting.NONE and character in "'\"":
        quotings.append(_Quoting(character))
    elif quoting is _Quoting.NONE and character == ")" and len(quotings) > 1:
        quotings.pop()


def _quoted(words: list[str], quoting: _Quoting) -> str:
    match quoting:
        case _Quoting.NONE:
            return shlex.join(words)
        case _Quoting.SINGLE:
            return " ".join(words).replace("'", "'\\''")
        case _Quoting.DOUBLE:
            return " ".join(words).translate(_SPECIAL_IN_DOUBLE_QUOTES)


def shell() -> list[str]:
    """Return the shell that runs one-word commands: bash, in which a pipe fails with any of its parts, or sh."""
    bash = shutil.which("bash")
    return [bash, "-o", "pipefail", "-c"] if bash else ["sh", "-c"]
