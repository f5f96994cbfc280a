"""The wheel holds every file that the program reads or runs by its path, and starts from there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "src"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without network."""
    folder = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def start(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Start the program from where the wheel was installed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    """Templates, scripts of the dashboard, the plugin's metadata and what is run by its path are no modules."""
    expected = {
        path.relative_to(SOURCES).as_posix()
        for path in (SOURCES / "regress_action").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        points = next(archive.read(name).decode() for name in held if name.endswith("0.dist-info/entry_points.txt"))

    assert expected - held == set()
    assert {name for name in held - expected if ".dist-info/" not in name} == set()
    assert "regress-action = regress_action.cli:main" in points
    assert "regress-action = regress_action.pytest_plugin.plugin" in points


def test_the_module_starts_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """What runs is the wheel's, not this checkout's."""
    where = start(installed, tmp_path, "-c", "import regress_action; print(regress_action.__file__)")
    assert Path(where.stdout.strip()).is_relative_to(installed)

    done = start(installed, tmp_path, "-m", "regress_action", "--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "regress-action,")


@pytest.mark.timeout(300)
def test_the_program_measures_and_reports_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """The measurer, its starter and its watchdog are run by their paths; pages need the templates."""
    measured = start(
        installed, tmp_path, "-m", "regress_action", "run", "--runs", "1", "--", sys.executable, "-c", "pass"
    )
    assert measured.returncode == 0, measured.stderr

    for number in range(5):
        result = {"command": "x", "mean": 1.0, "median": 1.0, "times": [1.0 + number / 1000] * 3}
        (tmp_path / f"{number}.json").write_text(json.dumps({"results": [result]}))
    files = [f"{number}.json" for number in range(5)]
    words = ["compare", "--baseline", *files, "--head", *files, "--html", "page.html", "--markdown", "page.md"]
    compared = start(installed, tmp_path, "-m", "regress_action", *words)
    assert compared.returncode == 0, compared.stderr

    history = ["--history", "records"]
    start(installed, tmp_path, "-m", "regress_action", "record", ".regress/head.jsonl", *history)
    shown = start(installed, tmp_path, "-m", "regress_action", "dashboard", *history, "--out", "site")
    assert shown.returncode == 0, shown.stderr
    assert (tmp_path / "site/index.html").is_file()
