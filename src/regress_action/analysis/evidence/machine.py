"""How far two sessions of identical code may lie apart, by the kind of machine they ran on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from regress_action.analysis.evidence.scale import Scale
    from regress_action.analysis.numeric.arrays import Floats
    from regress_action.analysis.rules.policy import Tau
    from regress_action.model.measurements import Environment

_OWN = ("self", "local", "dedicated", "bare")


def is_own(environment: Environment) -> bool:
    """Whether the machine is known to be the same one every time."""
    return environment.known and any(word in environment.runner.lower() for word in _OWN)


def between_sessions(environment: Environment, tau: Tau) -> float:
    """Return the spread of log times between two sessions with this fingerprint."""
    if not environment.known:
        return tau.unknown
    return tau.dedicated if is_own(environment) else tau.hosted


def per_row(scale: Scale, timed: float, tau: Tau) -> Floats:
    """Return the spread of each row: sizes and counts do not depend on the machine's speed, exact ones on nothing."""
    other = min(timed, tau.dedicated)
    return np.where(scale.exact | scale.linear, 0.0, np.where(scale.timed, timed, other))
