"""A real git repository, and the measurer as a real process."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCES = Path(__file__).parents[3] / "src"
_IDENTITY = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "protocol.file.allow=always"]
# Nothing of the machine that runs the tests: no runner, no git configuration.
VARIABLES = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ} | {
    "PYTHONPATH": str(SOURCES),
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "protocol.file.allow",
    "GIT_CONFIG_VALUE_0": "always",
}


def python(code: str, *arguments: str) -> str:
    """Return the shell line that runs a piece of Python quickly."""
    return shlex.join([sys.executable, "-I", "-S", "-c", code, *arguments])


@dataclass(frozen=True)
class Repository:
    """A git repository in a temporary folder."""

    folder: Path

    def git(self, *words: str) -> str:
        """Run git in it and return what it printed."""
        measured = subprocess.run(
            ["git", *_IDENTITY, *words], cwd=self.folder, check=True, capture_output=True, text=True, env=VARIABLES
        )
        return measured.stdout.strip()

    def commit(self, **files: str) -> str:
        """Write files (`__` stands for a slash, `_dot_` for a dot) and commit them; return the commit's id."""
        for name, content in files.items():
            path = self.folder / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "next")
        return self.git("rev-parse", "HEAD")

    @property
    def worktrees(self) -> int:
        """How many worktrees git knows of, its own included."""
        return len(self.git("worktree", "list").splitlines())


@dataclass(frozen=True)
class Measured:
    """How a measurement ended and what it left."""

    status: int
    stdout: str
    stderr: str
    out: Path

    @property
    def document(self) -> dict[str, Any]:
        """The measurement.json."""
        document: dict[str, Any] = json.loads((self.out / "measurement.json").read_text())
        return document

    @property
    def runs(self) -> list[dict[str, Any]]:
        """Its runs."""
        runs: list[dict[str, Any]] = self.document["runs"]
        return runs

    def failures(self, side: str = "head") -> list[str | None]:
        """Why the runs of a side failed."""
        return [run["failure"] for run in self.runs if run["side"] == side]

    def results(self, side: str = "head") -> list[str]:
        """What the result files of a side hold."""
        return [(self.out / run["result"]).read_text() for run in self.runs if run["side"] == side]


@dataclass(frozen=True)
class Measurer:
    """Starts the measurer in a folder."""

    folder: Path
    out: Path

    def argv(self, *words: str) -> list[str]:
        """Return its command line."""
        return [sys.executable, "-m", "regress_action.measure", "--out", str(self.out), *words]

    def start(self, *words: str, wrapper: Sequence[str] = (), **variables: str) -> subprocess.Popen[str]:
        """Start it, below another program if one is given, and return at once."""
        return subprocess.Popen(
            [*wrapper, *self.argv(*words)],
            cwd=self.folder,
            env=VARIABLES | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, **variables: str) -> Measured:
        """Run it to its end."""
        process = self.start(*words, **variables)
        stdout, stderr = process.communicate(timeout=60)
        return Measured(process.returncode, stdout, stderr, self.out)
