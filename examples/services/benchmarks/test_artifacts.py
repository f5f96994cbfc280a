"""File input and output of artifacts."""

import random

import pytest
from services.artifacts import Artifacts

pytestmark = pytest.mark.benchmark(group="artifacts")
CONTENTS = [random.Random(seed).randbytes(32_768) for seed in range(48)]  # noqa: S311 - not secrets


def test_artifact_write(benchmark, scratch):
    """48 artifacts of 32 KiB are written, named by their content and removed again."""
    artifacts = Artifacts(scratch)

    def write():
        names = [artifacts.put(content) for content in CONTENTS]
        for name in names:
            artifacts.remove(name)
        return names

    assert len(set(benchmark(write))) == 48


def test_artifact_read(benchmark, scratch):
    """48 artifacts of 32 KiB are read and checked, twice."""
    artifacts = Artifacts(scratch)
    names = [artifacts.put(content) for content in CONTENTS] * 2

    assert benchmark(lambda: [artifacts.get(name) for name in names])[:48] == CONTENTS
