"""Planted causes of noise are named, each by what separates slow runs from fast ones."""

from __future__ import annotations

import numpy as np
import pytest

from regress_action.commands.doctor_checks import explained_noise

RUNS = 20
FIRST = np.array([1.0] + [0.0] * 9 + [1.0] + [0.0] * 9)
NEVER = np.zeros(RUNS)


def planted(cause: str, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Return times, figures and first runs with one cause in them; every other figure varies by itself."""
    draw = np.random.default_rng(seed)
    figures = {
        "steal_s": draw.uniform(0, 0.02, RUNS),
        "read_bytes": draw.uniform(0, 1e5, RUNS),
        "mhz_before": draw.uniform(2900, 3000, RUNS),
        "load_before": draw.uniform(0.5, 1.0, RUNS),
        "context_switches": draw.uniform(10, 20, RUNS),
    }
    times = 1 + 0.005 * draw.standard_normal(RUNS)
    slow = draw.permutation(np.arange(RUNS) % 2)
    match cause:
        case "first":
            return times + 0.5 * FIRST, figures, FIRST
        case "two levels":
            return times + 0.3 * slow, figures, NEVER
        case "mhz_before":
            figures[cause] = 3000 - 800 * slow + 10 * draw.standard_normal(RUNS)
        case _:
            figures[cause] = figures[cause] * (1 + 20 * slow) + figures[cause].mean() * slow
    return times + 0.3 * slow, figures, NEVER


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("first", "first run"),
        ("two levels", "two levels"),
        ("steal_s", "other machines"),
        ("read_bytes", "from disk"),
        ("mhz_before", "frequency"),
        ("load_before", "other programs"),
        ("context_switches", "compete"),
    ],
)
def test_a_planted_cause_is_named_first(cause: str, said: str) -> None:
    """In at least nine of ten measurements of ten pairs."""
    named = [explained_noise(*planted(cause, seed)) for seed in range(20)]

    assert sum(answer is not None and said in answer[0] for answer in named) >= 18


def test_plain_noise_has_no_cause() -> None:
    """What nothing explains is not explained: at most one of ten is called by accident."""
    draw = np.random.default_rng(1)
    answers = []
    for seed in range(40):
        _, figures, _ = planted("first", seed)
        answers.append(explained_noise(1 + 0.1 * draw.standard_normal(RUNS), figures, NEVER))

    assert sum(answer is not None for answer in answers) <= 4
