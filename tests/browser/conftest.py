"""What every test in a browser is given."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from browser.chromium import Browser

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    """Chromium, which `make browser` needs."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "No Chromium was found. Install it (Debian: apt-get install chromium)."
    return Browser(program, tmp_path)
