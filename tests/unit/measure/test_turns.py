"""Whose turn it is, for how long, and what is concluded from a trial."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from regress_action.measure.active_clock import ActiveClocks, NoClockError
from regress_action.measure.frozen_turns import Slices
from regress_action.measure.held_command import HeldCommand
from regress_action.measure.interleaving import Interleaving, Kind, choose
from regress_action.measure.measurement import RunRecord
from regress_action.measure.options import Options
from regress_action.measure.process import Reaper
from regress_action.measure.reporting import OutputLog
from regress_action.measure.sampler import Sampler
from regress_action.measure.spawn import StartedProcess, Task
from regress_action.measure.turn_order import Grant, TurnOrder, Waiting


def record(side: str = "head", *, wall_s: float = 1.0, cpu_s: float = 1.0, **values: object) -> RunRecord:
    """Return the record of a run on a machine from which nothing was stolen."""
    fields: dict[str, object] = {
        "side": side, "pair": 1, "position": 0, "started": "", "wall_s": wall_s, "user_s": cpu_s, "system_s": 0.0,
        "peak_rss_bytes": None, "context_switches": 0, "read_bytes": 0, "write_bytes": 0, "exit_status": 0,
        "failure": None, "result": None, "selection": None, "load_before": 0.0, "load_after": 0.0, "steal_s": 0.0,
        "mhz_before": None, "mhz_after": None,
    }  # fmt: skip
    return RunRecord(**(fields | values))  # type: ignore[arg-type]


def looks(*, running: int, changes: int = 30) -> dict[str, object]:
    """Return what 40 looks at a tree saw, of which processes came or went between `changes`."""
    return {"samples": 40, "moments": {"running": running, "child": 40 - running}, "changes": changes}


def options(*command: str, **values: object) -> Options:
    """Return the options of a measurement against a base."""
    return Options(command=command, out=Path(), base="main", **values)  # type: ignore[arg-type]


def test_turns_alternate_and_share_the_time_equally() -> None:
    """Turns of 5 to 20 ms, ABBA: after whole blocks both sides had the same time."""
    turns = list(islice(Slices(0.0075, seed=3).turns(), 200))
    assert [side for side, _ in turns] == [0, 1] * 100
    assert all(0.005 <= length <= 0.02 for _, length in turns)
    times = [sum(length for side, length in turns if side == wanted) for wanted in (0, 1)]
    assert times[0] == pytest.approx(times[1], abs=0.01)


def test_turns_have_jitter_and_repeat_with_their_seed() -> None:
    """No two blocks are equally long, and the same seed gives the same turns."""
    first, same, other = (list(islice(Slices(seed=seed).turns(), 50)) for seed in (1, 1, 2))
    assert first == same != other
    assert len({length for _, length in first}) == 50


def _started() -> TurnOrder:
    """Return the order of two suites that were started and wait before the benchmark `a` of `a`, `b`."""
    order = TurnOrder()
    for side, name in enumerate(("base", "head")):
        grant = order.next()
        assert grant is not None
        assert (grant.side, grant.alone) == (side, True)
        assert order.next() is None
        order.asks(side, {"hello": name, "names": ["a", "b"]})
        order.asks(side, {"at": "a"})
    return order


def test_sides_begin_one_after_the_other() -> None:
    """The second side is started when the first one waits: never do two run."""
    _started()


def test_rounds_of_one_benchmark_alternate() -> None:
    """Both at `a`: the first side, then the other, then the first again, each for a turn with an end."""
    order = _started()
    sides = []
    for _ in range(4):
        grant = order.next()
        assert grant is not None
        assert not grant.alone
        sides.append(grant.side)
        order.asks(grant.side, {"used": True})
    assert sides == [0, 1, 0, 1]
    assert order.met == 1


def test_the_side_that_begins_changes_from_benchmark_to_benchmark() -> None:
    """ABBA over benchmarks: who begins `a` is second in `b`."""
    order = _started()
    sides = []
    for _ in range(3):
        grant = order.next()
        assert grant is not None
        sides.append((grant.side, grant.alone))
        order.asks(grant.side, {"done": "a"})
        order.asks(grant.side, {"at": "b"})
    assert sides == [(0, False), (1, True), (1, False)]


def test_what_is_shared_stays_until_the_other_side_was_there() -> None:
    """Benchmark by benchmark, base is done with `a` before head begins it, with base's iterations."""
    order = _started()
    order.next()
    order.asks(0, {"share": {"iterations": 5}})
    shared = []
    for side in (0, 1):
        order.asks(side, {"done": "a"})
        order.asks(side, {"at": "b"})
        order.next()
        shared.append(dict(order.shared))
    assert shared == [{"iterations": 5}, {}]


def test_side_that_is_ahead_waits_for_the_other() -> None:
    """Base is done with `a` and waits at `b`; head goes on with `a`, without an end, until it is at `b` as well."""
    order = _started()
    order.next()
    order.asks(0, {"used": True})
    order.next()
    order.asks(1, {"used": True})
    order.next()
    order.asks(0, {"done": "a"})
    order.asks(0, {"at": "b"})
    grant = order.next()
    assert grant is not None
    assert (grant.side, grant.alone) == (1, True)
    order.asks(1, {"done": "a"})
    order.asks(1, {"at": "b"})
    grant = order.next()
    assert grant is not None
    assert not grant.alone


def test_benchmark_of_one_side_only_runs_alone() -> None:
    """Head has a new benchmark `n` before `b`: it runs while base waits at `b`."""
    order = _started()
    order.sides[1].ahead.add("n")
    for side in (0, 1):
        order.next()
        order.asks(side, {"done": "a"})
        order.asks(side, {"at": "n" if side else "b"})
    grant = order.next()
    assert grant is not None
    assert (grant.side, grant.alone) == (1, True)


@pytest.mark.parametrize("names", [("x", "y"), ("a", "b")])
def test_two_orders_of_the_same_benchmarks_never_wait_for_ever(names: tuple[str, str]) -> None:
    """Base waits at one benchmark, head at another, each of them still ahead of the other side: one goes on."""
    order = _started()
    for state, name in zip(order.sides, names, strict=True):
        state.ahead |= {"x", "y"}
        state.benchmark, state.waiting = name, Waiting.BENCHMARK
    assert order.next() is not None


def test_both_end_at_the_same_time() -> None:
    """Base has no benchmarks left and waits; head goes on alone, and then both write their results at once."""
    order = _started()
    order.next()
    order.asks(0, {"done": "a"})
    order.asks(0, {"finish": True})
    assert order.next() == Grant(1, alone=True)
    order.asks(1, {"at": "b"})
    assert order.next() == Grant(1, alone=True)
    order.asks(1, {"share": {"pin": True}})
    order.asks(1, {"finish": True})
    assert [order.next() for _ in range(3)] == [Grant(0, alone=True), Grant(1, alone=True), None]
    assert order.shared == {}  # so nothing is pinned to one processor any more


def test_suites_that_met_before_start_at_the_same_time() -> None:
    """They do in a later pair; in the first one, a suite without the plugin would run beside the other one."""
    together, apart = TurnOrder(first=1, start_together=True), TurnOrder(first=1)
    assert [together.next() for _ in range(3)] == [Grant(1, alone=True), Grant(0, alone=True), None]
    assert [apart.next() for _ in range(2)] == [Grant(1, alone=True), None]
    together.asks(1, {"at": "a"})
    assert together.next() is None  # while the other one still starts, nothing is timed


def test_suites_that_once_met_and_do_not_meet_again_are_measured_again() -> None:
    """Both ran at the same time then, so the pair does not count."""
    ways = Interleaving("auto", Kind.COOPERATIVE, "")
    met, alone = ([record(side, turns={"busy": 1.0, "met": number}) for side in ("base", "head")] for number in (3, 0))
    assert (ways.fault_of(alone), ways.has_met) == (None, False)
    assert (ways.fault_of(met), ways.disappointment_of(met), ways.has_met) == (None, None, True)
    assert "did not load the plugin" in str(ways.fault_of(alone))


def test_last_side_runs_to_its_end() -> None:
    """After base has ended, head has the turn until it ends."""
    order = _started()
    order.sides[0].ended = True
    grant = order.next()
    assert grant is not None
    assert (grant.side, grant.alone) == (1, True)


@pytest.mark.parametrize("message", [{}, {"at": 3}, {"used": False}, {"hello": "base"}, {"share": [1]}])
def test_message_without_meaning_is_refused(message: dict[str, object]) -> None:
    """What the suite's process writes is foreign text."""
    with pytest.raises(ValueError, match="unknown message"):
        TurnOrder().asks(0, message)


def test_shared_values_are_checked() -> None:
    """Only a positive number of iterations, a duration and a yes or no are passed on to the other side."""
    order = TurnOrder()
    order.asks(0, {"share": {"iterations": -1, "pin": "yes", "more": 1, "duration_s": float("nan")}})
    assert order.shared == {}
    order.asks(0, {"share": {"iterations": 12, "pin": True, "duration_s": 0.5}})
    assert order.shared == {"iterations": 12, "pin": True, "duration_s": 0.5}


@pytest.mark.parametrize(
    ("command", "values", "kind"),
    [
        (("./work",), {"interleave": "run"}, Kind.RUN),
        (("./work",), {"interleave": "auto"}, Kind.TRIAL),
        (("./work",), {"interleave": "lockstep"}, Kind.TRIAL),
        (("./work",), {"interleave": "parallel"}, Kind.PARALLEL),
        (("./work",), {"interleave": "benchmark"}, Kind.RUN),
        (("./bench --benchmark_out={out}",), {"interleave": "auto"}, Kind.RUN),
        (("./bench --benchmark_out={out}",), {"interleave": "lockstep"}, Kind.TRIAL),
        (("go test -bench=. > {out}",), {"interleave": "lockstep"}, Kind.RUN),
        (("./bench --benchmark_out={out}",), {"interleave": "benchmark"}, Kind.RUN),
        (("pytest bench --benchmark-json={out}",), {"interleave": "auto"}, Kind.COOPERATIVE),
        (("pytest bench --benchmark-json={out}",), {"interleave": "benchmark"}, Kind.BENCHMARK),
        (("python", "-m", "pytest", "bench"), {"interleave": "lockstep", "results": "b.json"}, Kind.COOPERATIVE),
        (("python", "-m", "pytest", "tests"), {"interleave": "auto"}, Kind.TRIAL),
    ],
)
def test_choice_before_the_first_run(command: tuple[str, ...], values: dict[str, str], kind: Kind) -> None:
    """A suite that times itself has a trial like any command, with a clock that can be corrected."""
    chosen = choose(options(*command, **values), is_subreaper=True, clocks=lambda: ActiveClocks(Path("library")))
    assert chosen.kind is kind
    assert (chosen.clocks is not None) is (kind is Kind.TRIAL and "{out}" in command[0])


def _no_clocks() -> ActiveClocks:
    raise NoClockError("no compiler is there")


@pytest.mark.parametrize(("container", "why"), [("", "no compiler is there"), ("python:3.13", "in a container")])
def test_suite_whose_clock_cannot_be_corrected_is_never_stopped(
    monkeypatch: pytest.MonkeyPatch, container: str, why: str
) -> None:
    """Its times would be wrong by a multiple."""
    monkeypatch.setenv("REGRESS_SUITE_IMAGE", container)
    chosen = choose(options("./bench {out}", interleave="lockstep"), is_subreaper=True, clocks=_no_clocks)
    assert (chosen.kind, why in chosen.why) == (Kind.RUN, True)


def test_without_adopted_orphans_nothing_takes_turns() -> None:
    """On other systems than Linux a process could escape, so nothing is stopped there."""
    chosen = choose(options("./work", interleave="lockstep"), is_subreaper=False, clocks=_no_clocks)
    assert (chosen.kind, chosen.why.startswith("taking turns needs Linux")) == (Kind.RUN, True)


@pytest.mark.parametrize(
    ("runs", "kind", "why"),
    [
        ([record("base"), record()], Kind.FROZEN, "busy for 100 %"),
        ([record("base"), record(cpu_s=0.5, ready_s=0.48)], Kind.FROZEN, "busy for 96 %"),
        ([record("base"), record(cpu_s=0.5, ready_s=0.1)], Kind.RUN, "head waited for 44 %"),
        ([record("base"), record(cpu_s=0.5, resources=looks(running=39))], Kind.FROZEN, "busy for 95 %"),
        ([record("base"), record(cpu_s=0.5, resources=looks(running=20))], Kind.RUN, "head waited for 50 %"),
        (
            [record("base"), record(cpu_s=0.5, resources=looks(running=39, changes=19))],
            Kind.RUN,
            "head waited for 50 %",
        ),
        ([record("base", wall_s=0.1, cpu_s=0.1), record()], Kind.RUN, "a run takes 100 ms"),
        ([record("base", failure="exited with status 1"), record()], Kind.RUN, "exited with status 1"),
    ],
)
def test_trial_decides(runs: list[RunRecord], kind: Kind, why: str) -> None:
    """What waits for something other than a processor is measured run by run, and the reason says so.

    How long processes that come and go waited for a processor is known from the moments at which none of them did.
    """
    trial = Interleaving("auto", Kind.TRIAL, "")
    trial.judge_trial(runs)
    assert (trial.kind, why in trial.why) == (kind, True), trial.why


def test_command_with_threads_keeps_its_processors() -> None:
    """A command that used two processors in its trial is not pinned to one."""
    trial = Interleaving("auto", Kind.TRIAL, "")
    trial.judge_trial([record("base", cpu_s=1.9), record(cpu_s=1.9)])
    assert (trial.kind, trial.cpus) == (Kind.FROZEN, ())


def test_a_trial_run_that_failed_in_a_part_does_not_end_turns() -> None:
    """It gave values, and fails in the same way without turns; one without values says nothing about turns."""
    for result, kind in (("runs/head-01.json", Kind.FROZEN), (None, Kind.RUN)):
        trial = Interleaving("auto", Kind.TRIAL, "")
        trial.judge_trial([record("base"), record(failure="exited with status 1", result=result)])
        assert trial.kind is kind


def test_pair_that_waited_in_its_turns_is_not_used() -> None:
    """The other side may hold what it waited for; a pair that was busy is used."""
    frozen = Interleaving("auto", Kind.FROZEN, "")
    busy, waiting = (record(turns={"busy": share, "met": 0}) for share in (0.97, 0.4))
    assert frozen.fault_of([record("base", turns={"busy": 1.0}), busy]) is None
    assert "waited for 60 % of its turns" in str(frozen.fault_of([record("base", turns={"busy": 1.0}), waiting]))
    assert "exited with status 1" in str(frozen.fault_of([record(failure="exited with status 1")]))


def test_what_other_machines_took_is_no_waiting() -> None:
    """Of turns of 2 s a fifth was stolen from each processor, so 70 % of them were busy enough."""
    frozen = Interleaving("auto", Kind.FROZEN, "")
    pair = [record(side, turns={"busy": 0.7}, steal_s=0.4 * (os.cpu_count() or 1)) for side in ("base", "head")]
    assert frozen.fault_of(pair) is None
    assert "30 %" in str(frozen.fault_of([replace(run, steal_s=0.0) for run in pair]))


@pytest.mark.parametrize(("seen", "busy"), [(4, 0.8), (200, 0.71)])
def test_time_that_no_look_saw_is_no_waiting(seen: int, busy: float) -> None:
    """Before the first look and after the last one a command may have been ready; where there are few, that is 10 %."""
    started = StartedProcess(0, None, 0.0, 0)
    command = HeldCommand(Task(["x"], Path(), {}), OutputLog(), Reaper(started, 0), Sampler(), [], active_s=1.0)
    command.reaper.usage.user_s = 0.7
    for _ in range(seen):
        command.ready.note([])
    assert command.result(0.0).use.busy == pytest.approx(busy)


@pytest.mark.parametrize(
    ("wall_s", "cpu_s", "slices_ms"),
    [(2.0, 1.04, [7.5, 7.5, 7.5]), (2.0, 1.5, [15, 30, 60, 60]), (0.4, 1.5, [15, 20, 20])],
)
def test_slices_become_longer_where_turns_cost_much(wall_s: float, cpu_s: float, slices_ms: list[float]) -> None:
    """A pair that took half as much CPU time again as alone: its caches are filled anew after each turn."""
    frozen = Interleaving("auto", Kind.TRIAL, "")
    frozen.judge_trial([record("base"), record()])
    seen = []
    for _ in slices_ms:
        before = frozen.slice_s
        longer = frozen.lengthen_slices([record(side, wall_s=wall_s, cpu_s=cpu_s) for side in ("base", "head")])
        assert longer is (frozen.slice_s > before)
        seen.append(1000 * frozen.slice_s)
    assert seen == pytest.approx(slices_ms)


def test_rounds_are_shortened_once() -> None:
    """Where suites take turns; what was shortened once stays so, and the sentence says it."""
    ways = Interleaving("auto", Kind.COOPERATIVE, "pytest")
    assert [ways.shorten_rounds(share) for share in (1.0, 0.3, 0.5)] == [False, True, False]
    assert (ways.described["rounds"], "30 % of the rounds are enough" in ways.sentence) == (0.3, True)
    assert not Interleaving("run", Kind.RUN, "").shorten_rounds(0.3)


def test_slices_of_other_kinds_stay() -> None:
    """Where nothing is stopped there is nothing to lengthen."""
    assert not Interleaving("auto", Kind.COOPERATIVE, "", alone_cpu_s=1.0).lengthen_slices([record(cpu_s=3.0)])


def test_suite_that_fails_in_part_with_the_library_is_measured_without_it(tmp_path: Path) -> None:
    """Its results are there, and yet the reason names how it failed."""
    interleaving = Interleaving("lockstep", Kind.TRIAL, "", clocks=ActiveClocks(tmp_path / "clock/active_clock.so"))
    failed = record("head", failure="exited with status 1", result="runs/head-01.json")
    interleaving.judge_trial([record("base"), failed])
    reason = "the trial run of head exited with status 1 with the library that corrects its clock"
    assert (interleaving.kind, interleaving.why, interleaving.clocks) == (Kind.RUN, reason, None)
