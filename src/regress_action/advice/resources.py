"""What runs spend additional time on, and which limits do not fit, by what the monitor saw of both sides.

Time in which other programs had the processors is left out. What remains is computing time, which the kernel counts
exactly; time in which a control group was stopped; and time in which nothing ran, by what was waited for, estimated
from samples. Differences are taken pair by pair, with Student's interval.
"""

from __future__ import annotations

from statistics import fmean, median
from typing import TYPE_CHECKING

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
    from collections.abc import Callable, Iterator, Sequence

    from regress_action.model.resources import RunResources

    Figure = Callable[[RunResources], float]
    Pairs = Sequence[tuple[RunResources, RunResources]]


_LEAST_RATIO = 1.05  # of the times of head and base, below which nothing is explained
_MOST_OF_IT = 0.5
_NOTICEABLE = 0.25
_PARALLEL = 1.25  # threads of the base that are active at a time, from which it counts as parallel
_LESS_PARALLEL = 0.75
_MORE_LOCKED = 0.3
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
    pairs = _paired(runs)
    if not _are_sampled_enough(pairs):
        return None
    time = _amount("time", "s", pairs, _own_s)
    if time.low <= 0 or time.head < _LEAST_RATIO * time.base:
        return None
    if lost := _lost_parallelism(pairs):
        return ResourceFinding(((lost, 1.0),), time, tuple(_evidence(lost, pairs)), len(pairs))
    named = _largest(_shares(pairs, time.difference, garbage_s))
    if not named:
        return None
    figures = {figure.name: figure for kind, _ in named for figure in _evidence(kind, pairs)}
    return ResourceFinding(named, time, tuple(figures.values()), len(pairs))


def _paired(runs: Sequence[RunResources]) -> Pairs:
    """Return base and head of every pair of which both were sampled."""
    sides = ({run.pair: run for run in runs if run.side == side and run.pair is not None} for side in ("base", "head"))
    base, head = sides
    return [(base[pair], head[pair]) for pair in sorted(base.keys() & head.keys(), key=lambda pair: pair or 0)]


def _are_sampled_enough(pairs: Pairs) -> bool:
    """Whether there are enough pairs, and enough samples of either side in them."""
    samples = [sum(run.samples for run in side) for side in zip(*pairs, strict=True)]
    return len(pairs) >= FEWEST_PAIRS and min(samples) >= FEWEST_SAMPLES


def _shares(pairs: Pairs, difference_s: float, garbage_s: tuple[float, float] | None) -> dict[Bottleneck, float]:
    """Return the share of the additional time that each bottleneck takes for certain."""
    parts: dict[Bottleneck, float] = {}
    for kind, figure in _parts():
        amount = _amount(kind, "s", pairs, figure)
        if amount.low > 0:
            parts[kind] = parts.get(kind, 0.0) + amount.difference
    shares: dict[Bottleneck, float] = {}
    for kind, part_s in parts.items():  # several parts may be one thing, as swapping is
        refined = _refined(kind, pairs, garbage_s)
        shares[refined] = min(1.0, shares.get(refined, 0.0) + part_s / difference_s)
    return shares


def _largest(shares: dict[Bottleneck, float]) -> tuple[tuple[Bottleneck, float], ...]:
    """Return the one or two largest shares that are noticeable."""
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return tuple(item for item in ordered[:2] if item[1] >= _NOTICEABLE)


def _own_s(run: RunResources) -> float:
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
