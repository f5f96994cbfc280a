"""The fixtures of the plugin in a project that only has the plugin installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integration.pytest_plugin.conftest import Project


def test_every_fixture_is_there(project: Project) -> None:
    """A test may ask for any of them without a line of configuration."""
    project.write(
        "test_all.py",
        """
        import os
        import sqlite3
        import time

        def test_memory(memory_monitor):
            held = bytearray(10_000_000)
            assert memory_monitor.peak_bytes > 0

        def test_stress(stress):
            with_cpu = stress(cpus=1, longest_s=5)
            assert with_cpu.running == 1

        def test_data(large_dataset):
            path = large_dataset("json", 50_000, seed=1)
            assert path.stat().st_size == 50_000
            assert large_dataset("json", 50_000, seed=1) == path

        def test_sqlite(sqlite_database):
            sqlite3.connect(sqlite_database).close()

        def test_frozen(frozen_environment):
            assert os.environ["TZ"] == "UTC" == time.tzname[0]

        def test_servers(request):
            for name in ("postgresql_server", "redis_server"):
                assert request._fixturemanager.getfixturedefs(name, request.node)
        """,
    )

    done = project.pytest()

    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout
