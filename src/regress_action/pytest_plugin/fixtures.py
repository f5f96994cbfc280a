"""The fixtures of the plugin beside `benchmark`: monitors, pressure, data, services, frozen surroundings."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from regress_action.instruments.memory_monitor import MemoryMonitor
    from regress_action.instruments.stress import Stress
    from regress_action.instruments.temporary_services import TemporaryService
    from regress_action.pytest_plugin.benchmark_fixture import BenchmarkFixture

USED: pytest.StashKey[list[BenchmarkFixture]] = pytest.StashKey()
"""The `benchmark` fixtures that the tests of this process had."""


@pytest.fixture
def memory_monitor() -> Iterator[MemoryMonitor]:
    """Follow the resident memory of the test; `peak_bytes` and `growth_bytes` can be asked at any time."""
    from regress_action.instruments.memory_monitor import MemoryMonitor

    with MemoryMonitor() as monitor:
        yield monitor


@pytest.fixture
def stress() -> Iterator[Callable[..., Stress]]:
    """Put pressure on the machine until the test ends: `stress(cpus=1, memory_mb=200, disks=1)`."""
    from regress_action.instruments.stress import Stress

    with ExitStack() as stack:
        yield lambda **amounts: stack.enter_context(Stress(**amounts))


@pytest.fixture(scope="session")
def large_dataset(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a dataset once for the session: `large_dataset("json", 10_000_000, seed=1)` gives its path."""
    from regress_action.instruments.datasets import write_dataset

    folder = tmp_path_factory.mktemp("datasets")
    suffixes = {"tabular": ".csv", "json": ".jsonl", "text": ".txt"}

    def written(kind: str, size: int, *, seed: int = 0) -> Path:
        path = folder / f"{kind}-{size}-{seed}{suffixes.get(str(kind), '.bin')}"
        if not path.exists():
            write_dataset(path, kind, size, seed=seed)
        return path

    return written


@pytest.fixture
def sqlite_database() -> Iterator[Path]:
    """Give the path of an empty SQLite database."""
    from regress_action.instruments.temporary_services import sqlite_service

    with sqlite_service() as service:
        yield service.folder / "database.sqlite"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[TemporaryService]:
    """Give a PostgreSQL server of this session; skip where it is not installed."""
    from regress_action.instruments.temporary_services import is_available, postgresql_service

    if not is_available("postgresql"):
        pytest.skip("PostgreSQL is not installed")
    with postgresql_service() as service:
        yield service


@pytest.fixture(scope="session")
def redis_server() -> Iterator[TemporaryService]:
    """Give a Redis server of this session; skip where it is not installed."""
    from regress_action.instruments.temporary_services import is_available, redis_service

    if not is_available("redis"):
        pytest.skip("Redis is not installed")
    with redis_service() as service:
        yield service


@pytest.fixture
def frozen_environment() -> Iterator[dict[str, str]]:
    """Run the test with fixed variables, time zone, locale and random numbers, and put all of it back."""
    from regress_action.instruments import environment as frozen

    with frozen.frozen_environment() as fixed:
        yield fixed
