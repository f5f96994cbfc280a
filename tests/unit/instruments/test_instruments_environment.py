"""What of a machine hurts a measurement is found in the files of its kernel, and named with the remedy."""

from __future__ import annotations

import locale
import os
import random
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from regress_action.instruments.environment import frozen_environment, inspect_environment

if TYPE_CHECKING:
    from pathlib import Path

QUIET = {
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance",
    "sys/devices/system/cpu/intel_pstate/no_turbo": "1",
    "proc/loadavg": "0.10 0.20 0.30 1/200 999",
    "proc/meminfo": "MemTotal: 8000000 kB\nSwapTotal: 1000 kB\nSwapFree: 1000 kB",
    "proc/sys/kernel/randomize_va_space": "0",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
}


def machine(root: Path, **changes: str | None) -> Path:
    """Write the files of a quiet machine with some changes; / in a path is written __."""
    files = QUIET | {name.replace("__", "/"): value for name, value in changes.items()}
    for name, value in files.items():
        if value is not None:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(value + "\n")
    return root


def test_a_quiet_machine_is_not_reported(tmp_path: Path) -> None:
    """All of it is recorded, and nothing is found."""
    state = inspect_environment(machine(tmp_path))

    assert state.findings == ()
    assert dict(state.values)["CPU frequency governor"] == "performance"
    assert dict(state.values)["load"] == "0.10 on 2 CPUs"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"sys__devices__system__cpu__cpu1__cpufreq__scaling_governor": "powersave"}, "CPU frequency governor"),
        ({"sys__devices__system__cpu__intel_pstate__no_turbo": "0"}, "turbo"),
        ({"sys__devices__system__cpu__cpufreq__boost": "1"}, "turbo"),
        ({"proc__loadavg": "1.90 1 1 1/2 3"}, "load"),
        ({"proc__meminfo": "SwapTotal: 900000 kB\nSwapFree: 1000 kB"}, "swap in use"),
        ({"proc__sys__kernel__randomize_va_space": "2"}, "address space layout randomisation"),
        ({"sys__kernel__mm__transparent_hugepage__enabled": "[always] madvise never"}, "transparent huge pages"),
        (
            {
                "sys__class__power_supply__BAT0__type": "Battery",
                "sys__class__power_supply__BAT0__status": "Discharging",
            },
            "battery",
        ),
        ({"sys__fs__cgroup__cpu.max": "150000 100000"}, "CPU quota of the container"),
        (
            {"sys__fs__cgroup__cpu__cpu.cfs_quota_us": "50000", "sys__fs__cgroup__cpu__cpu.cfs_period_us": "100000"},
            "CPU quota of the container",
        ),
        (
            {"proc__self__cgroup": "0::/work.slice", "sys__fs__cgroup__work.slice__cpu.max": "50000 100000"},
            "CPU quota of the container",
        ),
        (
            {
                "proc__self__cgroup": "4:memory:/suite\n1:cpu,cpuacct:/\n0::/",
                "sys__fs__cgroup__memory__suite__memory.limit_in_bytes": "1000000",
                "sys__fs__cgroup__memory__suite__memory.usage_in_bytes": "900000",
            },
            "share of the memory limit in use",
        ),
        (
            {
                "proc__self__cgroup": "0::/system.slice/docker-abc.scope",  # of the host: not there in the container
                "sys__fs__cgroup__memory.max": "1000000",
                "sys__fs__cgroup__memory.current": "900000",
            },
            "share of the memory limit in use",
        ),
    ],
)
def test_what_will_hurt_is_named(tmp_path: Path, changes: dict[str, str], named: str) -> None:
    """Each has a sentence of what it does, and one of what to do."""
    (finding,) = inspect_environment(machine(tmp_path, **changes)).findings

    assert finding.name == named
    assert finding.harm.endswith(".")
    assert finding.remedy.endswith(".")
    assert str(finding).startswith(f"{named} is ")


def test_several_processes_average_the_layout(tmp_path: Path) -> None:
    """Randomised layouts hurt a single process only."""
    root = machine(tmp_path, proc__sys__kernel__randomize_va_space="2")

    assert inspect_environment(root, processes=5).findings == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"sys__fs__cgroup__cpu.max": "max 100000", "sys__fs__cgroup__memory.max": "max"},
        {
            "sys__fs__cgroup__cpu__cpu.cfs_quota_us": "-1",
            "sys__fs__cgroup__cpu__cpu.cfs_period_us": "100000",
            "sys__fs__cgroup__memory__memory.limit_in_bytes": "9223372036854771712",
        },
        {"sys__fs__cgroup__cpu.max": "200000 100000"},
    ],
)
def test_no_limit_and_whole_cpus_hurt_nothing(tmp_path: Path, changes: dict[str, str]) -> None:
    """Control groups of either version without a limit, or with whole CPUs."""
    assert inspect_environment(machine(tmp_path, **changes)).findings == ()


def test_a_machine_that_tells_nothing_is_no_error(tmp_path: Path) -> None:
    """Without any of the files there is nothing to record."""
    state = inspect_environment(tmp_path)

    assert (state.values, state.findings) == ((), ())


def test_the_surroundings_are_frozen_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables, time zone, random numbers: the same inside every time, and the old ones afterwards."""
    monkeypatch.setenv("REGRESS_OF_THE_USER", "kept")
    before, state, zone = dict(os.environ), random.getstate(), locale.setlocale(locale.LC_ALL)
    drawn = []
    for _ in range(2):
        with frozen_environment(seed=5, variables={"MODE": "test"}) as fixed:
            assert "REGRESS_OF_THE_USER" not in os.environ
            assert (os.environ["MODE"], time.tzname[0], fixed["seed"]) == ("test", "UTC", "5")
            drawn.append((random.random(), float(np.random.random())))  # noqa: NPY002, S311 - what suites use

    assert drawn[0] == drawn[1]
    assert dict(os.environ) == before
    assert random.getstate() == state
    assert locale.setlocale(locale.LC_ALL) == zone
