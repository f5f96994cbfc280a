"""Run two commands at the same time, each on a processor of its own where there are two: duet benchmarking.

For machines whose processors share their noise (Bulej et al., ICPE 2020, arXiv 2001.05811).
"""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from regress_action.measure.held_command import HeldCommand, end_commands, follow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.measure.held_command import TurnResult
    from regress_action.measure.output_log import OutputLog
    from regress_action.measure.process_tree import ProcessTree
    from regress_action.measure.signals import SignalWaiter
    from regress_action.measure.spawn import Task


def run_in_parallel(
    tasks: Sequence[Task], logs: Sequence[OutputLog], signals: SignalWaiter, processes: ProcessTree
) -> list[TurnResult]:
    """Run all commands at once until they end, reach a limit or a signal asks to stop.

    Raises:
        MeasureUsageError: there is no such program.
        EnvironmentFailedError: no process could be started.
    """
    spent = time.process_time()
    commands: list[HeldCommand] = []
    with ExitStack() as cleanup:
        cleanup.callback(lambda: end_commands(commands, signals, processes))
        for task, log in zip(tasks, logs, strict=True):
            commands.append(HeldCommand.start(task, log, processes))
        for command in commands:
            command.begin_turn()
        while running := [command for command in commands if not command.ended]:
            if not follow(commands, running, signals, math.inf):
                break
            for command in running:
                if command.ended:
                    command.end_turn()
    watching = (time.process_time() - spent) / len(commands)
    return [command.result(watching) for command in commands]
