"""The doctor's round: look, measure A/A, send the canary."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from regress_action.action import doctoring, measuring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from regress_action.action.doctoring import Finding
    from regress_action.settings import Settings


def examine(settings: Settings, root: Path, *, measure: bool) -> Iterator[Finding]:
    """Yield every finding, the cheap ones first; measure only when a command is set."""
    yield from doctoring.surroundings(root, os.environ)
    yield from doctoring.configuration(settings, root)
    if not measure or not settings.command:
        return
    from regress_action import formats

    out = root / ".regress" / "doctor"
    same = settings.model_copy(update={"base": "HEAD"})
    judged = measuring.run(same, measuring.Order(command=(settings.command,), out=out, adaptive=False))
    measured = formats.read_measurement(out / "measurement")
    if judged is None or measured.base is None:
        return
    yield from doctoring.noise(judged.judgement, len(measured.head.runs))
    yield doctoring.canary(measured.base, measured.head, settings)
