"""What runs spend their additional time on, and which limit does not fit, in words: figures first, then what to do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from regress_action.model.comparisons import ResourceNote
from regress_action.model.resources import FEWEST_PAIRS, FEWEST_SAMPLES, Bottleneck, Doing, LimitKind
from regress_action.report.numbers import count, quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.model.resources import Amount, LimitFinding, ResourceFinding, RunResources

_MOST_FIGURES = 4
_LITTLE = 0.005
_BOTTLENECKS = {
    Bottleneck.COMPUTING: (
        "computing",
        "Profile both commits and compare the hottest functions: regress-action hotspots.",
    ),
    Bottleneck.GARBAGE: (
        "collecting garbage",
        "Look for objects that are made and dropped in a loop, for cycles between them, and for calls of gc.collect.",
    ),
    Bottleneck.PAGE_FAULTS: (
        "getting memory from the kernel (page faults)",
        "Look for large buffers that are made anew each time: use them again, or make them smaller.",
    ),
    Bottleneck.SYSTEM_CALLS: (
        "many small reads and writes",
        "Read and write through a buffer, in larger pieces, and outside of loops.",
    ),
    Bottleneck.KERNEL: ("work of the kernel", "Look at what was added in system calls: strace -c counts them."),
    Bottleneck.DISK: (
        "waiting for the disk",
        "Look for fsync, for files that are opened in a loop, and for data that could be read once.",
    ),
    Bottleneck.SWAP: (
        "waiting for memory that was swapped out",
        "It needs more memory than there is: make it smaller, or run it where there is more.",
    ),
    Bottleneck.LOCK: (
        "waiting for locks",
        "Fewer threads work side by side. Hold the lock for less work, or give each thread data of its own.",
    ),
    Bottleneck.FILE_LOCK: (
        "waiting for a lock on a file, as a database takes",
        "Make transactions shorter, or let one connection write.",
    ),
    Bottleneck.INTERPRETER_LOCK: (
        "waiting for the interpreter's lock (GIL)",
        "Threads compute in Python one at a time. Use processes, or code that releases the lock.",
    ),
    Bottleneck.NETWORK: (
        "waiting for sockets and events",
        "Look for requests one after another, for connections that are made anew, and for timers of an event loop.",
    ),
    Bottleneck.PIPE: ("waiting for another program's output", "Look at what that program does, and how often it runs."),
    Bottleneck.SLEEP: ("sleeping", "Look for added sleeps, for retries, and for polling with a fixed pause."),
    Bottleneck.THROTTLED: (
        "being stopped by the CPU limit of its control group",
        "Raise the limit (docker run --cpus, resources.limits.cpu), or use fewer threads.",
    ),
    Bottleneck.OTHER: (
        "waiting for what the monitor cannot name",
        "Profile the elapsed time: regress-action hotspots.",
    ),
}
DOING = {
    Doing.RUNNING: "running, or ready to run",
    Doing.PAGING: "waiting for memory from disk",
    Doing.DISK: "waiting for the disk",
    Doing.SOCKET: "waiting for sockets or events",
    Doing.SLEEP: "sleeping",
    Doing.PIPE: "waiting for pipes",
    Doing.LOCK: "waiting for locks",
    Doing.CHILD: "waiting for a child",
    Doing.OTHER: "waiting for something else",
}


def notes(finding: ResourceFinding | None, limits: Sequence[LimitFinding]) -> tuple[ResourceNote, ...]:
    """Return what goes into a report: where the additional time goes, and limits that are too tight."""
    tight = [limit for limit in limits if limit.kind in {LimitKind.CPU_TIGHT, LimitKind.MEMORY_TIGHT}]
    spent = [ResourceNote(finding.bottlenecks[0][0].value, paragraph(finding))] if finding else []
    return (*spent, *(ResourceNote(limit.kind.value, of_limit(limit)) for limit in tight))


def paragraph(finding: ResourceFinding) -> str:
    """Return what the additional time is spent on, the figures, and what to do."""
    time = finding.time
    added = f"{quantity(time.difference, 's')} ({interval_of(time)})"
    parts = " and ".join(f"{_share(share)} {_BOTTLENECKS[kind][0]}" for kind, share in finding.bottlenecks)
    figures = "; ".join(of_amount(figure) for figure in finding.figures[:_MOST_FIGURES] if _is_shown(figure))
    advice = " ".join(_BOTTLENECKS[kind][1] for kind, _ in finding.bottlenecks)
    return (
        f"A run takes {added} longer, {count(finding.pairs, 'pair')}, without the time in which other programs had the "
        f"processors. It spends {parts}. Evidence: {figures}. {advice}"
    )


def of_amount(amount: Amount) -> str:
    """Return a figure of both sides, `CPU time 0.2 s → 0.4 s`."""
    return f"{amount.name} {_figure(amount.base, amount.unit)} → {_figure(amount.head, amount.unit)}"


def interval_of(amount: Amount) -> str:
    """Return the interval of a difference."""
    return f"{quantity(amount.low, amount.unit)} to {quantity(amount.high, amount.unit)}"


def of_limit(finding: LimitFinding) -> str:
    """Return what is wrong with a limit, and what to do."""
    match finding.kind:
        case LimitKind.CPU_TIGHT:
            return (
                f"The CPU limit of {finding.limit:g} CPUs stopped the runs for {100 * finding.lost:.0f} % of their "
                "time. Raise it: what is measured under it is the limit, not the program."
            )
        case LimitKind.MEMORY_TIGHT:
            hits = f" It was hit {finding.lost:,.0f} times a run." if finding.lost else ""
            return (
                f"The memory limit of {quantity(finding.limit, 'B')} is tight: a run holds "
                f"{quantity(finding.used, 'B')}.{hits} Raise it, or make the program smaller."
            )
        case LimitKind.CPU_GENEROUS:
            return f"Of {finding.limit:g} CPUs a run uses {finding.used:.2g}: fewer are enough, or more threads can be."
        case LimitKind.MEMORY_GENEROUS:
            return (
                f"Of {quantity(finding.limit, 'B')} of memory a run holds {quantity(finding.used, 'B')}: a lower limit "
                "is enough."
            )


def lines(
    runs: Sequence[RunResources], finding: ResourceFinding | None, limits: Sequence[LimitFinding]
) -> Iterator[str]:
    """Yield the lines for a person: what each side does with its time, what changed, and what to change."""
    import textwrap

    for side in dict.fromkeys(run.side for run in runs):
        yield from _of_side(side, [run for run in runs if run.side == side])
    texts = [*([paragraph(finding)] if finding else []), *map(of_limit, limits)]
    for text in texts or [_nothing(runs)]:
        yield ""
        yield from textwrap.wrap(text, 100)


def _nothing(runs: Sequence[RunResources]) -> str:
    """Return what no finding means: that there is nothing to say, or that too little was sampled to tell."""
    sampled, samples = Counter(run.side for run in runs), Counter[str]()
    for run in runs:
        samples[run.side] += run.samples
    if len(sampled) > 1 and (min(sampled.values()) < FEWEST_PAIRS or min(samples.values()) < FEWEST_SAMPLES):
        return (
            f"Too little was sampled to tell what more time is spent on: it takes {FEWEST_PAIRS} runs and "
            f"{FEWEST_SAMPLES} samples of each side. Runs that take turns with the other side are not sampled; with "
            "--interleave run all are."
        )
    return "Nothing to change: no more time is spent for certain, and no limit is in the way."


def _of_side(side: str, runs: Sequence[RunResources]) -> Iterator[str]:
    from statistics import fmean

    wall, samples = fmean(run.wall_s for run in runs), sum(run.samples for run in runs)
    yield f"{side}: {quantity(wall, 's')} a run, {count(len(runs), 'run')}, {count(samples, 'sample')}"
    for doing, words in DOING.items():
        part = fmean(run.moments.get(doing, 0.0) for run in runs)
        if part >= _LITTLE:
            yield f"  {words:<32} {100 * part:3.0f} %"
    figures = (
        ("CPU time", "s", fmean(run.cpu_s for run in runs)),
        ("of it in the kernel", "s", fmean(run.system_s for run in runs)),
        ("threads that wait for a lock", "", fmean(run.threads.get(Doing.LOCK, 0.0) for run in runs)),
        ("context switches by waiting", "", fmean(run.voluntary_switches for run in runs)),
        ("context switches by force", "", fmean(run.involuntary_switches for run in runs)),
        ("page faults", "", fmean(run.minor_faults for run in runs)),
        ("page faults with input", "", fmean(run.major_faults for run in runs)),
        ("calls to read or write", "", fmean(run.calls for run in runs)),
        ("peak memory", "B", max(run.peak_memory for run in runs)),
        ("in swap space", "B", max(run.swap_bytes for run in runs)),
        ("stopped by the CPU limit", "s", fmean(run.throttled_s for run in runs)),
    )
    for name, unit, value in figures:
        if value:
            yield f"  {name:<32} {_figure(value, unit)}"


def as_object(finding: ResourceFinding | None, limits: Sequence[LimitFinding]) -> dict[str, Any]:
    """Return the findings for a program."""
    return {
        "schema": 1,
        "finding": None
        if finding is None
        else {
            "bottlenecks": [{"kind": kind.value, "share": share} for kind, share in finding.bottlenecks],
            "pairs": finding.pairs,
            "time": _object(finding.time),
            "figures": [_object(figure) for figure in finding.figures],
            "explanation": paragraph(finding),
        },
        "limits": [
            {
                "kind": limit.kind.value,
                "limit": limit.limit,
                "used": limit.used,
                "lost": limit.lost,
                "explanation": of_limit(limit),
            }
            for limit in limits
        ],
    }


def _object(amount: Amount) -> dict[str, Any]:
    return {
        "name": amount.name,
        "unit": amount.unit,
        "base": amount.base,
        "head": amount.head,
        "low": amount.low,
        "high": amount.high,
    }


def _share(part: float) -> str:
    return f"{100 * part:.0f} % of that"


def _figure(value: float, unit: str) -> str:
    if unit:
        return quantity(value, unit)
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004 - two digits are enough


def _is_shown(amount: Amount) -> bool:
    return amount.base > 0 or amount.head > 0
