"""From the words of the command line to an exit code; the only place where an error is told."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

from regress_action.measure.call import parse
from regress_action.measure.errors import BrokenGroundError, Exit, MeasureError
from regress_action.measure.voice import Job, Lines, choose, harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.measure.voice import Voice


def main(arguments: Sequence[str]) -> int:
    """Measure, and return the exit code of the process."""
    voice: Voice | None = None
    try:
        call = parse(arguments)
        voice = choose(events=call.events, show_output=call.show_output)
        _require_ground()
        from regress_action.measure.session import measure  # here, so that --help works without psutil

        return measure(call, voice)
    except MeasureError as error:
        if isinstance(voice, Lines):
            code = int(error.exit_code)
            voice.say("error", what=error.what, meaning=error.meaning, remedy=error.remedy, exit_code=code)
        else:
            said = harmless(str(error)) if isinstance(voice, Job) else str(error)
            print(said, file=sys.stderr)  # noqa: T201 - this is where a person is told
        return error.exit_code
    except Exception:  # noqa: BLE001 - status 1 would mean a regression to whoever called
        traceback.print_exc()
        return Exit.GROUND


def _require_ground() -> None:
    """Make sure that the system and the interpreter have what measuring needs.

    Raises:
        BrokenGroundError: this is Windows, or psutil is missing.
    """
    if os.name != "posix":
        raise BrokenGroundError(
            "Suites can be measured on Linux and macOS only.",
            meaning="Ending a whole process tree needs signals and sessions.",
            remedy="Run the suite yourself and give its result files to `regress-action compare`.",
        )
    try:
        import psutil  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise BrokenGroundError(
            f"psutil is not installed for {sys.executable}.",
            meaning="It follows the suite's processes while they run.",
            remedy="Install it: python -m pip install psutil",
        ) from error
