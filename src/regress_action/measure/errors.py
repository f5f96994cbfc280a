"""What can go wrong while measuring, with the exit code it ends in.

MeasureError
├── CallError             2: the call is wrong
├── NothingMeasuredError  3: no side, or only one, gave a result
├── BrokenGroundError     4: git, the disk or the machine failed
└── StopAskedError       130: a person or the job's runner said stop

This room imports nothing of the others, so it has its own small hierarchy of the same three-part shape.
"""

from enum import IntEnum


class Exit(IntEnum):
    """What the process tells its caller."""

    MEASURED = 0
    CALL = 2
    NOTHING = 3
    GROUND = 4
    INTERRUPTED = 130


class MeasureError(Exception):
    """Say what happened, what it means and what to do next."""

    exit_code = Exit.GROUND

    def __init__(self, what: str, *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.meaning = meaning
        self.remedy = remedy

    def __str__(self) -> str:
        """Return the three sentences in the order in which a reader needs them."""
        return "\n".join(part for part in (self.what, self.meaning, self.remedy) if part)


class CallError(MeasureError):
    """The call is wrong: an option, a ref or a path in it."""

    exit_code = Exit.CALL


class NothingMeasuredError(MeasureError):
    """Setup failed, or a side has not one good run."""

    exit_code = Exit.NOTHING


class BrokenGroundError(MeasureError):
    """Git, the disk or the machine failed."""


class StopAskedError(MeasureError):
    """A person or the job's runner said stop."""

    exit_code = Exit.INTERRUPTED
