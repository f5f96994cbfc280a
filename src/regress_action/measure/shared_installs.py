"""Find Python environments through which the base would run the code of another tree.

An editable install, or a plain install made from a checkout, points at one tree. Both sides then import the same code,
and every comparison says "unchanged". Two observations together prove it: the interpreter of the command has such an
install, and the base's first run opened a file of it. An install that the run does not use, because the side's own tree
comes first on the path, is no fault.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import shlex
import shutil
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

from regress_action.measure.errors import MeasureUsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from regress_action.measure.suite_command import SuiteCommand

_PYTHON = re.compile(r"python(\d(\.\d+)?)?")
_INTERPRETER = re.compile(rb"(?:^#!|^'''exec' )\s*\"?(/[^\s\"']*python[\d.]*)", re.MULTILINE)
_PREAMBLE = 512
_MAX_INTERPRETERS = 3
_MAX_FOLDERS = 2000
_NOT_CODE = {"node_modules", "__pypackages__", "site-packages"}
_CODE = (".py", ".pyc", ".so", ".pyd", ".dylib")
_OPEN, _CREATE, _IS_FOLDER = 0x20, 0x100, 0x40000000  # <sys/inotify.h>
_EVENT = struct.Struct("iIII")
_ANSWER = "shared-installs "
# Runs in the suite's interpreter: what is on its path, and which distributions were installed from a folder.
_PROBE = f"""
import glob, json, os, sys
installs = []
for place in filter(None, sys.path):
    for file in glob.glob(os.path.join(glob.escape(place), "*.dist-info", "direct_url.json")):
        try:
            with open(file) as lines:
                described = json.load(lines)
            editable = bool(described.get("dir_info", {{}}).get("editable"))
            record = os.path.join(os.path.dirname(file), "RECORD")
            with open(record) as lines:
                names = sorted({{line.partition("/")[0] for line in lines if "/" in line and not line.startswith(".")}})
            installs.append([os.path.basename(os.path.dirname(file)), described.get("url", ""), editable, place, names])
        except (OSError, ValueError, AttributeError):
            pass
print({_ANSWER!r} + json.dumps([sys.prefix, [place for place in sys.path if place], installs]))
"""


@dataclass(frozen=True, slots=True)
class SharedInstall:
    """Something on an interpreter's path that belongs to another tree; its code is below `folders`."""

    interpreter: str
    package: str
    origin: Path
    folders: tuple[Path, ...]


def find_shared_installs(
    command: SuiteCommand,
    folder: Path,
    variables: Mapping[str, str],
    others: Sequence[Path],
    run: Callable[[list[str]], str],
) -> list[SharedInstall]:
    """Return what the command's interpreters have from one of the trees `others`.

    The command runs in `folder`. `run` runs an argument vector there as the suite would, and returns its output.
    """
    installs: list[SharedInstall] = []
    for interpreter in _interpreters(command, folder, variables):
        answers = [line for line in run([interpreter, "-c", _PROBE]).splitlines() if line.startswith(_ANSWER)]
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            if answers:
                installs += _from_answer(interpreter, json.loads(answers[-1].removeprefix(_ANSWER)), others)
    return installs


def _interpreters(command: SuiteCommand, folder: Path, variables: Mapping[str, str]) -> list[str]:
    """Return the Python interpreters that the words of a command name, themselves or as a script's first line."""
    interpreters: dict[str, None] = {}
    for line in command.words:
        try:
            words = shlex.split(line)
        except ValueError:
            continue
        for word in words:
            path = str(folder / word) if "/" in word else shutil.which(word, path=variables.get("PATH"))
            if path is None or not os.access(path, os.X_OK) or Path(path).is_dir():
                continue
            if _PYTHON.fullmatch(Path(path).name):
                interpreters[path] = None
            elif match := _INTERPRETER.search(_beginning(path)):
                interpreters[os.fsdecode(match[1])] = None
    return list(interpreters)[:_MAX_INTERPRETERS]


def _beginning(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(_PREAMBLE)
    except OSError:
        return b""


def _from_answer(interpreter: str, answer: object, others: Sequence[Path]) -> Iterator[SharedInstall]:
    """Yield what the probe found in other trees: distributions installed from a folder, then folders on the path."""
    if not isinstance(answer, list):
        raise TypeError
    prefix, places, installs = answer
    for distribution, url, editable, site, names in installs:
        origin = Path(unquote(urlsplit(str(url)).path))
        if str(url).startswith("file:") and _is_within(origin, others):
            package = str(distribution).partition("-")[0]
            folders = (origin,) if editable else tuple(Path(site) / name for name in names)
            yield SharedInstall(interpreter, package, origin, folders)
    for place in map(Path, places):
        if _is_within(place, others) and not place.is_relative_to(prefix):
            yield SharedInstall(interpreter, place.name, place, (place,))


def _is_within(path: Path, trees: Sequence[Path]) -> bool:
    return any(path.resolve().is_relative_to(tree.resolve()) for tree in trees)


class OpenedFiles:
    """Notes the code files below some folders that any process opens while the block lasts; Linux only."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.paths: set[Path] = set()
        self._folders = folders
        self._watched: dict[int, Path] = {}
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Begin to watch."""
        if sys.platform == "linux":
            libc = ctypes.CDLL(None, use_errno=True)
            self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            for folder in _code_folders(self._folders):
                watch = libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _OPEN | _CREATE)
                if watch >= 0:
                    self._watched[watch] = folder
        return self

    def __exit__(self, *_: object) -> None:
        """Read what was noted."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._descriptor, 65536):
                self._add(data)
        os.close(self._descriptor)

    def _add(self, data: bytes) -> None:
        while data:
            watch, mask, _, length = _EVENT.unpack_from(data)
            name = os.fsdecode(data[_EVENT.size : _EVENT.size + length].rstrip(b"\0"))
            data = data[_EVENT.size + length :]
            created = mask & _CREATE and name == "__pycache__"
            if watch in self._watched and (created or (not mask & _IS_FOLDER and name.endswith(_CODE))):
                self.paths.add(self._watched[watch] / name)


def _code_folders(folders: Sequence[Path]) -> list[Path]:
    """Return the folders and those below them, without hidden ones, environments and installed packages."""
    result: list[Path] = []
    for top in folders:
        for path, below, files in os.walk(top):
            if "pyvenv.cfg" in files or len(result) >= _MAX_FOLDERS:
                below.clear()
                continue
            below[:] = [name for name in below if not name.startswith(".") and name not in _NOT_CODE]
            result.append(Path(path))
    return result


def refuse_shared(install: SharedInstall, opened: Path) -> MeasureUsageError:
    """Return the error for a base that ran the code of another tree."""
    return MeasureUsageError(
        f"The base ran code that is not its own: it opened {opened}.",
        meaning=f"{install.package} in the environment of {install.interpreter} comes from {install.origin}, "
        "so both sides would run the same code.",
        remedy="Let the setup make an environment in each tree, and use that one in the command. For example: "
        "--setup 'python -m venv .venv && .venv/bin/pip install -e .' -- .venv/bin/python -m pytest …",
    )
