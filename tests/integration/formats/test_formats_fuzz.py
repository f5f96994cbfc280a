"""A short run of the fuzzer; `make fuzz SECONDS=…` runs it for longer."""

from __future__ import annotations

import pytest

from fuzz import DATA, Fuzzer, samples


@pytest.mark.parametrize("seed", [1, 2])
def test_changed_samples_are_read_or_refused_with_words(seed: int) -> None:
    """Two thousand changes of sample files give reports or input errors, and both happen."""
    outcome = Fuzzer(seed, samples(DATA)).run(seconds=3600, most=1000)

    assert outcome.inputs == 1000
    assert outcome.results["read"] > 100
    assert outcome.results["refused"] > 100
