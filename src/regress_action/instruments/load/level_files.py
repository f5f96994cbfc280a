"""Throughput at several levels of concurrency from files: CSV, or what `load --json` writes."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from regress_action.advice.scalability import LoadLevels
from regress_action.model import escaping
from regress_action.model.errors import InputError
from regress_action.model.files import read_bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    Row = tuple[float, float, float]

MOST_BYTES = 256 << 20
_CONCURRENCY = ("concurrency", "users", "threads", "processes", "processors", "workers", "clients", "load", "n")
_THROUGHPUT = ("throughput", "rps", "qps", "tps", "requests_per_second", "x")
_LATENCY = {"latency": 1.0, "latency_s": 1.0, "latency_ms": 1e-3, "latency_us": 1e-6}
_FORM = (
    "Write CSV with the header concurrency,throughput,latency (latency in seconds may be left out), "
    "or use what `regress-action load --levels … --json FILE` writes."
)


def read_levels(paths: Sequence[Path], *, limit: int = MOST_BYTES) -> LoadLevels:
    """Return the measurements of all files.

    Raises:
        InputError: a file is missing or too large, or holds no concurrency and throughput.
    """
    rows: list[Row] = []
    thinks: set[float] = set()
    failed = 0.0
    for path in paths:
        content = read_bounded(path, limit)
        if content.lstrip()[:1] in (b"{", b"["):
            results = _results(content, path)
            rows += [_of_result(result, path) for result in results]
            failed = max([failed, *(_failed(result, path) for result in results)])
            thinks |= {_number(result.get("scenario", {}).get("think_s", 0), "think_s", path) for result in results}
        else:
            rows += _of_table(content.decode("utf-8", "replace"), path)
    if not rows:
        raise InputError(f"{paths[0]} has no measurement.", remedy=_FORM)
    if len(thinks) > 1:
        raise InputError(
            "The load tests have different think times.",
            meaning="One concurrency then means different loads.",
            remedy="Compare load tests whose users wait equally long.",
        )
    return levels_of(rows, think_s=thinks.pop() if thinks else 0.0, failed=failed)


def levels_of(rows: Iterable[Row], *, think_s: float = 0.0, failed: float = 0.0) -> LoadLevels:
    """Return measurements that are given as concurrency, throughput and mean latency in seconds (NaN if unknown)."""
    concurrency, throughput, latency = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    levels = LoadLevels.of(concurrency, throughput, latency)
    return replace(levels, think_s=think_s, failed=failed)


def _failed(result: Mapping[str, Any], path: Path) -> float:
    """Return the share of the requests of a load test that ended in an error."""
    requests = _number(result.get("requests", 0), "number of requests", path)
    return _number(result.get("errors", 0), "number of errors", path) / max(requests, 1.0)


def _results(content: bytes, path: Path) -> list[Mapping[str, Any]]:
    import orjson

    try:
        loaded = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path} is no JSON: {error}.", remedy=_FORM) from error
    results = loaded.get("results", [loaded]) if isinstance(loaded, dict) else loaded
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise InputError(f"{path} holds no results of load tests.", remedy=_FORM)
    return results


def _of_result(result: Mapping[str, Any], path: Path) -> Row:
    scenario, latency = result.get("scenario"), result.get("latency")
    if not isinstance(scenario, dict) or "throughput" not in result:
        raise InputError(f"{path} holds no results of load tests.", remedy=_FORM)
    if scenario.get("rate"):
        raise InputError(
            f"{path} has a load of arrivals at a rate.",
            meaning="How many requests are open is then a result, not a level that was chosen.",
            remedy="Run the load with --users or --levels.",
        )
    mean = latency.get("mean") if isinstance(latency, dict) else None
    return (
        _positive(scenario.get("users"), "users", path),
        _positive(result["throughput"], "throughput", path),
        math.nan if mean is None else _positive(mean, "latency", path),
    )


def _of_table(text: str, path: Path) -> list[Row]:
    """Return the rows of CSV, with a header or as two or three plain columns."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if row and not row[0].lstrip().startswith("#")]
    except csv.Error as error:
        raise InputError(f"{path}: {error}.", remedy=_FORM) from error
    if not rows:
        return []
    names = [name.strip().lower() for name in rows[0]]
    if any(name in _CONCURRENCY for name in names):
        users, rate = _column(names, _CONCURRENCY, path), _column(names, _THROUGHPUT, path)
        latency = next((index for index, name in enumerate(names) if name in _LATENCY), None)
        factor = 1.0 if latency is None else _LATENCY[names[latency]]
        rows = rows[1:]
    else:
        users, rate, latency, factor = 0, 1, 2 if len(names) > 2 else None, 1.0  # noqa: PLR2004 - a third column
    return [_row(row, (users, rate, latency), factor, f"{path}: measurement {n}") for n, row in enumerate(rows, 1)]


def _row(row: Sequence[str], columns: tuple[int, int, int | None], factor: float, where: str) -> Row:
    users, rate, latency = columns
    if len(row) <= max(users, rate, latency or 0):
        raise InputError(f"{where} has {len(row)} fields.", remedy=_FORM)
    time = row[latency].strip() if latency is not None else ""
    return (
        _positive(row[users], "concurrency", where),
        _positive(row[rate], "throughput", where),
        _positive(time, "latency", where) * factor if time else math.nan,
    )


def _column(names: Sequence[str], wanted: Sequence[str], path: Path) -> int:
    for name in wanted:
        if name in names:
            return names.index(name)
    raise InputError(f"{path} has no column {wanted[0]}.", remedy=_FORM)


def _positive(value: object, what: str, where: object) -> float:
    number = _number(value, what, where)
    if number <= 0:
        raise InputError(f"{where} has the {what} {number:g}, which is not above zero.", remedy=_FORM)
    return number


def _number(value: object, what: str, where: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where} has the {what} {escaping.plain(str(value), 40)!r}.", remedy=_FORM)
    return number
