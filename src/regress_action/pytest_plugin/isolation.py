"""Fresh processes: every isolated test is measured in its own, several times, in an order that a seed decides."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from regress_action.instruments.command_profile import ended_by
from regress_action.pytest_plugin.measuring import VARIABLE
from regress_action.pytest_plugin.options import OWN_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pytest

    from regress_action.pytest_plugin.markers import PerformanceTest

_STEAL = 0.05
_FOREIGN = 0.25
_LONGEST_WAIT_S = 2.0
_PAUSE_S = 0.2
_LEAST_REPEATS = 2
_SHARE_OF_REPEATS = 0.25
_LONGEST_OUTPUT = 4000
_PARALLEL_OPTIONS = {"-n": True, "--numprocesses": True, "--dist": True}


@dataclass(frozen=True, slots=True)
class ProcessOutcome:
    """How one process that measured one test ended.

    `outcome` is pytest's word, or `crashed` or `timeout`; `text` says why it is one of these two. `reports` are those
    that pytest made of every phase, in its serialised form. `disturbed` says that other programs or the hypervisor took
    CPU time meanwhile, `network` what held of the limit of the network.
    """

    outcome: str
    text: str = ""
    reports: tuple[dict[str, Any], ...] = ()
    entries: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0
    disturbed: bool = False
    network: str | None = None


@dataclass(slots=True)
class IsolatedRuns:
    """Measure tests in fresh processes, each `runs` times; a process that dies costs the others nothing.

    Every round measures each test once, in an order of its own that `seed` decides. A run that was disturbed is
    repeated once, after waiting up to two seconds for a quiet machine; on a machine that is never quiet, a quarter of
    the runs are.
    """

    config: pytest.Config
    seed: int
    limits: Mapping[str, Any] = field(default_factory=dict)
    outcomes: dict[str, list[ProcessOutcome]] = field(default_factory=dict)
    repeated: int = 0

    def measure(self, tests: Sequence[PerformanceTest], runs: Mapping[str, int]) -> Iterator[tuple[str, int]]:
        """Measure all tests; yield the identifier and the number of the run before each process."""
        chance = random.Random(self.seed)  # noqa: S311 - not a secret
        stopped: set[str] = set()
        repeats = max(_LEAST_REPEATS, round(_SHARE_OF_REPEATS * sum(runs.values())))
        for number in range(max(runs.values(), default=0)):
            waiting = [test for test in tests if number < runs[test.nodeid] and test.nodeid not in stopped]
            chance.shuffle(waiting)
            for test in waiting:
                yield test.nodeid, number
                outcome = self._measured(test, may_repeat=self.repeated < repeats)
                self.outcomes.setdefault(test.nodeid, []).append(outcome)
                if outcome.outcome != "passed":
                    stopped.add(test.nodeid)

    def _measured(self, test: PerformanceTest, *, may_repeat: bool) -> ProcessOutcome:
        outcome = self._process(test)
        if not (may_repeat and outcome.disturbed and outcome.outcome == "passed"):
            return outcome
        wait_until_quiet()
        self.repeated += 1
        return self._process(test)

    def _process(self, test: PerformanceTest) -> ProcessOutcome:
        with tempfile.TemporaryDirectory(prefix="regress-") as folder:
            out, printed = Path(folder) / "outcome.json", Path(folder) / "printed.txt"
            command = [sys.executable, "-m", "pytest", *child_arguments(self.config), self._path(test.nodeid)]
            orders = {"out": str(out), "nodeid": test.nodeid, "limits": dict(self.limits), "cpu": chosen_cpu()}
            before, began = _busy(), time.monotonic()
            with printed.open("wb") as stream:
                status = _run(command, _environment(orders), stream, test.timeout_s, self.config.invocation_params.dir)
            seconds = time.monotonic() - began
            disturbed = _disturbed(before, _busy(), seconds)
            return _outcome(status, out, printed, test.timeout_s, seconds, disturbed=disturbed)

    def _path(self, nodeid: str) -> str:
        path, separator, rest = nodeid.partition("::")
        return f"{self.config.rootpath / path}{separator}{rest}"


def child_arguments(config: pytest.Config) -> list[str]:
    """Return the arguments of this session for a process that measures one test: no paths, none of our options."""
    positional = set(getattr(config.known_args_namespace, "file_or_dir", ()))
    dropped = OWN_OPTIONS | _PARALLEL_OPTIONS
    kept: list[str] = []
    arguments = iter(config.invocation_params.args)
    for argument in map(str, arguments):
        name, equals, _ = argument.partition("=")
        if name in dropped:
            if dropped[name] and not equals:
                next(arguments, None)
        elif argument not in positional:
            kept.append(argument)
    parallel = ["-p", "no:xdist"] if config.pluginmanager.has_plugin("xdist") else []
    ini = ["-c", str(config.inipath)] if config.inipath and "-c" not in kept else []
    return [*kept, *parallel, *ini, f"--rootdir={config.rootpath}", "-p", "no:cacheprovider", "-q"]


def wait_until_quiet(longest_s: float = _LONGEST_WAIT_S) -> bool:
    """Wait until less than a quarter of the machine is in use, for `longest_s` seconds at most; say whether it is."""
    ends = time.monotonic() + longest_s
    while time.monotonic() < ends:
        before = _busy()
        time.sleep(_PAUSE_S)
        if not _disturbed(before, _busy(), _PAUSE_S):
            return True
    return False


@dataclass(frozen=True, slots=True)
class _Busy:
    """Seconds since boot: CPU time of everybody, of this process tree, and what the hypervisor took."""

    all_s: float
    own_s: float
    steal_s: float


def _busy() -> _Busy:
    times, own = psutil.cpu_times(), os.times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    return _Busy(sum(times) - idle - getattr(times, "guest", 0.0), sum(own[:4]), getattr(times, "steal", 0.0))


def _disturbed(before: _Busy, after: _Busy, seconds: float) -> bool:
    """Whether others took a quarter of one CPU meanwhile, or the hypervisor a twentieth of the machine."""
    steal = after.steal_s - before.steal_s
    foreign = (after.all_s - before.all_s) - (after.own_s - before.own_s) - steal
    return foreign > _FOREIGN * seconds or steal > _STEAL * seconds * (os.cpu_count() or 1)


def chosen_cpu() -> int | None:
    """Return the processor to pin to: the last that this process may use, None where there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    usable = sorted(os.sched_getaffinity(0))
    return usable[-1] if len(usable) > 1 else None


def _environment(orders: Mapping[str, Any]) -> dict[str, str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return variables | {VARIABLE: json.dumps(orders), "PYTHONHASHSEED": "0"}


def _run(command: Sequence[str], environ: Mapping[str, str], stream: Any, timeout_s: float, folder: Path) -> int | None:  # noqa: ANN401 - a binary file
    """Run the command in a process group of its own; return its status, None when its time was up."""
    process = subprocess.Popen(  # noqa: S603 - this interpreter and the user's own tests
        command,
        env=dict(environ),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=stream,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _outcome(
    status: int | None, out: Path, printed: Path, timeout_s: float, seconds: float, *, disturbed: bool
) -> ProcessOutcome:
    if status is None:
        return ProcessOutcome("timeout", f"It did not end within {timeout_s:g} s and was killed.", seconds=seconds)
    content = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
    if not content.get("reports"):  # it died, or ended in order and did not find the test
        tail = printed.read_text(encoding="utf-8", errors="replace")[-_LONGEST_OUTPUT:].strip()
        return ProcessOutcome(
            "crashed", _cause(status) + (f"\nWhat it printed:\n{tail}" if tail else ""), seconds=seconds
        )
    reports, entries = tuple(content["reports"]), tuple(content["entries"])
    return ProcessOutcome(_word(reports), "", reports, entries, seconds, disturbed, content.get("network"))


def _word(reports: Sequence[Mapping[str, Any]]) -> str:
    """Return the outcome of a test from those of its phases."""
    words = {report["outcome"] for report in reports}
    return next(word for word in ("failed", "skipped", "passed") if word in words)


def _cause(status: int) -> str:
    ended = ended_by(status).removeprefix("it ")
    memory = " The kernel does that to a process when the memory is used up." if -status == signal.SIGKILL else ""
    return f"Its process {ended}.{memory}"
