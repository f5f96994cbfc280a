"""How long a pull request takes, what can be seen in that time, and which settings an A/A measurement suggests.

Also here: edit `regress.yml` in place: numbers are replaced and entries added, and every comment stays where it is.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from regress_action.action.judge import JudgingRules
    from regress_action.model.comparisons import Comparison, Judgement
    from regress_action.model.measurements import Report, Series


PAIRS = (5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50)
_SHOWN = (5, 10, 20, 40)
_ENOUGH = 0.9
_STEP = 0.05
_MOST_PROPOSED = 50
_BLAMED = 0.5
_FEWEST_ROUNDS = 3
_FEWER_ROUNDS = 0.25
_WORTHWHILE = 0.5  # of the time, that shorter runs have to spare for more pairs


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds of one pair of runs, and of the setup of both sides with everything else beside the runs."""

    pair_s: float
    setup_s: float

    def minutes(self, pairs: int) -> float:
        """Return the minutes that a pull request with this many pairs takes when nothing ends early."""
        return (self.setup_s + pairs * self.pair_s) / 60


@dataclass(frozen=True, slots=True)
class Proposal:
    """Settings that fit what was measured: pairs, and a threshold for every benchmark that is too noisy for its own.

    `thresholds` holds (benchmark, metric, ratio).
    """

    runs: int
    thresholds: tuple[tuple[str, str, float], ...]


def duration(base: Report, head: Report, elapsed_s: float) -> Duration:
    """Return how long things took in a measurement of `elapsed_s` seconds."""
    walls = [[run.wall_s for run in side.runs if run.wall_s is not None] for side in (base, head)]
    spent = sum(map(sum, walls))
    pair_s = sum(sum(side) / len(side) for side in walls if side)
    return Duration(pair_s, max(0.0, elapsed_s - spent))


def visible(row: Comparison, measured: int, pairs: int) -> float | None:
    """Return the smallest ratio that `pairs` pairs would show with 80 % power, from what `measured` pairs show.

    The standard error falls with the root of the pairs, and the quantiles of Student's t with its degrees of freedom
    (Welch 1947; Cohen 1988, section 2.4).
    """
    if row.minimum_detectable_ratio is None or row.minimum_detectable_ratio <= 1:
        return row.minimum_detectable_ratio
    scale = math.sqrt(measured / pairs) * _quantiles(pairs) / _quantiles(measured)
    return math.exp(math.log(row.minimum_detectable_ratio) * scale)


def _quantiles(pairs: int) -> float:
    """Return the sum of the quantiles that a test at 1 % with 80 % power needs, for the difference of pairs."""
    from scipy.special import stdtrit

    return float(stdtrit(pairs - 1, 0.995) + stdtrit(pairs - 1, 0.8))


def typical_changes(judgement: Judgement) -> list[tuple[str, float]]:
    """Return each metric with the ratio that half of its series show, the largest first."""
    visible: dict[str, list[float]] = {}
    for row in judgement.comparisons:
        if row.minimum_detectable_ratio is not None:
            visible.setdefault(row.metric.name, []).append(row.minimum_detectable_ratio)
    typical = [(name, sorted(ratios)[len(ratios) // 2]) for name, ratios in visible.items()]
    return sorted(typical, key=lambda entry: -entry[1])


def forecast(judgement: Judgement, measured: int, took: Duration) -> list[str]:
    """Return a table of pairs, minutes and what can be seen, a line each; empty where nothing has a ratio.

    Of several metrics it is about the noisiest, since counts that never change would make any plan look good.
    """
    metrics = typical_changes(judgement)
    if not metrics:
        return []
    rows = [row for row in judgement.comparisons if row.metric.name == metrics[0][0]]
    shown = "the series" if len(metrics) == 1 else metrics[0][0]
    header = f"half of {shown} show"
    lines = [f"pairs  minutes  {header}  nine in ten show"]
    for pairs in _SHOWN:
        seen = sorted(visible(row, measured, pairs) or 1.0 for row in rows)
        half, most = seen[len(seen) // 2], seen[min(len(seen) - 1, int(len(seen) * _ENOUGH))]
        lines.append(f"{pairs:5}  {took.minutes(pairs):7.1f}  {percent(half):>{len(header)}}  {percent(most):>16}")
    return lines


def proposal(
    judgement: Judgement, measured: int, took: Duration, budget_minutes: float, rules: JudgingRules
) -> Proposal:
    """Return the fewest pairs with which nine series in ten show half their threshold, as far as the budget reaches.

    A series that does not show its whole threshold then gets the next one, in steps of 5 %, that its noise allows.
    """
    rows = [row for row in judgement.comparisons if row.minimum_detectable_ratio is not None]
    affordable = [pairs for pairs in PAIRS if took.minutes(pairs) <= budget_minutes] or [PAIRS[0]]

    def share(pairs: int) -> float:
        shown = [(visible(row, measured, pairs) or 1.0) <= math.sqrt(rules.asked_threshold(row)) for row in rows]
        return sum(shown) / max(1, len(shown))

    runs = next((pairs for pairs in affordable if share(pairs) >= _ENOUGH), affordable[-1])
    blind = [
        (row.benchmark.name, row.metric.name, _rounded_up(seen))
        for row in rows
        if (seen := visible(row, measured, runs) or 1.0) > rules.asked_threshold(row)
    ]
    return Proposal(runs, tuple(sorted(blind, key=lambda entry: -entry[2])[:_MOST_PROPOSED]))


def _rounded_up(ratio: float) -> float:
    return round(1 + math.ceil((ratio - 1) / _STEP - 1e-9) * _STEP, 2)


def short_rounds(base: Report, head: Report) -> list[tuple[str, float]]:
    """Return the time series whose rounds explain most of their noise, with the share, the largest first.

    The variance of a run's value is that of its rounds, divided by their number, and that between processes. Where the
    first is most of it, longer or more rounds help; elsewhere only more runs do.
    """
    shares: dict[str, list[float]] = {}
    for side in (base, head):
        for series in side.series:
            share = _share_of_rounds(series) if series.metric.name == "time" else None
            if share is not None:
                shares.setdefault(series.benchmark.name, []).append(share)
    blamed = [(name, min(values)) for name, values in shares.items() if min(values) > _BLAMED]
    return sorted(blamed, key=lambda entry: -entry[1])


def noise_of_pairs(judgement: Judgement) -> list[str]:
    """Return how a pair's noise divides between and within processes, and what that says about rounds and pairs.

    With a share f of the rounds a pair's variance is between² + within²/f, so where processes differ by more than their
    rounds explain, shorter runs and more pairs show more in the same time. Empty where rounds are not known.
    """
    parts = [row.pair_noise for row in judgement.comparisons if row.pair_noise is not None]
    if not parts:
        return []
    between, within = (sorted(values)[len(values) // 2] for values in zip(*map(astuple, parts), strict=True))
    now, fewer = math.hypot(between, within), math.hypot(between, within * math.sqrt(1 / _FEWER_ROUNDS))
    lines = [
        f"between processes {between * 100:.2g} %, within them {within * 100:.2g} % (medians of {len(parts)} series)",
        f"with a quarter of the rounds a pair would spread by {fewer * 100:.2g} % instead of {now * 100:.2g} %",
    ]
    if fewer < now / math.sqrt(_WORTHWHILE):
        lines.append("so shorter runs and more pairs show more in the same time, if starting the suite is quick")
    return lines


def _share_of_rounds(series: Series) -> float | None:
    """Return the share of the variance between runs that the rounds inside of them explain, at most 1."""
    import numpy as np

    values = np.asarray(series.values)
    if len(series.spreads) != len(values) or len(series.rounds) != len(values):
        return None
    spreads, rounds = np.asarray(series.spreads), np.asarray(series.rounds, dtype=float)
    usable = np.isfinite(values) & np.isfinite(spreads) & (rounds >= _FEWEST_ROUNDS)
    if usable.sum() < _FEWEST_ROUNDS:
        return None
    between = float(np.var(values[usable], ddof=1))
    within = float(np.mean(spreads[usable] ** 2 / rounds[usable])) * math.pi / 2  # a median of rounds
    return min(1.0, within / between) if between > 0 else None


def percent(ratio: float) -> str:
    """Return a ratio as the per cent above 1."""
    return f"{(ratio - 1) * 100:.1f} %"


def named(thresholds: Sequence[tuple[str, str, float]]) -> list[str]:
    """Return a line for each proposed threshold."""
    return [f"{benchmark} ({metric}): {ratio:g}" for benchmark, metric, ratio in thresholds]


_RUNS = re.compile(r"^(runs\s*:\s*)(\d+)(\s*(?:#.*)?)$", re.MULTILINE)
_BENCHMARKS = re.compile(r"^benchmarks\s*:[ \t]*(\[\s*\])?[ \t]*(#.*)?$", re.MULTILINE)


def write_proposal(path: Path, proposal: Proposal) -> list[str]:
    """Write the proposal into a settings file; return a line for each change.

    Raises:
        UsageError: the file has a form in which this cannot be done without losing something.
    """
    import yaml

    from regress_action.model.errors import UsageError
    from regress_action.model.files import write_replace

    text = path.read_text(encoding="utf-8") if path.exists() else ""
    before = yaml.safe_load(text) or {}
    edited, changes = _edited(text, proposal, before)
    try:
        after = yaml.safe_load(edited) or {}
    except yaml.YAMLError:
        after = {}
    rest = {key: value for key, value in after.items() if key not in ("runs", "benchmarks")}
    kept = {key: value for key, value in before.items() if key not in ("runs", "benchmarks")}
    if rest != kept or after.get("runs") != proposal.runs:
        raise UsageError(
            f"{path} cannot be edited without changing its form.",
            remedy=f"Write it yourself: runs: {proposal.runs}, and the thresholds above under `benchmarks`.",
        )
    if changes:
        write_replace(path, edited.encode())
    return changes


def _edited(text: str, proposal: Proposal, before: dict[str, object]) -> tuple[str, list[str]]:
    """Return the text with the proposal in it, and what was changed."""
    changes = []
    if before.get("runs") != proposal.runs:
        changes.append(f"runs: {before.get('runs', 'unset')} → {proposal.runs}")
        if _RUNS.search(text):
            text = _RUNS.sub(rf"\g<1>{proposal.runs}\g<3>", text, count=1)
        else:
            text = f"{text.rstrip()}\n\n# Proposed by `regress-action doctor`.\nruns: {proposal.runs}\n"
    listed = before.get("benchmarks") or []
    present = {
        (entry.get("match"), entry.get("metric", "*"))
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict) and "threshold" in entry
    }
    entries = [entry for entry in proposal.thresholds if entry[:2] not in present]
    if not entries:
        return text, changes
    changes += [f"benchmarks: {benchmark} ({metric}) threshold {ratio:g}" for benchmark, metric, ratio in entries]
    lines = [
        f"  - {{match: {json.dumps(_literal(benchmark))}, metric: {json.dumps(metric)}, threshold: {ratio:g}}}"
        for benchmark, metric, ratio in entries
    ]
    block = "\n".join(["  # Proposed by `regress-action doctor`: the noise of these hides smaller changes.", *lines])
    if match := _BENCHMARKS.search(text):
        head = f"benchmarks:{' ' + match[2] if match[2] else ''}"
        return f"{text[: match.start()]}{head}\n{block}{text[match.end() :]}", changes
    return f"{text.rstrip()}\n\nbenchmarks:\n{block}\n", changes


def _literal(name: str) -> str:
    """Return a name as a shell pattern that matches nothing else."""
    return re.sub(r"([*?\[])", r"[\1]", name)
