"""The six areas, measured without a benchmark suite: plain tests with a marker.

`python -m pytest` runs each once, as any test. With `--benchmark-report` they are measured in fresh processes.
"""

import asyncio
import sqlite3

import pytest
from services.agents import Message, compose, count_words, digest, normalise, rank, summarise
from services.artifacts import Artifacts
from services.cache import Cache
from services.sessions import Sessions
from services.workers import in_tasks
from services.workflow import Workflow

TEXT = Message(" ".join(f"Sentence {number} of a document that agents read." for number in range(80)))
ENTRIES = [(number % 7, f"document {number}") for number in range(500)]


@pytest.mark.performance(service="agents", metric=["time", "peak_memory"])
def test_composition():
    """A team of agents is put together and digests a document, in time and memory."""
    team = compose(normalise, count_words, rank(5), summarise(3))
    assert team(TEXT).text
    assert digest(keywords=5, sentences=3)(TEXT).notes["keywords"]


@pytest.mark.performance(service="orchestration")
def test_orchestration():
    """A chain of forty steps is built and run."""
    workflow = Workflow()
    workflow.add("step 0", lambda _: 0)
    for at in range(1, 40):
        workflow.add(f"step {at}", lambda results: next(iter(results.values())) + 1, after=[f"step {at - 1}"])
    assert workflow.run()["step 39"] == 39


@pytest.mark.performance(service="artifacts")
def test_file_input_and_output(tmp_path, large_dataset):
    """Half a megabyte is written as an artifact, read again and checked."""
    content = large_dataset("binary", 500_000, seed=1).read_bytes()
    artifacts = Artifacts(tmp_path)
    name = artifacts.put(content)
    assert artifacts.get(name) == content
    artifacts.remove(name)


@pytest.mark.performance(service="workers")
@pytest.mark.parametrize("at_a_time", [1, 10, 50])
def test_concurrency(at_a_time):
    """Two hundred tasks that give way run so many at a time."""

    async def hop(number):
        await asyncio.sleep(0)
        return number

    assert in_tasks(hop, range(200), at_a_time)[-1] == 199


@pytest.mark.performance(service="session")
def test_sessions():
    """A hundred sessions are opened and closed."""
    sessions = Sessions(1000, lifetime_s=60, secret=b"not a secret")
    tokens = [sessions.create(f"user {number}", now=0).token for number in range(100)]
    for token in tokens:
        sessions.close(token)
    assert len(sessions) == 0


@pytest.mark.performance(service="cache")
def test_cache():
    """A thousand values go through a cache of 64."""
    cache = Cache(64)
    for key in range(1000):
        if cache.get(key % 96) is None:
            cache.set(key % 96, str(key))
    assert len(cache) == 64


@pytest.mark.performance(service="database")
def test_database(sqlite_database):
    """Five hundred rows are written to a real database file and counted."""
    with sqlite3.connect(sqlite_database) as connection:
        connection.execute("drop table if exists entry")
        connection.execute("create table entry (agent int, document text)")
        connection.executemany("insert into entry values (?, ?)", ENTRIES)
        ((count,),) = connection.execute("select count(*) from entry")
    assert count == 500


def test_sessions_do_not_leak(memory_monitor):
    """What a session held is given back; `--leak-check` repeats this and every other test."""
    sessions = Sessions(1000, lifetime_s=60, secret=b"not a secret")
    sessions.close(sessions.create("user", now=0).token)
    assert memory_monitor.peak_bytes > 0
