"""What others would have said of the same numbers, by their own code where it can be installed.

Each rule takes the rounds (or runs) of base and head in seconds and answers whether it would call the head slower.
"""

from __future__ import annotations

import functools
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from verdicts.reports import Numbers

    Rule = Callable[[Numbers, Numbers], bool]


def pyperf_compare_to(base: Numbers, head: Numbers) -> bool:
    """Student's t-test at 95 % on all values pooled, as `pyperf compare_to` does it (pyperf's own function)."""
    from pyperf._utils import is_significant

    if np.ptp(base) == 0 and np.ptp(head) == 0:
        return bool(head[0] > base[0])
    return bool(is_significant(list(base), list(head))[0] and np.mean(head) > np.mean(base))


def pyperf_and_5_percent(base: Numbers, head: Numbers) -> bool:
    """The same with a threshold of 5 % on top, as `--min-speed 5` gives it."""
    return pyperf_compare_to(base, head) and bool(np.mean(head) >= 1.05 * np.mean(base))


def benchstat(base: Numbers, head: Numbers) -> bool:
    """Mann-Whitney U at 0.05 and medians, no threshold (the rule of Go's benchstat)."""
    from scipy import stats

    p = stats.mannwhitneyu(base, head, alternative="two-sided").pvalue
    return bool(p < 0.05 and np.median(head) > np.median(base))  # noqa: PLR2004 - its default alpha


def asv_compare(base: Numbers, head: Numbers) -> bool:
    """Factor 1.1 and U at 0.002 or disjoint 99 % intervals (asv's own function)."""
    from asv.commands.compare import _is_result_better
    from asv_runner.statistics import compute_stats

    value_base, stats_base = compute_stats(list(base), 1)
    value_head, stats_head = compute_stats(list(head), 1)
    return bool(_is_result_better(value_base, value_head, (stats_base, list(base)), (stats_head, list(head)), 1.1))


def ratio(threshold: float, base: Numbers, head: Numbers) -> bool:
    """Compare with the previous value alone, as github-action-benchmark does (default threshold 2)."""
    return bool(head[-1] / base[-1] > threshold)


def ratio_of_medians(threshold: float, base: Numbers, head: Numbers) -> bool:
    """Do the same for two runs of several rounds."""
    return bool(np.median(head) / np.median(base) > threshold)


def otava(base: Numbers, head: Numbers) -> bool:
    """Ask Apache Otava itself for a change point where the head begins (p < 0.001, at least 5 %)."""
    from otava.analysis import compute_change_points

    points, _ = compute_change_points([*base, *head], window_len=50, max_pvalue=0.001, min_magnitude=0.05)
    return any(point.index == len(base) and point.stats.mean_2 > point.stats.mean_1 for point in points)


def on_rounds() -> dict[str, Rule]:
    """Return the rules that judge two runs by their rounds, without those whose program is not installed."""
    return _installed(
        {
            "pyperf compare_to": ("pyperf", pyperf_compare_to),
            "pyperf, at least 5 %": ("pyperf", pyperf_and_5_percent),
            "benchstat (Mann-Whitney)": ("scipy", benchstat),
            "asv compare (1.1)": ("asv", asv_compare),
            "github-action-benchmark 2.0": ("numpy", functools.partial(ratio_of_medians, 2.0)),
            "github-action-benchmark 1.2": ("numpy", functools.partial(ratio_of_medians, 1.2)),
            "Apache Otava": ("otava", otava),
        }
    )


def on_runs() -> dict[str, Rule]:
    """Return the rules that hold one new run against stored ones."""
    return _installed(
        {
            "github-action-benchmark 2.0": ("numpy", functools.partial(ratio, 2.0)),
            "github-action-benchmark 1.2": ("numpy", functools.partial(ratio, 1.2)),
            "Apache Otava": ("otava", otava),
        }
    )


def _installed(rules: dict[str, tuple[str, Rule]]) -> dict[str, Rule]:
    return {name: rule for name, (module, rule) in rules.items() if find_spec(module)}
