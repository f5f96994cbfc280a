"""Orchestrating workflows: a short chain many times, and one wide and deep graph."""

import pytest
from services.workflow import Workflow

pytestmark = pytest.mark.benchmark(group="orchestration")


def chain(length):
    """Return a workflow in which each step adds one to what the step before it gave."""
    workflow = Workflow()
    workflow.add("step 0", lambda _: 0)
    for at in range(1, length):
        workflow.add(f"step {at}", lambda results: next(iter(results.values())) + 1, after=[f"step {at - 1}"])
    return workflow


def layers(width, depth):
    """Return a workflow of `depth` layers in which each step needs three of the layer before."""
    workflow = Workflow()
    for at in range(width):
        workflow.add(f"0/{at}", lambda _: 1)
    for layer in range(1, depth):
        for at in range(width):
            needs = [f"{layer - 1}/{(at + shift) % width}" for shift in range(3)]
            workflow.add(f"{layer}/{at}", lambda results: sum(results.values()) % 1009, after=needs)
    return workflow


def test_simple_operation(benchmark):
    """Forty chains of twelve steps are built and run."""
    results = benchmark(lambda: [chain(12).run() for _ in range(40)])

    assert results[0]["step 11"] == 11


def test_complex_operation(benchmark, peak_memory):
    """A graph of 600 steps, each needing three others, is built and run."""
    results = benchmark(lambda: layers(width=30, depth=20).run())

    assert results["19/0"] == 3**19 % 1009
    peak_memory(lambda: layers(width=30, depth=20).run())
