"""What a trial adds to a setup."""

from __future__ import annotations

import pytest

from regress_action.commands.init_mends import mended, missing_package, with_package
from regress_action.commands.init_trial import absent_version
from regress_action.scaffold import Project

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
    assert missing_package(log) == package


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
    assert with_package(setup, "numpy") == longer


def _pytest(**changes: str) -> Project:
    fields = {"kind": "pytest-benchmark", "why": "x", "setup": f"{PIP} -e .", "command": "p -m pytest t"} | changes
    return Project(**fields)  # type: ignore[arg-type]


def test_a_module_of_the_repository_itself_is_never_installed() -> None:
    """A package of that name elsewhere would be measured on both sides instead of the change."""
    log = "ModuleNotFoundError: No module named 'mine.inner'"

    assert mended(_pytest(), log, {"mine"}) is None
    assert mended(_pytest(), log, {"other"}) is not None


def test_tests_that_fail_at_this_commit_are_left_out_by_name() -> None:
    """As long as they are few; the others are measured."""
    log = "FAILED t/test_a.py::test_x[1] - assert 0\nERROR t/test_b.py - ImportError\n"

    change = mended(_pytest(), log, set())

    assert change is not None
    assert change[0].command == "p -m pytest t '--deselect=t/test_a.py::test_x[1]' --ignore=t/test_b.py"
    assert "left out 2 that fail" in change[1]
    assert mended(_pytest(), "".join(f"FAILED t/a.py::t{n}\n" for n in range(30)), set()) is None


@pytest.mark.parametrize(
    ("fields", "log", "field", "after"),
    [
        (
            {"command": "p --codspeed --codspeed-warmup-time=0.1"},
            "error: unrecognized arguments: --codspeed-warmup-time=0.1",
            "command",
            "p --codspeed",
        ),
        (
            {"setup": "npm ci"},
            "npm error `npm ci` can only install packages when your package.json and lock file are in sync",
            "setup",
            "npm install --no-audit --no-fund",
        ),
        (
            {"kind": "node", "setup": "npm ci"},
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find module 'dist/index.js'",
            "setup",
            "npm ci && npm run build",
        ),
        ({"command": "node b.js | tee {out}"}, "Measured 0 series in 1 runs", "command", "node b.js"),
    ],
)
def test_what_a_log_shows_is_mended(fields: dict[str, str], log: str, field: str, after: str) -> None:
    """One change at a time, and it is said."""
    change = mended(_pytest(**fields), log, set())

    assert change is not None
    assert getattr(change[0], field) == after


@pytest.mark.parametrize(
    ("log", "absent"),
    [
        ("go: go.mod requires go >= 1.24 (running go 1.19)", "Go 1.24. The workflow installs it"),
        (
            "Error [ERR_UNKNOWN_BUILTIN_MODULE]: No such built-in module: node:sqlite",
            "a newer Node.js, which the project's tools need. The workflow installs it",
        ),
        ("error: no matching package found", None),
    ],
)
def test_a_toolchain_that_is_too_old_here_is_named(log: str, absent: str | None) -> None:
    """The files are right all the same: the workflow installs the version that the project asks for."""
    assert absent_version(log) == absent
