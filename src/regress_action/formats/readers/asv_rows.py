"""The rows of asv's result files, in one form whichever version wrote them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.shape import (
    ShapeError,
    mapping,
    optional_count,
    optional_mapping,
    optional_number,
    optional_text,
    sequence,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_COMBINATIONS = 100_000
_LONGEST_PARAMETER = 100
_IQR_OF_A_NORMAL = 1.349


@dataclass(frozen=True, slots=True)
class Cell:
    """What a benchmark gave for one combination of its parameters.

    `value` is a number, NaN when it was skipped and None when it failed; `samples` are its rounds, where they were
    recorded. Otherwise `repeats` (0 when unknown) and `spread` (NaN when unknown) are what is known of them.
    """

    combination: tuple[str, ...]
    value: Any
    samples: list[Any]
    repeats: int
    spread: float


@dataclass(frozen=True, slots=True)
class Row:
    """One benchmark: asv's name of it, the hash of its code, and a cell for every combination of its parameters."""

    name: str
    version: str | None
    cells: tuple[Cell, ...]


def rows(content: dict[str, Any]) -> Iterator[Row]:
    """Yield every benchmark in the `content` of a result file of version 1 or 2.

    Raises:
        ShapeError: A row does not fit its columns or its parameters.
    """
    versions = optional_mapping(content.get("benchmark_version"))
    columns = [one if isinstance(one, str) else "" for one in _listed(content.get("result_columns"))]
    for name, row in mapping(content.get("results"), "results").items():
        if isinstance(row, list):
            told = dict(zip(columns, row, strict=False))  # asv cuts the nulls at the end of a row
            stats = _transposed(told)
        else:
            told = row if isinstance(row, dict) else {"result": row}
            stats = [optional_mapping(one) for one in _listed(told.get("stats"))]
        version = optional_text(told.get("version")) or optional_text(versions.get(name))
        yield Row(name, version, tuple(_cells(clean(name), told, stats)))


def _transposed(told: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the statistics of version 2, a list per statistic, as those of version 1, an object per combination."""
    lists = {key: _listed(told.get(f"stats_{key}")) for key in ("q_25", "q_75", "repeat")}
    return [dict(zip(lists, one, strict=True)) for one in itertools.zip_longest(*lists.values())]


def _cells(name: str, told: dict[str, Any], stats: list[dict[str, Any]]) -> Iterator[Cell]:
    values = told.get("result")
    if values is None:  # it failed as a whole
        yield Cell((), None, [], 0, math.nan)
        return
    values = values if isinstance(values, list) else [values]
    combinations = _combinations(name, _listed(told.get("params")))
    if len(combinations) != len(values):
        raise ShapeError(f"{name} has {len(values)} results for {len(combinations)} combinations of parameters")
    samples = _listed(told.get("samples"))
    for at, (combination, value) in enumerate(zip(combinations, values, strict=True)):
        stat = stats[at] if at < len(stats) else {}
        recorded = _listed(samples[at]) if at < len(samples) else []
        yield Cell(combination, value, recorded, optional_count(stat.get("repeat")), _spread(stat))


def _combinations(name: str, parameters: list[Any]) -> list[tuple[str, ...]]:
    axes = [sequence(axis, f"{name}: params") for axis in parameters]
    size = math.prod(len(axis) for axis in axes)
    if size > _MOST_COMBINATIONS:
        raise ShapeError(f"{name} claims {size} combinations of parameters")
    return list(itertools.product(*([_shown(value) for value in axis] for axis in axes)))


def _shown(value: object) -> str:
    return clean(value if isinstance(value, str) else "…", _LONGEST_PARAMETER)


def _spread(stat: dict[str, Any]) -> float:
    low, high = optional_number(stat.get("q_25")), optional_number(stat.get("q_75"))
    return math.nan if low is None or high is None else max(0.0, high - low) / _IQR_OF_A_NORMAL


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
