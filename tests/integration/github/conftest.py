"""A GitHub on loopback, a client that does not wait, and the promise that no test breaks GitHub's description."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from github_scenes import connected

from fake_github import FakeGitHub

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
    clients: list[Client] = []

    def opened() -> Client:
        clients.append(connected(github))
        return clients[-1]

    yield opened
    for client in clients:
        client.github.close()


@pytest.fixture
def client(connect: Callable[[], Client]) -> Client:
    """One line to it."""
    return connect()
