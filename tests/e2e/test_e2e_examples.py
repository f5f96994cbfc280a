"""The workflows in examples/ do what they say, as they are; GitHub's own actions are stood in for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.e2e_repository import ROOT

if TYPE_CHECKING:
    from e2e.e2e_repository import UserRepository

pytestmark = pytest.mark.timeout(900)
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "widgets"
version = "1"
[tool.pytest.ini_options]
addopts = "--benchmark-max-time=0.1"
"""
PROGRAM = "def total(numbers):\n    return sum(numbers)\n"
SLOWER = "def total(numbers):\n    return sum(sorted(numbers, key=str))\n"
BENCHMARKS = """
import pytest
from widgets import total

@pytest.mark.parametrize("size", [1000, 2000, 3000, 4000])
def test_total(benchmark, size):
    benchmark(total, list(range(size)))
"""
RUN = """#!/usr/bin/env python3
import json, random, sys
times = [random.gauss(0.1, 0.001) for _ in range(10)]
json.dump({"results": [{"command": "run", "mean": 0.1, "median": 0.1, "times": times}]}, open(sys.argv[2], "w"))
"""


def example(name: str) -> str:
    """Return an example as it is."""
    return (ROOT / "examples/workflows" / f"{name}.yml").read_text()


@pytest.fixture
def project(repository: UserRepository) -> UserRepository:
    """A small Python package with a suite for pytest-benchmark, and a branch that is slower."""
    files = {"pyproject.toml": PROJECT, "src/widgets/__init__.py": PROGRAM, "benchmarks/test_total.py": BENCHMARKS}
    repository.commit("A package", files | {"regress.yml": "runs: 5\n"})
    repository.push()
    repository.commit("Sum in order", {"src/widgets/__init__.py": SLOWER})
    return repository


def test_python_pytest(project: UserRepository) -> None:
    """Each side is installed into an environment of its own, and the slowdown is found."""
    ran = project.pull_event(example("python-pytest"))
    assert ran.status == 1, ran.log
    [check] = project.github.data.check_runs
    assert check.conclusion == "failure"
    assert {annotation["path"] for annotation in check.annotations} == {"benchmarks/test_total.py"}


def test_matrix_shards(project: UserRepository) -> None:
    """Four legs measure a quarter of the suite each; the fifth job alone speaks, about all of it."""
    ran = project.pull_event(example("matrix-shards"))
    assert ran.status == 1, ran.log
    assert sorted(path.name for path in (project.kept / "artifacts").iterdir()) == [
        f"regress-shard-{number}" for number in (1, 2, 3, 4)
    ]
    [check] = project.github.data.check_runs
    assert check.conclusion == "failure"
    assert len(check.annotations) == 4


def test_results_only(repository: UserRepository) -> None:
    """Files of an earlier step are judged against history, which pushes to main wrote."""
    repository.commit("A suite", {"benchmarks/run": RUN})
    repository.git("update-index", "--chmod=+x", "benchmarks/run")
    (repository.clone / "benchmarks/run").chmod(0o755)
    text = example("results-only")
    for number in range(3):
        repository.commit(f"Change {number}", {"notes.txt": f"{number}\n"})
        ran = repository.push_event(text)
        assert ran.status == 0, ran.log
    assert len(repository.history()) == 3
