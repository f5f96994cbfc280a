"""Recognise programs that were compiled in a side's tree, and so stand for one build of their source.

A compiler chooses where every function lies, and that alone changes times. The analysis has to know of it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MAGIC = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")  # ELF, Mach-O, and Mach-O for several processors
_INTERPRETER = re.compile(r"(python|pypy|node|bun|deno|ruby|perl|php|java|julia)[\d.]*(-config)?")
_INSTALLED = frozenset({"node_modules", "site-packages", "vendor", ".venv", "venv", ".tox", ".nox", ".git"})


def holds_compiled_program(root: Path, folder: Path, words: Sequence[str], executed: Iterable[str]) -> bool:
    """Whether a run started a program compiled in the tree `root`.

    `words` are those of the command, which runs in `folder`; `executed` are the programs that a sample saw. A program
    that ends before the first sample is known by the words alone.
    """
    candidates = [*(os.path.join(folder, word) for word in _names(words)), *executed]  # noqa: PTH118 - a word may be absolute
    return any(_is_compiled(Path(candidate), root) for candidate in dict.fromkeys(candidates))


def _names(words: Sequence[str]) -> list[str]:
    """Return the words that may name a program; a single word is a line for the shell."""
    if len(words) > 1:
        return list(words)
    with contextlib.suppress(ValueError):
        return shlex.split(words[0], posix=True) if words else []
    return words[0].split()


def _is_compiled(file: Path, root: Path) -> bool:
    """Whether `file` is a program in `root` that this tree compiled, and no interpreter or installed tool."""
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # no such file, a null byte, links in a circle
        real, top = file.resolve(), root.resolve()
        if not real.is_relative_to(top) or _INSTALLED.intersection(real.relative_to(top).parts):
            return False
        if _INTERPRETER.fullmatch(real.name) or not real.is_file() or not os.access(real, os.X_OK):
            return False
        with real.open("rb") as content:
            return content.read(4) in _MAGIC
    return False
