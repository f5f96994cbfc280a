"""Scalability: planted and published parameters recovered, intervals that hold the truth, limits of real pools."""

from __future__ import annotations

import asyncio
import math
import sys
from pathlib import Path

import numpy as np
from diagnosis.figures import Figure

from regress_action.advice.scalability import LoadLevels, analyse
from regress_action.advice.scalability.analysis import LimitedBy
from regress_action.advice.scalability.laws import fit, throughput
from regress_action.instruments.load import LoadTestRunner, Scenario
from regress_action.instruments.load.level_files import levels_of

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

_LEVELS = np.repeat(np.unique(np.round(np.geomspace(1, 96, 16))), 3)
_NOISE = 0.02
_WITHIN = 0.1


def figures(*, quick: bool) -> list[Figure]:
    """Return what was recovered within 10 %, how often intervals hold, and whether limits of real pools were found."""
    return [*_planted(10 if quick else 200), _published(), _pools((4,) if quick else (3, 6, 12))]


def _planted(count: int) -> list[Figure]:
    """Return the shares of planted parameters that were recovered, and of intervals that hold them."""
    chance = np.random.default_rng(1)
    errors, held, named = [], [], 0
    for seed in range(count):
        contention, peak = chance.uniform(0.02, 0.1), chance.uniform(16, 64)
        truth = np.array([100.0, contention, (1 - contention) / peak**2, peak])
        scatter = 1 + _NOISE * chance.standard_normal(len(_LEVELS))
        levels = LoadLevels.of(_LEVELS, throughput(_LEVELS, *truth[:3]) * scatter)
        law = fit(levels, seed=seed)
        estimates = (law.rate, law.contention, law.coherence, law.peak)
        errors.append([abs(estimate.value / value - 1) for estimate, value in zip(estimates, truth, strict=True)])
        held.append([row.low <= value <= row.high for row, value in zip(estimates, truth, strict=True)])
        named += analyse(levels).limited_by in (LimitedBy.CONTENTION, LimitedBy.COHERENCE)
    median, within = np.median(errors, axis=0), np.mean(np.array(errors) <= _WITHIN, axis=0)
    names = ("λ", "σ", "κ", "peak")
    print(f"  {count} planted laws, {len(_LEVELS)} measurements with {100 * _NOISE:.0f} % noise each")
    for name, middle, share, holds in zip(names, median, within, np.mean(held, axis=0), strict=True):
        print(f"    {name:<5} median error {100 * middle:5.2f} %  within 10 %: {100 * share:5.1f} %  held: {holds:.3f}")
    return [
        Figure("planted parameters, largest median error", round(100 * float(median.max()), 2), ceiling=10, unit=" %"),
        Figure("planted parameters within 10 %, the worst of four", round(float(within.min()), 3), floor=0.85),
        Figure("95 % intervals that hold the truth", round(float(np.mean(held)), 3), floor=0.92, ceiling=0.98),
        Figure("planted laws not taken for a fixed limit", named / count, floor=0.98),
    ]


def _published() -> Figure:
    """Return the largest difference from a published parameter."""
    from unit.advice.published_levels import CISCO, RAY_TRACER, SPEC_SDM91

    worst = 0.0
    for published in (CISCO, SPEC_SDM91, RAY_TRACER):
        law = fit(LoadLevels.of(*(np.array(row, np.float64) for row in zip(*published.levels, strict=True))))
        found = (law.rate.value, law.contention.value, law.coherence.value)
        wanted = (published.rate, published.contention, published.coherence)
        errors = [abs(value / truth - 1) for value, truth in zip(found, wanted, strict=True)]
        shown = ", ".join(
            f"{name} {value:.6g} ({truth:.6g})" for name, value, truth in zip("λσκ", found, wanted, strict=True)
        )
        print(f"  {published.name}: {shown}")
        worst = max(worst, *errors)
    return Figure("published parameters, largest difference", round(100 * worst, 3), ceiling=10, unit=" %")


def _pools(sizes: tuple[int, ...]) -> Figure:
    """Return the share of real pools on an event loop whose size lies within 15 % of the limit that was found."""
    right = 0
    for size in sizes:
        rows = []
        for users in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32):
            pool: list[asyncio.Semaphore] = []  # made on the loop of the load

            async def request(pool: list[asyncio.Semaphore] = pool, size: int = size) -> None:
                if not pool:
                    pool.append(asyncio.Semaphore(size))
                async with pool[0]:
                    await asyncio.sleep(0.05)

            result = LoadTestRunner(request, Scenario(users=users, duration_s=2.0, warmup_s=0.2)).run()
            rows.append((float(users), result.throughput, result.mean_s))
        analysis = analyse(levels_of(rows))
        limit = analysis.optimal.value if analysis.optimal else math.nan
        hit = analysis.limited_by is LimitedBy.FIXED_LIMIT and abs(limit / size - 1) <= 0.15  # noqa: PLR2004 - 15 %
        print(f"  a pool of {size}: {analysis.limited_by}, at {limit:.2f}")
        right += hit
    return Figure("limits of real pools found within 15 %", right / len(sizes), floor=1.0)
