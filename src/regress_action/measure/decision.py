"""Asking another program whether more pairs are needed, and of which benchmarks."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regress_action.measure.errors import CallError
from regress_action.measure.family import MARK
from regress_action.measure.log import Log
from regress_action.measure.process import Blind, execute
from regress_action.measure.start import Task

if TYPE_CHECKING:
    from pathlib import Path

    from regress_action.measure.bell import Bell
    from regress_action.measure.family import Family

_LIMIT_S = 60.0


class NoDecisionError(Exception):
    """The program failed or did not answer in the agreed form; the message says how."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to go on, with which benchmarks (None: those asked for at first), and a sentence why."""

    go_on: bool
    select: tuple[str, ...] | None
    why: str


def ask(command: str, measurement: Path, bell: Bell, family: Family) -> Decision:
    """Run `command` with the measurement's path added, and read the last JSON object it prints.

    Raises:
        NoDecisionError: it failed, took longer than a minute, or printed no decision.
    """
    log = Log()
    argv = [*shlex.split(command), str(measurement)]
    task = Task(argv, measurement.parent, {**os.environ, MARK: family.mark}, limit_s=_LIMIT_S)
    try:
        ended = execute(task, log, bell, family, Blind())
    except CallError as error:
        raise NoDecisionError(error.what) from error
    if ended.status is None:
        raise NoDecisionError(f"no answer within {_LIMIT_S:.0f} s")
    if ended.status != 0:
        raise NoDecisionError(f"status {ended.status}: {log.last(300)}")
    return read(log.content.decode("utf-8", "replace"))


def read(text: str) -> Decision:
    """Return the decision in the last line that is a JSON object.

    Raises:
        NoDecisionError: there is none, or a field has another type.
    """
    for line in reversed(text.splitlines()):
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict):
            return _decision(answer)
    raise NoDecisionError("it printed no JSON object")


def _decision(answer: dict[str, object]) -> Decision:
    go_on, select, why = answer.get("continue"), answer.get("select"), answer.get("why", "")
    if not isinstance(go_on, bool):
        raise NoDecisionError("`continue` is neither true nor false")
    if select is not None and not (isinstance(select, list) and all(isinstance(name, str) for name in select)):
        raise NoDecisionError("`select` is neither null nor a list of names")
    return Decision(go_on, None if select is None else tuple(select), str(why) or "no reason given")
