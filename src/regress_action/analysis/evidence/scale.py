"""The scale on which evidence is compared: log badness where a ratio exists, signed badness where none does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regress_action.model.measurements import Direction

if TYPE_CHECKING:
    from regress_action.analysis.evidence.layout import Rows, Side
    from regress_action.analysis.numeric.arrays import Flags, Floats


@dataclass(frozen=True, slots=True)
class Scale:
    """How each row was transformed.

    `linear` rows have no ratio (signed metrics, or a zero among the values); `sign` is +1 where lower is better;
    `exact` and `timed` repeat the metrics' kinds; `stopped` rows held times of zero or less.
    """

    linear: Flags
    sign: Floats
    exact: Flags
    timed: Flags
    stopped: Flags


def badness(rows: Rows, base: Side, head: Side) -> tuple[Scale, Floats, Floats]:
    """Return the scale, and both sides as rows × runs on it: larger is always worse."""
    timed = np.array([metric.unit == "s" for metric in rows.metrics], dtype=bool)
    signed = np.array([metric.signed for metric in rows.metrics], dtype=bool)
    positive_base, positive_head = _positive(base.values), _positive(head.values)
    stopped = timed & ~signed & ~positive_head
    linear = signed | (~timed & ~(positive_base & positive_head))
    scale = Scale(
        linear=linear,
        sign=np.array([1.0 if metric.direction == Direction.LOWER else -1.0 for metric in rows.metrics]),
        exact=np.array([metric.exact for metric in rows.metrics], dtype=bool),
        timed=np.array([metric.unit in ("s", "1/s", "B/s") for metric in rows.metrics], dtype=bool),
        stopped=stopped,
    )
    return scale, _transformed(base.values, scale), _transformed(head.values, scale)


def _positive(values: Floats) -> Flags:
    return np.asarray(~np.any(values <= 0, axis=1))


def _transformed(values: Floats, scale: Scale) -> Floats:
    logs = np.log(np.where(values > 0, values, np.nan))
    if scale.linear.any():
        logs[scale.linear] = values[scale.linear]
    return np.asarray(logs * scale.sign[:, None])
