"""Profiles of base and head, taken after the timed runs, so that profiling cannot change what was timed.

Every target, a benchmark or the whole suite, gets a folder `profiles/<nn>` in the measurement, with a folder for each
run: `stacks-`, `calls-`, `lines-`, `memory-` or `command-`, with the side and the pair. What lies in them comes from
the suite.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regress_action.measure import untrusted_files
from regress_action.measure.git import GitFolder
from regress_action.measure.measurement import PROFILES, TRACES, disk_error
from regress_action.measure.pairs_loop import DecisionFailedError, ask_decision
from regress_action.measure.run_executor import Slot
from regress_action.measure.schedule import abba_order
from regress_action.measure.suite_command import SuiteCommand

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from regress_action.measure.measurement import MeasurementFolder
    from regress_action.measure.options import Options
    from regress_action.measure.reporting import Reporter
    from regress_action.measure.run_executor import RunExecutor
    from regress_action.measure.trees import SideTree

MOST_TARGETS = 3
_LEAST_PAIRS = 2
_MEMORY_PAIRS = 3
_SHORTEST_S = 60.0
_HUNK = re.compile(r"@@ -(\d{1,8})(?:,(\d{1,8}))? \+(\d{1,8})(?:,(\d{1,8}))? @@")
_LONGEST_LIST = 60_000  # bytes of an environment variable
_DRIVER = Path(__file__).resolve().parent / "tracing" / "driver.py"


@dataclass(slots=True)
class SuiteProfiler:
    """Runs the suite again with a profiler in it.

    Where that was not asked for but follows a regression, it takes no longer than twice what the timed runs took.
    """

    options: Options
    trees: Mapping[str, SideTree]
    executor: RunExecutor
    measurement: MeasurementFolder
    reporter: Reporter
    ends: float = field(init=False)

    def __post_init__(self) -> None:
        timed_s = sum(run.wall_s for run in self.measurement.runs)
        limit_s = max(_SHORTEST_S, 2 * timed_s) if self.options.profile_if else math.inf
        self.ends = min(self.executor.ends, time.monotonic() + limit_s)

    def run(self) -> None:
        """Profile what the options ask for, and note in the measurement's header what was run.

        Raises:
            MeasureError: the disk is full, the program does not exist, or a signal asked to stop.
        """
        began, entries = time.monotonic(), []
        targets = self._targets()
        for number, (benchmarks, kinds) in enumerate(targets, 1):
            self.reporter.emit("profiling", benchmarks=list(benchmarks), pairs=self.options.profile)
            entry: dict[str, Any] = {"folder": f"{number:02}", "benchmarks": list(benchmarks), "runs": []}
            entries.append(entry)
            self.measurement.header["profiles"] = entries
            for run in self._runs(f"{number:02}", benchmarks, kinds):
                entry["runs"].append(run)
                self.measurement.save()
                self.executor.signals.check()
        if targets and self.options.trace:
            self._trace()
        runs = [run for entry in entries for run in entry["runs"]]
        if runs:
            failures = sum(run["failure"] is not None for run in runs)
            elapsed_s = round(time.monotonic() - began, 3)
            self.reporter.emit("profiled", runs=len(runs), failures=failures, elapsed_s=elapsed_s)

    def _trace(self) -> None:
        """Run the suite once on each side with what notes which code every test executes; a failure is a warning."""
        out = self.measurement.folder
        words = json.dumps(list(self.options.command)).encode().hex()
        for position, (side, tree) in enumerate(self.trees.items()):
            if time.monotonic() > self.ends:
                return
            try:
                with untrusted_files.open_folder(out.descriptor, TRACES, create=True):
                    path = out.path / TRACES / f"{side}.json"
            except OSError as error:
                raise disk_error(error, out.path) from error
            command = SuiteCommand((sys.executable, "-I", str(_DRIVER), str(path), words))
            failure = self.executor.run_untimed(Slot(side, 1, position, purpose="trace-"), tree, (), command, {})
            if failure:
                self.reporter.emit("warning", message=f"what the tests of {side} execute was not traced: it {failure}")
            self.executor.signals.check()

    def _targets(self) -> list[tuple[tuple[str, ...], list[tuple[str, int]]]]:
        """Return the benchmarks of each profile, () is all of them, and the runs that make it: (kind, pair).

        Benchmarks are profiled one at a time where the suite can be narrowed, for time, for memory or for both.
        """
        options = self.options
        select = {"time": tuple(options.select), "memory": tuple(options.select)}
        wanted = {"time": options.profile + options.profile_calls > 0, "memory": options.profile_memory > 0}
        if options.profile_if:
            try:
                decision = ask_decision(
                    options.profile_if, self.measurement.file, self.executor.signals, self.executor.processes
                )
            except DecisionFailedError as error:
                self.executor.signals.check()
                self.reporter.emit(
                    "warning", message=f"nothing was profiled, because nobody said what regressed: {error}"
                )
                return []
            only_memory = bool(decision.memory) and not decision.select
            select = {"time": decision.select or options.select, "memory": decision.memory}
            wanted = {"time": decision.go_on and not only_memory, "memory": bool(decision.memory)}
        runs = {"time": self._timed_runs(), "memory": self._memory_runs()}
        targets: dict[tuple[str, ...], list[tuple[str, int]]] = {}
        for what in (what for what, is_wanted in wanted.items() if is_wanted):
            narrow = select[what] and self.executor.command.obeys_selection
            for names in [(name,) for name in select[what][:MOST_TARGETS]] if narrow else [tuple(select[what])]:
                targets.setdefault(names, []).extend(runs[what])
        return list(targets.items())

    def _timed_runs(self) -> list[tuple[str, int]]:
        """Return the runs of a profile of time; counting calls begins after two pairs of stacks."""
        command = self.options.profile_command
        stacks = [("command" if command else "stacks", pair) for pair in range(1, self.options.profile + 1)]
        calls = [("calls", pair) for pair in range(1, self.options.profile_calls + 1)] if not command else []
        lines = [("lines", 1)] if calls and self._changed_lines("head") else []
        return [*stacks[:_LEAST_PAIRS], *calls[:1], *lines, *stacks[_LEAST_PAIRS:], *calls[1:]]

    def _memory_runs(self) -> list[tuple[str, int]]:
        """Return the runs of a profile of memory; a command of the user's writes none."""
        pairs = self.options.profile_memory or _MEMORY_PAIRS
        return [] if self.options.profile_command else [("memory", pair) for pair in range(1, pairs + 1)]

    def _runs(self, target: str, benchmarks: tuple[str, ...], kinds: list[tuple[str, int]]) -> Iterator[dict[str, Any]]:
        """Run pair after pair and yield what was run."""
        for kind, pair in kinds:
            if time.monotonic() > self.ends and (pair > _LEAST_PAIRS or time.monotonic() > self.executor.ends):
                return
            for position, side in enumerate(abba_order(tuple(self.trees), pair)):
                slot = Slot(side, pair, position, purpose=f"profile-{target}-{kind}-")
                folder = f"{kind}-{side}-{pair:02}"
                failure = self._run(slot, kind, benchmarks, target, folder)
                root = str(self.trees[side].root)
                yield {"kind": kind, "side": side, "pair": pair, "folder": folder, "failure": failure, "root": root}

    def _run(self, slot: Slot, kind: str, benchmarks: tuple[str, ...], target: str, folder: str) -> str | None:
        tree, out = self.trees[slot.side], self.measurement.folder
        try:
            with untrusted_files.open_folder(out.descriptor, PROFILES, target, folder, create=True):
                path = out.path / PROFILES / target / folder
        except OSError as error:
            raise disk_error(error, out.path) from error
        command = self.executor.command
        extra = {"REGRESS_PROFILE_OUT": str(path), "REGRESS_PROFILE_ROOT": str(tree.root)}
        if kind == "command":
            words = (str(self.options.profile_command).replace("{profile}", str(path)),)
            command = SuiteCommand(words, self.options.select_style)
        else:
            lines = self._changed_lines(slot.side) if kind == "lines" else ""
            extra |= {
                "REGRESS_PROFILE": kind,
                "REGRESS_PROFILE_LINES": lines,
            }
        return self.executor.run_untimed(slot, tree, benchmarks, command, extra)

    def _changed_lines(self, side: str) -> str:
        """Return a line for every Python file that differs: its path, a tab, and the numbers of this side's lines.

        Empty with a single side. What was removed counts as the line that follows.
        """
        base, head = self.trees.get("base"), self.trees["head"]
        if base is None or base.commit is None:
            return ""
        options = ("--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-relative")
        prefixes = ("--src-prefix=a/", "--dst-prefix=b/")
        diff = GitFolder(head.root).query("diff", *options, *prefixes, base.commit, "--", "*.py") or ""
        text = "\n".join(
            f"{path}\t{','.join(map(str, numbers))}" for path, numbers in changed_lines(diff, side).items() if numbers
        )
        return text if len(text) <= _LONGEST_LIST else ""


def changed_lines(diff: str, side: str) -> dict[str, list[int]]:
    """Return the numbers of the lines of one side that a diff without context replaces, by path."""
    lines: dict[str, list[int]] = {}
    numbers: list[int] = []
    for line in diff.split("\n"):
        if line.startswith("+++ b/" if side == "head" else "--- a/"):
            numbers = lines.setdefault(line[6:].rstrip("\t"), [])
        elif line.startswith(("+++ ", "--- ")) and side == ("head" if line[0] == "+" else "base"):
            numbers = []
        elif match := _HUNK.match(line):
            start, count = (match[3], match[4]) if side == "head" else (match[1], match[2])
            length = int(count or 1)
            numbers += range(int(start), int(start) + length) if length else [int(start) + 1]
    return lines
