"""Two checks of `doctor`: that the gate fires, and why a benchmark is noisy.

* The proof that the gate fires: on recorded runs, each benchmark × metric is made worse in turn and must be caught.
* Why a benchmark is noisy: what its slow runs have in common, by what was watched of every run.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from regress_action.action.judge import JudgingRules
    from regress_action.formats import Measurement
    from regress_action.formats.measurement import Execution
    from regress_action.model.comparisons import Comparison
    from regress_action.model.measurements import Report

    Values = npt.NDArray[np.float64]


_MARGIN = 1.5
"""How far beyond the ratio that fails a planted slowdown goes: half as much again."""

LIMIT_S = 60.0
"""Seconds that the proof may take; a suite of a thousand series would take longer."""


@dataclass(frozen=True, slots=True)
class PlantedChange:
    """One benchmark × metric made worse by `factor`: whether it was caught, whether the gate failed, and why not."""

    benchmark: str
    metric: str
    factor: float
    caught: bool
    fails: bool
    why: str = ""


def planted_changes(
    base: Report, head: Report, rules: JudgingRules, *, limit_s: float = LIMIT_S
) -> tuple[list[PlantedChange], int]:
    """Return what became of every series of the head that was made worse alone, and how many were left untried.

    The quietest come first, because time may run out. Ratios are of badness: a throughput is made smaller.

    Raises:
        RegressError: the two reports hold nothing that can be judged.
    """
    from regress_action.action.judge import judge_reports

    began = time.monotonic()
    judged = judge_reports([base], [head], rules).judgement.comparisons
    rows = sorted(judged, key=lambda row: row.minimum_detectable_ratio or float("inf"))
    done: list[PlantedChange] = []
    for row in rows:
        if time.monotonic() - began > limit_s:
            break
        done.append(_planted(base, head, row, rules))
    return done, len(rows) - len(done)


def _planted(base: Report, head: Report, row: Comparison, rules: JudgingRules) -> PlantedChange:
    from regress_action.action.judge import judge_reports
    from regress_action.model.comparisons import Verdict

    factor = 1 + _MARGIN * (rules.ratio_that_fails(row) - 1)
    name = row.benchmark.name, row.metric.name
    if row.ratio is None or row.minimum_detectable_ratio is None:
        return PlantedChange(*name, factor, caught=False, fails=False, why=f"it has no ratio: {row.verdict.value}")
    again = judge_reports([base], [worsened(head, row, factor)], rules)
    after = next((other for other in again.judgement.comparisons if _key(other) == _key(row)), None)
    if after is None:
        return PlantedChange(*name, factor, caught=False, fails=False, why="it was left out of the verdict")
    caught = after.verdict is Verdict.REGRESSION
    fails = caught and again.exit_code == 1
    return PlantedChange(*name, factor, caught, fails, "" if fails else _why(after, factor, rules))


def worsened(report: Report, row: Comparison, factor: float) -> Report:
    """Return the report with one series made worse by a factor."""
    scale = factor if row.metric.direction == "lower" else 1 / factor
    return replace(
        report,
        series=tuple(
            replace(series, values=tuple(value * scale for value in series.values))
            if series.key == _key(row)
            else series
            for series in report.series
        ),
    )


def _key(row: Comparison) -> tuple[str, str]:
    return row.benchmark.name, row.metric.name


def _why(row: Comparison, factor: float, rules: JudgingRules) -> str:
    """Return why a planted slowdown did not fail."""
    from regress_action.model.comparisons import Severity

    if rules.policy.fail_on == Severity.NONE:
        return "fail-on is none"
    if row.severity and row.verdict == "regression":
        return f"it is {row.severity.value}, and fail-on is {rules.policy.fail_on}"
    needed = f", and {row.runs_needed} pairs would decide" if row.runs_needed else ""
    visible = row.minimum_detectable_ratio
    if visible is not None and visible > factor:
        return f"its noise hides everything below {(visible - 1) * 100:.0f} %{needed}"
    return f"the verdict is {row.verdict.value}{needed}"


def summarised(done: Sequence[PlantedChange], untried: int) -> tuple[bool, str, list[str]]:
    """Return whether the gate works at all, one sentence, and a line for each series that could not fire."""
    from regress_action.report.numbers import count

    fired = [change for change in done if change.fails]
    silent = [change for change in done if not change.fails]
    names = len({change.benchmark for change in done})
    rest = f"; {untried} more were not tried in {LIMIT_S:.0f} s" if untried else ""
    said = (
        f"The gate fires for {len(fired)} of {len(done)} benchmark × metric pairs ({count(names, 'benchmark')}), "
        f"each made worse alone{rest}."
    )
    return (
        bool(fired),
        said,
        [f"{change.benchmark} ({change.metric}) × {change.factor:.2f}: {change.why}" for change in silent],
    )


_WATCHED = {
    "socket_s": ("it waits for a network", "Replace what it waits for by something local, or time the CPU alone."),
    "sleep_s": ("it sleeps", "Replace what it sleeps for by something that is ready, or time the CPU alone."),
    "lock_s": ("it waits for a lock", "Let nothing else hold the lock while it is timed, or time the CPU alone."),
    "paging_s": ("its memory is swapped or paged in", "Give it more memory, or let it use less."),
    "disk_s": ("it waits for a disk", "Put its files into memory: TMPDIR=/dev/shm."),
    "read_bytes": ("files are read from disk in some runs", "Warm the page cache with a run before, or use a tmpfs."),
    "voluntary_switches": (
        "it waits for a disk or for another program",
        "Put its files into memory (TMPDIR=/dev/shm), and replace what it waits for by something that is ready.",
    ),
    "steal_s": (
        "other machines on the same host take CPU time",
        "Use a runner of your own, or one with dedicated cores.",
    ),
    "queue_s": (
        "other programs run at the same time",
        "Close them, pin the suite with --cpus, or time the CPU alone.",
    ),
    "mhz_before": ("the processor's frequency differs between runs", "Fix the frequency, or leave turbo off."),
}
"""Figures of a run by which slow runs are told from fast ones: what that means, and what helps; the surest first."""

_FILES = ("disk_s", "read_bytes", "voluntary_switches")
_CPU_HELPS = ("socket_s", "sleep_s", "lock_s", "steal_s", "queue_s")
_FEWEST = 8
_SURE = 0.96
_FIRST = 5.0
_APART = 4.0
_FEWEST_OF_A_MODE = 0.2
_MAD = 1.4826
_MOST = 0.5
"""Share of what slow runs take longer that a figure has to explain."""
_MANY_MORE = 1.5
"""How many times as often slow runs wait, beside how many times as long they take."""
_SLOWEST_DISK = 5e6
"""Bytes per second below which reading files explains nothing."""


class Explanation(NamedTuple):
    """What explains noise, the figures that show it, what helps, and how the name of the remedy to be tried begins.

    `cpu_helps` says that slow runs only wait longer, so that their CPU time is steady.
    """

    cause: str
    shown_by: str
    remedy: str
    trial: str = ""
    cpu_helps: bool = False


def noise_causes(measured: Measurement, noisy: Sequence[str]) -> dict[str, Explanation]:
    """Return the likeliest cause of each of the benchmarks that are called noisy; none for those that show nothing."""
    import numpy as np

    causes: dict[str, Explanation] = {}
    for name in noisy:
        times, figures, first = _runs_of(measured, name)
        if tick := tick_of(times):
            causes[name] = Explanation(
                "its clock is too coarse for its rounds",
                f"values are whole ticks of {tick * 1e3:.3g} ms" if tick < math.inf else "it reads zero",
                "Put more work into a round, or read a finer clock.",
                "longer rounds",
            )
        elif len(times) >= _FEWEST and float(np.std(times)) > 0 and (cause := explained_noise(times, figures, first)):
            causes[name] = cause
    return causes


def tick_of(times: Values) -> float:
    """Return the tick of the clock in seconds where times are whole ticks, infinity where half are zero, else 0."""
    import numpy as np

    from regress_action.analysis.noise import ticks

    if not len(times):
        return 0.0
    if float(np.mean(times == 0)) >= _MOST:
        return math.inf
    return float(np.nan_to_num(ticks(times[None, :], times[None, :0])[0]))


def explained_noise(times: Values, figures: Mapping[str, Values], first: Values) -> Explanation | None:
    """Return what explains the times of runs (n,), None where nothing does; `first` marks the first run of each side.

    `figures` holds what was watched of the same runs. A figure is a cause where it orders the runs as their times do:
    the probability that a slow run has the larger value is at least 0.96 (Mann and Whitney 1947). It has to explain at
    least half of what slow runs take longer as well, because a longer run has more of everything.
    """
    import numpy as np

    rest = times[~first.astype(bool)]
    spread = _MAD * float(np.median(np.abs(rest - np.median(rest))))
    limit = max(float(np.max(rest)), float(np.median(rest)) + _FIRST * spread) if len(rest) else math.inf
    if first.any() and spread > 0 and (times[first.astype(bool)] > limit).all():
        more = float(times[first.astype(bool)].mean() / np.median(rest))
        return Explanation(
            "the first run of each side is slow",
            f"it takes {more:.2f}× the others",
            "Run the suite once before measuring.",
            "a run before",
        )
    slow, modes = _slow_runs(times)
    for figure, (cause, remedy) in _WATCHED.items():
        if _explains(figure, figures, times, slow):
            word = "smaller" if figure == "mhz_before" else "larger"
            trial = "files in memory" if figure in _FILES else ""
            shown = f"{figure} is {word} in its slow runs"
            return Explanation(cause, shown, remedy, trial, cpu_helps=figure in _CPU_HELPS)
    if modes is None:
        return None
    low, high = modes
    return Explanation(
        "it has two levels, and nothing that was watched separates them",
        f"{int((~slow).sum())} runs near {low:.3g} s, {int(slow.sum())} near {high:.3g} s",
        "Often it is the hash seed or the layout of memory: try --hash-seed 0.",
    )


def _explains(figure: str, figures: Mapping[str, Values], times: Values, slow: npt.NDArray[np.bool_]) -> bool:
    """Whether a figure separates slow runs from fast ones, and by as much as they take longer."""
    import numpy as np

    values = figures.get(figure)
    if values is None or not np.isfinite(values).all() or np.ptp(values) == 0:
        return False
    if figure == "mhz_before":
        steps = np.log(np.median(values[~slow]) / np.median(values[slow]))
        longer = np.log(np.median(times[slow]) / np.median(times[~slow]))
        return _larger(-values[slow], -values[~slow]) >= _SURE and bool(steps >= _MOST * longer)
    if _larger(values[slow], values[~slow]) < _SURE:
        return False

    def levels(name: str) -> tuple[float, float]:
        return float(np.median(figures[name][~slow])), float(np.median(figures[name][slow]))

    (low, high), (fast, longest), (idle, busy) = map(levels, (figure, "wall_s", "cpu_s"))
    longer, computing, more = longest - fast, busy - idle, high - low
    if figure == "read_bytes":
        explains = more >= _SLOWEST_DISK * longer
    elif figure == "voluntary_switches":
        explains = high / max(low, 1.0) >= _MANY_MORE * longest / fast and computing <= _MOST * longer
    else:
        explains = more >= _MOST * longer and more > computing
    return longer > 0 and explains


def _slow_runs(times: Values) -> tuple[npt.NDArray[np.bool_], tuple[float, float] | None]:
    """Return which runs are slow, and the two levels where there are two: the widest gap separates them."""
    import numpy as np

    ordered = np.sort(times)
    gaps = np.diff(ordered)
    widest = int(np.argmax(gaps))
    others = np.delete(gaps, widest)
    share = (widest + 1) / len(times)
    inside = max(float(np.std(ordered[: widest + 1])), float(np.std(ordered[widest + 1 :])))
    apart = gaps[widest] > _APART * inside and gaps[widest] > _APART * float(np.median(others))
    if apart and _FEWEST_OF_A_MODE <= share <= 1 - _FEWEST_OF_A_MODE:
        split = (ordered[widest] + ordered[widest + 1]) / 2
        slow = times > split
        return slow, (float(np.median(times[~slow])), float(np.median(times[slow])))
    return times > np.median(times), None


def _larger(slow: Values, fast: Values) -> float:
    """Return the probability that a value of `slow` is larger than one of `fast`; ties count half."""
    import numpy as np

    if not len(slow) or not len(fast):
        return 0.5
    difference = slow[:, None] - fast[None, :]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


def _runs_of(measured: Measurement, name: str) -> tuple[Values, dict[str, Values], Values]:
    """Return the times of the good runs of a benchmark, what was watched of the same runs, and which came first."""
    import numpy as np

    executions = {(run.side, run.pair): run for run in measured.executions if run.failure is None}
    times: list[float] = []
    watched: list[Mapping[str, float]] = []
    first: list[float] = []
    for side, report in (("base", measured.base), ("head", measured.head)):
        series = next((row for row in (report.series if report else ()) if row.key == (name, "time")), None)
        if report is None or series is None:
            continue
        for run, value in zip(report.runs, series.values, strict=True):
            execution = executions.get((side, run.pair))
            if execution is not None and math.isfinite(value):
                times.append(value)
                watched.append(_figures(execution))
                first.append(float(run.pair == 1))
    names = (*_WATCHED, "wall_s", "cpu_s")
    figures = {key: np.array([numbers.get(key, np.nan) for numbers in watched]) for key in names}
    return np.array(times), figures, np.array(first)


def _figures(execution: Execution) -> dict[str, float]:
    """Return what was watched of a run: what the kernel counted, and the seconds for which it waited for each thing."""
    from regress_action.model.resources import Doing

    figures = dict(execution.numbers)
    figures["cpu_s"] = figures.get("user_s", math.nan) + figures.get("system_s", math.nan)
    if run := execution.resources:
        kinds = (Doing.SOCKET, Doing.SLEEP, Doing.LOCK, Doing.PAGING, Doing.DISK)
        figures |= {f"{kind.value}_s": run.waiting_s(kind) for kind in kinds}
        figures["voluntary_switches"] = run.voluntary_switches
        figures["queue_s"] = max(0.0, run.waiting_s(Doing.RUNNING) - run.cpu_s)
    return figures
