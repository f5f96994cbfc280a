"""C and C++ projects that autoconf configures: programs that are called like a benchmark, and first benchmarks.

A first benchmark is the start of a program that the project installs, else its tests as a whole.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action.scaffold.repository import Project, entering, shell_word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

    from regress_action.scaffold.repository import Repository

_PROGRAMS = re.compile(r"^[ \t]*(\w+)_PROGRAMS[ \t]*\+?=((?:\\\n|[^\n#])*)", re.MULTILINE)
_NAME = re.compile(r"[\w.+-]+")
_BENCHMARK = re.compile(r"bench|perf(?![a-z])", re.IGNORECASE)
_LIBTOOL = re.compile(r"^\s*(?:LT_INIT|AC_PROG_LIBTOOL|AM_PROG_LIBTOOL)\b", re.MULTILINE)
_TESTS = re.compile(r"^[ \t]*(?:TESTS|check_PROGRAMS)[ \t]*\+?=", re.MULTILINE)
_MOST_PROGRAMS = 2


def autotools(repository: Repository) -> list[Project]:
    """Return the ways to measure a project with a configure.ac at the root, or in a folder of the root."""
    scripts = sorted(repository.matching(r"(?:[^/]+/)?configure\.(?:ac|in)"), key=lambda path: (len(path.parts), path))
    if not scripts:
        return []
    folder = scripts[0].parent
    makefiles = [path for path in repository.matching(r"(?:.*/)?Makefile\.am") if path.is_relative_to(folder)]
    made = Project(
        kind="autotools",
        why=f"{scripts[0]} was found",
        setup=f"{entering(folder)}{_configured(repository, scripts[0])} && make -j4",
        command="",
        toolchain=()
        if repository.exists(str(folder / "configure"))
        else ("- run: sudo apt-get install --yes autoconf automake libtool",),
        place=str(folder),
    )
    benchmarks = [
        replace(
            made,
            why=f"{path} builds {name}",
            setup=f"{made.setup} && make -C {shell_word(path.parent.relative_to(folder))} {shell_word(name)}",
            command=f"{entering(folder)}{_program(path, name, folder)} | tee {{out}}",
            sources=(("command", f"the program {name} of {path}"),),
        )
        for path in makefiles
        for _, name in _programs(repository, path)
        if _BENCHMARK.search(name)
    ]
    return [*benchmarks[:_MOST_PROGRAMS], *_first(repository, made, makefiles, folder)]


def _first(
    repository: Repository, made: Project, makefiles: list[PurePosixPath], folder: PurePosixPath
) -> Iterator[Project]:
    """Yield first benchmarks; what a person has to do where there is neither a program nor a test."""
    installed = [
        (path, name) for path in makefiles for kind, name in _programs(repository, path) if kind in ("bin", "sbin")
    ]
    for path, name in installed[:1]:
        yield replace(
            made,
            why=f"{made.why}, but no benchmark, so the start of {name} is measured as a first one",
            command=f"{entering(folder)}{_program(path, name, folder)} --help",
            sources=(("command", f"the program {name} of {path}"),),
            first=True,
        )
    if any(_TESTS.search(repository.text(path)) for path in makefiles):
        yield replace(
            made,
            why=f"{made.why}, but no benchmark, so its tests are timed as a first one",
            setup=f"{made.setup} && make check TESTS=",  # builds what the tests run
            command=f"{entering(folder)}make check",
            sources=(("command", "the tests of Makefile.am"),),
            first=True,
        )
    elif not installed:
        yield replace(
            made,
            why=f"{made.why}, but no benchmark, no program and no tests",
            missing="Write a benchmark, or name a command in regress.yml that does something worth measuring.",
        )


def _configured(repository: Repository, script: PurePosixPath) -> str:
    """Return the commands that make and run `configure`; a program with a shared library would be a script."""
    folder = script.parent
    made = ""
    if not repository.exists(str(folder / "configure")):
        own = repository.exists(str(folder / "autogen.sh"))
        made = "NOCONFIGURE=1 sh ./autogen.sh && " if own else "autoreconf --force --install && "
    static = " --disable-shared" if _LIBTOOL.search(repository.text(script)) else ""
    return f"{made}./configure{static}"


def _programs(repository: Repository, makefile: PurePosixPath) -> Iterator[tuple[str, str]]:
    """Yield what a Makefile.am builds: what becomes of it (`bin`, `check`, `noinst`, `EXTRA`), and the program."""
    for kind, names in _PROGRAMS.findall(repository.text(makefile)):
        for name in names.replace("\\\n", " ").split():
            if _NAME.fullmatch(name):
                yield kind, name


def _program(makefile: PurePosixPath, name: str, folder: PurePosixPath) -> str:
    return shell_word(f"./{posixpath.normpath(str(makefile.parent.relative_to(folder) / name))}")
