"""Turn the command line into a measurement and an exit code; the only place that reports errors."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

from regress_action.measure.errors import EnvironmentFailedError, Exit, MeasureError
from regress_action.measure.options import parse
from regress_action.measure.reporting import ActionsReporter, JsonLinesReporter, choose_reporter, without_commands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.measure.reporting import Reporter


def main(arguments: Sequence[str]) -> int:
    """Measure, and return the exit code of the process."""
    reporter: Reporter | None = None
    try:
        options = parse(arguments)
        reporter = choose_reporter(events=options.events, show_output=options.show_output)
        _require_platform()
        from regress_action.measure.process_tree import hide_from_suite, stop_with_parent
        from regress_action.measure.session import measure  # here, so that --help works without psutil

        hide_from_suite()
        if options.stop_with_parent:
            stop_with_parent(options.stop_with_parent)

        return measure(options, reporter)
    except MeasureError as error:
        if isinstance(reporter, JsonLinesReporter):
            code = int(error.exit_code)
            reporter.emit("error", what=error.what, meaning=error.meaning, remedy=error.remedy, exit_code=code)
        else:
            text = without_commands(str(error)) if isinstance(reporter, ActionsReporter) else str(error)
            print(text, file=sys.stderr)  # noqa: T201 - errors go to standard error
        return error.exit_code
    except Exception:  # noqa: BLE001 - status 1 would mean a regression to the caller
        traceback.print_exc()
        return Exit.ENVIRONMENT


def _require_platform() -> None:
    """Check that the system and the interpreter have what measuring needs.

    Raises:
        EnvironmentFailedError: this is Windows, or psutil is missing.
    """
    if os.name != "posix":
        raise EnvironmentFailedError(
            "Suites can be measured on Linux and macOS only.",
            meaning="Ending a whole process tree needs signals and sessions.",
            remedy="Run the suite yourself and give its result files to `regress-action compare`.",
        )
    try:
        import psutil  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise EnvironmentFailedError(
            f"psutil is not installed for {sys.executable}.",
            meaning="It follows the suite's processes while they run.",
            remedy="Install it: python -m pip install psutil",
        ) from error
