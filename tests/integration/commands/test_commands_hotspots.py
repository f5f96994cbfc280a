"""`hotspots` on real git repositories: the function and the changed line behind a difference are named."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from integration.measure.measure_repository import VARIABLES

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
import time
from functools import lru_cache


@lru_cache(maxsize=None)
def rate(country):
    until = time.process_time() + 0.03
    while time.process_time() < until:
        pass
    return len(country)


def price(countries):
    return [rate(country) for country in countries]


def main():
    price(["de", "fr", "it"] * 4)


main()
"""


def repository(folder: Path, base: str, head: str) -> None:
    """Commit the program at base and head."""
    git(folder, "init", "--quiet")
    for content in (base, head):
        (folder / "suite.py").write_text(content)
        git(folder, "add", "--all")
        git(folder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--allow-empty", "-m", "x")


def git(folder: Path, *arguments: str) -> None:
    """Run git."""
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def hotspots(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the repository."""
    line = [sys.executable, "-m", "regress_action", "hotspots", *words]
    return subprocess.run(line, cwd=folder, env=VARIABLES, capture_output=True, text=True, check=False, timeout=110)


def test_a_lost_cache_is_named_with_a_flame_graph(tmp_path: Path) -> None:
    """The decorator is gone; its function is first, its line is the culprit, and the calls are counted."""
    repository(tmp_path, PROGRAM, PROGRAM.replace("@lru_cache(maxsize=None)\n", ""))
    command = ("--", sys.executable, "suite.py")
    ended = hotspots(
        tmp_path,
        "--base",
        "HEAD~1",
        "--pairs",
        "2",
        "--timed",
        "1",
        "--json",
        "causes.json",
        "--html",
        "graph.html",
        *command,
    )
    assert ended.returncode == 0, ended.stderr
    (cause,) = causes(tmp_path / "causes.json")
    assert cause["functions"][0]["function"] == "rate"
    assert (cause["functions"][0]["calls_base"], cause["functions"][0]["calls_head"]) == (3, 12)
    assert (cause["culprit"]["path"], cause["culprit"]["line"]) == ("suite.py", 5)
    assert "suite.py:5" in ended.stdout
    assert "rate is called 12 times a run, 3 times before" in " ".join(ended.stdout.split())
    page = (tmp_path / "graph.html").read_text()
    assert "default-src 'none'" in page
    assert "rate" in page
    again = hotspots(tmp_path, "--measurement", ".regress/measurement", "--json", "-")
    assert json.loads(again.stdout)["causes"][0]["culprit"] == cause["culprit"]


def causes(path: Path) -> list[dict[str, Any]]:
    """Return the causes of a file."""
    content = json.loads(path.read_text())
    assert content["schema"] == 1
    listed: list[dict[str, Any]] = content["causes"]
    return listed


def test_the_profiles_of_another_profiler_are_read(tmp_path: Path) -> None:
    """A command of the user writes collapsed stacks, for a suite that is no Python program."""
    repository(tmp_path, "a = 1\n", "a = 2\n")
    (tmp_path / "cost").write_text("20\n")
    profiler = (
        'if [ "$REGRESS_SIDE" = head ]; then cost=90; else cost=30; fi; '
        'echo "main (suite.py:1);work (suite.py:1) $cost" > {profile}/stacks.collapsed'
    )
    ended = hotspots(
        tmp_path,
        "--base",
        "HEAD~1",
        "--pairs",
        "2",
        "--timed",
        "1",
        "--profiler",
        profiler,
        "--json",
        "-",
        "--",
        "true",
    )
    assert ended.returncode == 0, ended.stderr
    (cause,) = json.loads(ended.stdout)["causes"]
    assert (cause["mode"], cause["ratio"]) == ("samples", 3.0)
    assert cause["culprit"]["line"] == 1


KEEPER = """\
import json
import time

KEPT = []


def load(count):
    return [json.loads('{"id": %d, "tags": [1, 2, 3]}' % number) for number in range(count)]


def names(rows):
    return [row["id"] for row in rows]


def main():
    for _ in range(8):
        rows = load(300)
        names(rows)
        time.sleep(0.3)


main()
"""


def test_the_line_that_keeps_memory_is_named(tmp_path: Path) -> None:
    """What one line of the head allocates is kept to the end; it is found though the lines above it moved."""
    kept = KEEPER.replace(
        "        names(rows)\n", "        KEPT.extend(dict(row) for row in rows)\n        names(rows)\n"
    )
    repository(tmp_path, KEEPER, "# a comment above everything\n" + kept)
    words = ("--pairs", "1", "--calls", "1", "--timed", "1", "--memory", "3", "--json", "causes.json")
    ended = hotspots(tmp_path, "--base", "HEAD~1", *words, "--", sys.executable, "suite.py")

    assert ended.returncode == 0, ended.stderr
    (memory,) = json.loads((tmp_path / "causes.json").read_text())["memory"]
    first = memory["sites"][0]
    assert first["text"] == "KEPT.extend(dict(row) for row in rows)"
    assert (first["changed"], first["growing"], memory["pairs"]) == (True, True, 3)
    assert first["bytes"]["low"] > 0
    assert "never released" in " ".join(ended.stdout.split())


def test_a_suite_without_profiles_is_incomplete(tmp_path: Path) -> None:
    """No Python process runs, so nothing is profiled; the message says what to do."""
    repository(tmp_path, "a = 1\n", "a = 2\n")
    ended = hotspots(tmp_path, "--base", "HEAD~1", "--pairs", "1", "--timed", "1", "--", "true")
    assert ended.returncode == 3
    assert "--profiler" in ended.stderr


def test_a_benchmark_needs_a_place_in_the_command(tmp_path: Path) -> None:
    """-k without {select} is a mistake of the call, found before anything runs."""
    repository(tmp_path, "a = 1\n", "a = 2\n")
    ended = hotspots(tmp_path, "--base", "HEAD~1", "-k", "parse", "--", "true")
    assert ended.returncode == 2
    assert "{select}" in ended.stderr
