"""Recognise what kind of project a folder holds, and how its performance suite is run."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NEW_VITEST = 5  # which has no --outputJson any more


@dataclass(frozen=True, slots=True)
class Project:
    """One kind of project: why it was recognised, and the commands that prepare and measure it."""

    kind: str
    why: str
    command: str
    setup: str = ""
    results: str = ""
    carry: str = ""
    toolchain: tuple[str, ...] = ()


def recognise(root: Path) -> Project:
    """Return the first kind whose marks are found under `root`; a plain command fits everything."""
    for kind in (_pytest, _cargo, _go, _node, _cmake):
        if project := kind(root):
            return project
    return Project(
        kind="command",
        why="no known build file was found, so whole runs of a command are timed",
        command="./your-program --with its-arguments",
    )


def _first_folder(root: Path, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if (root / name).is_dir()), None)


def _pytest(root: Path) -> Project | None:
    mark = next(
        (name for name in ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt") if (root / name).exists()),
        None,
    )
    if mark is None:
        return None
    folder = (
        _first_folder(root, ("benchmarks", "benchmark", "perf", "tests/benchmarks", "tests/perf", "bench"))
        or "benchmarks"
    )
    install = "-e ." if mark != "requirements.txt" else "-r requirements.txt"
    project = Project(
        kind="pytest",
        why=f"{mark} was found",
        setup=f"python -m venv .venv && .venv/bin/pip install {install} pytest pytest-benchmark",
        command=f".venv/bin/python -m pytest {folder} --benchmark-only --benchmark-json={{out}}",
        carry=folder,
        toolchain=("- uses: actions/setup-python@v6", "  with: {python-version: '3.13'}"),
    )
    if (root / "asv.conf.json").exists():
        return replace(
            project,
            kind="asv",
            why="asv.conf.json was found",
            setup=f"python -m venv .venv && .venv/bin/pip install {install} asv",
            command=".venv/bin/python -m asv run -E existing:.venv/bin/python --record-samples "
            "--set-commit-hash $(git rev-parse HEAD)",
            results=".asv/results",
        )
    return project


def _cargo(root: Path) -> Project | None:
    if not (root / "Cargo.toml").exists():
        return None
    return Project(
        kind="cargo",
        why="Cargo.toml was found",
        setup="cargo bench --no-run",
        command="cargo bench --benches -- --output-format bencher | tee {out}",
        carry="benches" if (root / "benches").is_dir() else "",
        toolchain=("- run: rustup toolchain install stable --profile minimal",),
    )


def _go(root: Path) -> Project | None:
    if not (root / "go.mod").exists():
        return None
    return Project(
        kind="go",
        why="go.mod was found",
        setup="go mod download",
        command="go test -run '^$' -bench . -benchmem ./... | tee {out}",
        toolchain=("- uses: actions/setup-go@v6", "  with: {go-version-file: go.mod}"),
    )


def _node(root: Path) -> Project | None:
    if not (root / "package.json").exists():
        return None
    try:
        package = json.loads((root / "package.json").read_text(encoding="utf-8"))
        wanted = {**package.get("dependencies", {}), **package.get("devDependencies", {})}
    except (ValueError, AttributeError, TypeError, OSError):
        wanted = {}
    vitest = "vitest" in wanted
    asked = (
        "--reporter=json --outputFile={out}"
        if _major(str(wanted.get("vitest"))) >= _NEW_VITEST
        else "--outputJson={out}"
    )
    return Project(
        kind="node",
        why="package.json was found" + (" with vitest" if vitest else ""),
        setup="npm ci",
        command=f"npx vitest bench --run {asked}" if vitest else "npm run --silent bench > {out}",
        toolchain=("- uses: actions/setup-node@v6", "  with: {node-version: lts/*}"),
    )


def _major(version: str) -> int:
    """Return the first number of a version range such as `^4.1.0`; 0 where it names none."""
    found = re.search(r"\d+", version)
    return int(found[0]) if found else 0


def _cmake(root: Path) -> Project | None:
    if not (root / "CMakeLists.txt").exists():
        return None
    return Project(
        kind="cmake",
        why="CMakeLists.txt was found",
        setup="cmake -S . -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build --parallel",
        command="./build/benchmarks --benchmark_out={out} --benchmark_out_format=json",
    )
