"""Every command that README and docs show works when it is typed literally, in a small repository."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENTS = (
    ROOT / "README.md",
    *(path for folder in (".", "how-to", "reference") for path in sorted((ROOT / "docs" / folder).glob("*.md"))),
    ROOT / "CONTRIBUTING.md",
)
FENCE = re.compile(r"^```(sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^    ((?:regress-action|uvx|pipx|pip|python|pytest|make|git|gh|bash) .*)$", re.MULTILINE)

ELSEWHERE = {
    "regress-action bisect": "tests/integration/commands searches repositories with a planted step",
    "regress-action hotspots": "tests/integration/commands names the cause of planted slowdowns",
    "regress-action verify-claim": "tests/integration/commands proves a claim, and checks and replays its receipt",
    "make ": "CI runs the targets themselves",
    "pip install": "setting up is what `make` does",
    "gh ": "asks GitHub about a release",
    "regress-action init": "installs from the network; tests/unit/scaffold tests what it writes",
    "regress-action doctor": "measures for a minute; tests/unit/commands tests what it says",
    "regress-action renames": "tests/integration/commands proves renamings in repositories of its own",
    "regress-action run --base main -- python program.py": "the program stands for any other",
    "regress-action resources": "shows the measurement of that program",
    "regress-action load": "tests/integration/examples runs the six commands of the instruments",
    "regress-action profile": "likewise",
    "pytest tests/performance": "likewise",
    "python -m regress_action.": "likewise",
    'eval "$(_REGRESS_ACTION_COMPLETE=zsh': "needs another shell than bash, whose line is run",
    "_REGRESS_ACTION_COMPLETE=fish": "likewise",
}
"""Commands that are run by other tests, by how they begin."""

FIRST = {
    "regress-action explain": "regress-action run --base main -- ./my-program input.txt",
    "regress-action detect": "regress-action run -- pytest benchmarks --benchmark-json={out}",
}
"""What a page has had its reader type before, by how a command begins."""


def commands() -> list[tuple[str, str]]:
    """Return (document, command) for every command of the documents, each once."""
    documents: dict[str, str] = {}
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        lines = [
            line.removeprefix("$ ")
            for language, block in FENCE.findall(text)
            for line in block.replace("\\\n", "").splitlines()
            if language == "sh" or line.startswith("$ ")
        ]
        for line in (*lines, *INDENTED.findall(text)):
            command = re.sub(r"\s+#\s.*$", "", line).strip()
            if command and not command.startswith("#"):
                documents.setdefault(command, document.name)
    return [(name, command) for command, name in documents.items()]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with benchmarks, a program, results of two versions, a history and an origin."""
    folder = tmp_path_factory.mktemp("snippets")
    origin, project = folder / "origin.git", folder / "search"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", origin], check=True)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", project], check=True)
    benchmark = "def test_cache_get(benchmark):\n    benchmark.pedantic(sum, args=([1, 2],), rounds=20)\n"
    write(project / "benchmarks/test_cache.py", benchmark)
    write(project / "my-program", '#!/bin/sh\nexec wc -c "$1"\n').chmod(0o755)
    write(project / "input.txt", "one\n")
    write(project / "keys.csv", "key\n" + "".join(f"{number % 50}\n" for number in range(1000)))
    write(project / "prices.csv", "time,key,hit,ttl,load,value\n" + "".join(f"{n},k,0,1,0.1,v\n" for n in range(20)))
    write(project / "caches.csv", "name,hits,misses,size,entries,expired\nprofile_of,90,10,8,8,0\n")
    write(project / "regress.yml", "runs: 5\nadaptive: false\n")
    for side in ("old", "new"):
        for number in range(5):
            times = [1.0 + 0.01 * number, 1.01, 1.02]
            result = {"command": "sleep 1", "mean": 1.01, "median": 1.01, "times": times}
            write(project / side / f"{number}.json", json.dumps({"results": [result]}))
    git(project, "remote", "add", "origin", str(origin))
    for text in ("two\n", "three\n"):
        write(project / "input.txt", text)
        git(project, "add", "--all")
        git(project, "commit", "--quiet", "--message", text.strip())
    git(project, "push", "--quiet", "origin", "main")
    git(project, "checkout", "--quiet", "-b", "topic")
    git(project, "commit", "--quiet", "--allow-empty", "--message", "a change")
    measured = ["run", "--", "python", "-m", "pytest", "benchmarks", "--benchmark-json={out}"]
    status, printed = program(project, *measured)
    assert status == 0, printed
    for where in ("branch:regress-data", ".regress/history", "../orders/.regress/history"):
        assert program(project, "record", ".regress/head.jsonl", "--history", where)[0] == 0
    return project


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Path:
    """A copy of the project and its origin: no command sees what another one left, in whatever order they run."""
    shutil.copytree(template.parent, tmp_path / "work", symlinks=True)
    project = tmp_path / "work" / template.name
    git(project, "remote", "set-url", "origin", str(tmp_path / "work/origin.git"))
    return project


def write(path: Path, text: str) -> Path:
    """Write a file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def git(folder: Path, *words: str) -> None:
    """Run git as somebody."""
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def environment() -> dict[str, str]:
    """Return an environment in which the program of this checkout is on PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}  # xdist's, for one
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # The suite needs one plugin; loading the others of this environment would take most of the time.
    lean = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p pytest_benchmark.plugin -p no:cacheprovider"}
    return {**kept, **lean, "PATH": path}


def program(folder: Path, *words: str) -> tuple[int, str]:
    """Run regress-action; return its exit code and what it printed."""
    return shell(folder, " ".join(f"'{word}'" for word in ("regress-action", *words)))


def shell(folder: Path, command: str) -> tuple[int, str]:
    """Type a command."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("document", "command"),
    [snippet for snippet in commands() if not snippet[1].startswith(tuple(ELSEWHERE))],
    ids=lambda text: text[:60],
)
def test_a_command_of_the_documents_works(repository: Path, document: str, command: str) -> None:
    """It ends with a verdict or without one, and never with a wrong call, a missing file or a fault of ours."""
    for beginning, before in FIRST.items():
        if command.startswith(beginning):
            assert before in (earlier for _, earlier in commands())
            shell(repository, before)
    status, printed = shell(repository, command)

    assert status in (0, 1), f"{document}: {command}\n{printed}"
    assert "Traceback" not in printed


def test_every_exception_is_still_needed() -> None:
    """A beginning that no document uses any more is removed from the list."""
    shown = [command for _, command in commands()]

    assert [beginning for beginning in ELSEWHERE if not any(command.startswith(beginning) for command in shown)] == []
