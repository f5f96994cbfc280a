"""The journal in SQLite, in memory: the statements are measured, not the disk."""

import pytest
from services.database import Entry, Journal

pytestmark = pytest.mark.benchmark(group="database")
ENTRIES = [Entry(f"agent {number % 7}", f"document {number}", number % 101 / 100) for number in range(1000)]


@pytest.fixture
def journal():
    """Give an empty journal."""
    with Journal() as opened:
        yield opened


def test_database_write(benchmark, journal):
    """1000 entries are recorded and removed again."""

    def write():
        journal.record(ENTRIES)
        journal.forget()

    benchmark(write)
    assert journal.totals() == {}


def test_database_query(benchmark, journal):
    """Totals and the slowest entries of every agent are read."""
    journal.record(ENTRIES)

    def ask():
        return [journal.slowest(agent, limit=20) for agent in journal.totals() for _ in range(5)]

    assert len(benchmark(ask)) == 35
