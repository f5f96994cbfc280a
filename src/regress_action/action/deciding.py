"""Answer a running measurement: which benchmarks need more pairs?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from regress_action import analysis, formats
from regress_action.action.judging import overridden
from regress_action.action.policies import plan_of, policy_of

if TYPE_CHECKING:
    from pathlib import Path

    from regress_action.settings import Settings


def decide(measurement: Path, settings: Settings) -> str:
    """Look at what was measured so far and return the measurer's JSON answer.

    The answer is `{"continue": bool, "select": [names] | null, "why": sentence}`.
    """
    folder = measurement if measurement.is_dir() else measurement.parent
    measured = formats.read_measurement(folder)
    if measured.base is None:
        return orjson.dumps({"continue": True, "select": None, "why": "There is no base to compare with."}).decode()
    base, head = overridden([measured.base, measured.head], settings.benchmarks)
    interim = analysis.analyse_interim([base], [head], policy_of(settings), plan_of(settings))
    return orjson.dumps(
        {"continue": interim.proceed, "select": list(interim.undecided) or None, "why": interim.why}
    ).decode()
