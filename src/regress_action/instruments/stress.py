"""Pressure on the machine while something is measured: CPU, memory, input and output, bounded in size and time."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from regress_action.model.errors import UsageError

_MOST_MEMORY_SHARE = 0.5
_LONGEST_S = 600.0
_MIB = 2**20
_CPU = "import time\nends = time.monotonic() + {seconds}\nwhile time.monotonic() < ends: sum(range(5000))"
_MEMORY = (
    "import time\nheld = bytearray({size})\nheld[::4096] = bytes(len(held[::4096]))\nprint('ready', flush=True)\n"
    "ends = time.monotonic() + {seconds}\nwhile time.monotonic() < ends: held[::4096] = held[::4096]; time.sleep(0.01)"
)
_DISK = (
    "import os, time\nends = time.monotonic() + {seconds}\nblock = os.urandom(2**20)\n"
    "while time.monotonic() < ends:\n"
    "    with open({path!r}, 'wb') as file:\n"
    "        for _ in range(16): file.write(block)\n"
    "        file.flush(); os.fsync(file.fileno())\n"
)


@dataclass(slots=True)
class Stress:
    """Put pressure on the machine as long as the context is open, and for `longest_s` seconds at most.

    `cpus` processes count, one process holds and touches `memory_mb` megabytes, and `disks` processes write 16 MiB
    files over and over. Memory is limited to half of what is free.

    Raises:
        UsageError: an amount is negative, or more memory is wanted than is free.
    """

    cpus: int = 0
    memory_mb: float = 0.0
    disks: int = 0
    longest_s: float = 60.0
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _folder: tempfile.TemporaryDirectory[str] | None = None

    def __post_init__(self) -> None:
        if min(self.cpus, self.memory_mb, self.disks) < 0 or not 0 < self.longest_s <= _LONGEST_S:
            raise UsageError(
                "The pressure is out of range.", remedy=f"Give amounts from 0, and at most {_LONGEST_S:g} s."
            )
        free = psutil.virtual_memory().available
        if self.memory_mb * 1e6 > _MOST_MEMORY_SHARE * free:
            raise UsageError(
                f"{self.memory_mb:g} MB of pressure is more than half of the {free / 1e6:.0f} MB that are free.",
                meaning="The machine would swap, or end other programs.",
                remedy="Ask for less.",
            )

    def __enter__(self) -> Self:
        for _ in range(self.cpus):
            self._start(_CPU.format(seconds=self.longest_s))
        if self.memory_mb:
            self._start(_MEMORY.format(size=int(self.memory_mb * 1e6), seconds=self.longest_s), wait=True)
        if self.disks:
            self._folder = tempfile.TemporaryDirectory(prefix="regress-stress-")
            for number in range(self.disks):
                path = str(Path(self._folder.name) / f"{number}.bin")
                self._start(_DISK.format(seconds=self.longest_s, path=path))
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
            if process.stdout:
                process.stdout.close()
        self._processes.clear()
        if self._folder:
            self._folder.cleanup()
            self._folder = None

    @property
    def running(self) -> int:
        """How many processes put pressure on the machine now."""
        return sum(process.poll() is None for process in self._processes)

    def _start(self, program: str, *, wait: bool = False) -> None:
        process = subprocess.Popen(  # noqa: S603 - this interpreter and a program of ours
            [sys.executable, "-I", "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if wait else subprocess.DEVNULL,
        )
        self._processes.append(process)
        if wait and process.stdout:
            process.stdout.readline()
