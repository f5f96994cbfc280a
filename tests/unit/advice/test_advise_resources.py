"""What runs spend their additional time on follows from what the monitor saw, and nothing is said of healthy ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regress_action.advice.resources import bottleneck, limits
from regress_action.formats.measured_run import execution_of
from regress_action.measure import activity
from regress_action.model.resources import Bottleneck, Doing, LimitKind, RunResources
from regress_action.report import resources as words

PAIRS = 8
HEALTHY = RunResources(
    side="base",
    pair=1,
    wall_s=1.0,
    user_s=0.45,
    system_s=0.05,
    samples=16,
    moments={Doing.RUNNING: 0.6, Doing.SLEEP: 0.4},
    threads={Doing.RUNNING: 0.6, Doing.SLEEP: 0.4},
    minor_faults=3000,
    calls=200,
    voluntary_switches=20,
)


def measured(head: RunResources, base: RunResources = HEALTHY, seed: int = 1) -> list[RunResources]:
    """Return pairs of runs of both sides, whose times vary by themselves by 3 %."""
    draw = np.random.default_rng(seed)
    runs = []
    for pair in range(1, PAIRS + 1):
        for side, run in (("base", base), ("head", head)):
            factor = float(draw.normal(1, 0.03))
            runs.append(
                replace(
                    run,
                    side=side,
                    pair=pair,
                    wall_s=run.wall_s * factor,
                    user_s=run.user_s * factor,
                    system_s=run.system_s * factor,
                )
            )
    return runs


def waiting(doing: Doing, **figures: float) -> RunResources:
    """Return a run that takes twice as long, all of it waiting for one thing."""
    shares = {Doing.RUNNING: 0.3, Doing.SLEEP: 0.2}
    shares[doing] = shares.get(doing, 0.0) + 0.5
    return replace(HEALTHY, wall_s=2.0, moments=shares, threads=shares, **figures)  # type: ignore[arg-type]


def computing(**figures: float) -> RunResources:
    """Return a run that takes a second longer, all of it CPU time."""
    shares = {Doing.RUNNING: 0.8, Doing.SLEEP: 0.2}
    return replace(HEALTHY, wall_s=2.0, moments=shares, threads=shares, **figures)  # type: ignore[arg-type]


SERIAL = replace(
    HEALTHY,
    wall_s=2.0,
    moments={Doing.RUNNING: 1.0},
    threads={Doing.RUNNING: 1.0, Doing.LOCK: 3.0},
)
PARALLEL = replace(HEALTHY, moments={Doing.RUNNING: 1.0}, threads={Doing.RUNNING: 3.0, Doing.LOCK: 1.0})


@pytest.mark.parametrize(
    ("base", "head", "kind"),
    [
        (HEALTHY, waiting(Doing.DISK, write_bytes=1e7), Bottleneck.DISK),
        (HEALTHY, waiting(Doing.PAGING, swap_bytes=1e7, major_faults=900), Bottleneck.SWAP),
        (HEALTHY, computing(user_s=0.5, system_s=0.95, swap_bytes=1e7, major_faults=900), Bottleneck.SWAP),
        (HEALTHY, waiting(Doing.SOCKET), Bottleneck.NETWORK),
        (HEALTHY, waiting(Doing.SLEEP), Bottleneck.SLEEP),
        (HEALTHY, waiting(Doing.PIPE), Bottleneck.PIPE),
        (HEALTHY, waiting(Doing.LOCK), Bottleneck.LOCK),
        (HEALTHY, waiting(Doing.LOCK, locked_files=0.5), Bottleneck.FILE_LOCK),
        (HEALTHY, waiting(Doing.CHILD), Bottleneck.OTHER),
        (HEALTHY, computing(user_s=1.4, system_s=0.05), Bottleneck.COMPUTING),
        (HEALTHY, computing(user_s=0.5, system_s=0.95, minor_faults=500_000), Bottleneck.PAGE_FAULTS),
        (HEALTHY, computing(user_s=0.5, system_s=0.95, calls=1_000_000), Bottleneck.SYSTEM_CALLS),
        (HEALTHY, computing(user_s=0.5, system_s=0.95), Bottleneck.KERNEL),
        (HEALTHY, computing(throttled_s=1.0, throttled_periods=10), Bottleneck.THROTTLED),
        (PARALLEL, SERIAL, Bottleneck.LOCK),
        (PARALLEL, replace(SERIAL, timed_locks=2.5), Bottleneck.INTERPRETER_LOCK),
    ],
)
def test_a_planted_bottleneck_is_named_first(base: RunResources, head: RunResources, kind: Bottleneck) -> None:
    """With a sentence that cites figures of both sides and says what to do."""
    found = bottleneck(measured(head, base))

    assert found is not None
    assert found.bottlenecks[0][0] is kind
    assert "Evidence: " in words.paragraph(found)
    assert words.notes(found, ())[0].kind == kind.value


def test_garbage_collection_is_named_from_profiles() -> None:
    """The monitor sees CPU time only; profiles say how much of it is garbage collection."""
    found = bottleneck(measured(computing(user_s=1.4, system_s=0.05)), garbage_s=(0.02, 0.8))

    assert found is not None
    assert found.bottlenecks[0][0] is Bottleneck.GARBAGE


def test_swapping_is_work_of_the_kernel_and_waiting_together() -> None:
    """Both parts are one thing, and their shares are added up."""
    shares = {Doing.RUNNING: 0.85, Doing.SLEEP: 0.1, Doing.PAGING: 0.05}
    head = replace(HEALTHY, wall_s=4.0, system_s=1.0, moments=shares, threads=shares, swap_bytes=1e7, major_faults=9e3)

    found = bottleneck(measured(head))

    assert found is not None
    assert found.bottlenecks[0][0] is Bottleneck.SWAP
    assert found.bottlenecks[0][1] == pytest.approx(1.0, abs=0.1)


def test_both_large_parts_are_named() -> None:
    """The largest part is named first, and another one that is a quarter of it or more."""
    shares = {Doing.RUNNING: 0.55, Doing.SLEEP: 0.2, Doing.DISK: 0.25}
    found = bottleneck(measured(replace(HEALTHY, wall_s=2.0, user_s=0.95, moments=shares, threads=shares)))

    assert found is not None
    assert {kind for kind, _ in found.bottlenecks} == {Bottleneck.DISK, Bottleneck.COMPUTING}


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_said_of_healthy_runs(seed: int) -> None:
    """Of programs that do the same, or less, and of those that only waited for a processor of a busy machine."""
    busy = replace(HEALTHY, wall_s=3.0, moments={Doing.RUNNING: 0.87, Doing.SLEEP: 0.13}, threads={})

    assert bottleneck(measured(HEALTHY, seed=seed)) is None
    assert bottleneck(measured(replace(HEALTHY, wall_s=0.5, user_s=0.1), seed=seed)) is None
    assert bottleneck(measured(busy, seed=seed)) is None


def test_too_little_is_no_evidence() -> None:
    """Two pairs, or a handful of samples, name nothing."""
    head = waiting(Doing.DISK)
    assert bottleneck(measured(head)[:4]) is None
    assert bottleneck([replace(run, samples=1) for run in measured(head)]) is None


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (replace(HEALTHY, cpu_limit=0.5, throttled_s=0.08), LimitKind.CPU_TIGHT),
        (replace(HEALTHY, cpu_limit=4.0), LimitKind.CPU_GENEROUS),
        (replace(HEALTHY, memory_limit=100e6, peak_memory=95e6), LimitKind.MEMORY_TIGHT),
        (replace(HEALTHY, memory_limit=100e6, peak_memory=50e6, memory_limit_hits=30), LimitKind.MEMORY_TIGHT),
        (replace(HEALTHY, memory_limit=1e9, peak_memory=50e6), LimitKind.MEMORY_GENEROUS),
    ],
)
def test_limits_that_do_not_fit_are_named(run: RunResources, kind: LimitKind) -> None:
    """Tight ones go into the report; generous ones are said to whom asks."""
    found = limits([replace(run, side="head")])

    assert [limit.kind for limit in found] == [kind]
    assert words.of_limit(found[0])
    assert bool(words.notes(None, found)) == (kind in {LimitKind.CPU_TIGHT, LimitKind.MEMORY_TIGHT})


def test_few_sampled_runs_are_not_called_no_difference() -> None:
    """Runs that take turns are not sampled, so that most of a measurement may say nothing."""
    runs = measured(computing())
    assert "no more time is spent for certain" in list(words.lines(measured(HEALTHY), None, ()))[-1]
    said = " ".join(words.lines(runs[:4], bottleneck(runs[:4]), ()))
    assert "Too little was sampled to tell" in said
    assert "Too little" not in " ".join(words.lines(runs[:1], None, ()))


def test_fitting_limits_are_not_mentioned() -> None:
    """Neither without limits, nor with such that leave room."""
    fitting = replace(HEALTHY, side="head", cpu_limit=1.0, memory_limit=100e6, peak_memory=60e6)
    assert not limits([replace(HEALTHY, side="head"), fitting])


def test_the_measurer_and_the_model_name_the_same_kinds() -> None:
    """The measurer imports nothing of the rest, so that its names stand there a second time."""
    assert tuple(doing.value for doing in Doing) == activity.KINDS


_EXTREME = st.sampled_from([0.0, 5e-324, 1e-9, 1.0, 3.5, 1e18, 1e308, -1.0, 10**400, float("inf"), "x", None])


@settings(max_examples=100)
@given(data=st.data())
def test_no_number_of_a_measurement_ends_the_advice(data: st.DataObject) -> None:
    """An artifact holds any numbers, among them those whose ratios and sums are infinite."""
    fields = ["samples", "cpu_limit", "memory_limit_bytes", "cpus", "swap_bytes", "calls", "throttled_s", "timed_locks"]
    runs: list[RunResources] = []
    for pair in range(1, 7):
        for side in ("base", "head"):
            seen = {field: data.draw(_EXTREME) for field in fields} | {
                key: {doing: data.draw(_EXTREME) for doing in Doing} for key in ("moments", "threads")
            }
            times = {name: data.draw(_EXTREME) for name in ("wall_s", "user_s", "system_s", "peak_rss_bytes")}
            index = {"side": side, "pair": pair, "resources": seen | {"samples": seen["samples"] or 8}, **times}
            runs += filter(None, [execution_of(index).resources])
    bottleneck(runs)
    limits(runs)
