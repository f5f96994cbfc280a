"""What a trial adds to a setup."""

from __future__ import annotations

import pytest

from regress_action.commands.init_trial import _missing_package, _with_package

PIP = ".venv/bin/python -m pip install --quiet"


@pytest.mark.parametrize(
    ("log", "package"),
    [
        ("ModuleNotFoundError: No module named 'yaml'", "PyYAML"),
        ("ImportError: No module named 'my_pkg.sub'", "my-pkg"),
        ("error: unrecognized arguments: --cov=src -n auto", "pytest-cov"),
        ("E       fixture 'mocker' not found", "pytest-mock"),
        ("async def functions are not natively supported.", "pytest-asyncio"),
        ("AssertionError: 1 == 2", None),
        ("error: unrecognized arguments: --my-own", None),
    ],
)
def test_a_package_is_added_only_where_the_log_shows_that_it_is_missing(log: str, package: str | None) -> None:
    """Other failures are told as they are."""
    assert _missing_package(log) == package


@pytest.mark.parametrize(
    ("setup", "longer"),
    [
        (f"python -m venv .venv && {PIP} -e . pytest", f"python -m venv .venv && {PIP} -e . pytest numpy"),
        (
            "python -m venv .venv && .venv/bin/uv sync",
            (
                "python -m venv .venv && .venv/bin/uv sync"
                " && .venv/bin/uv pip install --quiet --python .venv/bin/python numpy"
            ),
        ),
        (f"{PIP} -e . asv && x/asv machine", f"{PIP} -e . asv && x/asv machine && {PIP} numpy"),
    ],
)
def test_a_package_joins_the_last_install(setup: str, longer: str) -> None:
    """Or becomes an install of its own at the end."""
    assert _with_package(setup, "numpy") == longer
