"""The rules: each looks at the regressions of a judgement and says nothing, or one sentence per thing it sees.

What additional time is spent on, and which limits do not fit, follows from what the monitor saw of both sides. Time in
which other programs had the processors is left out. What remains is computing time, which the kernel counts exactly;
time in which a control group was stopped; and time in which nothing ran, by what was waited for, estimated from
samples. Differences are taken pair by pair, with Student's interval.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from statistics import fmean, median
from typing import TYPE_CHECKING

from regress_action.advice.bounds import Bound, bound_of, evidence, explained
from regress_action.model.comparisons import Doubt, Mode, Outcome, Verdict
from regress_action.model.resources import (
    FEWEST_PAIRS,
    FEWEST_SAMPLES,
    Amount,
    Bottleneck,
    Doing,
    LimitFinding,
    LimitKind,
    ResourceFinding,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from regress_action.model.comparisons import Comparison, Judgement
    from regress_action.model.resources import RunResources

    Rows = Mapping[str, Mapping[str, Comparison]]
    Rule = Callable[[Judgement, Rows], Iterator[str]]
    Figure = Callable[[RunResources], float]
    Pairs = Sequence[tuple[RunResources, RunResources]]


_TIMES = ("time", "latency", "latency_p50")
_ALIKE = math.log(1.15)
_STEEPER = 0.5
_FEW = 3
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def recommend(judgement: Judgement, *, limit: int = 5) -> tuple[str, ...]:
    """Return at most `limit` sentences, the most specific first; none when nothing regressed or is undecided."""
    rows: dict[str, dict[str, Comparison]] = defaultdict(dict)
    for comparison in judgement.comparisons:
        rows[comparison.benchmark.name][comparison.metric.name] = comparison
    sentences = dict.fromkeys(sentence for rule in _RULES for sentence in rule(judgement, rows))
    return tuple(sentences)[:limit]


def causes(judgement: Judgement) -> tuple[str, ...]:
    """Return what profiles and the monitor say about the regressions, none where neither says anything."""
    return tuple(dict.fromkeys([*_causes(judgement, {}), *_resources(judgement, {})]))


def elsewhere(judgement: Judgement) -> str | None:
    """Return the sentence that suggests another machine, None where the verdict does not hang on this one.

    It does where the suite moved as one, or where something is undecided, or proven by no pair, on a doubtful machine.
    """
    if judgement.summary.verdict is Outcome.PASS:
        return None
    reasons = list(_doubtful(judgement)) if _hangs_on_the_machine(judgement) else []
    if judgement.summary.environment_shift is not None:
        reasons.insert(0, "the whole suite moved together")
    if not reasons:
        return None
    return f"Measure again on another runner before you act on this: {' and '.join(reasons)}."


def _hangs_on_the_machine(judgement: Judgement) -> bool:
    apart = judgement.mode is not Mode.PAIRED
    return judgement.summary.inconclusive > 0 or (apart and not all(row.is_confirmed for row in _worse(judgement)))


def _doubtful(judgement: Judgement) -> Iterator[str]:
    machine = judgement.machine
    if Doubt.FOREIGN in machine.doubts and any(row.verdict is Verdict.INCOMPARABLE for row in judgement.comparisons):
        yield "the baseline has no run from this kind of machine"
    if Doubt.SPEED in machine.doubts:
        yield f"this machine is {'slower' if (machine.probe_ratio or 1) > 1 else 'faster'} than those of the baseline"
    if Doubt.SWING in machine.doubts:
        yield "its speed varies"
    if Doubt.STEAL in machine.doubts:
        yield "other machines on its host take CPU time from it"


def _causes(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """What profiles of both sides say."""
    del rows
    for row in _worse(judgement):
        if row.cause is not None:
            yield row.cause.paragraph


def _resources(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """What the monitor of the runs saw; a slowdown that was profiled and a tight limit stand beside each other."""
    del rows
    if any(row.metric.name in _TIMES for row in _worse(judgement)):
        yield from (note.paragraph for note in judgement.resources)


def _complexity(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """A ratio that grows with a size is the mark of an algorithm of a higher order."""
    del rows
    families: dict[tuple[str, str], list[tuple[float, Comparison]]] = defaultdict(list)
    for row in _worse(judgement):
        if (size := _size(row.benchmark.name)) is not None and row.metric.name in _TIMES:
            families[_NUMBER.sub("N", row.benchmark.name), row.metric.name].append((size, row))
    for (group, _), members in families.items():
        members.sort(key=lambda member: member[0])
        (small, first), (large, last) = members[0], members[-1]
        if small < large and first.ratio and last.ratio:
            slope = math.log(last.ratio / first.ratio) / math.log(large / small) if small > 0 else 0.0
            if slope >= _STEEPER:
                yield (
                    f"{group} is {first.ratio:.2g}× slower at {small:g} and {last.ratio:.2g}× at {large:g}: "
                    f"the cost grows faster than before, by about N^{slope:.1g} more. Look for a loop inside a loop, "
                    "or a search through a list."
                )


def _waiting(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """Wall time without CPU time is waiting; both together is work. The monitor knows more where it watched."""
    if judgement.resources:
        return
    for row in _worse(judgement):
        cpu = rows[row.benchmark.name].get("cpu_time")
        bound = bound_of(row, cpu) if row.metric.name in _TIMES and cpu is not None else None
        if bound is None or cpu is None or row.cause is not None:
            continue
        share = explained(row, cpu)
        part = "" if share is None or bound is Bound.WAITING else f", which is {100 * share:.0f} % of the added time"
        seen = f"Evidence: {evidence(row)}, {evidence(cpu)}{part}."
        yield f"{row.benchmark.name} {_BOUND[bound]} {seen}"


_BOUND = {
    Bound.WAITING: "takes longer but computes no more: it waits. Look at I/O, locks and connection pools.",
    Bound.COMPUTING: "takes longer and computes more: profile both commits and compare the hottest functions.",
    Bound.BOTH: "takes longer and computes more, but most of the added time is waiting: look at I/O, locks and "
    "connection pools first.",
}


def _memory(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """More memory at the same speed is kept; more memory and more time is often copied."""
    for row in _worse(judgement):
        if row.metric.unit != "B":
            continue
        seen = f"Evidence: {evidence(row)}"
        time = next((rows[row.benchmark.name][metric] for metric in _TIMES if metric in rows[row.benchmark.name]), None)
        if time is not None and time.verdict is Verdict.REGRESSION:
            cause = "needs more memory and more time: look for copies and data read as a whole."
            yield f"{row.benchmark.name} {cause} {seen}, {evidence(time)}."
        else:
            cause = "needs more memory at the same speed: look for references that are kept."
            yield f"{row.benchmark.name} {cause} {seen}."


def _common_cause(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """Benchmarks of one service that slowed down alike probably share what slowed them down."""
    del rows
    services: dict[tuple[str, str], list[Comparison]] = defaultdict(list)
    for row in _worse(judgement):
        if row.benchmark.service and row.ratio:
            services[row.benchmark.service, row.metric.name].append(row)
    for (service, metric), members in services.items():
        logs = [math.log(row.ratio) for row in members if row.ratio]
        if len(members) >= _FEW and max(logs) - min(logs) <= _ALIKE:
            yield (
                f"{len(members)} benchmarks of {service} moved alike in {metric}: look for one cause that they share, "
                "such as set-up, serialisation or logging."
            )


def _undecided(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """Say how many more runs would decide what could not be decided."""
    del rows
    needed = [
        row.runs_needed for row in judgement.comparisons if row.verdict is Verdict.INCONCLUSIVE and row.runs_needed
    ]
    if needed and len(needed) * 2 > len(judgement.comparisons):
        what = "pairs" if judgement.mode is Mode.PAIRED else "runs"
        yield (
            f"Most comparisons are undecided: {sorted(needed)[len(needed) // 2]} {what} would decide the typical one. "
            "Give it more, lengthen its rounds, or use a quieter machine."
        )


def _range(judgement: Judgement, rows: Rows) -> Iterator[str]:
    """Name the commits between which it happened."""
    del rows
    base, head = judgement.baseline.commit, judgement.head.commit
    if base and head and base != head and any(True for _ in _worse(judgement)):
        yield f"It came with the commits shown by: git log --oneline {base[:12]}..{head[:12]}"


def _worse(judgement: Judgement) -> Iterator[Comparison]:
    for row in judgement.comparisons:
        if row.is_proven_regression:
            yield row


def _size(name: str) -> float | None:
    """Return the only number of a benchmark's parameters, which is then taken for a size."""
    _, bracket, parameters = name.partition("[")
    numbers = _NUMBER.findall(parameters) if bracket else []
    return float(numbers[0]) if len(numbers) == 1 else None


_RULES: Sequence[Rule] = (_causes, _resources, _complexity, _waiting, _memory, _common_cause, _range, _undecided)


_LEAST_RATIO = 1.05
_MOST_OF_IT = 0.5
_NOTICEABLE = 0.25
_LESS_PARALLEL = 0.75
_PARALLEL = 1.25
_MORE_LOCKED = 0.3
_MOSTLY = 0.6
_LONGEST_FAULT_S = 2e-5
_LONGEST_CALL_S = 1e-4
_LEAST_THROTTLED = 0.05
_TIGHT = 0.9
_GENEROUS = 0.25
_FEWEST_CPUS = 2.0
_WAITS = {
    Doing.DISK: Bottleneck.DISK,
    Doing.PAGING: Bottleneck.DISK,
    Doing.SOCKET: Bottleneck.NETWORK,
    Doing.SLEEP: Bottleneck.SLEEP,
    Doing.PIPE: Bottleneck.PIPE,
    Doing.LOCK: Bottleneck.LOCK,
    Doing.CHILD: Bottleneck.OTHER,
    Doing.OTHER: Bottleneck.OTHER,
}


def bottleneck(runs: Sequence[RunResources], garbage_s: tuple[float, float] | None = None) -> ResourceFinding | None:
    """Return what the head's runs spend their additional time on, None where they take no more time for certain.

    `garbage_s` are the seconds of a run that profiles of base and head saw in garbage collection.
    """
    pairs = paired(runs)
    if len(pairs) < FEWEST_PAIRS or min(sum(run.samples for run in side) for side in zip(*pairs, strict=True)) < (
        FEWEST_SAMPLES
    ):
        return None
    lost = _lost_parallelism(pairs)
    time = _amount("time", "s", pairs, own_s)
    if time.low <= 0 or time.head < _LEAST_RATIO * time.base:
        return None
    if lost:
        return ResourceFinding(((lost, 1.0),), time, tuple(_evidence(lost, pairs)), len(pairs))
    parts: dict[Bottleneck, float] = {}
    for kind, figure in _parts():
        amount = _amount(kind, "s", pairs, figure)
        if amount.low > 0:
            parts[kind] = parts.get(kind, 0.0) + amount.difference
    shares: dict[Bottleneck, float] = {}
    for kind, difference in parts.items():  # several parts may be one thing, as swapping is
        refined = _refined(kind, pairs, garbage_s)
        shares[refined] = min(1.0, shares.get(refined, 0.0) + difference / time.difference)
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    if not ordered or ordered[0][1] < _NOTICEABLE:
        return None
    kept = ordered[:1] if ordered[0][1] >= _MOST_OF_IT else []
    named = (*kept, *(item for item in ordered[len(kept) : 2] if item[1] >= _NOTICEABLE))
    figures = {figure.name: figure for kind, _ in named for figure in _evidence(kind, pairs)}
    return ResourceFinding(named, time, tuple(figures.values()), len(pairs))


def paired(runs: Sequence[RunResources]) -> Pairs:
    """Return base and head of every pair of which both were sampled."""
    sides = ({run.pair: run for run in runs if run.side == side and run.pair is not None} for side in ("base", "head"))
    base, head = sides
    return [(base[pair], head[pair]) for pair in sorted(base.keys() & head.keys(), key=lambda pair: pair or 0)]


def own_s(run: RunResources) -> float:
    """Return the time of a run without that in which it was ready to run and other programs had the processors."""
    return sum(figure(run) for _, figure in _parts())


def limits(runs: Sequence[RunResources]) -> tuple[LimitFinding, ...]:
    """Return the limits of the control group that do not fit the runs of the head."""
    mine = [run for run in runs if run.side == "head"]
    return tuple(_limits(mine)) if mine else ()


def _limits(runs: Sequence[RunResources]) -> Iterator[LimitFinding]:
    cpus, memory = runs[-1].cpu_limit, runs[-1].memory_limit
    lost = median(_throttled_s(run) / run.wall_s for run in runs)
    used = max(run.cpu_s / run.wall_s for run in runs)
    peak = max(run.peak_memory for run in runs)
    hits = median(run.memory_limit_hits for run in runs)
    if cpus and lost >= _LEAST_THROTTLED:
        yield LimitFinding(LimitKind.CPU_TIGHT, cpus, used, lost)
    elif cpus and cpus >= _FEWEST_CPUS and used <= _GENEROUS * cpus:
        yield LimitFinding(LimitKind.CPU_GENEROUS, cpus, used)
    if memory and (peak >= _TIGHT * memory or hits > 0):
        yield LimitFinding(LimitKind.MEMORY_TIGHT, memory, peak, hits)
    elif memory and peak <= _GENEROUS * memory:
        yield LimitFinding(LimitKind.MEMORY_GENEROUS, memory, peak)


def _parts() -> Iterator[tuple[Bottleneck, Figure]]:
    """Yield the parts of a run's own time, which add up to it."""
    yield Bottleneck.COMPUTING, lambda run: run.computing_s
    yield Bottleneck.THROTTLED, _throttled_s
    for doing, kind in _WAITS.items():
        yield kind, lambda run, doing=doing: run.waiting_s(doing)  # type: ignore[misc]


def _throttled_s(run: RunResources) -> float:
    """Return the time in which a run was stopped; the kernel adds up that of all processors."""
    running_s = run.moments.get(Doing.RUNNING, 0.0) * run.wall_s
    return min(run.throttled_s / run.parallel, max(0.0, running_s - run.computing_s))


def _lost_parallelism(pairs: Pairs) -> Bottleneck | None:
    """Return the lock that lets fewer threads run or wait side by side than before, None where that is not so.

    The threads of the head do as much as those of the base, fewer at a time, and more of them wait for a lock.
    """
    active = _amount("active", "", pairs, _active)
    locked = _amount("locked", "", pairs, lambda run: run.threads.get(Doing.LOCK, 0.0))
    fewer = active.base >= _PARALLEL and active.head <= _LESS_PARALLEL * active.base and active.high < 0
    if not (fewer and locked.difference >= _MORE_LOCKED and locked.low > 0):
        return None
    return _kind_of_lock(pairs)


def _active(run: RunResources) -> float:
    """Return how many threads ran, or waited for something else than a lock or a child, at a time."""
    return sum(number for doing, number in run.threads.items() if doing not in {Doing.LOCK, Doing.CHILD, Doing.OTHER})


def _kind_of_lock(pairs: Pairs) -> Bottleneck:
    locks = fmean(head.threads.get(Doing.LOCK, 0.0) for _, head in pairs)
    if fmean(head.locked_files for _, head in pairs) >= _NOTICEABLE * min(1.0, locks):
        return Bottleneck.FILE_LOCK
    timed = fmean(head.timed_locks for _, head in pairs)
    running = fmean(head.moments.get(Doing.RUNNING, 0.0) for _, head in pairs)
    is_interpreter = timed >= _NOTICEABLE * max(locks, 1.0) and running >= _MOST_OF_IT
    return Bottleneck.INTERPRETER_LOCK if is_interpreter else Bottleneck.LOCK


def _refined(kind: Bottleneck, pairs: Pairs, garbage_s: tuple[float, float] | None) -> Bottleneck:
    """Return what a part consists of, where the kernel's figures say so."""
    if kind is Bottleneck.DISK:
        return Bottleneck.SWAP if _swaps(pairs) else kind
    if kind is Bottleneck.LOCK:
        return _kind_of_lock(pairs)
    return _kind_of_computing(pairs, garbage_s) if kind is Bottleneck.COMPUTING else kind


def _kind_of_computing(pairs: Pairs, garbage_s: tuple[float, float] | None) -> Bottleneck:
    """Return what the additional CPU time is: of the program, of garbage collection, or of the kernel and for what."""
    computing = _amount("cpu", "s", pairs, lambda run: run.cpu_s).difference
    if garbage_s and garbage_s[1] - garbage_s[0] >= _MOST_OF_IT * computing > 0:
        return Bottleneck.GARBAGE
    kernel = _amount("system", "s", pairs, lambda run: run.system_s)
    if kernel.low <= 0 or kernel.difference < _MOST_OF_IT * computing:
        return Bottleneck.COMPUTING
    if _swaps(pairs):
        return Bottleneck.SWAP
    faults = _amount("faults", "", pairs, lambda run: run.minor_faults)
    calls = _amount("calls", "", pairs, lambda run: run.calls)
    by_calls = calls.low > 0 and kernel.difference <= _LONGEST_CALL_S * calls.difference
    by_faults = faults.low > 0 and kernel.difference <= _LONGEST_FAULT_S * faults.difference
    if by_faults and not (by_calls and calls.difference > faults.difference):
        return Bottleneck.PAGE_FAULTS
    return Bottleneck.SYSTEM_CALLS if by_calls else Bottleneck.KERNEL


def _swaps(pairs: Pairs) -> bool:
    """Whether the head has memory in swap space and waits for input at page faults, more than the base."""
    swapped = _amount("swap", "B", pairs, lambda run: run.swap_bytes)
    faults = _amount("faults", "", pairs, lambda run: run.major_faults)
    return swapped.low > 0 and faults.low > 0


def _evidence(kind: Bottleneck, pairs: Pairs) -> Iterator[Amount]:
    """Yield the figures on which a bottleneck rests."""
    for name, unit, figure in _FIGURES[kind]:
        yield _amount(name, unit, pairs, figure)


def _waits(doing: Doing) -> Figure:
    return lambda run: run.waiting_s(doing)


_CPU: tuple[str, str, Figure] = ("CPU time", "s", lambda run: run.cpu_s)
_SYSTEM: tuple[str, str, Figure] = ("system time", "s", lambda run: run.system_s)
_LOCKED: tuple[str, str, Figure] = ("threads that wait for a lock", "", lambda run: run.threads.get(Doing.LOCK, 0.0))
_SWITCHES: tuple[str, str, Figure] = ("context switches by waiting", "", lambda run: run.voluntary_switches)
_ACTIVE: tuple[str, str, Figure] = ("threads that run at a time", "", _active)
_FIGURES: dict[Bottleneck, tuple[tuple[str, str, Figure], ...]] = {
    Bottleneck.COMPUTING: (_CPU,),
    Bottleneck.GARBAGE: (_CPU,),
    Bottleneck.PAGE_FAULTS: (_SYSTEM, ("page faults", "", lambda run: run.minor_faults)),
    Bottleneck.SYSTEM_CALLS: (_SYSTEM, ("calls to read or write", "", lambda run: run.calls)),
    Bottleneck.KERNEL: (_SYSTEM, _CPU),
    Bottleneck.DISK: (
        ("waiting for the disk", "s", lambda run: run.waiting_s(Doing.DISK) + run.waiting_s(Doing.PAGING)),
        ("written", "B", lambda run: run.write_bytes),
        ("read", "B", lambda run: run.read_bytes),
    ),
    Bottleneck.SWAP: (
        ("in swap space", "B", lambda run: run.swap_bytes),
        ("page faults with input", "", lambda run: run.major_faults),
    ),
    Bottleneck.LOCK: (_LOCKED, _ACTIVE, _CPU),
    Bottleneck.FILE_LOCK: (("waiting for a lock", "s", _waits(Doing.LOCK)), _CPU),
    Bottleneck.INTERPRETER_LOCK: (_LOCKED, _ACTIVE, _SWITCHES),
    Bottleneck.NETWORK: (("waiting for sockets and events", "s", _waits(Doing.SOCKET)), _CPU),
    Bottleneck.PIPE: (("waiting for pipes", "s", _waits(Doing.PIPE)), _CPU),
    Bottleneck.SLEEP: (("sleeping", "s", _waits(Doing.SLEEP)), _CPU),
    Bottleneck.THROTTLED: (
        ("stopped by the CPU limit", "s", _throttled_s),
        ("periods in which it was stopped", "", lambda run: run.throttled_periods),
    ),
    Bottleneck.OTHER: (("waiting", "s", lambda run: run.waiting_s(Doing.CHILD) + run.waiting_s(Doing.OTHER)), _CPU),
}


def _amount(name: str, unit: str, pairs: Pairs, figure: Figure) -> Amount:
    """Return a figure on both sides, with the interval of its difference over the pairs."""
    from regress_action.advice.profile_difference import change_of  # most comparisons have no figures of resources

    base, head = [figure(run) for run, _ in pairs], [figure(run) for _, run in pairs]
    change = change_of(base, head)
    return Amount(name, unit, change.base, change.head, change.low or 0.0, change.high or 0.0)
