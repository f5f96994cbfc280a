"""A project in a folder of its own, on which pytest runs as its users start it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT_PEERS = ("-p", "no:benchmark")


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with tests."""

    folder: Path

    def write(self, name: str, content: str) -> None:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content), encoding="utf-8")

    def pytest(self, *arguments: str, peers: bool = False) -> subprocess.CompletedProcess[str]:
        """Run pytest here, without pytest-benchmark unless `peers`."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        command = [sys.executable, "-m", "pytest", *(() if peers else WITHOUT_PEERS), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=300, check=False
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give an empty project whose rounds are short."""
    project = Project(tmp_path)
    project.write(
        "pytest.ini",
        """
        [pytest]
        addopts = --benchmark-max-time=0.01 --benchmark-min-rounds=3 --strict-markers
            -p no:cacheprovider -p no:hypothesispytest
        filterwarnings = error
        """,
    )
    return project
