"""Every error a user can meet, each with what happened, what it means and what to do.

RegressError                       exit code 4, the last resort
├── UsageError                     2: the call, a setting or a file is wrong
│   ├── InputError                 2: a file cannot be read as what it should be
│   └── SettingsError              2: a setting, thresholds file or waiver is wrong
├── IncompleteError                3: nothing was measured, or the comparison cannot be made
└── InfrastructureError            4: git, the network, the disk or GitHub failed
    └── HistoryError               4: the history could not be read or written
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller; documented in the README and never renumbered."""

    OK = 0
    REGRESSION = 1
    USAGE = 2
    INCOMPLETE = 3
    INFRASTRUCTURE = 4


class RegressError(Exception):
    """Say what happened, what it means and what to do next."""

    exit_code = ExitCode.INFRASTRUCTURE

    def __init__(self, what: str, *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.meaning = meaning
        self.remedy = remedy

    def __str__(self) -> str:
        """Return the three sentences in the order in which a reader needs them."""
        return "\n".join(part for part in (self.what, self.meaning, self.remedy) if part)


class UsageError(RegressError):
    """The call, a setting or a file is wrong."""

    exit_code = ExitCode.USAGE


class InputError(UsageError):
    """A results file cannot be read as what it should be."""


class SettingsError(UsageError):
    """A setting, a thresholds file or a waiver is wrong."""


class IncompleteError(RegressError):
    """Nothing was measured, or base and head have nothing in common."""

    exit_code = ExitCode.INCOMPLETE


class InfrastructureError(RegressError):
    """Git, the network, the disk or GitHub failed."""


class HistoryError(InfrastructureError):
    """The history could not be read or written."""
