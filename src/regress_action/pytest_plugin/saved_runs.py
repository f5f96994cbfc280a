"""The runs that `--benchmark-save` and `--benchmark-autosave` keep in a folder, in the form of pytest-benchmark.

Also here: the expressions of `--benchmark-compare-fail`, which compare a benchmark with one of them.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regress_action.measure.errors import MeasureError
from regress_action.measure.git import GitFolder
from regress_action.model.errors import InputError
from regress_action.model.files import read_bounded, write_new

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULT_STORAGE = "file://./.benchmarks"
_NUMBERED = re.compile(r"([0-9]{4,})_.*\.json")
_FORBIDDEN = r"/:*?<>|" + "\\"
_LARGEST = 256_000_000
_EXPRESSION = re.compile(
    r"(min|max|mean|median|stddev|iqr):(?:([0-9]+(?:\.[0-9]+)?)%|([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?))"
)


@dataclass(frozen=True, slots=True)
class SavedRuns:
    """The folder of the runs: one subfolder for each kind of machine and Python, files numbered in it.

    `warn` is told of every file that cannot be read.
    """

    folder: Path
    warn: Callable[[str], None]

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def location(self) -> str:
        """The folder, as messages name it."""
        return str(self.folder)

    def save(self, content: Mapping[str, Any], name: str) -> Path:
        """Write a run under the next number, and return its path.

        Raises:
            OSError: the folder cannot be written.
        """
        home = self.folder / machine_id()
        numbers = [int(match[1]) for path in home.glob("*.json") if (match := _NUMBERED.fullmatch(path.name))]
        number = max(numbers, default=0) + 1
        data = json.dumps(content, indent=4, default=str).encode()
        while not write_new(path := home / f"{number:04}_{name}.json", data):
            number += 1
        return path

    def load(self, selector: str | None) -> list[tuple[Path, dict[str, Any]]]:
        """Return the runs that `selector` names, oldest first; the last one where it is None.

        A selector is a file, the beginning of a name (`0001`), or both parts of a path (`Linux-*/0001`).

        Raises:
            InputError: the selector has more parts.
        """
        if selector is None:
            return self._read(self._paths("[0-9][0-9][0-9][0-9]"))[-1:]
        return self._read([Path(selector)] if Path(selector).is_file() else self._paths(selector))

    def _paths(self, selector: str) -> list[Path]:
        parts = Path(selector).parts
        if len(parts) > 2:  # noqa: PLR2004 - a folder and a file
            raise InputError(
                f"{selector!r} is neither a file nor the name of a saved run.",
                remedy="Write the beginning of its name, like 0001, or FOLDER/NAME.",
            )
        home, name = parts if len(parts) == 2 else (machine_id(), selector)  # noqa: PLR2004 - likewise
        pattern = name.rstrip("*") + "*.json"
        return sorted([*self.folder.glob(f"{home}/{pattern}"), *self.folder.glob(pattern)], key=lambda path: path.name)

    def _read(self, paths: list[Path]) -> list[tuple[Path, dict[str, Any]]]:
        read = []
        for path in paths:
            try:
                content = json.loads(read_bounded(path, _LARGEST))
            except (InputError, ValueError) as error:
                self.warn(f"Failed to load {path}: {error}")
                continue
            if not (isinstance(content, dict) and isinstance(content.get("benchmarks"), list)):
                self.warn(f"Failed to load {path}: it holds no list of benchmarks")
                continue
            read.append((path.relative_to(self.folder) if path.is_relative_to(self.folder) else path, content))
        return read


def machine_id() -> str:
    """Return the name of the subfolder: system, Python and its word size."""
    bits = "64bit" if sys.maxsize > 2**32 else "32bit"
    version = ".".join(platform.python_version_tuple()[:2])
    return f"{platform.system()}-{platform.python_implementation()}-{version}-{bits}"


def commit_info(root: Path) -> dict[str, Any]:
    """Return what pytest-benchmark writes of the commit that is checked out at `root`."""
    info: dict[str, Any] = {
        "id": "unversioned",
        "time": None,
        "author_time": None,
        "dirty": False,
        "project": root.resolve().name,
        "branch": "(unknown)",
    }
    try:
        git = GitFolder(root)
        commit = git.query("rev-parse", "HEAD")
        if not commit:
            return info
        times = (git.query("show", "-s", "--format=%cI %aI", "HEAD") or "").split()
        info |= {"id": commit, "dirty": bool(git.query("status", "--porcelain", "--untracked-files=no"))}
        info["branch"] = git.query("symbolic-ref", "--short", "HEAD") or "(detached head)"
        if len(times) == 2:  # noqa: PLR2004 - of the committer and of the author
            info["time"], info["author_time"] = times
        if remote := git.query("config", "--get", "remote.origin.url"):
            info["project"] = re.split(r"[/:\\]", remote.removesuffix("/").removesuffix(".git"))[-1]
    except MeasureError:
        pass
    return info


def automatic_name(root: Path) -> str:
    """Return the name of a run that `--benchmark-autosave` keeps: the commit and the time."""
    info, time = commit_info(root), datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    return f"{info['id']}_{time}{'_uncommitted-changes' if info['dirty'] else ''}"


@dataclass(frozen=True, slots=True)
class RegressionCheck:
    """By how much a statistic may exceed that of a saved run: `limit` in percent, or in seconds."""

    field: str
    limit: float
    in_percent: bool

    def failure(self, now: Mapping[str, Any], saved: Mapping[str, Any]) -> str | None:
        """Return how the benchmark exceeds the limit, None where it does not."""
        before, after = float(saved[self.field]), float(now[self.field])
        excess = after - before
        if self.in_percent:
            excess = 100 * excess / before if before else float("inf")
        if excess <= self.limit:
            return None
        kind = "PercentageRegressionCheck" if self.in_percent else "DifferenceRegressionCheck"
        return f"Field '{self.field}' has failed {kind}: {excess:.9f} > {self.limit:.9f}"


def regression_check(text: str) -> RegressionCheck:
    """Return what `min:5%` or `mean:0.001` says.

    Raises:
        argparse.ArgumentTypeError: it says nothing.
    """
    if not (read := _EXPRESSION.fullmatch(text)):
        raise argparse.ArgumentTypeError(f"Could not parse value: {text!r}. Write it like min:5% or mean:0.001")
    return RegressionCheck(read[1], float(read[2] or read[3]), in_percent=read[2] is not None)


def run_name(text: str) -> str:
    """Return the name of a run to save.

    Raises:
        argparse.ArgumentTypeError: it cannot be the name of a file.
    """
    if not text:
        raise argparse.ArgumentTypeError("Can't be empty.")
    if wrong := "".join(character for character in _FORBIDDEN if character in text):
        raise argparse.ArgumentTypeError(f"Must not contain any of these characters: {_FORBIDDEN} (it has {wrong!r})")
    return text


def storage_folder(text: str) -> str:
    """Return the folder that `file://FOLDER` or a plain path names.

    Raises:
        argparse.ArgumentTypeError: it is the address of a server.
    """
    if text.startswith("elasticsearch"):
        raise argparse.ArgumentTypeError(f"{text!r} is a server; without pytest-benchmark runs are kept in folders")
    return text.removeprefix("file://")
