"""The files of a repository, as far as `init` looks: names without what is generated or vendored, and bounded text.

* What `init` found: how a project's performance suite is prepared and run, and where each line comes from.
* Targets of a Makefile or a justfile that are called like a benchmark.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from regress_action.model.errors import InputError
from regress_action.model.files import read_optional

if TYPE_CHECKING:
    from collections.abc import Iterator


_SKIPPED = frozenset(
    {
        *("node_modules", "site-packages", "venv", "env", "__pycache__"),
        *("build", "dist", "target", "out"),
        *("vendor", "third_party", "thirdparty", "external", "deps"),
        *("testdata", "fixtures"),
    }
)
_REPLACED = re.compile(r"\$\{\{|\{(?:out|select|select_list)\}")
_DEEPEST = 30
_PLAIN_SCALAR = re.compile(r"[A-Za-z_/.][\w./-]*", re.ASCII)
_OTHER_SCALAR = re.compile(r"(?:true|false|yes|no|on|off|y|n|null)|\.(?:inf|nan)|\.[\d_]+|\.+", re.IGNORECASE)
"""What looks like a word and is none in YAML: a truth value, nothing, or a number."""

_MOST_FILES = 50_000
_LARGEST = 1_000_000
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)


class Repository:
    """A folder with a project in it; nothing of it is executed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def files(self) -> tuple[PurePosixPath, ...]:
        """The paths of the files relative to the root, sorted; hidden, generated and vendored folders are left out."""
        return tuple(sorted(self._walk()))

    def _walk(self) -> Iterator[PurePosixPath]:
        count = 0
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(
                name for name in folders if name not in _SKIPPED and not name.startswith(".") and is_writable(name)
            )
            below = PurePosixPath(Path(folder).relative_to(self.root).as_posix())
            for name in names:
                count += 1
                if count > _MOST_FILES:
                    return
                if is_writable(name):
                    yield below / name
            if len(below.parts) >= _DEEPEST:
                folders.clear()

    def exists(self, path: str) -> bool:
        """Whether there is a file or a folder."""
        return (self.root / path).exists()

    def text(self, path: str | PurePosixPath) -> str:
        """Return the text of a file; empty where there is none, or it is no regular file of at most a megabyte."""
        try:
            return (read_optional(self.root / path, _LARGEST) or b"").decode("utf-8", errors="replace")
        except InputError:
            return ""

    def matching(self, pattern: str) -> tuple[PurePosixPath, ...]:
        """Return the files whose whole path fits a regular expression."""
        compiled = re.compile(pattern)
        return tuple(path for path in self.files if compiled.fullmatch(str(path)))

    def json(self, path: str) -> dict[str, Any]:
        """Return the object in a JSON file that may hold comments, as asv and TypeScript allow; empty without one."""
        text = self.text(path)
        for attempt in (text, _COMMENT.sub(lambda match: match[1] or "", text)):
            try:
                value = json.loads(re.sub(r",(\s*[}\]])", r"\1", attempt))
            except (ValueError, RecursionError):
                continue
            return value if isinstance(value, dict) else {}
        return {}

    def toml(self, path: str) -> dict[str, Any]:
        """Return the content of a TOML file; empty where there is none or it cannot be read."""
        import tomllib

        try:
            return tomllib.loads(self.text(path))
        except (tomllib.TOMLDecodeError, RecursionError):
            return {}


def is_writable(name: str) -> bool:
    """Whether a line of a command or a workflow can hold a name: it shows as it is, and nothing in it is replaced."""
    return name.isprintable() and not _REPLACED.search(name)


def shell_word(path: str | PurePosixPath) -> str:
    """Return a path or a name as one word of a shell's command, which no program takes for an option."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def entering(folder: str | PurePosixPath) -> str:
    """Return the beginning of a command that runs in a folder; empty for the root."""
    return "" if str(folder) == "." else f"cd {shell_word(folder)} && "


def yaml_scalar(text: str) -> str:
    """Return `text` as a YAML scalar that is a text: plain where that is safe, else in quotes, with visible escapes."""
    if _PLAIN_SCALAR.fullmatch(text) and not _OTHER_SCALAR.fullmatch(text):
        return text
    escaped = json.dumps(text, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08X}" for sign in escaped)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One way to measure a project.

    `why` says in one clause what was found. `carry` are the paths of the benchmarks, which the head's version replaces
    on both sides. `toolchain` are steps of a workflow. `sources` says of a field of regress.yml where its value comes
    from. `place` is the folder that the suite is about. `threshold` is a ratio at which another tool alarmed,
    `service_thresholds` are those of single services, `fails` says that it failed the job then. `first` marks a first
    benchmark for a project that has none. `missing` is a sentence about what a person has to add before anything
    can be measured; None where nothing is missing.
    """

    kind: str
    why: str
    command: str
    setup: str = ""
    results: str = ""
    carry: tuple[str, ...] = ()
    toolchain: tuple[str, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    place: str = "."
    first: bool = False
    threshold: float | None = None
    service_thresholds: tuple[tuple[str, float], ...] = ()
    fails: bool = False
    missing: str | None = None


_TARGET = re.compile(r"^(bench|benchmark|benchmarks|perf)\s*:(?!=)[^\n]*\n?((?:[ \t][^\n]*\n?)*)", re.MULTILINE)
_MANIFESTS = ("CMakeLists.txt", "meson.build", "pyproject.toml", "setup.py", "package.json", "Cargo.toml", "go.mod")
_TESTS = re.compile(r"^(check|test)\s*:(?!=)[^\n]*\n((?:\t[^\n]*\n?)*)", re.MULTILINE)
_FILES = (("Makefile", "make"), ("GNUmakefile", "make"), ("makefile", "make"), ("justfile", "just"))


def tasks(repository: Repository) -> list[Project]:
    """Return the way to run a benchmark target; what it prints is read where its format is a known one.

    The tests are timed as a first benchmark where a Makefile is all that builds a program in C or C++.
    """
    for file, program in _FILES:
        text = repository.text(file)
        match = _TARGET.search(text)
        if match is None:
            continue
        is_built = re.search(r"^all\s*:(?!=)", text, re.MULTILINE) and not repository.exists("go.mod")
        setup = f"{program} all" if is_built and program == "make" else ""
        command = f"{program} {match[1]}"
        if program == "make" and _compiles(match[1], match[2]):
            setup, command = f"{setup} && {command}".removeprefix(" && "), f"./{match[1]}"
        return [
            Project(
                kind=program,
                why=f"{file} has the target {match[1]}",
                setup=setup,
                command=f"{command} | tee {{out}}",
                sources=(("command", f"the target {match[1]} of {file}"),),
            )
        ]
    return _tests_of_makefile(repository)


def _compiles(target: str, recipe: str) -> bool:
    """Whether a rule only makes a program of its own name, which is then to be run."""
    made = re.search(rf"\s-o\s*(?:\$@|\$\(@\)|{target})(?=\s|$)", recipe, re.MULTILINE)
    return made is not None and not re.search(rf"(?<!\S)(?:\./)?(?:\$@|{target})(?=\s|$)", recipe.replace(made[0], ""))


def _tests_of_makefile(repository: Repository) -> list[Project]:
    file = next((name for name, program in _FILES if program == "make" and repository.exists(name)), None)
    if file is None or not repository.matching(r".*\.(?:c|cc|cpp|cxx)") or any(map(repository.exists, _MANIFESTS)):
        return []
    text = repository.text(file)
    phony = " ".join(re.findall(r"^\.PHONY\s*:(.*)", text, re.MULTILINE)).split()
    match = _TESTS.search(text)
    if match is None or not (match[1] in phony or "./" in match[2]):  # a file of that name is built only once
        return [
            Project(
                kind="make",
                why=f"{file} was found, but no target `bench` or `test`",
                command="",
                missing="Name a command in regress.yml that does something worth measuring, such as `./program FILE`.",
            )
        ]
    return [
        Project(
            kind="make",
            why=f"{file} was found, but no target `bench`, so its tests are timed as a first one",
            setup=f"make && make {match[1]}",
            command=f"make {match[1]}",
            sources=(("command", f"the target {match[1]} of {file}"),),
            first=True,
        )
    ]
