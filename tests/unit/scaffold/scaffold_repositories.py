"""Small repositories for the tests of `init`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FIXTURE = "def test_add(benchmark):\n    benchmark(sum, [1, 2])\n"
MARKER = "import pytest\n\n@pytest.mark.benchmark\ndef test_add():\n    sum([1, 2])\n"


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below `root` and return it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root
