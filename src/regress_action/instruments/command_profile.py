"""A command measured from outside: its time, its resources as the kernel counts them, and the spans that it wrote."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import dropwhile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import orjson

from regress_action.instruments.profile import SPEEDSCOPE_SCHEMA
from regress_action.instruments.profiler import FOLDER_VARIABLE
from regress_action.measure import machine
from regress_action.model.errors import InputError, UsageError
from regress_action.model.files import read_bounded, write_replace
from regress_action.model.measurements import Benchmark, Environment, Failure, Metric, Report, Run, Series
from regress_action.report.numbers import quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_BLOCK = 512
_LARGEST_SESSION = 1_000_000_000
_STARTS = re.compile(r"<thread>|<string>|<frozen runpy>|runpy\.py|.*pyinstrument(\.exe)?([/\\]__main__\.py)?")
_MEASURES = {
    "time": "s",
    "user_time": "s",
    "system_time": "s",
    "cpu_time": "s",
    "peak_memory": "B",
    "read_bytes": "B",
    "write_bytes": "B",
    "voluntary_switches": "count",
    "involuntary_switches": "count",
    "minor_faults": "count",
    "major_faults": "count",
}


@dataclass(frozen=True, slots=True)
class CommandProfile:
    """The figures of a command: one dictionary (metric → value in its base unit) for every process that succeeded.

    `traces` are the files of the spans of its profilers, `spans` the lines for a person of the last process.
    """

    name: str
    runs: tuple[dict[str, float], ...]
    failures: tuple[str, ...] = ()
    traces: tuple[Path, ...] = field(default=())
    spans: tuple[str, ...] = ()

    def medians(self) -> dict[str, float]:
        """Return the median of every metric over the processes."""
        return {metric: median(run[metric] for run in self.runs) for metric in _MEASURES} if self.runs else {}

    def lines(self) -> list[str]:
        """Return the figures for a person."""
        count = len(self.runs)
        head = f"{self.name}: median of {count} process{'es' if count != 1 else ''}"
        rows = (f"  {name:<22} {quantity(value, _MEASURES[name])}" for name, value in self.medians().items())
        return [head, *rows, *self.spans]

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for a program."""
        return {
            "schema": 1,
            "name": self.name,
            "units": _MEASURES,
            "median": self.medians(),
            "runs": list(self.runs),
            "failures": list(self.failures),
        }

    def report(self, suite: str = "default") -> Report:
        """Return the figures as a report with one run for every process."""
        benchmark = Benchmark(self.name)
        series = tuple(
            Series(benchmark, Metric(name, unit), tuple(run[name] for run in self.runs))
            for name, unit in _MEASURES.items()
            if self.runs
        )
        return Report(
            series,
            tuple(Run(wall_s=run["time"]) for run in self.runs),
            suite=suite,
            created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            environment=Environment(**machine.fingerprint()),  # type: ignore[arg-type]
            failures=tuple(Failure(self.name, reason) for reason in self.failures[:1]) if not self.runs else (),
            source="profile",
        )


def runnable(words: Sequence[str]) -> tuple[str, ...]:
    """Return the command, begun by an interpreter where it names a file of Python code that is no program by itself."""
    path = Path(words[0])
    if path.suffix != ".py" or not path.is_file() or os.access(path, os.X_OK):
        return tuple(words)
    return (shutil.which("python") or shutil.which("python3") or sys.executable, *words)


def profile_command(words: Sequence[str], *, runs: int, name: str, timeout_s: float) -> CommandProfile:
    """Run the command in `runs` fresh processes, one after another, with the output of this process.

    Where the first one fails, the others are not started: they would print the same once more.

    Raises:
        UsageError: there is no such program.
    """
    measured: list[dict[str, float]] = []
    failures: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="regress-profile-"))
    try:
        for _ in range(runs):
            status, figures = _run(words, folder, timeout_s)
            if status == 0:
                measured.append(figures)
            else:
                failures.append(f"it did not end within {timeout_s:g} s" if status is None else ended_by(status))
            if not measured:
                break
    except BaseException:  # no such program, or Ctrl-C: nobody is told where the traces are
        shutil.rmtree(folder)
        raise
    traces = tuple(sorted(folder.glob("*.trace.json"), key=lambda path: path.stat().st_mtime))
    spans = traces[-1].with_name(traces[-1].name.replace(".trace.json", ".spans.txt")) if traces else None
    text = spans.read_text(encoding="utf-8").splitlines() if spans and spans.is_file() else []
    if not traces:
        shutil.rmtree(folder)
    return CommandProfile(name, tuple(measured), tuple(failures), traces, tuple(text))


def ended_by(status: int) -> str:
    """Return how a process ended: its exit status, or the name of the signal that a negative status stands for."""
    if status < 0 and -status in signal.valid_signals():
        return f"it was ended by {signal.Signals(-status).name}"
    return f"it ended with status {status}"


def sample(words: Sequence[str], sampler: str, out: Path, timeout_s: float) -> int | None:
    """Run a command that `sampled` gave, which writes `out` for speedscope; return its status, None after its time.

    Raises:
        InputError: the sampler wrote something else than its session.
    """
    with tempfile.TemporaryDirectory(prefix="regress-profile-") as folder:
        status = _run(words, Path(folder), timeout_s)[0]
    if sampler == "pyinstrument" and out.is_file():
        written = speedscope_of_session(read_bounded(out, _LARGEST_SESSION), str(out))
        write_replace(out, orjson.dumps(written))
    return status


def speedscope_of_session(content: bytes, where: str) -> dict[str, Any]:
    """Return the samples of a session of pyinstrument as a sampled profile of speedscope, in seconds.

    pyinstrument's own export follows the first thing that runpy did, and loses the program where a sample fell on what
    runpy does before it. What started the program is left out here, too.

    Raises:
        InputError: it is no session.
    """
    frames: dict[tuple[str, str, int], int] = {}
    samples, weights = [], []
    try:
        session = orjson.loads(content)
        for stack, seconds in session["frame_records"]:
            own = list(dropwhile(lambda frame: _STARTS.fullmatch(frame[1]), map(_frame, stack)))
            if own:
                samples.append([frames.setdefault(frame, len(frames)) for frame in own])
                weights.append(float(seconds))
        name = str(session["target_description"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{where} is no session of pyinstrument that is known here: {error}", remedy="Use --sampler py-spy."
        ) from error
    return {
        "$schema": SPEEDSCOPE_SCHEMA,
        "name": name,
        "shared": {"frames": [{"name": called, "file": file, "line": line} for called, file, line in frames]},
        "profiles": [
            {
                "type": "sampled",
                "name": name,
                "unit": "seconds",
                "startValue": 0,
                "endValue": sum(weights),
                "samples": samples,
                "weights": weights,
            }
        ],
    }


def _frame(identifier: str) -> tuple[str, str, int]:
    """Return function, file and line of `name NUL file NUL line`, without what may follow."""
    name, file, line = identifier.split("\x01", maxsplit=1)[0].split("\0")
    return name, file, int(line)


def _installed(name: str) -> str | None:
    """Return the path of a program that is installed beside this interpreter, or on PATH."""
    return shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


def sampled(words: Sequence[str], sampler: str, out: Path) -> tuple[str, ...]:
    """Return the command under a sampling profiler that writes to `out`.

    Raises:
        UsageError: the sampler is not installed, or cannot run such a command.
    """
    if sampler == "none":
        return tuple(words)
    if sampler == "py-spy":
        program = _installed("py-spy")
        line = (program or "", "record", "--format", "speedscope", "--output", str(out), "--", *words)
    else:
        program = _installed("pyinstrument")
        if len(words) < 2 or "python" not in Path(words[0]).name:  # noqa: PLR2004 - an interpreter and a script
            raise UsageError(
                "pyinstrument samples Python programs only.",
                remedy="Give a command like: python script.py, or use py-spy.",
            )
        line = (program or "", "-r", "pyisession", "-o", str(out), *words[1:])
    if not program:
        raise UsageError(f"{sampler} is not installed.", remedy=f"Install it: pip install {sampler}")
    return line


def _run(words: Sequence[str], folder: Path, timeout_s: float) -> tuple[int | None, dict[str, float]]:
    """Run the command once; return its status (None when its time was up), and its figures."""
    began = time.perf_counter()
    try:
        process = subprocess.Popen(words, env={**os.environ, FOLDER_VARIABLE: str(folder)})  # noqa: S603 - the user's command
    except OSError as error:
        raise UsageError(
            f"{words[0]} could not be started: {error.strerror}.", remedy="Check the name of the program, and the PATH."
        ) from error
    status, usage = _wait(process, timeout_s)
    figures = {
        "time": time.perf_counter() - began,
        "user_time": usage.ru_utime,
        "system_time": usage.ru_stime,
        "cpu_time": usage.ru_utime + usage.ru_stime,
        "peak_memory": float(usage.ru_maxrss * _RSS_UNIT),
        "read_bytes": float(usage.ru_inblock * _BLOCK),
        "write_bytes": float(usage.ru_oublock * _BLOCK),
        "voluntary_switches": float(usage.ru_nvcsw),
        "involuntary_switches": float(usage.ru_nivcsw),
        "minor_faults": float(usage.ru_minflt),
        "major_faults": float(usage.ru_majflt),
    }
    return status, figures


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> tuple[int | None, Any]:
    """Wait for the process, and kill it when its time is up; return its status and what the kernel counted."""
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(timeout_s, end)
    timer.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return (None if late.is_set() else process.returncode), usage
