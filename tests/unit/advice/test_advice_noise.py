"""Planted causes of noise are named, each by what separates slow runs from fast ones."""

from __future__ import annotations

import numpy as np
import pytest

from regress_action.advice.noise import explained_noise

RUNS = 20
FIRST = np.array([1.0] + [0.0] * 9 + [1.0] + [0.0] * 9)
NEVER = np.zeros(RUNS)
SECONDS = ("socket_s", "sleep_s", "lock_s", "paging_s", "disk_s", "steal_s", "queue_s")


def planted(cause: str, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Return times, figures and first runs with one cause in them; every other figure varies by itself."""
    draw = np.random.default_rng(seed)
    figures = {name: draw.uniform(0, 0.02, RUNS) for name in SECONDS}
    figures |= {
        "read_bytes": draw.uniform(0, 1e5, RUNS),
        "mhz_before": draw.uniform(2900, 3000, RUNS),
        "voluntary_switches": draw.uniform(10, 20, RUNS),
        "cpu_s": 1 + 0.01 * draw.standard_normal(RUNS),
    }
    times = 1 + 0.005 * draw.standard_normal(RUNS)
    slow = draw.permutation(np.arange(RUNS) % 2)
    match cause:
        case "first":
            times += 0.5 * FIRST
        case "computing":
            times += 0.3 * slow
            figures["cpu_s"] += 0.3 * slow
            figures["steal_s"] += 0.02 * slow  # a longer run has more of everything
            figures["read_bytes"] += 1e5 * slow
            figures["voluntary_switches"] += 3 * slow
        case "voluntary_switches":
            times += 0.3 * slow
            figures[cause] += 500 * slow
            figures["queue_s"] += 0.3 * slow  # the state of a thread that writes through looks like running
        case "mhz_before":
            times += 0.3 * slow
            figures[cause] = 3000 - 800 * slow + 10 * draw.standard_normal(RUNS)
        case _:
            times += 0.3 * slow
            figures[cause] += (4e7 if cause == "read_bytes" else 0.3) * slow
    figures["wall_s"] = 1 + times
    return times, figures, FIRST if cause == "first" else NEVER


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("first", "first run"),
        ("computing", "two levels"),
        ("steal_s", "other machines"),
        ("read_bytes", "from disk"),
        ("mhz_before", "frequency"),
        ("queue_s", "other programs"),
        ("voluntary_switches", "a disk or"),
        ("socket_s", "network"),
        ("sleep_s", "sleeps"),
        ("lock_s", "a lock"),
        ("disk_s", "waits for a disk"),
        ("paging_s", "paged"),
    ],
)
def test_a_planted_cause_is_named_first(cause: str, said: str) -> None:
    """In at least nine of ten measurements of ten pairs."""
    named = [explained_noise(*planted(cause, seed)) for seed in range(20)]

    assert sum(answer is not None and said in answer[0] for answer in named) >= 18


def test_plain_noise_has_no_cause() -> None:
    """What nothing explains is not explained: at most one of forty is called by accident."""
    draw = np.random.default_rng(1)
    answers = []
    for seed in range(40):
        _, figures, _ = planted("first", seed)
        times = 1 + 0.1 * draw.standard_normal(RUNS)
        answers.append(explained_noise(times, {**figures, "wall_s": 1 + times}, NEVER))

    assert sum(answer is not None for answer in answers) <= 1


def test_first_runs_are_a_cause_only_where_all_others_are_faster() -> None:
    """Of runs with two levels the first of each side may be slow by chance."""
    times = np.array([1.3, 1.0, 1.001, 0.999, 1.3, 1.3, 1.001, 1.0, 0.999, 1.0])
    first = np.array([1.0, 0, 0, 0, 0] * 2)
    figures = {"wall_s": times}
    two_levels = explained_noise(times, figures, first)
    times[4] = 1.0
    first_runs = explained_noise(times, figures, first)

    assert two_levels is not None
    assert "two levels" in two_levels.cause
    assert first_runs is not None
    assert "first run" in first_runs.cause


@pytest.mark.parametrize(
    ("refuted", "advice"),
    [
        ((), "Close them, or pin the suite with --cpus, or time the CPU alone."),
        (("--cpus 1", "--hash-seed 0"), "Close them, or time the CPU alone."),
        (("--cpus 1", "CPU time alone"), "Close them."),
    ],
)
def test_what_a_trial_showed_not_to_help_is_not_advised(refuted: tuple[str, ...], advice: str) -> None:
    """Other programs compete for the processor, and of the usual remedies those remain that were not refuted."""
    explanation = explained_noise(*planted("queue_s", 1))
    assert explanation is not None
    assert explanation.remedy(refuted) == advice
