"""What the documents for contributors say is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src/regress_action"
MODULE = re.compile(r"`((?:src/regress_action/)?[\w/]+(?:\.py|/))`")


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_module_that_is_named_exists(document: str) -> None:
    """A newcomer finds what the text points at."""
    names = {name for name in MODULE.findall((ROOT / document).read_text()) if "<" not in name}

    missing = [name for name in names if not (ROOT / name).exists() and not (PACKAGE / name).exists()]

    assert names
    assert [name for name in missing if name not in ("readers/", "importers/")] == []


def test_the_packages_of_the_architecture_are_those_of_the_code() -> None:
    """Its table lists every package, and no other."""
    table = (ROOT / "ARCHITECTURE.md").read_text().partition("## The packages")[2].partition("##")[0]
    listed = {
        name.rstrip("/")
        for row in table.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)/`", row.split("|")[1])
    }

    assert listed == {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
