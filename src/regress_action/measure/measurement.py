"""A measurement on disk: `measurement.json`, complete after every run, and the files of the runs beside it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from regress_action.measure import untrusted_files
from regress_action.measure.errors import EnvironmentFailedError, MeasureUsageError

SCHEMA = 1
_FILE = "measurement.json"
PROFILES = "profiles"
TRACES = "traces"
_RUNS = "runs"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of one side; `retried` holds why earlier attempts failed, `left_behind` the processes it left running.

    `compiled` says that it executed a program which was compiled in its tree.
    `ready_s` is the longest time that a trial run may have been in the run queue. `turns` says how it took turns with
    the other side's {active_s, alone_s, turns, busy, off_turn, met}; `wall_s` is then the time of its turns.
    `layout` is the number from which it and the other run of its pair draw the layout of their Python processes, None
    where each draws its own.
    `resources` holds what its processes did and waited for, None where they were not sampled one side at a time.
    With both a `failure` and a `result`, the command failed after it had written the result of what it measured.
    """

    side: str
    pair: int
    position: int
    started: str
    wall_s: float
    user_s: float
    system_s: float
    peak_rss_bytes: int | None
    context_switches: int
    read_bytes: int
    write_bytes: int
    exit_status: int | None
    failure: str | None
    result: str | None
    selection: list[str] | None
    load_before: float
    load_after: float
    steal_s: float
    mhz_before: float | None
    mhz_after: float | None
    output_tail: str | None = None
    retried: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    compiled: bool = False
    ready_s: float | None = None
    turns: dict[str, float | int | None] | None = None
    resources: dict[str, Any] | None = None
    layout: int | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it gave values, of all benchmarks or of some."""
        return self.failure is None or self.result is not None


@dataclass(frozen=True, slots=True)
class OutputFolder:
    """The folder of a measurement and its folder `runs`, both open, so that a suite cannot replace them."""

    path: Path
    descriptor: int
    runs_descriptor: int

    @property
    def runs(self) -> Path:
        """The path of the folder with the files of the runs."""
        return self.path / _RUNS


@dataclass(slots=True)
class MeasurementFolder:
    """A measurement in progress; `header` is everything but the runs."""

    folder: OutputFolder
    header: dict[str, Any]
    runs: list[RunRecord] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """The path of measurement.json."""
        return self.folder.path / _FILE

    def good(self, side: str) -> int:
        """Count the runs of a side that gave a result."""
        return sum(run.side == side and run.is_usable for run in self.runs)

    def save(self) -> None:
        """Replace the file in one step, so that it is never incomplete, for a reader or after a crash.

        Raises:
            EnvironmentFailedError: the disk is full or refuses to be written.
        """
        text = json.dumps({**self.header, "runs": [asdict(run) for run in self.runs]}, indent=1, ensure_ascii=False)
        try:
            untrusted_files.write(self.folder.descriptor, _FILE, text.encode("utf-8", "replace") + b"\n")
        except OSError as error:
            raise disk_error(error, self.folder.path) from error


def open_output(folder: Path, repository: Path, *, overwrite: bool) -> OutputFolder:
    """Make the folder of a new measurement, ignored by git.

    Raises:
        MeasureUsageError: there is a measurement already, another one is writing to it, a file is in the way, or a link
            in the repository leads to another place.
        EnvironmentFailedError: it cannot be written.
    """
    lexical, folder = Path(os.path.abspath(folder)), folder.resolve()  # noqa: PTH100 - links are to be kept
    if lexical.is_relative_to(repository) and not folder.is_relative_to(repository):
        raise MeasureUsageError(
            f"--out {lexical} is behind a link that leads out of the repository, to {folder}.",
            meaning="What is checked out must not decide where files are written.",
            remedy="Remove the link, or name the folder that it leads to.",
        )
    if folder.exists() and not folder.is_dir():
        raise MeasureUsageError(f"--out {folder} is a file.", remedy="Name a folder.")
    if (folder / _FILE).exists() and not overwrite:
        raise MeasureUsageError(
            f"There is a measurement in {folder} already.",
            meaning="Two measurements in one folder could not be distinguished.",
            remedy="Name another folder, or add --overwrite.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        _take(descriptor, folder)
        for name in (_FILE, _RUNS, PROFILES, TRACES):  # those of an earlier measurement are none of this one
            untrusted_files.remove(descriptor, name)
        untrusted_files.write(descriptor, ".gitignore", b"*\n")
        with untrusted_files.open_folder(descriptor, _RUNS, create=True) as runs:
            return OutputFolder(folder, descriptor, os.dup(runs))
    except OSError as error:
        raise disk_error(error, folder) from error


def _take(descriptor: int, folder: Path) -> None:
    """Lock the folder for as long as this process lives.

    Raises:
        MeasureUsageError: another measurement has it.
    """
    with contextlib.suppress(OSError):  # a file system without locks
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MeasureUsageError(
                f"Another measurement is writing to {folder}.",
                meaning="The files of both would be mixed.",
                remedy="Wait until it has ended, or name another folder with --out.",
            ) from error


def disk_error(error: OSError, folder: Path, chosen_by: str = "--out") -> EnvironmentFailedError:
    """Return the error for a disk that cannot be written; `chosen_by` is what names another folder."""
    return EnvironmentFailedError(
        f"Writing to {folder} failed: {error.strerror or error}.",
        meaning="What was written before is complete and can be used.",
        remedy=f"Free some space, or name another folder with {chosen_by}.",
    )


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
