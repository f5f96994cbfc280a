"""What the benchmarks share: texts that never change, a folder in memory, and a look at memory beside the timing."""

from __future__ import annotations

import gc
import os
import random
import tempfile
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SYLLABLES = ("ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve")
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder in memory has no disk to wait for


def text(sentences: int, seed: int = 7) -> str:
    """Return the same `sentences` for the same `seed`, whatever the machine."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    vocabulary = ["".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in range(300)]
    return " ".join(" ".join(chance.choices(vocabulary, k=chance.randint(4, 14))) + "." for _ in range(sentences))


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Give an empty folder, in memory where the machine has one."""
    where = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where) as folder:
        yield Path(folder)


@pytest.fixture
def peak_memory(benchmark: Any) -> Callable[[Callable[[], object]], None]:
    """Note as `peak_memory_mb` what a call holds at most; call it after the timing, which tracing would slow down."""

    def note(work: Callable[[], object]) -> None:
        gc.collect()
        tracemalloc.start()
        try:
            work()
            benchmark.extra_info["peak_memory_mb"] = round(tracemalloc.get_traced_memory()[1] / 1e6, 3)
        finally:
            tracemalloc.stop()

    return note
