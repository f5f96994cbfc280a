"""A judgement read back from its JSON, which a stranger may have written: every field is checked and capped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

from regress_action.model.comparisons import (
    Budget,
    BudgetState,
    Comparison,
    Doubt,
    Judgement,
    Machine,
    Mode,
    Outcome,
    Severity,
    Side,
    Subject,
    Summary,
    Verdict,
)
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Direction, Environment, Location, Metric, Noise
from regress_action.report.structured import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import StrEnum

    Read = Callable[[object], Any]

_LONGEST_LIST = 100_000
_LONGEST_TEXT = 20_000
_Choice = TypeVar("_Choice", bound="StrEnum")


def as_judgement(content: object) -> Judgement:
    """Return the judgement that `structured.as_object` wrote, with its suite left out.

    Raises:
        InputError: naming the first field that is not what the schema says.
    """
    fields = _field({"judgement": content}, "judgement", _object)
    if fields.get("schema") != SCHEMA:
        raise InputError(
            f"The judgement has schema {str(fields.get('schema'))[:20]!r}, not {SCHEMA}.",
            meaning="It was written by another version, or it is no judgement.",
            remedy="Write it again with: regress-action compare --json FILE",
        )
    return Judgement(
        mode=_field(fields, "mode", _one_of(Mode)),
        summary=_field(fields, "summary", _summary),
        comparisons=_field(fields, "comparisons", _tuple_of(_comparison)),
        baseline=_field(fields, "baseline", _subject),
        head=_field(fields, "head", _subject),
        notes=_field(fields, "notes", _tuple_of(_text)),
        machine=_field({"machine": {}} | fields, "machine", _machine),
        minutes_saved=_field({"minutes_saved": None} | fields, "minutes_saved", _maybe(_number)),
    )


def _comparison(content: object) -> Comparison:
    fields = _object(content)
    return Comparison(
        benchmark=Benchmark(
            name=_field(fields, "benchmark", _text),
            service=_field(fields, "service", _maybe(_text)),
            parameters=_field(fields, "parameters", _parameters),
            location=_field(fields, "location", _maybe(_location)),
        ),
        metric=Metric(
            name=_field(fields, "metric", _text),
            unit=_field(fields, "unit", _text),
            direction=_field(fields, "direction", _one_of(Direction)),
            exact=_field(fields, "exact", _truth),
            signed=_field(fields, "signed", _truth),
        ),
        baseline=_field(fields, "baseline", _side),
        head=_field(fields, "head", _side),
        threshold=_field(fields, "threshold", _number_or_nan),
        verdict=_field(fields, "verdict", _one_of(Verdict)),
        severity=_field(fields, "severity", _one_of(Severity)),
        reason=_field(fields, "reason", _text),
        confirmed=_field(fields, "confirmed", _maybe(_truth)),
        runs_needed=_field(fields, "runs_needed", _maybe(_whole)),
        budget=_field(fields, "budget", _maybe(_budget)),
        noise=_field({"noise": None, **fields}, "noise", _maybe(_noise)),  # older versions wrote none
        **{name: _field(fields, name, _maybe(_number)) for name in _NUMBERS},
    )


_NUMBERS = ("ratio", "ratio_low", "ratio_high", "p_value", "q_value", "minimum_detectable_ratio", "difference")


def _summary(content: object) -> Summary:
    fields = _object(content)
    return Summary(
        verdict=_field(fields, "verdict", _one_of(Outcome)),
        **{name: _field(fields, name, _whole) for name in ("regressions", "improvements", "inconclusive", "missing")},
        **{name: _field(fields, name, _maybe(_number)) for name in ("geomean_ratio", "environment_shift")},
    )


def _machine(content: object) -> Machine:
    """Return how the machines behaved; judgements of older versions say nothing of it."""
    fields = {"probe_ratio": None, "probe_swing": None, "steal": None, "doubts": []} | _object(content)
    numbers = {name: _field(fields, name, _maybe(_number)) for name in ("probe_ratio", "probe_swing", "steal")}
    return Machine(**numbers, doubts=_field(fields, "doubts", _tuple_of(_one_of(Doubt))))


def _subject(content: object) -> Subject:
    fields = _object(content)
    texts = {name: _field(fields, name, _maybe(_text)) for name in ("commit", "branch", "label")}
    return Subject(**texts, environment=_field(fields, "environment", _maybe(_environment)))


def _environment(content: object) -> Environment:
    fields = _object(content)
    texts = {name: _field(fields, name, _text) for name in ("runner", "os", "cpu", "memory", "runtime")}
    return Environment(**texts, cores=_field(fields, "cores", _whole))


def _side(content: object) -> Side:
    fields = _object(content)
    return Side(_field(fields, "runs", _whole), _field(fields, "median", _maybe(_number)))


def _noise(content: object) -> Noise:
    fields = _object(content)
    return Noise(_field(fields, "spread", _number), _field(fields, "runs", _whole))


def _budget(content: object) -> Budget:
    fields = _object(content)
    limit, low, high = (_field(fields, name, _number_or_nan) for name in ("limit", "low", "high"))
    return Budget(_field(fields, "key", _text), limit, low, high, _field(fields, "state", _one_of(BudgetState)))


def _location(content: object) -> Location:
    fields = _object(content)
    return Location(_field(fields, "path", _text), _field(fields, "line", _whole))


def _field(fields: Mapping[str, object], name: str, read: Read) -> Any:  # noqa: ANN401 - what `read` returns
    try:
        return read(fields[name])
    except KeyError as error:
        raise _wrong(name, "present") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise _wrong(name, str(error)) from error


def _wrong(name: str, expected: str) -> InputError:
    return InputError(
        f"The judgement's field {name!r} is not {expected}.",
        meaning="The file was cut short, edited, or is no judgement.",
        remedy="Write it again with: regress-action compare --json FILE",
    )


def _object(content: object) -> dict[str, object]:
    if not isinstance(content, dict):
        raise TypeError("an object")
    return content


def _tuple_of(read: Read) -> Read:
    def read_all(content: object) -> tuple[Any, ...]:
        if not isinstance(content, list) or len(content) > _LONGEST_LIST:
            raise TypeError(f"a list of at most {_LONGEST_LIST:,} entries")
        return tuple(read(entry) for entry in content)

    return read_all


def _parameters(content: object) -> tuple[tuple[str, str], ...]:
    return tuple((name[:_LONGEST_TEXT], _text(value)) for name, value in _object(content).items())


def _text(content: object) -> str:
    if not isinstance(content, str):
        raise TypeError("text")
    return content[:_LONGEST_TEXT]


def _number(content: object) -> float:
    if isinstance(content, bool) or not isinstance(content, int | float) or not math.isfinite(content):
        raise TypeError("a finite number")
    return float(content)


def _number_or_nan(content: object) -> float:
    return math.nan if content is None else _number(content)


def _whole(content: object) -> int:
    if isinstance(content, bool) or not isinstance(content, int) or not 0 <= content < 2**53:
        raise TypeError("a whole number")
    return content


def _truth(content: object) -> bool:
    if not isinstance(content, bool):
        raise TypeError("true or false")
    return content


def _maybe(read: Read) -> Read:
    return lambda content: None if content is None else read(content)


def _one_of(choices: type[_Choice]) -> Callable[[object], _Choice]:
    def read(content: object) -> _Choice:
        if not isinstance(content, str) or content not in set(choices):
            raise ValueError(f"one of {', '.join(choices)}")
        return choices(content)

    return read
