"""The thresholds file: per service, a regression threshold and absolute budgets whose unit is in the key's suffix.

cache: {cache_get_ms: 5, throughput_ops_per_sec: 1000, regression_threshold: 1.15, service_threshold: 1.05}
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from regress_action.model.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

THRESHOLD_KEY = "regression_threshold"
SERVICE_KEY = "service_threshold"
_SIMILAR = 0.8

_SUFFIXES = {
    "_ops_per_sec": (1.0, "1/s"),
    "_per_second": (1.0, "1/s"),
    "_per_sec": (1.0, "1/s"),
    "_percent": (0.01, "ratio"),
    "_bytes": (1.0, "B"),
    "_count": (1.0, "count"),
    "_kb": (1e3, "B"),
    "_mb": (1e6, "B"),
    "_gb": (1e9, "B"),
    "_kib": (2.0**10, "B"),
    "_mib": (2.0**20, "B"),
    "_gib": (2.0**30, "B"),
    "_ns": (1e-9, "s"),
    "_us": (1e-6, "s"),
    "_ms": (1e-3, "s"),
    "_s": (1.0, "s"),
}
"""Suffix of a key → (factor to the base unit, base unit), longest first where one ends with another."""


@dataclass(frozen=True, slots=True)
class BudgetEntry:
    """An absolute limit: `name` is the key without its unit, `limit` is in the base unit `unit`."""

    service: str
    key: str
    name: str
    limit: float
    unit: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The whole file: per service a regression threshold and one for the service as a whole, and every budget."""

    ratios: tuple[tuple[str, float], ...] = ()
    service_ratios: tuple[tuple[str, float], ...] = ()
    budgets: tuple[BudgetEntry, ...] = ()


def parse(content: Mapping[str, object], path: str) -> Thresholds:
    """Check the content of the thresholds file `path`.

    Raises:
        SettingsError: naming the service, the key and what is expected instead.
    """
    ratios: dict[str, list[tuple[str, float]]] = {THRESHOLD_KEY: [], SERVICE_KEY: []}
    budgets: list[BudgetEntry] = []
    for service, keys in content.items():
        if not isinstance(keys, dict):
            raise SettingsError(
                f"{path}: service {service!r} holds {keys!r}, not keys and numbers.",
                remedy=f"Write it like  {service}: {{some_operation_ms: 100, {THRESHOLD_KEY}: 1.2}}",
            )
        for key, value in keys.items():
            number = _number(value, f"{path}: {service}.{key}")
            if str(key) in ratios:
                ratios[str(key)].append((service, _ratio(number, f"{path}: {service}.{key}")))
            else:
                _check_spelling(str(key), f"{path}: {service}.{key}")
                budgets.append(_budget(service, str(key), number))
    return Thresholds(tuple(ratios[THRESHOLD_KEY]), tuple(ratios[SERVICE_KEY]), tuple(budgets))


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise SettingsError(f"{where} is {value!r}.", remedy="Give a finite number that is not negative.")
    return float(value)


def _ratio(number: float, where: str) -> float:
    if number <= 1:
        raise SettingsError(
            f"{where} is {number:g}.",
            meaning="A threshold is a ratio to the baseline: 1.2 means 20 % worse.",
            remedy="Give a ratio above 1.",
        )
    return number


def _check_spelling(key: str, where: str) -> None:
    """Refuse a key that is almost a threshold's: as a budget it would limit nothing, and the gate would be open.

    Raises:
        SettingsError: naming the right key.
    """
    plain = key.lower().replace("-", "_")
    likely = SERVICE_KEY if plain.startswith("serv") else THRESHOLD_KEY
    if plain.endswith("threshold") or SequenceMatcher(None, plain, likely).ratio() >= _SIMILAR:
        raise SettingsError(
            f"{where} is not known; did you mean {likely}?",
            meaning="It would be read as a budget that applies to nothing.",
            remedy=f"Write {likely}.",
        )


def _budget(service: str, key: str, number: float) -> BudgetEntry:
    for suffix, (factor, unit) in _SUFFIXES.items():
        if key.endswith(suffix) and len(key) > len(suffix):
            return BudgetEntry(service, key, key.removesuffix(suffix), number * factor, unit)
    return BudgetEntry(service, key, key, number, "count")
