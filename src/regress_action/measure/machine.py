"""The machine: the properties that measured numbers depend on, and its present load.

Also here: how fast the machine is now: the time of a fixed piece of work, taken between runs and never during one.

The times show whether the machine changed its speed during a measurement. No result is divided by them, because a
program of another kind does not slow down in proportion.
"""

from __future__ import annotations

import math
import os
import platform
import re
import statistics
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_GIB = 2**30

_WORK = 1  # raised whenever `_work` changes, because its times are not comparable then
_SHARE = 0.01  # of the time that the suite takes; more than that is not spent between the pairs
_REPETITIONS = 5
_STEPS = 30_000  # longer than a scheduler's time slice, so that other load on the CPU shows in every repetition
_BUFFER_BYTES = 8 * 2**20  # larger than a core's own caches
_LINE = 64
_NORMAL = 1.4826  # the standard deviation of normal noise over its median deviation


def fingerprint(cpus: tuple[int, ...] = (), runtime: str | None = None) -> dict[str, str | int]:
    """Return what decides whether two measurements may be compared."""
    return {
        "runner": runner_class(dict(os.environ)),
        "os": _system(),
        "cpu": _cpu_model(),
        "cores": len(cpus) or _usable_cores(),
        "memory": memory_class(_memory()),
        "runtime": runtime or f"{platform.python_implementation()} {platform.python_version()}",
    }


def toolchain(texts: Sequence[str], variables: Mapping[str, str], ask: Callable[[list[str]], str]) -> str | None:
    """Return the version of what a suite runs in or is compiled with, None where its command and setup show nothing.

    `texts` are the command and the setup, of which the first that shows something counts. `ask` runs a program as the
    suite would, and returns what it prints.
    """
    for text in texts:
        for pattern, words in _TOOLCHAINS:
            if match := re.search(rf"{_START}{pattern}(?=[\s;&|)]|$)", text):
                argv = [word.format(*match.groups()) for word in words]
                if argv[0] == _COMPILER:
                    argv[:1] = (variables.get("CXX") or variables.get("CC") or "").split() or [_COMPILER]
                lines = (line.strip() for line in ask(argv).splitlines())
                line = next((line for line in lines if line and not _NOTICE.match(line)), "")
                line = line.removeprefix("go version ")
                return f"{argv[0]} {line}" if re.match(r"v?\d", line) else line or None
    return None


_COMPILER = "c++"
_START = r"(?:^|[;&|(\n])\s*(?:(?:\w+=\S*|env|exec|time|nice|\.|source|timeout\s+\S+|taskset\s+-c\s+\S+)\s+)*"
"""Where a command begins. What comes after another program is its argument, or what it starts in an environment."""

_NOTICE = re.compile(r"(?:go|info|warning|note): |Picked up ", re.IGNORECASE)
"""What go, rustup and Java print before their version."""

_TOOLCHAINS = (
    (r"((?:[\w./~-]*/)?python[\d.]*)", ["{0}", "--version"]),
    (r"([\w./~-]*/)activate", ["{0}python", "--version"]),
    ("go (?:test|run|build)", ["go", "version"]),
    ("cargo", ["rustc", "--version"]),
    ("(?:node|npm|npx|pnpm|yarn)", ["node", "--version"]),
    ("bunx?", ["bun", "--version"]),
    ("deno", ["deno", "--version"]),
    (r"(?:java|mvn|(?:\./)?gradlew?)", ["java", "--version"]),
    ("dotnet", ["dotnet", "--version"]),
    (r"(?:php|\S*/phpbench)", ["php", "--version"]),
    ("julia", ["julia", "--version"]),
    ("(?:ruby|bundle|rake)", ["ruby", "--version"]),
    (r"(?:cmake|meson|ninja|gcc|g\+\+|cc|c\+\+|clang(?:\+\+)?|\./configure)", [_COMPILER, "--version"]),
)
"""What names a toolchain in a command or a setup, and how it is asked for its version. `make` can mean any of them."""


def image() -> str | None:
    """Return the version of the runner's image, which changes weekly and so is no part of the fingerprint."""
    return os.environ.get("ImageVersion")  # noqa: SIM112 - the runner's spelling


def runner_class(variables: dict[str, str]) -> str:
    """Return `github-hosted ubuntu24`, `self-hosted`, or `local` where no runner says what it is."""
    kind = variables.get("RUNNER_ENVIRONMENT")
    return " ".join(filter(None, (kind, variables.get("ImageOS")))) if kind else "local"


def memory_class(size: int) -> str:
    """Return bytes as the nearest size in which memory is sold: 15.6 GiB usable is a `16 GiB` machine."""
    classes = [step * 2**power for power in range(11) for step in (1, 1.5)]
    nearest = min(classes, key=lambda candidate: abs(math.log(max(size, 1) / _GIB / candidate)))
    return f"{nearest:g} GiB"


def _system() -> str:
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        name = f"{platform.system()} {platform.mac_ver()[0] or platform.release()}"
    return f"{name} {platform.machine()}"


def _cpu_model() -> str:
    if platform.system() == "Darwin":
        argv = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip() or "unknown"  # noqa: S603 - fixed words
    lines = (line.partition(":") for line in _read("/proc/cpuinfo").splitlines())
    fields = {name.strip(): value.strip() for name, _, value in lines}
    # Arm gives no model name, only numbers of the maker and of the design.
    arm = " ".join(filter(None, (fields.get("CPU implementer"), fields.get("CPU part"))))
    return fields.get("model name") or (arm and f"arm {arm}") or platform.processor() or "unknown"


def _usable_cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _read("/sys/fs/cgroup/cpu.max").split()
    if quota and quota[0] != "max":
        cores = min(cores, max(1, math.ceil(int(quota[0]) / int(quota[1]))))
    return cores


def _memory() -> int:
    limit = _read("/sys/fs/cgroup/memory.max").strip()
    total = int(psutil.virtual_memory().total)
    return min(total, int(limit)) if limit.isdigit() else total


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class MachineLoad:
    """How busy the machine is: load over a minute, seconds the hypervisor took since boot, clock in MHz."""

    load: float
    steal_s: float
    mhz: float | None


def current_load() -> MachineLoad:
    """Read the load now; this takes about a millisecond, so it is never done while a run is timed."""
    try:
        clock = psutil.cpu_freq()
    except (NotImplementedError, OSError):
        clock = None
    steal = float(getattr(psutil.cpu_times(), "steal", 0.0))
    return MachineLoad(round(os.getloadavg()[0], 2), steal, clock and round(clock.current, 1))


@dataclass(frozen=True, slots=True)
class ProbeReading:
    """The work's time once `after_pair` pairs were measured: median seconds, and their relative standard deviation."""

    after_pair: int
    median_s: float
    spread: float


@dataclass(slots=True)
class Probe:
    """The readings of one measurement and the seconds that they cost."""

    readings: list[ProbeReading] = field(default_factory=list)
    spent_s: float = 0.0

    def read(self, after_pair: int) -> None:
        """Time the work now; takes about a twentieth of a second."""
        began = time.perf_counter()
        buffer = bytearray(_BUFFER_BYTES)
        _work(buffer)  # not timed: it pays for fresh memory and for a CPU clock that was low
        times = [_timed(buffer) for _ in range(_REPETITIONS)]
        median = statistics.median(times)
        spread = _NORMAL * statistics.median(abs(time_s - median) for time_s in times) / median
        self.readings.append(ProbeReading(after_pair, round(median, 9), round(spread, 4)))
        self.spent_s += time.perf_counter() - began

    def read_between(self, after_pair: int, measured_s: float) -> None:
        """Take a reading if all readings together stay below a hundredth of the suite's `measured_s` so far."""
        if self.readings and self.spent_s * (1 + 1 / len(self.readings)) <= _SHARE * measured_s:
            self.read(after_pair)

    @property
    def described(self) -> dict[str, Any]:
        """The form in which measurement.json holds it; times of another `work` cannot be compared with these."""
        return {
            "work": f"{_WORK} {platform.python_implementation()} {platform.python_version()}",
            "spent_s": round(self.spent_s, 4),
            "looks": [asdict(reading) for reading in self.readings],
        }


def _timed(buffer: bytearray) -> float:
    began = time.perf_counter()
    _work(buffer)
    return time.perf_counter() - began


def _work(buffer: bytearray) -> int:
    """Count with integers, fill a dictionary and touch every cache line of `buffer`."""
    total, table = 0, {}
    for step in range(_STEPS):
        total += step * step % 7
        table[step & 1023] = total
    buffer[::_LINE] = bytes(len(buffer) // _LINE)
    return total + sum(buffer[::_LINE])
