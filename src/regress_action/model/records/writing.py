"""A report as bytes, and the path of its record, which names suite, machine, time, commit, run and content."""

from __future__ import annotations

import hashlib
import math
import re
from decimal import Decimal
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

import orjson

from regress_action.model.errors import InputError
from regress_action.model.measurements import Environment
from regress_action.model.records.fields import (
    CONDITION_TYPES,
    ENVIRONMENT_TYPES,
    MOST_DECIMALS,
    RUN_TYPES,
    SCHEMA,
    FlawError,
    differences,
    utc,
)

if TYPE_CHECKING:
    from regress_action.model.measurements import Report, Series
    from regress_action.model.records.fields import Object


_EXACT: Final = 2**53  # below it every whole number is a float


def encode(report: Report) -> bytes:
    """Return the record of `report`; equal reports give equal bytes.

    Raises:
        InputError: a value is infinite, a text is no valid Unicode, or a name occurs twice.
    """
    header = {
        "schema": SCHEMA,
        "kind": "report",
        "series": len(report.series),
        "suite": report.suite,
        **_present(commit=report.commit, branch=report.branch, created=report.created),
        "environment": _environment(report.environment),
        "runs": [_present(**{name: getattr(run, name) for name in RUN_TYPES}) for run in report.runs],
        "source": report.source,
        **_present(origin=report.origin, warnings=report.warnings, provenance=_unique(report.provenance)),
        **_present(
            failures=[
                {"benchmark": failure.benchmark, "reason": failure.reason}
                | ({"skipped": True} if failure.skipped else {})
                for failure in report.failures
            ],
            conditions=[
                _present(**{name: getattr(conditions, name) for name in CONDITION_TYPES})
                for conditions in report.conditions
            ],
            saved_s=report.saved_s,
            planned_pairs=report.planned_pairs,
        ),
    }
    lines = [header, *map(_series_line, report.series)]
    try:
        return b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
    except orjson.JSONEncodeError as error:
        raise InputError(
            f"The report of suite {report.suite!r} cannot be written down: {error}.",
            meaning="A name in the results is not valid Unicode, or a number is too large.",
            remedy="Rename the benchmark, or correct the tool that wrote the results.",
        ) from error


def _environment(environment: Environment) -> Object:
    """Return the fields of an environment; a toolchain that is not known is left out, as older records do."""
    fields = {name: getattr(environment, name) for name in ENVIRONMENT_TYPES}
    if environment.toolchain == Environment().toolchain:
        del fields["toolchain"]
    return fields


def _present(**fields: object) -> Object:
    return {name: value for name, value in fields.items() if value is not None and value not in ((), [], {})}


def _unique(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    if len(fields := dict(pairs)) != len(pairs):
        raise InputError("The provenance of the report names something twice.", remedy="Name each fact once.")
    return fields


def _series_line(series: Series) -> Object:
    """Return the line of a series; fields that hold their default are left out."""
    benchmark, metric = series.benchmark, series.metric
    if any(map(math.isinf, series.values)):
        raise InputError(
            f"{benchmark.name!r} has an infinite {metric.name}.",
            meaning="No measurement is infinite; the tool that wrote the results divided by zero.",
            remedy="Leave the value out, or run the benchmark for longer.",
        )
    return _present(
        benchmark=benchmark.name,
        service=benchmark.service,
        parameters=benchmark.parameters,
        location=benchmark.location and (benchmark.location.path, benchmark.location.line),
        version=benchmark.version,
        metric=metric.name,
        unit=metric.unit,
        direction=metric.direction,
        exact=metric.exact or None,
        signed=metric.signed or None,
        dropped=series.dropped or None,
        rounds=series.rounds,
        noise=series.noise and (series.noise.spread, series.noise.runs),
    ) | _numbers(series)


def _numbers(series: Series) -> Object:
    """Return values and spreads as whole numbers over a common power of ten, where that is exact: it packs better."""
    alike = len(set(map(repr, series.spreads))) == 1  # zero has a sign
    floats = {"values": series.values, **_present(spreads=series.spreads[:1] if alike else series.spreads)}
    present = [number for number in (*series.values, *series.spreads) if not math.isnan(number)]
    decimals = max(map(_decimals, present), default=0)
    if decimals > MOST_DECIMALS or not all(_is_whole(number, 10**decimals) for number in present):
        return floats
    fields = {
        name: [None if math.isnan(number) else round(number * 10**decimals) for number in numbers]
        for name, numbers in floats.items()
    }
    return _present(decimals=decimals or None) | fields | {"values": differences(fields["values"])}


def _decimals(number: float) -> int:
    """Return how many digits `number` has after the point, in the shortest form that reads as the same number."""
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else MOST_DECIMALS + 1  # infinite


def _is_whole(number: float, scale: int) -> bool:
    """Whether `number` comes back from being a whole number over `scale`; zero may have a sign to lose."""
    if abs(scaled := number * scale) >= _EXACT:
        return False
    integer = round(scaled)
    return integer / scale == number and (integer != 0 or math.copysign(1, number) > 0)


def path_of(report: Report, data: bytes | None = None) -> PurePosixPath:
    """Return where the record of `report` belongs: `runs/<suite>/<environment>/<yyyy>/<mm>/<name>.jsonl`.

    The name is `<time>-<sha12>-<run_id>.<attempt>-<digest>`. The digest of the bytes (`data`, or what `encode` gives)
    makes the shards of one run, which share all the rest, different files, and the same report twice one file.

    Raises:
        InputError: the report does not say when it was made.
    """
    if report.created is None:
        raise InputError(
            f"The report of suite {report.suite!r} does not say when it was made.",
            meaning="Records are kept in the order of time.",
            remedy="Give it a time (`created`, ISO 8601 in UTC) before it is stored.",
        )
    try:
        created = utc(report.created)
    except FlawError as flaw:
        raise InputError(f"The report of suite {report.suite!r} {flaw}.", remedy=flaw.remedy) from None
    provenance = dict(report.provenance)
    digest = hashlib.sha256(encode(report) if data is None else data).hexdigest()[:12]
    commit = report.commit if report.commit and re.fullmatch(r"[0-9a-f]{7,64}", report.commit) else "0" * 12
    made_by = f"{slug(provenance.get('run_id', 'local'))}.{slug(provenance.get('attempt', '1'))}"
    return PurePosixPath(
        "runs",
        slug(report.suite),
        report.environment.fingerprint,
        f"{created:%Y}",
        f"{created:%m}",
        f"{created:%Y%m%dT%H%M%SZ}-{commit[:12]}-{made_by}-{digest}.jsonl",
    )


def slug(text: str) -> str:
    """Return a name that is safe in every file system; texts that differ get names that differ."""
    safe = re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-.")[:60]
    if safe == text and not re.match(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", safe):  # Windows keeps these for devices
        return safe
    return f"{safe or 'x'}~{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
