"""The suite's command: from the words of the caller to the argument vector of one run."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PYTEST_WORD = re.compile(r"[\w:+\-.\[\]\\/]+")
_GO_PROCESSORS = re.compile(r"-\d+$")


def _pytest(names: Sequence[str]) -> list[str]:
    # The last part of a node id, since a folder named beside it would win over a full id; and of a parameter
    # that -k cannot spell, the function alone: running one benchmark too many costs time, one too few a verdict.
    parts = [name.rsplit("::", 1)[-1] for name in names]
    words = [part if _PYTEST_WORD.fullmatch(part) else part.split("[", 1)[0] for part in parts]
    return ["-k", " or ".join(dict.fromkeys(words))]


def _go(names: Sequence[str]) -> list[str]:
    tops = dict.fromkeys(re.escape(_GO_PROCESSORS.sub("", name.split("/", 1)[0])) for name in names)
    return [f"-bench=^({'|'.join(tops)})$"]


def _regex(names: Sequence[str]) -> list[str]:
    return [f"^({'|'.join(re.escape(name) for name in names)})$"]


STYLES: dict[str, Callable[[Sequence[str]], list[str]]] = {"pytest": _pytest, "go": _go, "regex": _regex, "plain": list}


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

    def argv(self, out: str, selection: Sequence[str] = ()) -> list[str]:
        """Return what is executed, with `{out}` and `{select}` filled in and every other brace left alone."""
        chosen = STYLES[self.style](selection) if selection else []
        if len(self.words) == 1:
            line = self.words[0].replace("{out}", shlex.quote(out)).replace("{select}", shlex.join(chosen))
            return [*shell(), line]
        argv: list[str] = []
        for word in self.words:
            if word == "{select}":
                argv += chosen
            else:
                argv.append(word.replace("{out}", out).replace("{select}", " ".join(chosen)))
        return argv


def shell() -> list[str]:
    """Return the shell that runs one-word commands: bash, in which a pipe fails with any of its parts, or sh."""
    bash = shutil.which("bash")
    return [bash, "-o", "pipefail", "-c"] if bash else ["sh", "-c"]
