"""How the machine behaved while a measurement was made, from what its index tells of it."""

from __future__ import annotations

from statistics import median
from typing import Any

from regress_action.formats.naming import clean
from regress_action.formats.shape import optional_mapping, optional_number, optional_text
from regress_action.model.measurements import Conditions

_LONGEST_NAME = 100
_SHORTEST_S, _LONGEST_S = 1e-6, 1e3
_MOST_SAVED_S = 1e8


def conditions_of(content: dict[str, Any]) -> Conditions:
    """Return what the measurement tells of its machine; nothing of a probe where an older version measured.

    Steal is set against the CPU time wanted, that of the runs and what was taken from them, because a machine of many
    cores on which one works would make little of it.
    """
    probe = optional_mapping(content.get("probe"))
    looks = _objects(probe.get("looks"))
    times = [time for time in _numbers(looks, "median_s") if _SHORTEST_S <= time <= _LONGEST_S]
    spreads = _numbers(looks, "spread")
    steal = _steal(_objects(content.get("runs")))
    work = optional_text(probe.get("work"))
    if not (times and work):
        return Conditions(steal=steal)
    spread = median(spreads) if spreads else None
    return Conditions(clean(work, _LONGEST_NAME), median(times), min(times), max(times), spread, steal)


def saved_s(content: dict[str, Any]) -> float | None:
    """Return the seconds that an early decision spared, None where none did."""
    saved = optional_number(optional_mapping(content.get("stopped")).get("saved_s"))
    return saved if saved and 0 < saved <= _MOST_SAVED_S else None


def _steal(runs: list[dict[str, Any]]) -> float | None:
    stolen, used = _numbers(runs, "steal_s"), _numbers(runs, "user_s") + _numbers(runs, "system_s")
    wanted = sum(stolen) + sum(used)
    share = sum(stolen) / wanted if stolen and wanted > 0 else -1.0
    return round(share, 4) if 0 <= share <= 1 else None


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _numbers(objects: list[dict[str, Any]], key: str) -> list[float]:
    return [number for one in objects if (number := optional_number(one.get(key))) is not None]
