"""A measurement from the call to the exit code: prepare, measure, clean up, whatever happens."""

from __future__ import annotations

import contextlib
import math
import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from regress_action.measure import machine
from regress_action.measure.bell import Bell
from regress_action.measure.command import Command
from regress_action.measure.errors import Exit, MeasureError, NothingMeasuredError
from regress_action.measure.family import Family, adopt_orphans
from regress_action.measure.guard import guarded
from regress_action.measure.isolation import isolate
from regress_action.measure.log import Log
from regress_action.measure.loop import Loop, Stopped
from regress_action.measure.measurement import SCHEMA, Measurement, now, open_folder
from regress_action.measure.results import check_pattern
from regress_action.measure.runner import Runner
from regress_action.measure.schedule import FEWEST, Clock
from regress_action.measure.trees import Tree, prepare, scratch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.measure.call import Call
    from regress_action.measure.voice import Voice


def measure(call: Call, voice: Voice) -> Exit:
    """Measure what was asked, and leave the folder `call.out` whatever happens after the first run.

    Raises:
        MeasureError: with the exit code of what went wrong.
    """
    began, mark = time.monotonic(), os.urandom(8).hex()
    adopts = adopt_orphans()
    with Bell().hung() as bell, scratch(call.repository.resolve()) as place:
        isolation = isolate(call, mark, os.environ)
        folder = open_folder(call.out, overwrite=call.overwrite)
        trees = prepare(call, place)
        bell.check()
        check_pattern(call.results, trees["head"])
        with guarded(mark, place) as guard:
            family = Family(mark, frozenset({guard}), adopts)
            ends = began + (call.job_timeout_s or math.inf)
            runner = Runner(call, Command(call.command, call.select_style), isolation, folder, bell, family, ends)
            measurement = Measurement(folder, _header(call, mark, trees))
            return _run(call, voice, runner, measurement, trees)


def _run(call: Call, voice: Voice, runner: Runner, measurement: Measurement, trees: Mapping[str, Tree]) -> Exit:
    header = measurement.header
    voice.say(
        "started",
        session=header["session"],
        suite=call.suite,
        sides=list(trees),
        pairs=call.pairs,
        warmup=call.warmup,
        command=header["command"],
        out=str(measurement.folder),
    )
    _set_up(call, voice, runner, trees)
    loop = Loop(call, trees, runner, measurement, voice, Clock(call.budget_s), call.select)
    if call.base and call.pairs < FEWEST:
        loop.warn(f"{call.pairs} pairs are planned, fewer than the {FEWEST} a verdict needs")
    stopped = Stopped("error", "broke off")
    try:
        stopped = loop.go()
    except MeasureError as error:
        stopped = Stopped("interrupted" if error.exit_code is Exit.INTERRUPTED else "error", error.what)
        raise
    finally:
        _close(measurement, stopped)
        good = {side: measurement.good(side) for side in trees}
        voice.say(
            "finished", stopped=stopped.word, why=stopped.why, good=good, elapsed_s=round(loop.clock.elapsed_s, 3)
        )
    _demand(measurement, trees)
    return Exit.MEASURED


def _set_up(call: Call, voice: Voice, runner: Runner, trees: Mapping[str, Tree]) -> None:
    """Run the setup command in every tree.

    Raises:
        NothingMeasuredError: it failed.
        StopAskedError: a stop was asked meanwhile.
    """
    for side, tree in trees.items() if call.setup else ():
        voice.say("setup", side=side)
        log = Log()
        ended = runner.prepare(side, tree, log)
        voice.show(log)
        runner.bell.check()
        if ended.status != 0:
            how = "was cut off by the job's limit" if ended.status is None else f"failed with status {ended.status}"
            raise NothingMeasuredError(
                f"The setup of {side} {how}: {call.setup}",
                meaning=f"Nothing was measured. Its last words:\n{log.last()}",
                remedy=f"Try the command at {tree.label}.",
            )
        voice.say("setup-finished", side=side, elapsed_s=round(ended.wall_s, 3))


def _header(call: Call, mark: str, trees: Mapping[str, Tree]) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "session": mark,
        "suite": call.suite,
        "created": now(),
        "command": Command(call.command).text,
        "environment": machine.fingerprint(call.cpus, call.runtime),
        "image": machine.image(),
        "sides": {side: tree.described for side, tree in trees.items()},
        "plan": {"pairs": call.pairs, "warmup": call.warmup, "budget_s": call.budget_s, "carried": list(call.carry)},
        "stopped": None,
        "warnings": [],
        "monitor": {},
        "probe": {},
    }


def _close(measurement: Measurement, stopped: Stopped) -> None:
    """Note why it ended; where the disk is full the error that led here says more than a second one."""
    measurement.header |= {"stopped": asdict(stopped), "finished": now()}
    with contextlib.suppress(MeasureError):
        measurement.save()


def _demand(measurement: Measurement, trees: Mapping[str, Tree]) -> None:
    """Make sure that every side gave something.

    Raises:
        NothingMeasuredError: a side has not one good run.
    """
    for side in trees:
        if measurement.good(side) == 0:
            runs = [run for run in measurement.runs if run.side == side]
            last = f"The last run {runs[-1].failure}." if runs else "It never ran."
            words = runs[-1].output_tail if runs else None
            raise NothingMeasuredError(
                f"Not one run of {side} succeeded. {last}",
                meaning=f"Its last words:\n{words}" if words else "It printed nothing.",
                remedy=f"Run the command by hand: {measurement.header['command']}",
            )
