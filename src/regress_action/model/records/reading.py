"""Bytes as a report, or the line in which they are none."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Final

import orjson

from regress_action.model.errors import InputError
from regress_action.model.measurements import (
    MOST_PLANNED_PAIRS,
    Benchmark,
    Conditions,
    Direction,
    Environment,
    Failure,
    Location,
    Metric,
    Noise,
    Report,
    Run,
    Series,
)
from regress_action.model.records.fields import (
    CONDITION_TYPES,
    ENVIRONMENT_TYPES,
    HEADER_KEYS,
    LARGEST,
    MOST_DECIMALS,
    RUN_TYPES,
    SERIES_KEYS,
    FlawError,
    Object,
    all_text,
    items,
    mapping,
    optional,
    refuse_unknown,
    required,
    typed,
    upgrades,
    utc,
)

_NUMBERS: Final = frozenset({int, float, type(None)})
_WHOLE_NUMBERS: Final = frozenset({int, type(None)})
_POWERS: Final[tuple[int, ...]] = tuple(10**decimals for decimals in range(MOST_DECIMALS + 1))
_SHORTEST_S: Final = 1e-9
_LONGEST_S: Final = 1e9
_DIRECTIONS: Final = {direction.value: direction for direction in Direction}

# The reports of a history name the same things again and again: each is made once, and found equal at a glance.
_same_benchmark: Final = lru_cache(maxsize=100_000)(Benchmark)
_same_location: Final = lru_cache(maxsize=100_000)(Location)
_same_metric: Final = lru_cache(maxsize=1_000)(Metric)


def decode(data: bytes, where: str) -> Report:
    """Read the record `data`; `where` names it in errors. Older schemas are migrated in memory.

    Raises:
        InputError: the record is cut, foreign, from a newer version or contradicts itself; names the line.
    """
    number = 1
    try:
        lines = _lines(data)
        header = _parse(lines[0])
        steps = upgrades(header)
        for upgrade, _ in steps:
            header = upgrade(header)
        runs = _runs(header)
        series: dict[tuple[str, str], Series] = {}
        for number, line in enumerate(lines[1:], 2):  # noqa: B007 - `number` is for the message below
            fields = _parse(line)
            for _, upgrade in steps:
                fields = upgrade(fields)
            read = _series(fields, len(runs))
            _add(series, read)
        number = 1
        return _report(header, runs, tuple(series.values()))
    except FlawError as flaw:
        raise InputError(
            f"{where}, line {number}: {flaw}.",
            meaning=flaw.meaning,
            remedy=flaw.remedy,
        ) from None


def _lines(data: bytes) -> list[bytes]:
    if not data:
        raise FlawError("the file is empty")
    if len(data) > LARGEST:
        raise FlawError(f"the file has {len(data)} bytes, and a record has at most {LARGEST}")
    if not data.endswith(b"\n"):
        raise FlawError("the file is cut: its last line has no end")
    return data[:-1].split(b"\n")


def _parse(line: bytes) -> Object:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise FlawError(f"is no JSON ({error})") from None
    if type(fields) is not dict:
        raise FlawError("is no JSON object")
    return fields


def _report(header: Object, runs: tuple[Run, ...], series: tuple[Series, ...]) -> Report:
    """Return the report of a header of our schema, after checking that it announces as many lines as follow."""
    refuse_unknown(header, HEADER_KEYS)
    if header.get("kind") != "report":
        raise FlawError(f"is the header of a {header.get('kind')!r}, not of a report")
    if header.get("series") != len(series):
        raise FlawError(f"announces {header.get('series')!r} lines, and {len(series)} follow: the file is cut or mixed")
    created = optional(header, "created", str)
    if created is not None:
        utc(created)
    return Report(
        series=series,
        runs=runs,
        suite=required(header, "suite"),
        commit=optional(header, "commit", str),
        branch=optional(header, "branch", str),
        created=created,
        environment=Environment(**typed(mapping(header, "environment"), ENVIRONMENT_TYPES)),
        failures=tuple(map(_failure, items(header, "failures"))),
        source=required(header, "source"),
        origin=optional(header, "origin", str),
        warnings=all_text(items(header, "warnings"), "warnings"),
        provenance=tuple(all_text(pair, "provenance") for pair in mapping(header, "provenance").items()),
        conditions=tuple(map(_conditions, items(header, "conditions"))),
        saved_s=_duration(header, "saved_s"),
        planned_pairs=_planned(header),
    )


def _runs(header: Object) -> tuple[Run, ...]:
    runs = items(header, "runs")
    if not all(type(run) is dict for run in runs):
        raise FlawError("`runs` holds something that is no object")
    return tuple(Run(**typed(run, RUN_TYPES)) for run in runs)


def _conditions(fields: object) -> Conditions:
    if type(fields) is not dict:
        raise FlawError("`conditions` holds something that is no object")
    conditions = typed(fields, CONDITION_TYPES)
    for name in ("typical_s", "fastest_s", "slowest_s"):
        _duration(conditions, name)
    return Conditions(**conditions)


def _duration(fields: Object, key: str) -> float | None:
    seconds: float | None = optional(fields, key, float)
    if seconds is not None and not _SHORTEST_S <= seconds <= _LONGEST_S:
        raise FlawError(f"`{key}` is {seconds!r}, which is no time that anything takes")
    return seconds


def _planned(header: Object) -> int | None:
    pairs: int | None = optional(header, "planned_pairs", int)
    if pairs is not None and not 1 <= pairs <= MOST_PLANNED_PAIRS:
        raise FlawError(f"`planned_pairs` is {pairs!r:.30}, and a plan has 1 to {MOST_PLANNED_PAIRS} pairs")
    return pairs


def _failure(fields: object) -> Failure:
    if type(fields) is not dict or fields.keys() - {"skipped"} != {"benchmark", "reason"}:
        raise FlawError("`failures` holds something else than a benchmark and a reason")
    skipped = fields.get("skipped", False)
    if type(skipped) is not bool:
        raise FlawError(f"`skipped` is {skipped!r:.50}, not true or false")
    benchmark, reason = all_text((fields["benchmark"], fields["reason"]), "failures")
    return Failure(benchmark, reason, skipped)


def _series(fields: Object, runs: int) -> Series:
    """Return the series of a line of our schema, which has a value for each of the `runs` runs."""
    refuse_unknown(fields, SERIES_KEYS)
    scale = _scale(fields.get("decimals", 0))
    dropped = fields.get("dropped", 0)
    if type(dropped) is not int or dropped < 0:
        raise FlawError(f"`dropped` is {dropped!r}, which is no count")
    return Series(
        _benchmark(fields),
        _metric(fields),
        _values(fields, runs, scale),
        _counts(fields["rounds"], runs) if "rounds" in fields else (),
        _spreads(fields, runs, scale) if "spreads" in fields else (),
        dropped,
        _noise(fields["noise"]) if "noise" in fields else None,
    )


def _noise(fields: object) -> Noise:
    match fields:
        case [float() | int() as spread, int() as runs] if bool not in map(type, (spread, runs)):
            if runs > 0 and 0 <= spread < math.inf:
                return Noise(float(spread), runs)
    raise FlawError("`noise` is no spread with its number of runs")


def _add(series: dict[tuple[str, str], Series], new: Series) -> None:
    if series.setdefault(new.key, new) is not new:
        raise FlawError(f"holds {new.metric.name} of {new.benchmark.name!r} a second time")


def _benchmark(fields: Object) -> Benchmark:
    return _same_benchmark(
        required(fields, "benchmark"),
        optional(fields, "service", str),
        _parameters(fields["parameters"]) if "parameters" in fields else (),
        None if (location := fields.get("location")) is None else _location(location),
        optional(fields, "version", str),
    )


def _metric(fields: Object) -> Metric:
    direction = fields.get("direction")
    if type(direction) is not str or direction not in _DIRECTIONS:
        raise FlawError(f"`direction` is {direction!r:.60}, and can be 'lower', 'higher' or 'unknown'")
    return _same_metric(
        required(fields, "metric"),
        required(fields, "unit"),
        _DIRECTIONS[direction],
        optional(fields, "exact", bool) or False,
        optional(fields, "signed", bool) or False,
    )


def _location(pair: object) -> Location:
    if type(pair) is list and list(map(type, pair)) == [str, int] and pair[1] >= 1:
        return _same_location(*pair)
    raise FlawError("`location` is not a path and a line")


def _parameters(pairs: object) -> tuple[tuple[str, str], ...]:
    if type(pairs) is not list or not all(type(pair) is list and len(pair) == 2 for pair in pairs):  # noqa: PLR2004
        raise FlawError("`parameters` is no list of names and values")
    return tuple(all_text(pair, "parameters") for pair in pairs)


def _scale(decimals: object) -> int:
    if type(decimals) is not int or not 0 <= decimals <= MOST_DECIMALS:
        raise FlawError(f"`decimals` is {decimals!r:.60}, and can be 0 to {MOST_DECIMALS}")
    return _POWERS[decimals]


def _values(fields: Object, runs: int, scale: int) -> tuple[float, ...]:
    """Read values; among whole numbers, all but the first say what they have more than that."""
    numbers, kinds = _numbers(fields, "values", runs, scale)
    if kinds == {float}:
        return tuple(numbers)
    if float in kinds:
        return tuple([math.nan if number is None else float(number) for number in numbers])
    first = next((number for number in numbers if number is not None), 0)
    values = [math.nan if number is None else (first + number) / scale for number in numbers]
    if first:
        values[numbers.index(first)] = first / scale
    return tuple(values)


def _spreads(fields: Object, runs: int, scale: int) -> tuple[float, ...]:
    """Read spreads; a single one is that of every run."""
    alike = type(fields["spreads"]) is list and len(fields["spreads"]) == 1
    numbers, _ = _numbers(fields, "spreads", 1 if alike else runs, scale)
    return tuple([math.nan if number is None else number / scale for number in numbers]) * (runs if alike else 1)


def _numbers(fields: Object, key: str, runs: int, scale: int) -> tuple[list[Any], set[type]]:
    numbers = fields.get(key)
    if type(numbers) is not list or len(numbers) != runs:
        raise FlawError(f"`{key}` is no list with one number for each of the {runs} runs")
    kinds = set(map(type, numbers))
    if not kinds <= (_NUMBERS if scale == 1 else _WHOLE_NUMBERS):
        raise FlawError(f"`{key}` holds something that is no number")
    return numbers, kinds


def _counts(counts: object, runs: int) -> tuple[int, ...]:
    if type(counts) is not list or len(counts) != runs:
        raise FlawError(f"`rounds` is no list with one count for each of the {runs} runs")
    for count in counts:
        if type(count) is not int or count < 0:
            raise FlawError(f"`rounds` holds {count!r:.60}, which is no count")
    return tuple(counts)
