"""Clocks of a suite that leave out the time in which it is stopped, and whether the suite really reads them.

A library in C (`active_clock.c`), compiled where it is needed, is preloaded into the processes of a side. It takes the
time of the stops, which stands in a file, from what the clock functions of the C library return. It reaches no program
that is linked statically, and none that asks the kernel or the processor itself. A trial shows which ones a suite has:
in it, reads of the processor's counter are counted, too.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure.measurement import disk_error
from regress_action.measure.process_tree import processor_clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SOURCE = Path(__file__).with_name("active_clock.c")
_COMPILERS = ("cc", "gcc", "clang")
_COMPILE_LIMIT_S = 60.0
_PAGE = 4096  # as in the source
_SIZE = 1024 * _PAGE  # most of which is never written, so it takes no space
_WORD = struct.Struct("=q")
_FEWEST_READS = 2  # one benchmark
_MUST_BE_SEEN = 0.7
_MAY_BE_UNPROVEN = 0.1
_MAY_BE_OTHERS = 0.1  # of the reads; what makes up names of files reads the counter a few times


class NoClockError(Exception):
    """The clocks of a suite cannot be corrected here; the message says why."""


@dataclass(slots=True)
class SideClock:
    """The clock of one side in one run: the file from which its processes read how long they were stopped.

    In a trial nothing is stopped, and reads of the processor's counter are counted.
    """

    path: Path
    is_trial: bool = False
    stopped_ns: int = 0
    was_changed: bool = False
    _file: int = -1
    _since: int | None = None

    def __post_init__(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._file, _SIZE)
        os.pwrite(self._file, _WORD.pack(self.is_trial), 2 * _WORD.size)

    def stops(self) -> None:
        """Note that the side is stopped from now on."""
        self._since = time.monotonic_ns()

    def goes_on(self) -> None:
        """Leave out the time since it was stopped; called right before it goes on, so that its clock never goes back.

        Nobody else writes there. A file that another process changed or cut is not trusted any more.
        """
        if self._since is None:
            return
        self.was_changed = self.was_changed or self._word(0) != self.stopped_ns
        self.stopped_ns += time.monotonic_ns() - self._since
        os.pwrite(self._file, _WORD.pack(self.stopped_ns), 0)
        self._since = None

    def is_read(self, page: int) -> bool:
        """Whether the process with that page of the file takes the time from this clock, and from no other one."""
        reads, others = (self._word(page * _PAGE + place * _WORD.size) or 0 for place in (0, 1))
        return reads >= _FEWEST_READS and others <= _MAY_BE_OTHERS * reads

    def _word(self, offset: int) -> int | None:
        word = os.pread(self._file, _WORD.size, offset)
        return int(_WORD.unpack(word)[0]) if len(word) == _WORD.size else None

    def close(self) -> None:
        """Give up the file."""
        os.close(self._file)


@dataclass(slots=True)
class ClockWitness:
    """Which programs used the CPU time of a trial run, and whether each of them reads the clock that is corrected."""

    clock: SideClock
    _used: dict[int, float] = field(default_factory=dict)
    _pages: dict[tuple[int, str], int] = field(default_factory=dict)
    _seen: dict[tuple[str, int], float] = field(default_factory=dict)

    def note(self, members: Sequence[int]) -> None:
        """Look at the processes `members` once."""
        for pid in members:
            with contextlib.suppress(OSError):
                program = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115 - many times a second
                used_s = time.clock_gettime(processor_clock(pid))
                page = self._pages.get((pid, program)) or self._page_of(pid)
                self._pages[pid, program] = page
                key = program, page
                self._seen[key] = self._seen.get(key, 0.0) + used_s - self._used.get(pid, 0.0)
                self._used[pid] = used_s

    def _page_of(self, pid: int) -> int:
        """Return the page of the clock's file in which a process counts its reads, 0 for one without the library."""
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - many times a second
            offsets = [int(line.split()[2], 16) for line in file if line.rstrip().endswith(f"/{self.clock.path.name}")]
        return max(offsets, default=0) // _PAGE

    def doubts(self, used_s: float) -> list[str]:
        """Return what speaks against it that the processes, which used `used_s` in all, read the corrected clock."""
        seen_s = sum(self._seen.values())
        if seen_s < _MUST_BE_SEEN * used_s:
            return ["its processes end too fast to see which clock they read"]
        unproven: dict[tuple[str, bool], float] = {}
        for (program, page), of_program_s in self._seen.items():
            if not page or not self.clock.is_read(page):
                key = program, bool(page)
                unproven[key] = unproven.get(key, 0.0) + of_program_s
        if sum(unproven.values()) <= _MAY_BE_UNPROVEN * seen_s:
            return []
        (program, is_loaded), of_program_s = max(unproven.items(), key=lambda item: item[1])
        how = (
            "takes the time from no clock that can be corrected"
            if is_loaded
            else "did not load the library that corrects it (a static program, or an environment of its own)"
        )
        return [f"{Path(program).name}, which took {of_program_s / seen_s * 100:.0f} % of the CPU time, {how}"]


@dataclass(slots=True)
class ActiveClocks:
    """The clocks of a measurement: the compiled library, and a file for each side's present run in the same folder.

    `doubts` are the reasons not to trust them that trial runs gave, `is_trial` is whether the trial is still to come.
    """

    library: Path
    sides: dict[str, SideClock] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    is_trial: bool = True

    def begin(self, side: str, inherited: Mapping[str, str]) -> dict[str, str]:
        """Make a new clock for a run of a side; return the variables that its processes need besides `inherited`.

        Raises:
            EnvironmentFailedError: the folder for temporary files is full.
        """
        self._close(side)
        folder = self.library.parent
        try:
            clock = self.sides[side] = SideClock(folder / f"regress-clock-{side}", self.is_trial)
        except OSError as error:
            raise disk_error(error, folder, "TMPDIR") from error
        preloaded = " ".join(filter(None, (str(self.library), inherited.get("LD_PRELOAD"))))
        return {"REGRESS_CLOCK": str(clock.path), "REGRESS_PRELOAD": preloaded}

    def fault_of(self, sides: Iterable[str]) -> str | None:
        """Return why the clocks of a pair in turns cannot be trusted, None where they can."""
        changed = [side for side in sides if self.sides[side].was_changed]
        return f"another program changed the clock of {changed[0]}" if changed else None

    def _close(self, side: str) -> None:
        if clock := self.sides.pop(side, None):
            clock.close()

    def close(self) -> None:
        """Remove the library and the files."""
        for side in [*self.sides]:
            self._close(side)
        shutil.rmtree(self.library.parent, ignore_errors=True)


def build_clocks(folder: Path) -> ActiveClocks:
    """Compile the library into a new folder below `folder`.

    Raises:
        NoClockError: there is no compiler, or it cannot compile it.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise NoClockError("its clock can be corrected on Linux with x86-64 only")
    compiler = next(filter(None, map(shutil.which, _COMPILERS)), None)
    if compiler is None:
        raise NoClockError(
            f"its clock is corrected by a library that {' or '.join(_COMPILERS)} compiles: none is there"
        )
    if re.search(r"[\s:]", str(folder)):  # what separates the libraries of LD_PRELOAD
        raise NoClockError(
            "LD_PRELOAD cannot name the library that corrects its clock, as the folder for temporary files has a "
            "space or a colon in its path: set TMPDIR to another one"
        )
    own = folder / "clock"
    library = own / "active_clock.so"
    words = [compiler, "-O2", "-shared", "-fPIC", "-w", "-o", str(library), str(_SOURCE), "-ldl"]
    try:
        own.mkdir(mode=0o700)
        error = _compiler_error(words, own)
    except subprocess.TimeoutExpired:
        error = f"{compiler} took longer than {_COMPILE_LIMIT_S:.0f} s"
    except OSError as failure:
        error = str(failure)
    if error or not library.is_file():
        shutil.rmtree(own, ignore_errors=True)
        reason = error or f"{compiler} wrote nothing"
        raise NoClockError(f"the library that corrects its clock could not be compiled: {reason}")
    return ActiveClocks(library)


def _compiler_error(words: Sequence[str], folder: Path) -> str:
    """Run a compiler with temporary files in `folder`; return the last line that it printed if it failed, else "".

    Raises:
        OSError: it could not be started.
        subprocess.TimeoutExpired: it did not end.
    """
    ended = subprocess.run(  # noqa: S603 - our own words
        words,
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=_COMPILE_LIMIT_S,
    )
    if not ended.returncode:
        return ""
    lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"it failed with status {ended.returncode}"
