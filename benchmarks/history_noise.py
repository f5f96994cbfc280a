"""Series in which nothing happened, and steps and drifts put into them at known places.

*Hosted*: stretches of at most 100 runs of benchmarks whose code never changed, measured on GitHub-hosted runners,
each shuffled: what is exchangeable has no step. Families (a project's suite) are split in two by a hash; the
detector's settings were chosen on one half, the tables are about the other.

*Dedicated*: drawn. Each benchmark's run-to-run spread is log-normal with a median of 0.82 % and a 90th percentile
of 1.5 %, its runs follow Student's t with 4 degrees of freedom, and one run in a hundred is disturbed by 3 to 20 %.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Floats: TypeAlias = NDArray[np.float64]

LONGEST, SHORTEST = 100, 50
APART = 15


class Stretch(NamedTuple):
    """Run values without a step, oldest first, and the suite they are from."""

    family: str
    values: Floats


def hosted(data: Path) -> list[Stretch]:
    """Cut the hosted histories into stretches of 50 to 100 runs in their real order."""
    content: dict[str, Any] = json.loads((data / "hosted_fib.json").read_text())
    stretches = []
    for series in content["series"]:
        values = np.array(series["values"], float)
        family = "/".join(series["name"].split("/")[:2])
        parts = max(1, len(values) // LONGEST)
        if len(values) >= SHORTEST:
            stretches += [Stretch(family, part) for part in np.array_split(values, parts)]
    return stretches


def held_out(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Return the stretches of the families that no setting was chosen on."""
    return [stretch for stretch in stretches if hashlib.sha256(stretch.family.encode()).digest()[0] % 2]


def shuffled(stretches: Sequence[Stretch], times: int, seed: int) -> list[Floats]:
    """Shuffle every stretch several times."""
    draw = np.random.default_rng(seed)
    return [draw.permutation(stretch.values) for _ in range(times) for stretch in stretches]


def dedicated(series: int, seed: int, runs: int = LONGEST) -> list[Floats]:
    """Draw series of a quiet machine of one's own."""
    draw = np.random.default_rng(seed)
    spread = 0.0082 * np.exp(0.47 * draw.standard_normal((series, 1)))
    noise = spread * draw.standard_t(4, (series, runs)) / 1.1
    disturbed = draw.random((series, runs)) < 0.01  # noqa: PLR2004 - one run in a hundred
    noise += disturbed * draw.uniform(0.03, 0.2, (series, runs))
    return list(100 * np.exp(noise))


def stepped(series: Sequence[Floats], ratio: float, seed: int) -> tuple[list[Floats], list[list[int]]]:
    """Put a step up or down into every fifty runs, 15 runs or more from the next and from the ends.

    Returns the series and the indices of the first run of each new level.
    """
    draw = np.random.default_rng(seed)
    changed, truth = [], []
    for values in series:
        places = _places(len(values), draw)
        level = np.zeros(len(values))
        for place in places:
            level[place:] += draw.choice((-1, 1)) * np.log(ratio)
        changed.append(values * np.exp(level))
        truth.append(places)
    return changed, truth


def _places(runs: int, draw: np.random.Generator) -> list[int]:
    steps = max(1, runs // 50)
    while True:
        places = np.sort(draw.choice(np.arange(APART, runs - APART + 1), steps, replace=False))
        if steps == 1 or np.diff(places).min() >= APART:
            return [int(place) for place in places]
