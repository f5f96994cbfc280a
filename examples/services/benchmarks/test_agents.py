"""Composing agents, in time and memory."""

import pytest
from services.agents import Message, branch, compose, count_words, digest, normalise, panel, rank, summarise

from conftest import text

pytestmark = pytest.mark.benchmark(group="agents")
DOCUMENT = Message(text(sentences=160))


def build(times):
    """Put the same team together `times` over, each time anew."""
    for limit in range(times):
        team = panel(rank(limit), summarise(limit), compose(rank(limit), rank(limit)))
        yield compose(normalise, count_words, branch(lambda message: bool(message.text), team, normalise))


def test_agent_compose(benchmark):
    """Teams are put together."""
    assert len(benchmark(lambda: list(build(1000)))) == 1000


def test_agent_run(benchmark, peak_memory):
    """A team digests a document of 160 sentences."""
    agent = digest(keywords=10, sentences=5)

    found = benchmark(agent, DOCUMENT)

    assert len(found.notes["keywords"]) == 10
    peak_memory(lambda: agent(DOCUMENT))
