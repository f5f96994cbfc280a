"""Other ways to find change points, each as `series → indices`: Apache Otava as it is installed, and simple rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from history_noise import Floats

    Method = Callable[[Sequence[Floats]], list[list[int]]]


def available() -> dict[str, Method]:
    """Return the peers by name; Otava only where it can be imported."""
    peers: dict[str, Method] = {}
    if otava_version():
        peers[f"Apache Otava {otava_version()} (p < .001)"] = lambda series: [otava(one, 0.0) for one in series]
        peers[f"Apache Otava {otava_version()} (p < .001, ≥ 5 %)"] = lambda series: [otava(one, 0.05) for one in series]
    peers["Perfherder (t > 7, 12/12, ≥ 2 %)"] = lambda series: [perfherder(one) for one in series]
    peers["previous value × 1.1"] = lambda series: [previous(one, 1.1) for one in series]
    peers["previous value × 1.2"] = lambda series: [previous(one, 1.2) for one in series]
    return peers


def otava_version() -> str | None:
    """Return the installed version of Apache Otava."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("apache-otava")
    except PackageNotFoundError:
        return None


def otava(values: Floats, magnitude: float) -> list[int]:
    """Ask Otava itself, through the classes that its command uses."""
    import warnings

    from otava.series import AnalysisOptions, Metric, Series

    options = AnalysisOptions()
    options.min_magnitude = magnitude
    series = Series("benchmark", None, list(range(len(values))), {"time": Metric()}, {"time": values.tolist()}, {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # its t test divides by a spread of zero on constants
        return [point.index for point in series.analyze(options).change_points["time"]]


def perfherder(values: Floats, back: int = 12, fore: int = 12, limit: float = 7.0) -> list[int]:
    """Apply Perfherder's rule: a linearly weighted t above 7 that is the largest around, and a change of 2 %."""
    scores = np.zeros(len(values))
    for index in range(back, len(values) - fore + 1):
        scores[index] = _weighted_t(values[index - back : index][::-1], values[index : index + fore])
    peaks = [
        index
        for index in np.flatnonzero(scores > limit)
        if scores[index] == scores[max(0, index - fore) : index + back].max()
    ]
    return [
        int(index)
        for index in peaks
        if abs(values[index : index + fore].mean() / values[index - back : index].mean() - 1) >= 0.02  # noqa: PLR2004
    ]


def _weighted_t(before: Floats, after: Floats) -> float:
    def moments(values: Floats) -> tuple[float, float]:
        weights = np.arange(len(values), 0, -1) / len(values)
        mean = float(np.average(values, weights=weights))
        spread = float(((values - mean) ** 2 * weights).sum() / weights.sum() * len(values) / (len(values) - 1))
        return mean, spread

    (first, first_spread), (second, second_spread) = moments(before), moments(after)
    error = np.sqrt(first_spread / len(before) + second_spread / len(after))
    return float(abs(second - first) / error) if error else np.inf * (first != second)


def previous(values: Floats, ratio: float) -> list[int]:
    """Compare every value with the one before it, either way."""
    moves = np.abs(np.diff(np.log(values)))
    return [int(index) + 1 for index in np.flatnonzero(moves >= np.log(ratio))]
