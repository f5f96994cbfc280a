"""The surroundings of a measurement: what of them will hurt it, and the same ones in every run.

* What of this machine will hurt a measurement: looked at before it begins, named with the remedy, and recorded.
* The same surroundings in every run: variables, time zone, locale, random numbers, the garbage collector.
"""

from __future__ import annotations

import gc
import locale
import os
import random
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_CPUS = "sys/devices/system/cpu"
_BUSY_SHARE = 0.5
_SWAP_KIB = 16 * 1024
_FULL_MEMORY_PERCENT = 80
_FULL_RANDOMISATION = 2
_BETWEEN_PROCESSES = "address space layout randomisation"


@dataclass(frozen=True, slots=True)
class EnvironmentFinding:
    """One property of the machine that will make measurements scatter, what it does to them, and what to do."""

    name: str
    value: str
    harm: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name} is {self.value}: {self.harm} {self.remedy}"


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """Every property that was looked at, as (name, value) pairs, and those that will hurt."""

    values: tuple[tuple[str, str], ...]
    findings: tuple[EnvironmentFinding, ...]


def inspect_environment(root: Path = Path("/"), *, processes: int = 1) -> EnvironmentState:
    """Look at the machine; `root` is where its `/proc` and `/sys` are found. What cannot be read is left out.

    `processes` is how many fresh processes measure each benchmark: several average what differs between processes.
    """
    values = dict(_values(root))
    findings = tuple(
        EnvironmentFinding(name, values[name], harm, remedy)
        for name, harmful, harm, remedy in _RULES
        if name in values and harmful(values[name]) and not (processes > 1 and name == _BETWEEN_PROCESSES)
    )
    return EnvironmentState(tuple(values.items()), findings)


def _values(root: Path) -> Iterator[tuple[str, str]]:
    yield from _cpu_values(root)
    yield from _memory_values(root)
    yield from _cgroup_values(root)
    for supply in sorted((root / "sys/class/power_supply").glob("*")):
        if _read(supply / "type") == "Battery" and (status := _read(supply / "status")):
            yield "battery", status
    if randomisation := _read(root / "proc/sys/kernel/randomize_va_space"):
        yield _BETWEEN_PROCESSES, randomisation


def _cpu_values(root: Path) -> Iterator[tuple[str, str]]:
    governors = {_read(path) for path in (root / _CPUS).glob("cpu[0-9]*/cpufreq/scaling_governor")}
    if governors := governors - {""}:
        yield "CPU frequency governor", ", ".join(sorted(governors))
    no_turbo = _read(root / _CPUS / "intel_pstate/no_turbo")
    boost = _read(root / _CPUS / "cpufreq/boost")
    if no_turbo or boost:
        yield "turbo", "on" if no_turbo == "0" or boost == "1" else "off"
    if smt := _read(root / _CPUS / "smt/active"):
        yield "simultaneous multithreading", "on" if smt == "1" else "off"
    if load := _read(root / "proc/loadavg").split():
        yield "load", f"{float(load[0]):.2f} on {_cores(root)} CPUs"


def _memory_values(root: Path) -> Iterator[tuple[str, str]]:
    fields = {name: rest.split() for name, _, rest in (line.partition(":") for line in _lines(root / "proc/meminfo"))}
    if "SwapTotal" in fields and "SwapFree" in fields:
        used = int(fields["SwapTotal"][0]) - int(fields["SwapFree"][0])
        yield "swap in use", f"{used} KiB"
    pages = _read(root / "sys/kernel/mm/transparent_hugepage/enabled")
    if "[" in pages:
        yield "transparent huge pages", pages.partition("[")[2].partition("]")[0]


def _cgroup_values(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the limits of the container, or of the control group that this process is in, of either version."""
    cpu, memory, unified = (_control_group(root, controller) for controller in ("cpu", "memory", ""))
    quota = _read(unified / "cpu.max").split()
    if not quota:
        first = _read(cpu / "cpu.cfs_quota_us"), _read(cpu / "cpu.cfs_period_us")
        quota = ["max" if first[0].startswith("-") else first[0], first[1]] if all(first) else []
    if quota and quota[0] != "max":
        yield "CPU quota of the container", f"{int(quota[0]) / int(quota[1]):g} CPUs"
    stat = _lines(unified / "cpu.stat") + _lines(cpu / "cpu.stat")
    if throttled := [line.split()[1] for line in stat if line.startswith("nr_throttled ")]:
        yield "periods in which the container was throttled", throttled[-1]
    limit = _read(unified / "memory.max") or _read(memory / "memory.limit_in_bytes")
    used = _read(unified / "memory.current") or _read(memory / "memory.usage_in_bytes")
    if limit.isdigit() and int(limit) < 2**60:
        yield "memory limit of the container", f"{int(limit) // 2**20} MiB"
        if used.isdigit():
            yield "share of the memory limit in use", f"{int(used) / int(limit):.0%}"


def _control_group(root: Path, controller: str) -> Path:
    """Return the folder of the control group of this process: of version 1 for a controller, of version 2 without one.

    In a container the own group is mounted as the root of the tree, so that its path from the host is not there.
    """
    tree = root / "sys/fs/cgroup" / controller
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            for place in (tree, root / "sys/fs/cgroup/unified"):
                if path != "/" and (own := place / path.lstrip("/")).is_dir():
                    return own
    return tree


def _cores(root: Path) -> int:
    listed = len(list((root / _CPUS).glob("cpu[0-9]*")))
    return listed or os.cpu_count() or 1


def _is_busy(value: str) -> bool:
    load, _, cores = value.partition(" on ")
    return float(load) > _BUSY_SHARE * int(cores.split()[0])


_RULES = (
    (
        "CPU frequency governor",
        lambda value: value != "performance",
        "the clock follows the load, so short rounds run slower than long ones.",
        "Set it to performance: cpupower frequency-set -g performance.",
    ),
    (
        "turbo",
        lambda value: value == "on",
        "the clock depends on temperature and on the other cores.",
        "Switch it off: echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo.",
    ),
    (
        "load",
        _is_busy,
        "other programs take the CPU from what is measured.",
        "End them, or measure at another time.",
    ),
    (
        "battery",
        lambda value: value == "Discharging",
        "the machine saves power.",
        "Plug it in.",
    ),
    (
        "swap in use",
        lambda value: int(value.split()[0]) > _SWAP_KIB,
        "memory that was swapped out is slow when it is touched again.",
        "Free memory: swapoff -a && swapon -a.",
    ),
    (
        "CPU quota of the container",
        lambda value: not float(value.split()[0]).is_integer(),
        "the container is stopped for part of every tenth of a second once its share is used up.",
        "Give it whole CPUs, or none of a limit.",
    ),
    (
        "share of the memory limit in use",
        lambda value: int(value.removesuffix("%")) > _FULL_MEMORY_PERCENT,
        "the kernel drops caches, and ends the suite when it needs more.",
        "Raise the memory limit of the container.",
    ),
    (
        "transparent huge pages",
        lambda value: value == "always",
        "whether memory gets huge pages depends on how fragmented it is.",
        "Set them to madvise: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled.",
    ),
    (
        _BETWEEN_PROCESSES,
        lambda value: value.isdigit() and int(value) >= _FULL_RANDOMISATION,
        "every process has another layout; several processes average that, one does not.",
        "Measure several processes, or switch it off for the suite: setarch -R COMMAND.",
    ),
)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _lines(path: Path) -> list[str]:
    return _read(path).splitlines()


KEPT = ("PATH", "HOME", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "SYSTEMROOT", "LD_LIBRARY_PATH")
FIXED = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "COLUMNS": "80"}


@contextmanager
def frozen_environment(seed: int = 0, variables: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """Fix what a result may depend on, give what was set, and put everything back.

    Only a few variables of the environment stay, beside the fixed ones and `variables`; the random numbers of the
    standard library (and of NumPy, where it is imported) start from `seed`; garbage is collected before. The hash seed
    holds for processes that are started inside, because that of this one was chosen when it began.
    """
    before, state, zone = dict(os.environ), random.getstate(), locale.setlocale(locale.LC_ALL)
    numpy: Any = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy else None
    fixed = FIXED | dict(variables or {})
    _set({name: before[name] for name in KEPT if name in before} | fixed)
    random.seed(seed)
    if numpy:
        numpy.random.seed(seed % 2**32)
    gc.collect()
    try:
        yield {**fixed, "seed": str(seed)}
    finally:
        _set(before)
        random.setstate(state)
        if numpy:
            numpy.random.set_state(numpy_state)
        locale.setlocale(locale.LC_ALL, zone)


def _set(variables: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)
    if hasattr(time, "tzset"):
        time.tzset()
