"""Removed on purpose, skipped, failed and missing are four things, and each output tells them apart."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("kept", "removed", "skipped", "failed", "missing")


def write(folder: Path, name: str, **marks: dict[str, object]) -> None:
    """Write a file of Google Benchmark with a benchmark for each name; marks are added to its entry."""
    entries = [
        {"name": each, "run_type": "iteration", "iterations": 10, "real_time": 100.0, "time_unit": "ms", **more}
        for each, more in marks.items()
    ]
    (folder / name).write_text(json.dumps({"context": {"library_version": "v1.9.0"}, "benchmarks": entries}))


@pytest.fixture
def outputs(tmp_path: Path) -> dict[str, str]:
    """Return what `compare` writes, by its name; `terminal` is what it prints."""
    for number in range(5):
        write(tmp_path, f"base-{number}.json", **{name: {} for name in NAMES})
        write(
            tmp_path,
            f"head-{number}.json",
            kept={},
            skipped={"skipped": True, "skip_message": "no GPU"},
            failed={"error_occurred": True, "error_message": "out of memory"},
        )
    (tmp_path / "regress-aliases.yml").write_text("removed: [{benchmark: removed, reason: The feature is gone.}]\n")
    files = {"markdown": "m.md", "html": "h.html", "json": "j.json"}
    exports = {"junit": "j.xml", "sarif": "s.json", "code-quality": "q.json", "openmetrics": "o.txt"}
    words = [word for name, file in files.items() for word in (f"--{name}", file)]
    words += [word for name, file in exports.items() for word in ("--export", name, file)]
    line = ["compare", "--baseline", "base-*.json", "--head", "head-*.json", *words]
    ended = subprocess.run(
        [sys.executable, "-m", "regress_action", *line], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 3, ended.stderr
    written = {name: (tmp_path / file).read_text() for name, file in (files | exports).items()}
    return {"terminal": ended.stdout, **written}


def test_each_absence_is_its_own_in_every_output(outputs: dict[str, str]) -> None:
    """Three are no pass, each under its own heading or state; the one that was removed is a note."""
    for page in ("terminal", "markdown", "html"):
        text = " ".join(outputs[page].replace("<code>", "").replace("</code>", "").replace("`", "").split())
        places = [text.index(title) for title in ("Failed", "Missing from the head", "Skipped by the suite")]
        assert places == sorted(places), page
        assert "1 benchmark failed, 1 benchmark is missing and 1 benchmark was skipped" in text
        assert "no GPU" in text[places[2] :]
        assert "1 benchmark was removed on purpose, as regress-aliases.yml says: removed." in text
    judgement = json.loads(outputs["json"])
    states = {row["benchmark"]: (row["verdict"], row["skipped"]) for row in judgement["comparisons"]}
    assert {name: states.get(name) for name in NAMES} == {
        "kept": ("inconclusive", False),
        "removed": None,
        "skipped": ("missing", True),
        "failed": ("failed", False),
        "missing": ("missing", False),
    }
    assert any("removed on purpose" in note for note in judgement["notes"])


def test_each_absence_is_its_own_for_ci_systems(outputs: dict[str, str]) -> None:
    """JUnit's errors, the results of SARIF and Code Quality, and the labels of OpenMetrics name the state."""
    for state in ("failed", "missing", "skipped"):
        assert f'<error type="{state}" message="{state}: {state}">' in outputs["junit"]
        assert f'verdict="{state}"' not in outputs["openmetrics"]  # labels never change from run to run
        assert f"{state}: {state}." in outputs["sarif"]
        assert f"{state}: {state}." in outputs["code-quality"]
    ones = [line for line in outputs["openmetrics"].splitlines() if line.endswith(" 1.0")]
    assert sum(line.startswith("regress_not_measured{") for line in ones) == 3
    assert sum(line.startswith('regress_skipped{benchmark="skipped"') for line in ones) == 1
    assert 'name="removed"><skipped message="1 benchmark was removed on purpose' in outputs["junit"]
    assert "removed on purpose" in outputs["sarif"]
    assert 'regress_removed{benchmark="removed"} 1.0' in ones
    assert "on purpose" not in outputs["code-quality"]  # nothing is wrong with it
