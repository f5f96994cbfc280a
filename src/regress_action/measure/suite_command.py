"""The suite's command: from the words of the caller to the argument vector of one run.

Also here: how each benchmark runner is given the benchmarks to run: from names in a report to command-line arguments.

A selection runs exactly the named benchmarks where the runner allows it, and otherwise more of them, never fewer: one
benchmark too many costs time, one too few leaves a suspect without a second measurement.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


LONGEST_VALUE = 130_000
"""Bytes of one argument or variable: Linux takes a few more (MAX_ARG_STRLEN)."""

_MOST_ARGUMENTS = 1_000_000  # bytes of all of them; Linux takes a quarter of the stack, mostly 2 MiB
_LONGEST_ARGUMENTS = 30_000  # bytes of node ids on a command line; more go into a file
_PYTEST_KEYWORD = re.compile(r"[\w:+\-.\[\]\\/]+")  # what an expression for -k can hold besides its operators
_CHANGES_FOLDER = {"cd", "pushd", "--rootdir", "-C", "--directory", "--chdir"}
_GO_BENCHMARK = re.compile(r"(?:^|\.)(Benchmark.*)", re.DOTALL)
_GO_PROCESSORS = re.compile(r"-\d+$")
_CRITERION_NAME = "/"
_VITEST_FILE = re.compile(r"^[^-].*\.[cm]?[jt]sx?$")


@dataclass(frozen=True, slots=True)
class Invocation:
    """The command that gets a selection: its words, and the folder in which it runs.

    `write_list` writes names into a file, one a line, and returns its path.
    """

    words: tuple[str, ...] = ()
    folder: Path = Path()
    write_list: Callable[[Sequence[str]], Path] | None = None


def _pytest(names: Sequence[str], invocation: Invocation) -> list[str]:
    """Return the node ids where they select exactly, else an expression for -k that matches at least these tests."""
    if not _are_node_ids(names, invocation.folder) or _names_paths(invocation):
        keywords = dict.fromkeys(_keyword(name) for name in names)
        return ["-k", " or ".join(keywords)]
    if sum(len(name.encode()) for name in names) <= _LONGEST_ARGUMENTS or invocation.write_list is None:
        return list(names)
    return [f"@{invocation.write_list(names)}"]  # pytest 8.2 and newer


def _are_node_ids(names: Sequence[str], folder: Path) -> bool:
    return all("::" in name and (folder / name.partition("::")[0]).is_file() for name in names)


def _names_paths(invocation: Invocation) -> bool:
    """Whether pytest is given paths already, of which it would run everything, or runs in another folder."""
    try:
        words = [part for word in invocation.words for part in (shlex.split(word) if " " in word else [word])]
    except ValueError:
        return True
    after = next((index for index, word in enumerate(words) if re.search(r"(^|/)(pytest|py\.test)$", word)), None)
    if after is None or any(word.partition("=")[0] in _CHANGES_FOLDER for word in words):
        return True
    values = [word for word in words[after + 1 :] if not word.startswith("-")]
    return any((invocation.folder / value.partition("::")[0]).exists() for value in values)


def _keyword(node_id: str) -> str:
    """Return the last part of a node id, with its parameters only where -k can hold them."""
    function, bracket, parameters = node_id.partition("[")
    name = function.rsplit("::", 1)[-1]
    complete = name + bracket + parameters
    return complete if _PYTEST_KEYWORD.fullmatch(complete) else name


def _go(names: Sequence[str], _invocation: Invocation) -> list[str]:
    """Return a pattern with one alternative for each benchmark, level by level (Go 1.20 and newer)."""
    return ["-bench=" + "|".join(dict.fromkeys(_go_pattern(name) for name in names))]


def _go_pattern(name: str) -> str:
    """Return the pattern for one name, which may have its package before it and the number of processors behind it."""
    match = _GO_BENCHMARK.search(name)
    *above, last = (match[1] if match else name).split("/")
    bare = _GO_PROCESSORS.sub("", last)
    # Without the suffix of the processors, a number at the end belongs to the name.
    end = f"^{re.escape(bare)}$" if bare == last else f"^{re.escape(bare)}({re.escape(last.removeprefix(bare))})?$"
    return "/".join([*(f"^{re.escape(level)}$" for level in above), end])


def _regex(names: Sequence[str], _invocation: Invocation) -> list[str]:
    return [f"^({'|'.join(re.escape(name) for name in names)})$"]


def _google(names: Sequence[str], invocation: Invocation) -> list[str]:
    return [f"--benchmark_filter={_regex(names, invocation)[0]}"]


def _vitest(names: Sequence[str], _invocation: Invocation) -> list[str]:
    """Return the files of the benchmarks, and an expression for their names, which vitest itself may not obey.

    The report puts the file before the name, and vitest puts the suites before it.
    """
    ends = dict.fromkeys(re.escape(name.rsplit(" > ", 1)[-1]) for name in names)
    files = dict.fromkeys(name.partition(" > ")[0] for name in names)
    selected = files if all(_VITEST_FILE.search(file) for file in files) else ()
    return [*selected, "-t", f"(^| )({'|'.join(ends)})$"]


def _asv(names: Sequence[str], _invocation: Invocation) -> list[str]:
    """Return one expression for functions; asv puts parameters in brackets, and all of them are run."""
    functions = dict.fromkeys(re.escape(name.partition("(")[0]) for name in names)
    return ["--bench", f"^({'|'.join(functions)})($|[(])"]


def _cargo(names: Sequence[str], invocation: Invocation) -> list[str]:
    """Return one expression for Criterion, whose names have levels, and exact names for libtest and Divan."""
    if any(_CRITERION_NAME in name for name in names):
        return _regex(names, invocation)
    return ["--exact", *names]


def _plain(names: Sequence[str], _invocation: Invocation) -> list[str]:
    return list(names)


STYLES: dict[str, Callable[[Sequence[str], Invocation], list[str]]] = {
    "pytest": _pytest,
    "go": _go,
    "google": _google,
    "cargo": _cargo,
    "asv": _asv,
    "vitest": _vitest,
    "regex": _regex,
    "plain": _plain,
}


def style_of(command: str) -> str:
    """Return the style in which a command's runner takes a selection, `plain` where the runner is not known."""
    words = set(re.split(r"[\s\"'=/]+", command))
    if {"pytest", "py.test"} & words:
        return "pytest"
    if {"go", "test"} <= words and re.search(r"\bgo\s+test\b", command):
        return "go"
    if "cargo" in words:
        return "cargo"
    if "vitest" in words:
        return "vitest"
    if re.search(r"\basv\s(?:.*\s)?run\s", command):
        return "asv"
    return "google" if "--benchmark_out" in command or "--benchmark_format" in command else "plain"


_PYTHON_PROGRAM = re.compile(r"(?:.*/)?((python|pypy)[\d.]*|pytest|py\.test)")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_OWN_PATH = re.compile(r"PYTHONPATH=(?!.*\$\{?PYTHONPATH\b)", re.DOTALL)  # the folder of our sitecustomize is not in it
_BARE_START = re.compile(r"-[a-zA-Z]*[EIS]")  # Python without its variables or without sitecustomize


def draws_layout(words: Sequence[str]) -> bool:
    """Whether a command is a Python program that reads the variables of Python and imports sitecustomize.

    Where another program starts it, or a shell does more, that is not known.
    """
    if len(words) == 1:
        if re.search(r"[;&|()`\n]", words[0]):
            return False
        try:
            words = shlex.split(words[0])
        except ValueError:
            return False
        assigned = list(itertools.takewhile(_ASSIGNMENT.match, words))
        if any(map(_OWN_PATH.match, assigned)):
            return False
        words = words[len(assigned) :]
    program = _PYTHON_PROGRAM.fullmatch(words[0]) if words else None
    return program is not None and not (program[2] and _starts_bare(words[1:]))


def _starts_bare(words: Sequence[str]) -> bool:
    """Whether the options of Python at the start of `words` leave out its variables or sitecustomize."""
    rest = iter(words)
    for word in rest:
        if word in {"-X", "-W"}:
            next(rest, None)  # what is set
        elif not word.startswith("-") or word in {"-m", "-c"}:
            return False
        elif _BARE_START.match(word):
            return True
    return False


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

        `write_list` writes a long selection into a file, one name a line, and returns its path. One that is too long
        for a command is left out, so that all benchmarks run.
        """
        chosen = STYLES[self.style](selection, Invocation(self.words, folder, write_list)) if selection else []
        argv = self._filled(out, chosen)
        sizes = [len(os.fsencode(word)) for word in argv]
        return self._filled(out, []) if max(sizes) > LONGEST_VALUE or sum(sizes) > _MOST_ARGUMENTS else argv

    def _filled(self, out: Path, chosen: list[str]) -> list[str]:
        """Return the words with `{out}` and `{select}` filled in."""
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
