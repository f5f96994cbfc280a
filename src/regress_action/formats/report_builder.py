"""What a reader collects from one run while it walks through a file, made into a report at the end."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from regress_action.formats.naming import clean
from regress_action.formats.rounds import Sample, combine
from regress_action.formats.shape import ShapeError
from regress_action.model.measurements import Environment, Failure, Report, Run, Series

if TYPE_CHECKING:
    from pathlib import Path

    from regress_action.model.measurements import Benchmark, Metric

_LONGEST_LABEL = 200


@dataclasses.dataclass(frozen=True, slots=True)
class FileOrigin:
    """Where and when a file says it was made; `commit` and `created` as the tool wrote them."""

    commit: str | None = None
    branch: str | None = None
    created: str | None = None
    environment: Environment = dataclasses.field(default_factory=Environment)
    provenance: tuple[tuple[str, str], ...] = ()


class ReportBuilder:
    """The samples of one run by benchmark and metric, and what failed."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, str], tuple[Benchmark, Metric, list[Sample]]] = {}
        self._failures: dict[str, Failure] = {}

    def add(self, benchmark: Benchmark, metric: Metric, sample: Sample) -> None:
        """Add the sample of one process; more of the same benchmark and metric are further processes of the run.

        Raises:
            ShapeError: The same metric was added in another unit.
        """
        _, known, samples = self._samples.setdefault((benchmark.name, metric.name), (benchmark, metric, []))
        if known.unit != metric.unit:
            raise ShapeError(
                f"{benchmark.name} has its {metric.name} in {known.unit} and in {metric.unit}: units disagree"
            )
        samples.append(sample)

    def fail(self, benchmark: str, reason: str) -> None:
        """Note that `benchmark` was attempted and gave no value."""
        self._failures[benchmark] = Failure(benchmark, reason)

    def report(self, path: Path, source: str, origin: FileOrigin) -> Report:
        """Return the report of this one run, read from `path` in the format `source`."""
        series = tuple(_series(*entry) for entry in self._samples.values())
        return Report(
            series=series,
            runs=(Run(started=utc(origin.created)),),
            commit=_label(origin.commit),
            branch=_label(origin.branch),
            created=utc(origin.created),
            environment=_cleaned(origin.environment),
            failures=tuple(self._failures.values()),
            source=source,
            origin=clean(str(path)),
            warnings=tuple(_loss(one) for one in series if math.isnan(one.values[0])),
            provenance=tuple((key, clean(value, _LONGEST_LABEL)) for key, value in origin.provenance),
        )


def utc(moment: str | None) -> str | None:
    """Return an ISO 8601 `moment` in UTC and whole seconds, taken for UTC when it has no zone; None if it is none."""
    try:
        parsed = datetime.fromisoformat(moment or "")
        zoned = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return zoned.strftime("%Y-%m-%dT%H:%M:%SZ")


def _series(benchmark: Benchmark, metric: Metric, samples: list[Sample]) -> Series:
    sample = combine(samples)
    return Series(benchmark, metric, (sample.value,), (sample.rounds,), (sample.spread,), sample.dropped)


def _loss(series: Series) -> str:
    benchmark, metric = series.key
    return f"{benchmark} has no {metric}: {series.dropped} of its rounds were not finite, too many to take the rest."


def _label(text: str | None) -> str | None:
    return clean(text, _LONGEST_LABEL) if text else None


def _cleaned(environment: Environment) -> Environment:
    return Environment(
        runner=clean(environment.runner, _LONGEST_LABEL),
        os=clean(environment.os, _LONGEST_LABEL),
        cpu=clean(environment.cpu, _LONGEST_LABEL),
        cores=environment.cores,
        memory=clean(environment.memory, _LONGEST_LABEL),
        runtime=clean(environment.runtime, _LONGEST_LABEL),
    )
