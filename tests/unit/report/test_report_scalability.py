"""The page of a scalability analysis says which concurrency to use, what limits it, and what is not certain."""

from __future__ import annotations

import io

import numpy as np
from rich.console import Console

from regress_action.advice.scalability import LoadLevels, analyse
from regress_action.advice.scalability.laws import throughput
from regress_action.report import scalability
from regress_action.report.terminal import ConsolePage

USERS = np.array([1.0, 2, 4, 8, 12, 16, 24, 32])


def page_of(levels: LoadLevels, width: int = 90, *, encoding: str = "utf-8") -> str:
    """Return the page of measurements as it is printed, in one line of words."""
    written = io.BytesIO()
    file = io.TextIOWrapper(written, encoding=encoding)
    console = Console(file=file, width=width, highlight=False)
    scalability.show(analyse(levels).as_dict(), ConsolePage(console, verbose=False))
    file.flush()
    return written.getvalue().decode(encoding)


def words(text: str) -> str:
    """Return a page as one line."""
    return " ".join(text.split())


def test_the_law_is_explained_in_plain_words() -> None:
    """Contention and coherence come with their intervals and with what they mean."""
    said = words(page_of(LoadLevels.of(USERS, throughput(USERS, 100.0, 0.05, 0.002))))
    assert said.startswith("Use a concurrency of about 15: it gives")
    assert "The throughput is highest at 21.8 (95 % interval 21.8 to 21.8)" in said
    assert "Contention σ = 5 % (5 to 5)" in said
    assert "limits the throughput to 20 times that of one user" in said
    assert "Coherence κ = 0.2 % (0.2 to 0.2)" in said
    assert "What is not certain" not in said


def test_a_limit_is_named_with_what_to_look_for() -> None:
    """Two straight lines are a pool; the latency there is that of Little's law."""
    rate = 50 * np.minimum(USERS, 8)
    said = words(page_of(LoadLevels.of(USERS, rate, USERS / rate)))
    assert (
        "Use a concurrency of about 8: it gives 400 ops/s, within 5 % of the most, and a request takes 20.0 ms." in said
    )
    assert "Look for a pool of connections, a semaphore" in said
    assert "users by law" in said


def test_what_is_missing_is_said() -> None:
    """Too few levels, and levels that end too early, say which ones to measure."""
    few = words(page_of(LoadLevels.of(USERS[:3], 10 * USERS[:3])))
    assert few.startswith("Not enough levels: 3 measurements of fewer than four different levels")
    assert "Measure these levels as well: 3,8" in few
    rising = words(page_of(LoadLevels.of(USERS, 10 * USERS)))
    assert rising.startswith("No best concurrency was reached up to 32: the throughput still rises there.")
    assert "Measure these levels as well: 64,128" in rising


def test_a_narrow_ascii_console_is_kept_to() -> None:
    """Every line has the width of the console and ASCII only where it must."""
    said = page_of(LoadLevels.of(USERS, throughput(USERS, 1e6, 0.05, 0.002)), width=60, encoding="ascii")
    assert max(map(len, said.splitlines())) <= 60
    assert "*" in said
