"""`regress-action renames`: old names at the base and new ones at the head are measured in turn, and proven or not."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from regress_action.model.errors import SettingsError
from regress_action.settings.gate import read_aliases
from regress_action.settings.sources import FolderFiles

if TYPE_CHECKING:
    from pathlib import Path

# The values are drawn and not measured, so that no answer depends on the machine.
SUITE = """
import json, random, sys
levels = json.load(open("levels.json"))
values = {name: {"latency": {"value": 1e7 * level * random.gauss(1, 0.003)}} for name, level in levels.items()}
json.dump(values, open(sys.argv[1], "w"))
"""
FILE = "# Names over time.\naliases:\n  - {old: cache.get, new: lookup}  # clearer\n"


def commit(folder: Path, levels: dict[str, float]) -> None:
    """Commit a suite whose benchmarks are at these levels."""
    (folder / "suite.py").write_text(SUITE)
    (folder / "regress.yml").write_text(f"command: {sys.executable} suite.py {{out}}\ncarry: [levels.json]\n")
    (folder / "levels.json").write_text(json.dumps(levels))
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "--quiet"), ("add", "--all"), (*identity, "commit", "--quiet", "-m", "next")):
        subprocess.run(["git", *words], cwd=folder, check=True)


def renames(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    line = [sys.executable, "-m", "regress_action", "renames", "--base", "HEAD~1", "--pairs", "6", *words]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.timeout(600)
def test_renaming_is_proven_in_pairs_and_written_down(tmp_path: Path) -> None:
    """One that the file names and one that is probable continue; one with another level does not; comments stay."""
    commit(tmp_path, {"cache.get": 1, "cache.set": 1, "parse_text": 2, "kept": 1})
    (tmp_path / "regress-aliases.yml").write_text(FILE)
    commit(tmp_path, {"lookup": 1, "cache.sets": 1.15, "parse_texts": 2, "kept": 1})
    ended = renames(tmp_path, "--write")
    assert ended.returncode == 3, ended.stderr
    said = {line.partition(":")[0]: line for line in ended.stdout.splitlines()}
    assert "it continues" in said["cache.get → lookup"]
    assert "it continues" in said["parse_text → parse_texts"]
    assert "% slower" in said["cache.set → cache.sets"]
    text = (tmp_path / "regress-aliases.yml").read_text()
    assert text.startswith("# Names over time.\n")
    assert "# clearer" in text
    aliases = read_aliases(FolderFiles(tmp_path))
    assert dict(aliases.renamed) == {"cache.get": "lookup", "parse_text": "parse_texts"}
    proven = text.partition("proven:\n")[2]
    assert proven.count('"pairs": 6') == 2
    assert "cache.set" not in proven


@pytest.mark.timeout(300)
def test_without_a_renaming_there_is_nothing_to_prove(tmp_path: Path) -> None:
    """It says so, and is no failure."""
    commit(tmp_path, {"kept": 1, "gone": 50})
    commit(tmp_path, {"kept": 1})
    ended = renames(tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "No benchmark of the base has another name at the head.\n")


@pytest.mark.parametrize(
    "text", ["proven: [{old: a, new: b}]", "proven: [{old: a, new: b, pairs: 5, low: 0, high: 1}]"]
)
def test_proof_without_its_figures_is_refused(tmp_path: Path, text: str) -> None:
    """Somebody edited it: the error names the field."""
    (tmp_path / "regress-aliases.yml").write_text(text)
    with pytest.raises(SettingsError, match="proven"):
        read_aliases(FolderFiles(tmp_path))
