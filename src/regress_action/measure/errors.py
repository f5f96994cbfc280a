"""What can go wrong while measuring, with the exit code it ends in.

MeasureError
├── MeasureUsageError           2: an option, a reference or a path is wrong
├── NothingMeasuredError        3: at least one side has no good run
├── EnvironmentFailedError      4: git, the disk or the machine failed
└── InterruptRequestedError   130: a signal asked to stop

The measurer imports nothing of the rest of the package, so it has its own small hierarchy.
"""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of the measurer."""

    MEASURED = 0
    USAGE = 2
    NOTHING = 3
    ENVIRONMENT = 4
    INTERRUPTED = 130


class MeasureError(Exception):
    """State what happened, what it means and what to do next."""

    exit_code = Exit.ENVIRONMENT

    def __init__(self, what: str, *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.meaning = meaning
        self.remedy = remedy

    def __str__(self) -> str:
        """Return the three sentences in the order in which a reader needs them."""
        return "\n".join(part for part in (self.what, self.meaning, self.remedy) if part)


class MeasureUsageError(MeasureError):
    """An option, or a reference or path that it names, is wrong."""

    exit_code = Exit.USAGE


class NothingMeasuredError(MeasureError):
    """Setup failed, or a side has no good run."""

    exit_code = Exit.NOTHING


class EnvironmentFailedError(MeasureError):
    """Git, the disk or the machine failed."""


class InterruptRequestedError(MeasureError):
    """SIGINT, SIGTERM or SIGHUP asked to stop."""

    exit_code = Exit.INTERRUPTED
