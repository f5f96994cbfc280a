"""`--leak-check` repeats unmodified tests, and fails those whose memory grows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from integration.pytest_plugin.conftest import Project


pytestmark = pytest.mark.timeout(600)  # several sessions on a machine that may be busy


def test_leaking_tests_fail_and_clean_ones_pass(project: Project) -> None:
    """Fixtures are fresh in every repetition, and what pytest itself keeps is not taken for a leak."""
    project.write(
        "test_memory.py",
        """
        import logging
        import pytest

        KEPT = []

        @pytest.fixture
        def numbers(tmp_path, monkeypatch):
            return [1, 2, 3]

        def test_clean(numbers, capsys):
            numbers.append(4)
            print("said")
            assert numbers == [1, 2, 3, 4]

        @pytest.mark.parametrize("number", [1])
        def test_logging(number, caplog):
            logging.warning("noted")
            assert len(caplog.records) == 1

        def test_leak():
            KEPT.append(bytes(100))

        def test_failure():
            assert 1 + 1 == 3
        """,
    )

    done = project.pytest("--leak-check", "--leak-iterations=100", "-rf")

    assert "2 failed, 2 passed" in done.stdout, done.stdout
    assert "FAILED test_memory.py::test_leak - Memory leaks" in done.stdout
    assert re.search(r"test_memory\.py:\d+: 1\d\d\.\d bytes", done.stdout)
    assert "3 tests were repeated; 1 leak." in done.stdout
    assert done.returncode == 1


def test_a_test_that_cannot_be_repeated_is_named(project: Project) -> None:
    """A test that passes once only is a failure of its own kind."""
    project.write("test_once.py", "SEEN = []\ndef test_once():\n    SEEN.append(1)\n    assert len(SEEN) == 1\n")

    done = project.pytest("--leak-check", "--leak-iterations=30")

    assert "passed once and failed when it was repeated" in done.stdout
    assert done.returncode == 1
