"""A repository per test, and a Docker engine for all of them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from e2e.e2e_repository import REPOSITORY, TOKEN, UserRepository, create_repository, download, engine_answers
from fake_github import FakeGitHub
from integration.history.smart_http import bare_repository, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """Need a Docker engine: in CI it is an error to have none, at home a reason to skip."""
    if not engine_answers():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Docker engine answers")


@pytest.fixture(scope="session")
def action(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The action as it is downloaded."""
    return download(tmp_path_factory.mktemp("download") / "regress-action")


@contextmanager
def _repository(folder: Path, action: Path) -> Iterator[UserRepository]:
    bare_repository(folder / "served" / f"{REPOSITORY}.git")
    with FakeGitHub() as github, serving(folder / "served") as (url, backend):
        backend.token = TOKEN
        yield create_repository(folder, action, github, url, backend)
        assert not github.violations


@pytest.fixture
def repository(tmp_path: Path, action: Path) -> Iterator[UserRepository]:
    """A repository on a forge of its own."""
    with _repository(tmp_path, action) as made:
        yield made


@pytest.fixture(scope="module")
def shared_repository(tmp_path_factory: pytest.TempPathFactory, action: Path) -> Iterator[UserRepository]:
    """A repository that the tests of one file use in order."""
    with _repository(tmp_path_factory.mktemp("history"), action) as made:
        yield made
