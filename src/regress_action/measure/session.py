"""A measurement from its options to its exit code: prepare, measure, and always clean up."""

from __future__ import annotations

import contextlib
import math
import os
import re
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from regress_action.measure import machine
from regress_action.measure.active_clock import build_clocks
from regress_action.measure.cooperative_turns import CONTAINER
from regress_action.measure.errors import Exit, MeasureError, NothingMeasuredError
from regress_action.measure.git import GitFolder
from regress_action.measure.interleaving import Kind, choose
from regress_action.measure.kept_trees import pins_packages
from regress_action.measure.measurement import SCHEMA, MeasurementFolder, now, open_output
from regress_action.measure.pairs_loop import PairsLoop, StopReason
from regress_action.measure.process_tree import ProcessTree, SignalWaiter, become_subreaper
from regress_action.measure.profiling import SuiteProfiler
from regress_action.measure.reporting import OutputLog
from regress_action.measure.result_files import check_pattern
from regress_action.measure.run_executor import RunExecutor
from regress_action.measure.schedule import MIN_PAIRS, Clock
from regress_action.measure.session_folder import session_folder
from regress_action.measure.shared_installs import find_shared_installs
from regress_action.measure.spawn import usable_namespace
from regress_action.measure.suite_command import SuiteCommand
from regress_action.measure.suite_environment import suite_environment
from regress_action.measure.trees import SideTree, prepare
from regress_action.measure.watchdog import watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from regress_action.measure.active_clock import ActiveClocks
    from regress_action.measure.options import Options
    from regress_action.measure.reporting import Reporter
    from regress_action.measure.shared_installs import SharedInstall

_ERROR_LINES = 3
_MOST_NAMED = 3


def measure(options: Options, reporter: Reporter) -> Exit:
    """Measure what was asked; after the first run the folder `options.out` is complete, whatever happens.

    Raises:
        MeasureError: with the exit code of what went wrong.
    """
    began, session_id = time.monotonic(), os.urandom(8).hex()
    is_subreaper = become_subreaper()
    repository = options.repository.resolve()
    with (
        SignalWaiter().installed() as signals,
        session_folder(session_id, repository, options.keep_trees) as worktrees,
    ):
        environment = suite_environment(options, session_id, os.environ)
        folder = open_output(options.out, repository, overwrite=options.overwrite)
        trees = prepare(options, worktrees)
        signals.check()
        check_pattern(options.results, trees["head"])
        with watchdog(session_id, worktrees) as watchdog_pid:
            namespace = usable_namespace() if os.environ.get("GITHUB_ACTIONS") == "true" else ""
            processes = ProcessTree(session_id, {watchdog_pid}, is_subreaper, namespace)
            ends = began + (options.job_timeout_s or math.inf)
            command = SuiteCommand(options.command, options.select_style)
            executor = RunExecutor(options, command, environment, folder, signals, processes, ends)
            measurement = MeasurementFolder(folder, _header(options, session_id, trees))
            session = _Session(options, reporter, executor, measurement, trees)
            return session.run(partial(build_clocks, worktrees.folder))


@dataclass(frozen=True, slots=True)
class _Session:
    """A measurement whose trees are checked out and whose folder is open."""

    options: Options
    reporter: Reporter
    executor: RunExecutor
    measurement: MeasurementFolder
    trees: Mapping[str, SideTree]

    def run(self, clocks: Callable[[], ActiveClocks]) -> Exit:
        """Set up, measure, and save why it ended; `clocks` makes the clocks of a suite that times itself.

        Raises:
            MeasureError: with the exit code of what went wrong.
        """
        self._announce()
        self._set_up()
        self._name_toolchain()
        loop = self._loop(clocks)
        stopped = StopReason("error", "ended by an error")
        try:
            stopped = loop.run()
            if self.options.profile or self.options.profile_calls or self.options.profile_memory:
                SuiteProfiler(self.options, self.trees, self.executor, self.measurement, self.reporter).run()
        except MeasureError as error:
            stopped = StopReason("interrupted" if error.exit_code is Exit.INTERRUPTED else "error", error.what)
            raise
        finally:
            self._end(loop, stopped)
        _require_good_runs(self.measurement, self.trees)
        return Exit.MEASURED

    def _announce(self) -> None:
        """Report what will be measured, and what the suite does not get."""
        header, options = self.measurement.header, self.options
        self.reporter.emit(
            "started",
            session=header["session"],
            suite=options.suite,
            sides=list(self.trees),
            pairs=options.pairs,
            warmup=options.warmup,
            command=header["command"],
            out=str(self.measurement.folder.path),
        )
        if names := self.executor.environment.withheld:
            self.reporter.emit("withheld", names=list(names))
        if absent := sorted({submodule.path for tree in self.trees.values() for submodule in tree.absent}):
            listed = ", ".join(absent)
            message = f"left out, because neither this checkout nor the network has it: {listed} (a submodule)"
            header["warnings"].append(message)
            self.reporter.emit("warning", message=message)

    def _set_up(self) -> None:
        """Run the setup command in every tree.

        Raises:
            NothingMeasuredError: it failed.
            InterruptRequestedError: a signal asked to stop meanwhile.
        """
        setup = self.options.setup
        for side, tree in self.trees.items() if setup else ():
            if tree.is_set_up:
                self.reporter.emit("setup-kept", side=side)
                continue
            self.reporter.emit("setup", side=side)
            log = OutputLog()
            ended = self.executor.run_setup(side, tree, log)
            self.reporter.show_output(log)
            self.executor.signals.check()
            if ended.status != 0:
                how = "was cut off by the job's limit" if ended.status is None else f"failed with status {ended.status}"
                raise NothingMeasuredError(
                    f"The setup of {side} {how}: {setup}",
                    meaning=f"Nothing was measured. The end of its output:\n{log.last()}",
                    remedy=f"Try the command at {tree.label}.",
                )
            if tree.kept:
                tree.kept.mark_ready()
            self.reporter.emit("setup-finished", side=side, elapsed_s=round(ended.wall_s, 3))

    def _name_toolchain(self) -> None:
        """Add to the environment what the suite runs in or is compiled with, where that shows and can be asked."""
        texts = [self.measurement.header["command"], self.options.setup or ""]
        ask = partial(self.executor.probe, self.trees["head"])
        if not os.environ.get(CONTAINER) and not self.options.runtime:
            toolchain = machine.toolchain(texts, self.executor.environment.variables, ask)
            self.measurement.header["environment"] |= {"toolchain": toolchain} if toolchain else {}

    def _loop(self, clocks: Callable[[], ActiveClocks]) -> PairsLoop:
        """Return the loop over the pairs, which knows how they alternate, and warn of what is planned."""
        options, executor = self.options, self.executor
        interleaving = choose(options, is_subreaper=executor.processes.is_subreaper, clocks=clocks)
        one_by_one = interleaving.kind is Kind.SELECTED
        loop = PairsLoop(
            replace(options, pairs=options.pairs * len(options.select)) if one_by_one else options,
            self.trees,
            executor,
            self.measurement,
            self.reporter,
            Clock(options.budget_s),
            options.select,
            interleaving=interleaving,
        )
        if options.base:
            loop.shared_installs = _shared_installs(options, executor, self.trees)
        if options.base and options.pairs < MIN_PAIRS:
            planned = "1 pair is" if options.pairs == 1 else f"{options.pairs} pairs are"
            loop.warn(f"{planned} planned, fewer than the {MIN_PAIRS} a verdict needs")
        for warning in _about_packages(options, self.trees):
            loop.warn(warning)
        return loop

    def _end(self, loop: PairsLoop, stopped: StopReason) -> None:
        """Save and report why the measurement ended, and which processes of the suite could not be ended."""
        self.measurement.header["survivors"] = survivors = self.executor.processes.survivors()
        if survivors:
            loop.warn(f"processes of the suite could not be ended: {', '.join(survivors)}")
        _save_end(self.measurement, stopped)
        good = {side: self.measurement.good(side) for side in self.trees}
        elapsed_s = round(loop.clock.elapsed_s, 3)
        self.reporter.emit("finished", stopped=stopped.word, why=stopped.why, good=good, elapsed_s=elapsed_s)


def _about_packages(options: Options, trees: Mapping[str, SideTree]) -> Iterator[str]:
    """Yield a sentence about the lock files in what is carried: whose packages the base was measured with."""
    if "base" not in trees:
        return
    if own := trees["base"].own_packages:
        more = f" and {len(own) - _MOST_NAMED} more" if len(own) > _MOST_NAMED else ""
        kept = f"{', '.join(own[:_MOST_NAMED])}{more}"
        yield f"carry left {kept} as in the base: each side has its own packages, unless carry names the file itself"
    named = [path for path in options.carry if pins_packages(PurePosixPath(path).name)]
    if named:
        both = ", ".join(named[:_MOST_NAMED])
        yield f"carry names {both}: both sides have the head's packages, so what these change is not seen"


def _shared_installs(options: Options, executor: RunExecutor, trees: Mapping[str, SideTree]) -> list[SharedInstall]:
    """Return what the base's interpreters have from the user's own tree or from the head's."""
    base, head = trees["base"], trees["head"]
    top = GitFolder(options.repository.resolve()).query("rev-parse", "--show-toplevel")
    others = [head.root, *([Path(top)] if top else [])]
    return find_shared_installs(
        executor.command, base.folder, executor.environment.variables, others, lambda argv: executor.probe(base, argv)
    )


def _header(options: Options, session_id: str, trees: Mapping[str, SideTree]) -> dict[str, object]:
    """Return what measurement.json holds besides the runs, before the first one."""
    return {
        "schema": SCHEMA,
        "session": session_id,
        "suite": options.suite,
        "created": now(),
        "command": SuiteCommand(options.command).text,
        "environment": machine.fingerprint(options.cpus, options.runtime),
        "image": machine.image(),
        "sides": {side: tree.described for side, tree in trees.items()},
        "plan": {
            "pairs": options.pairs,
            "warmup": options.warmup,
            "budget_s": options.budget_s,
            "carried": list(options.carry),
            "looks": options.decide is not None,
        },
        "stopped": None,
        "warnings": [],
        "survivors": [],
        "monitor": {},
        "probe": {},
    }


def _save_end(measurement: MeasurementFolder, stopped: StopReason) -> None:
    """Save why it ended; where the disk is full, the error that led here is the better one to report."""
    measurement.header |= {"stopped": asdict(stopped), "finished": now()}
    with contextlib.suppress(MeasureError):
        measurement.save()


def _require_good_runs(measurement: MeasurementFolder, trees: Mapping[str, SideTree]) -> None:
    """Check that every side has at least one good run.

    Raises:
        NothingMeasuredError: a side has none.
    """
    failed = [side for side in trees if measurement.good(side) == 0]
    if not failed:
        return
    runs = [run for run in measurement.runs if run.side == failed[0]]
    whose = f" of {failed[0]}" if len(failed) < len(trees) or len(trees) == 1 else ""
    last = f"The last run {runs[-1].failure}." if runs else "It never ran."
    output = (runs[-1].output_tail if runs else None) or ""
    end = "\n".join(output.splitlines()[-_ERROR_LINES:])
    command = str(measurement.header["command"])
    raise NothingMeasuredError(
        f"Not one run{whose} succeeded. {last}",
        meaning=f"The end of its output:\n{end}" if end else "It printed nothing.",
        remedy=_only_on_one_side(command, trees, failed) or _remedy(output, command, trees[failed[0]].folder),
    )


def _only_on_one_side(command: str, trees: Mapping[str, SideTree], failed: Sequence[str]) -> str:
    """Return what to do about a file in the command that the side without good runs lacks, empty where it has all."""
    if len(failed) == len(trees):
        return ""
    other = next(side for side in trees if side not in failed)
    words = [word.strip("'\"") for word in re.split(r"[\s;&|()=]+", command)]
    names = [PurePosixPath(word.partition("::")[0]) for word in words if word]
    for name in names:
        if name.is_absolute() or ".." in name.parts or not name.parts:
            continue
        if (trees[other].folder / name).exists() and not (trees[failed[0]].folder / name).exists():
            more = f"Let the base have it too: --carry {name}" if other == "head" else "Measure what both have."
            return f"Only {other} has {name}. {more}"
    return ""


def _remedy(output: str, command: str, folder: Path) -> str:
    """Return what to do about a command of which no run succeeded."""
    missing = re.search(r"No module named '?([\w.]+)", output)
    environment = next((name for name in (".venv", "venv") if (folder / name / "bin/python").exists()), None)
    if missing and environment and environment not in command:
        return (
            f"The folder {environment} in the tree is not used. If the setup made it, write "
            f"`{environment}/bin/python -m …` in the command instead of a program on PATH."
        )
    package = missing[1].partition(".")[0] if missing else ""
    if package and any((folder / name).exists() for name in (package, f"{package}.py")) and "pytest" in command:
        return f"A bare `pytest` does not find {package} in the tree. Write `python -m pytest` instead."
    return f"Run the command by hand: {command}"
