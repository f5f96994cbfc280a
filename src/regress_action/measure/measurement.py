"""A measurement on disk: `measurement.json`, complete after every run, and the files of the runs beside it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from regress_action.measure.errors import EnvironmentFailedError, MeasureUsageError

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = 1
_FILE = "measurement.json"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of one side; `retried` holds why earlier attempts failed, `left_behind` the processes it left running."""

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


@dataclass(slots=True)
class MeasurementFolder:
    """A measurement in progress; `header` is everything but the runs."""

    folder: Path
    header: dict[str, Any]
    runs: list[RunRecord] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """The path of measurement.json."""
        return self.folder / _FILE

    def good(self, side: str) -> int:
        """Count the runs of a side that gave a result."""
        return sum(run.side == side and run.failure is None for run in self.runs)

    def save(self) -> None:
        """Replace the file in one step, so that it is never incomplete, for a reader or after a crash.

        Raises:
            EnvironmentFailedError: the disk is full or refuses to be written.
        """
        text = json.dumps({**self.header, "runs": [asdict(run) for run in self.runs]}, indent=1, ensure_ascii=False)
        unfinished = self.file.with_suffix(".json.partial")
        try:
            with unfinished.open("wb") as file:
                file.write(text.encode("utf-8", "replace") + b"\n")
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.file)
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise disk_error(error, self.folder) from error


def open_folder(folder: Path, *, overwrite: bool) -> Path:
    """Make the folder of a new measurement, ignored by git, and return its absolute path.

    Raises:
        MeasureUsageError: there is a measurement already, or a file is in the way.
        EnvironmentFailedError: it cannot be written.
    """
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise MeasureUsageError(f"--out {folder} is a file.", remedy="Name a folder.")
    if (folder / _FILE).exists():
        if not overwrite:
            raise MeasureUsageError(
                f"There is a measurement in {folder} already.",
                meaning="Two measurements in one folder could not be told apart.",
                remedy="Name another folder, or add --overwrite.",
            )
        (folder / _FILE).unlink()
        shutil.rmtree(folder / "runs", ignore_errors=True)
    try:
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise disk_error(error, folder) from error
    return folder


def disk_error(error: OSError, folder: Path) -> EnvironmentFailedError:
    """Return the error for a disk that cannot be written."""
    return EnvironmentFailedError(
        f"Writing to {folder} failed: {error.strerror or error}.",
        meaning="What was written before is complete and can be used.",
        remedy="Free some space, or name another folder with --out.",
    )


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
