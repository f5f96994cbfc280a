"""The examples of the page about the Python API run as they are printed."""

import re
from pathlib import Path
from typing import Any

import pytest

import regress_action

PAGE = Path(__file__).parents[3] / "docs" / "api.md"


def test_the_examples_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, in an empty folder, with their assertions."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 9
    names: dict[str, Any] = {"__name__": "__example__"}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"example {number} of {PAGE.name}", "exec"), names)  # noqa: S102 - our own page


def test_the_page_names_the_public_functions_and_classes() -> None:
    """What the package exports for storing and judging is on the page."""
    text = PAGE.read_text(encoding="utf-8")
    for name in ("BenchmarkStorage", "RegressionDetector", "compare"):
        assert name in regress_action.__all__
        assert f"`{name}`" in text
