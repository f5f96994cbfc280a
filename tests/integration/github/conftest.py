"""A GitHub on loopback, a client that does not wait, and the promise that no test breaks GitHub's description."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from fake_github import FakeGitHub
from integration.github.github_scenarios import connected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regress_action.github.client import Client


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """A fake GitHub; whatever it saw or said must be as GitHub describes it."""
    with FakeGitHub() as fake:
        yield fake
        assert fake.violations == []


@pytest.fixture
def connect(github: FakeGitHub) -> Iterator[Callable[[], Client]]:
    """Open lines to it; each run of a job has its own."""
    with closing_lines(github) as opened:
        yield opened


@pytest.fixture
def another() -> Iterator[tuple[FakeGitHub, Callable[[], Client]]]:
    """Another GitHub, and how to open lines to it."""
    with FakeGitHub() as fake, closing_lines(fake) as opened:
        yield fake, opened
        assert fake.violations == []


@contextmanager
def closing_lines(github: FakeGitHub) -> Iterator[Callable[[], Client]]:
    """Return how to open a line, and close every one in the end."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(connected(github))


@pytest.fixture
def client(connect: Callable[[], Client]) -> Client:
    """One line to it."""
    return connect()
