"""Worlds whose truth is known: how the runs of identical code vary, side by side in pairs and along a history.

A paired world draws base and head of one comparison (one value a pair, in seconds), the head slower by `factor`. A
stored world draws the runs of a history, oldest first, and the head's. Everything is drawn on the scale of logarithms
unless a clock or a count makes it discrete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Random = np.random.Generator
PairedWorld = Callable[[Random, int, float], tuple[Floats, Floats]]
StoredWorld = Callable[[Random, int, int, float], tuple[Floats, Floats]]

LEVEL_S = 0.15
TAU = 0.0075
TICK_S = 0.015


def autoregressive(random: Random, count: int, correlation: float, deviation: float) -> Floats:
    """Draw a stationary AR(1) series with this standard deviation."""
    shocks = random.normal(0, deviation * np.sqrt(1 - correlation**2), count)
    values = np.empty(count)
    values[0] = random.normal(0, deviation)
    for index in range(1, count):
        values[index] = correlation * values[index - 1] + shocks[index]
    return values


def _modes(random: Random, count: int, share: float, ratio: float) -> Floats:
    return float(np.log(ratio)) * (random.random(count) < share).astype(float)


def _skewed(random: Random, count: int, deviation: float) -> Floats:
    return deviation * (random.exponential(1, count) - 1)


def _sides(base: Floats, head: Floats, factor: float) -> tuple[Floats, Floats]:
    return LEVEL_S * np.exp(base), LEVEL_S * factor * np.exp(head)


def _independent(draw: Callable[[Random, int], Floats]) -> PairedWorld:
    """Return the world in which every run of both sides is drawn alike."""
    return lambda random, pairs, factor: _sides(draw(random, pairs), draw(random, pairs), factor)


def _per_build(random: Random, pairs: int, factor: float) -> tuple[Floats, Floats]:
    base, head = (random.normal(0, 0.01, pairs) + _modes(random, 1, 0.5, 1.16) for _ in range(2))
    return _sides(base, head, factor)


def _build_effect(size: float) -> PairedWorld:
    def draw(random: Random, pairs: int, factor: float) -> tuple[Floats, Floats]:
        base, head = random.normal(0, 0.01, (2, pairs))
        return _sides(base, head + random.normal(0, size), factor)

    return draw


def _machine(correlation: float) -> PairedWorld:
    def draw(random: Random, pairs: int, factor: float) -> tuple[Floats, Floats]:
        along_time = autoregressive(random, 2 * pairs, correlation, 0.03).reshape(pairs, 2)
        order = np.arange(pairs)[:, None] % 2 == np.arange(2)  # ABBA
        return _sides(along_time[order], along_time[~order], factor)

    return draw


def _clock(*, dithered: bool) -> PairedWorld:
    def draw(random: Random, pairs: int, factor: float) -> tuple[Floats, Floats]:
        first, second = random.normal(0, 0.01, (2, pairs))
        sides = _sides(first, second, factor)
        base, head = (side / TICK_S + (random.uniform(-0.5, 0.5, pairs) if dithered else 0.0) for side in sides)
        return TICK_S * np.maximum(np.round(base), 1), TICK_S * np.maximum(np.round(head), 1)

    return draw


def _one_outlier(random: Random, pairs: int, factor: float) -> tuple[Floats, Floats]:
    base, head = random.normal(0, 0.01, (2, pairs))
    side = (base, head)[int(random.integers(2))]
    side[int(random.integers(pairs))] += np.log(10)
    return _sides(base, head, factor)


def _unequal(base_noise: float, head_noise: float, *, same_mean: bool = False) -> PairedWorld:
    def draw(random: Random, pairs: int, factor: float) -> tuple[Floats, Floats]:
        base, head = random.normal(0, base_noise, pairs), random.normal(0, head_noise, pairs)
        if same_mean:
            base, head = base - base_noise**2 / 2, head - head_noise**2 / 2
        return _sides(base, head, factor)

    return draw


def _order(random: Random, pairs: int, factor: float) -> tuple[Floats, Floats]:
    base, head = random.normal(0, 0.01, (2, pairs))
    return _sides(base, head + 0.02, factor)


def _warm_up(random: Random, pairs: int, factor: float) -> tuple[Floats, Floats]:
    base, head = random.normal(0, 0.01, (2, pairs)) + 0.1 * np.exp(-np.arange(pairs) / 2)
    return _sides(base, head, factor)


def _bursts(random: Random, pairs: int, factor: float) -> tuple[Floats, Floats]:
    """A neighbour slows three pairs in a row, each side by another amount."""
    base, head = random.normal(0, 0.01, (2, pairs))
    start = int(random.integers(max(pairs - 3, 1)))
    for side in (base, head):
        side[start : start + 3] += random.uniform(0.1, 0.4, len(side[start : start + 3]))
    return _sides(base, head, factor)


def _moving_average(random: Random, count: int, deviation: float) -> Floats:
    """Each value is the mean of two shocks, of which it shares one with the next."""
    shocks = random.normal(0, deviation / np.sqrt(2), count + 1)
    return np.asarray(shocks[1:] + shocks[:-1])


def _wandering(random: Random, count: int, step: float, deviation: float) -> Floats:
    return random.normal(0, deviation, count) + np.cumsum(random.normal(0, step, count))


def _restless(random: Random, count: int, deviation: float) -> Floats:
    """Noise whose own size wanders: a loud run is followed by loud ones (stochastic volatility)."""
    return random.normal(0, deviation, count) * np.exp(autoregressive(random, count, 0.8, 0.7))


def _pareto(random: Random, count: int, scale: float) -> Floats:
    """Never faster than the code allows, and now and then much slower: a tail of power 2.5."""
    return np.log1p(scale * random.pareto(2.5, count))


def _second_slower(random: Random, pairs: int, factor: float) -> tuple[Floats, Floats]:
    """Who runs second in a pair is 4 % slower, and the order turns in every other pair."""
    base, head = random.normal(0, 0.01, (2, pairs))
    turned = np.arange(pairs) % 2 == 1
    return _sides(base + 0.04 * turned, head + 0.04 * ~turned, factor)


def _heating(random: Random, pairs: int, factor: float) -> tuple[Floats, Floats]:
    """The machine gets slower by 2 % a run from the first to the last, with its order turned in every other pair."""
    along_time = 0.02 * np.arange(2 * pairs).reshape(pairs, 2)
    order = np.arange(pairs)[:, None] % 2 == np.arange(2)
    base, head = random.normal(0, 0.01, (2, pairs))
    return _sides(base + along_time[order], head + along_time[~order], factor)


def slow_path(base_share: float, head_share: float, ratio: float) -> PairedWorld:
    """Return the world in which such shares of the runs of either side take a path that is slower by `ratio`."""

    def draw(random: Random, pairs: int, factor: float) -> tuple[Floats, Floats]:
        base, head = (
            random.normal(0, 0.01, pairs) + _modes(random, pairs, of, ratio) for of in (base_share, head_share)
        )
        return _sides(base, head, factor)

    return draw


def _cycle(random: Random, count: int) -> Floats:
    """A week of seven runs: up to 4 % slower in its middle."""
    return random.normal(0, 0.01, count) + 0.04 * np.sin(2 * np.pi * (np.arange(count) + random.integers(7)) / 7)


def _sticky(random: Random, count: int) -> Floats:
    """Two machines, 8 % apart, one of which is kept for about five runs."""
    changes = random.random(count) < 0.2  # noqa: PLR2004 - one run in five
    return random.normal(0, 0.01, count) + 0.08 * ((np.cumsum(changes) + random.integers(2)) % 2)


PAIRED: dict[str, PairedWorld] = {
    "normal 1 %": _independent(lambda random, count: random.normal(0, 0.01, count)),
    "normal 5 %": _independent(lambda random, count: random.normal(0, 0.05, count)),
    "normal 15 %": _independent(lambda random, count: random.normal(0, 0.15, count)),
    "t3": _independent(lambda random, count: 0.02 * random.standard_t(3, count)),
    "bimodal 50:50 ×1.16": _independent(lambda r, count: r.normal(0, 0.01, count) + _modes(r, count, 0.5, 1.16)),
    "80:20 ×1.6": _independent(lambda r, count: r.normal(0, 0.01, count) + _modes(r, count, 0.2, 1.6)),
    "mode fixed per build": _per_build,
    "AR .5, machine": _machine(0.5),
    "AR .8, machine": _machine(0.8),
    "AR .5, per side": _independent(lambda random, count: autoregressive(random, count, 0.5, 0.04)),
    "AR .8, per side": _independent(lambda random, count: autoregressive(random, count, 0.8, 0.04)),
    "15 ms clock, rounded": _clock(dithered=False),
    "15 ms clock, dithered": _clock(dithered=True),
    "one 10× run": _one_outlier,
    "head 3× noisier": _unequal(0.02, 0.06),
    "10:30 %, equal mean": _unequal(0.1, 0.3, same_mean=True),
    "order 2 %, AB": _order,
    "build effect τ": _build_effect(TAU),
    "build effect 2τ": _build_effect(2 * TAU),
    "own: skewed 5 %": _independent(lambda random, count: _skewed(random, count, 0.05)),
    "own: uniform ±5 %": _independent(lambda random, count: random.uniform(-0.05, 0.05, count)),
    "own: Laplace 3 %": _independent(lambda random, count: random.laplace(0, 0.02, count)),
    "own: warm-up 10 %": _warm_up,
    "own: bursts of 3": _bursts,
    "own: base 3× noisier": _unequal(0.06, 0.02),
    "own: stalls ×2 in 5 %": _independent(lambda r, count: r.normal(0, 0.01, count) + _modes(r, count, 0.05, 2.0)),
    "new: moving average 4 %, per side": _independent(lambda random, count: _moving_average(random, count, 0.04)),
    "new: wandering 1 % a run, per side": _independent(lambda r, count: _wandering(r, count, 0.01, 0.02)),
    "new: restless noise": _independent(lambda random, count: _restless(random, count, 0.02)),
    "new: Pareto tail": _independent(lambda random, count: _pareto(random, count, 0.08)),
    "new: second of a pair 4 % slower, ABBA": _second_slower,
    "new: heating by 2 % a run, ABBA": _heating,
}


def _exchangeable(draw: Callable[[Random, int], Floats]) -> StoredWorld:
    """Return the world in which stored and new runs are one series, cut where the head begins."""

    def sides(random: Random, base: int, head: int, factor: float) -> tuple[Floats, Floats]:
        values = draw(random, base + head)
        return _sides(values[:base], values[base:], factor)

    return sides


def _drift(random: Random, base: int, head: int, factor: float) -> tuple[Floats, Floats]:
    values = random.normal(0, 0.02, base + head) + 0.005 * np.arange(base + head)
    return _sides(values[:base], values[base:], factor)


def _contaminated(random: Random, base: int, head: int, factor: float) -> tuple[Floats, Floats]:
    return _sides(random.normal(0, 0.05, base) + _modes(random, base, 0.2, 1.3), random.normal(0, 0.05, head), factor)


def _stepped(random: Random, base: int, head: int, factor: float) -> tuple[Floats, Floats]:
    values = random.normal(0, 0.03, base + head)
    values[max(base - 3, 0) :] += np.log(1.2)
    return _sides(values[:base], values[base:], factor)


def _noisier_head(random: Random, base: int, head: int, factor: float) -> tuple[Floats, Floats]:
    return _sides(random.normal(0, 0.03, base), random.normal(0, 0.09, head), factor)


def _stored_clock(random: Random, base: int, head: int, factor: float) -> tuple[Floats, Floats]:
    level = random.uniform(1, 2)
    before, after = _sides(random.normal(0, 0.01, base), random.normal(0, 0.01, head), factor)
    ticks = [np.maximum(np.round(level * side / TICK_S), 1) for side in (before, after)]
    return TICK_S * ticks[0], TICK_S * ticks[1]


STORED: dict[str, StoredWorld] = {
    "normal 5 %": _exchangeable(lambda random, count: random.normal(0, 0.05, count)),
    "t3": _exchangeable(lambda random, count: 0.02 * random.standard_t(3, count)),
    "skew": _exchangeable(lambda random, count: _skewed(random, count, 0.05)),
    "bimodal 80:20": _exchangeable(lambda r, count: r.normal(0, 0.02, count) + _modes(r, count, 0.2, 1.16)),
    "AR .5": _exchangeable(lambda random, count: autoregressive(random, count, 0.5, 0.03)),
    "AR .8": _exchangeable(lambda random, count: autoregressive(random, count, 0.8, 0.03)),
    "drift 0.5 % a run": _drift,
    "20 % of runs ×1.3": _exchangeable(lambda r, count: r.normal(0, 0.05, count) + _modes(r, count, 0.2, 1.3)),
    "20 % of baseline ×1.3": _contaminated,
    "step 3 runs ago": _stepped,
    "head 3× noisier": _noisier_head,
    "15 ms clock, 150–300 ms": _stored_clock,
    "own: Cauchy 1 %": _exchangeable(lambda random, count: np.clip(0.01 * random.standard_cauchy(count), -1, 1)),
    "own: 3 machine types": _exchangeable(lambda r, count: r.normal(0, 0.01, count) + r.choice([0, 0.08, 0.2], count)),
    "own: 5 % of runs ×2": _exchangeable(lambda r, count: r.normal(0, 0.03, count) + _modes(r, count, 0.05, 2.0)),
    "new: moving average 3 %": _exchangeable(lambda random, count: _moving_average(random, count, 0.03)),
    "new: restless noise": _exchangeable(lambda random, count: _restless(random, count, 0.02)),
    "new: Pareto tail": _exchangeable(lambda random, count: _pareto(random, count, 0.08)),
    "new: cycle of seven runs": _exchangeable(_cycle),
    "new: two sticky machines": _exchangeable(_sticky),
}
