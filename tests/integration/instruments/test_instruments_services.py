"""Monitors, pressure and temporary services with real processes."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from regress_action.instruments.memory_monitor import MemoryMonitor
from regress_action.instruments.stress import Stress
from regress_action.instruments.temporary_services import (
    is_available,
    postgresql_service,
    redis_service,
    sqlite_service,
)
from regress_action.model.errors import InfrastructureError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(true: Callable[[], bool]) -> bool:
    """Wait for twenty seconds at most; return whether it came true."""
    ends = time.monotonic() + 20
    while not true() and time.monotonic() < ends:
        time.sleep(0.01)
    return true()


def test_the_peak_between_two_moments_is_seen() -> None:
    """Sixty megabytes that are held for a while show in the peak; looking takes less than a hundredth of a CPU."""
    with MemoryMonitor() as memory:
        before = memory.peak_bytes
        held = bytearray(60_000_000)
        held[::4096] = bytes(len(held[::4096]))
        assert wait_until(lambda: memory.peak_bytes > before + 50_000_000)
        del held
        time.sleep(0.5)

    assert memory.peak_bytes > before + 50_000_000
    assert memory.share < 0.01
    assert memory.samples == sorted(memory.samples, key=lambda sample: sample.at_s)


def test_a_process_that_ends_is_no_error() -> None:
    """What was seen before stays."""
    process = subprocess.Popen(["sleep", "0.2"])
    with MemoryMonitor(process.pid) as memory:
        process.wait()
        time.sleep(0.1)

    assert memory.peak_bytes > 0


def test_pressure_is_put_on_and_taken_off() -> None:
    """Every process runs inside the context, and none after it."""
    with Stress(cpus=1, memory_mb=20, disks=1) as stress:
        children = psutil.Process().children()
        assert stress.running == 3
        memory = max(child.memory_info().rss for child in children)
        assert memory > 20_000_000
    assert stress.running == 0
    assert not any(child.is_running() for child in children)


def test_pressure_ends_by_itself() -> None:
    """A context that is never left does not burn the machine for ever."""
    with Stress(cpus=1, longest_s=0.3) as stress:
        assert wait_until(lambda: stress.running == 0)


@pytest.mark.parametrize("wrong", [{"cpus": -1}, {"memory_mb": 1e9}, {"longest_s": 0.0}, {"longest_s": 1e9}])
def test_pressure_beyond_bounds_is_refused(wrong: dict[str, float]) -> None:
    """More memory than half of what is free would make the machine swap."""
    with pytest.raises(UsageError):
        Stress(**wrong)  # type: ignore[arg-type]


def test_sqlite_is_always_there() -> None:
    """The database can be used, and is gone afterwards."""
    with sqlite_service() as service:
        path = service.folder / "database.sqlite"
        connection = sqlite3.connect(path)
        connection.execute("create table t (a)")
        connection.close()
        assert path.exists()
        assert service.url == f"sqlite:///{path}"
    assert not path.exists()


def test_postgresql_answers_and_ends() -> None:
    """A server of its own answers the protocol's first question, and does not listen afterwards."""
    if not is_available("postgresql"):
        pytest.skip("PostgreSQL is not installed")
    with postgresql_service() as service:
        with socket.create_connection((service.host, service.port), timeout=5) as connection:
            connection.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")  # does it speak TLS?
            assert connection.recv(1) in (b"N", b"S")
        assert service.url.startswith("postgresql://postgres@127.0.0.1:")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((service.host, service.port), timeout=1)


def test_redis_answers_and_ends() -> None:
    """A server of its own answers, and does not listen afterwards."""
    if not is_available("redis"):
        pytest.skip("Redis is not installed")
    with redis_service() as service, socket.create_connection((service.host, service.port), timeout=5) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(16) == b"+PONG\r\n"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((service.host, service.port), timeout=1)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which program, and which package has it."""
    monkeypatch.setenv("PATH", "/nonexistent")
    if is_available("redis"):
        pytest.skip("Redis is found without the PATH")

    with pytest.raises(InfrastructureError, match="redis-server is not installed"), redis_service():
        pass
