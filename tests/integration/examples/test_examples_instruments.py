"""The commands of the README's section for people without a suite run as they are written, in the example."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
QUICK = {
    "pytest tests/performance --benchmark": ["--performance-runs=1", "--benchmark-max-time=0.01"],
    "pytest tests/performance --leak": ["--leak-iterations=24"],
    "regress-action load": ["--duration=1s", "--ramp-up=0s"],
    "regress-action profile": ["--runs=1"],
}
"""What makes each a matter of seconds; the last of two equal options counts."""


def commands() -> list[str]:
    """Return the commands of the section, in order."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Measure without a suite\n")[2]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block
    return [line for line in block[1].splitlines() if line and not line.startswith("#")]


def runnable(line: str) -> list[str]:
    """Return the words of a command for this interpreter, with what makes it quick."""
    program, *words = shlex.split(line)
    quick = next((more for start, more in QUICK.items() if line.startswith(start)), [])
    if program == "pytest":
        return [str(Path(sys.executable).with_name("pytest")), *words, *quick]
    if program == "regress-action":
        command, *rest = words
        rest = [sys.executable if word == "python" else word for word in rest]
        split = rest.index("--") if "--" in rest else len(rest)
        return [sys.executable, "-m", "regress_action", command, *rest[:split], *quick, *rest[split:]]
    return [sys.executable, *words]


@pytest.mark.timeout(600)
def test_the_six_commands_run(tmp_path: Path) -> None:
    """Each ends well, one after another in one copy of the example, and leaves what it promises."""
    folder = Path(shutil.copytree(ROOT / "examples/services", tmp_path / "services"))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    lines = commands()
    assert len(lines) == 6
    for line in lines:
        done = subprocess.run(
            runnable(line), cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"

    assert (folder / "performance_report.json").is_file()
    assert (folder / "site" / "index.html").is_file()
    assert list((folder / ".regress" / "history").rglob("*.jsonl"))
