"""What a reader collects from one run while it walks through a file, made into a report at the end."""

from __future__ import annotations

import dataclasses
import math
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean, distinct_names
from regress_action.formats.rounds import combine
from regress_action.formats.shape import ShapeError, described, sequence
from regress_action.model.errors import InputError
from regress_action.model.measurements import COMPILED, Environment, Failure, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regress_action.formats.document import Document
    from regress_action.formats.rounds import Sample
    from regress_action.model.measurements import Benchmark, Metric

_LONGEST_LABEL = 200
_MOST_SERIES = 50_000
_MOST_WARNINGS = 20


@dataclasses.dataclass(frozen=True, slots=True)
class FileOrigin:
    """Where and when a file says it was made; `commit` and `created` as the tool wrote them."""

    commit: str | None = None
    branch: str | None = None
    created: str | None = None
    environment: Environment = dataclasses.field(default_factory=Environment)
    provenance: tuple[tuple[str, str], ...] = ()


class Entry:
    """One benchmark of a file: its samples by metric, and why it failed where it did."""

    def __init__(self, benchmark: Benchmark, facts: Mapping[str, str]) -> None:
        self.benchmark = benchmark
        self.facts = facts
        self.failure: str | None = None
        self.skipped = False
        self.samples: dict[str, tuple[Metric, list[Sample]]] = {}

    def add(self, metric: Metric, sample: Sample) -> None:
        """Add a sample; more of the same metric are further processes of the run.

        Two metrics of one name and different units are two metrics: the second has its unit in its name.
        """
        held, samples = self.samples.setdefault(metric.name, (metric, []))
        if held.unit == metric.unit:
            samples.append(sample)
        else:
            other = dataclasses.replace(metric, name=f"{metric.name} ({metric.unit})")
            self.samples.setdefault(other.name, (other, []))[1].append(sample)

    def fail(self, reason: str) -> None:
        """Note that the benchmark was attempted and failed."""
        self.failure = reason

    def skip(self, reason: str) -> None:
        """Note that the suite left the benchmark out, for a reason that it gave or none."""
        self.failure, self.skipped = reason, True


class ReportBuilder:
    """The benchmarks of one run, what failed, and what of the file could not be used."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._lost: list[str] = []
        self._warnings: list[str] = []

    def benchmark(self, benchmark: Benchmark, facts: Mapping[str, str] | None = None) -> Entry:
        """Return the entry of a benchmark; calling it twice with one name makes two benchmarks.

        `facts` are what else the file states of it, for the case that another one has its name.

        Raises:
            ShapeError: The file holds more benchmarks than any suite has.
        """
        if len(self._entries) >= _MOST_SERIES:
            raise TooManyError(f"it holds more than {_MOST_SERIES:,} benchmarks")
        entry = Entry(benchmark, facts or {})
        self._entries.append(entry)
        return entry

    def warn(self, sentence: str) -> None:
        """Add a sentence for the user about the file."""
        self._warnings.append(sentence)

    @contextmanager
    def tolerant(self) -> Iterator[None]:
        """Leave out what is malformed inside of the block, and name it in a warning."""
        try:
            yield
        except TooManyError:
            raise
        except ShapeError as error:
            self._lost.append(str(error))

    def objects(self, value: object, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield place and content of every object in the list `value`; what is no object is left out and named.

        Raises:
            ShapeError: `value` is no list.
        """
        for at, item in enumerate(sequence(value, where)):
            if isinstance(item, dict):
                yield f"{where}[{at}]", item
            else:
                self._lost.append(f"{where}[{at}] is {described(item)} where an object is expected")

    def report(
        self, document: Document, source: str, origin: FileOrigin | None = None, *, compiled: bool = False
    ) -> Report:
        """Return the report of this one run, read from `document` in the format `source`.

        `compiled` says that the tool measures code whose layout a compiler chose.

        Raises:
            ShapeError: Nothing in the file could be used.
            InputError: No benchmark has a usable value, and none failed.
        """
        origin = origin or FileOrigin()
        names, doubles = distinct_names(
            [entry.benchmark.name for entry in self._entries], [entry.facts for entry in self._entries]
        )
        series: list[Series] = []
        failures: list[Failure] = []
        losses: list[str] = []
        for entry, name in zip(self._entries, names, strict=True):
            benchmark = entry.benchmark
            benchmark = benchmark if name == benchmark.name else dataclasses.replace(benchmark, name=name)
            values, problems = _series(benchmark, entry.samples)
            series += values
            if entry.failure is not None or (problems and not values):
                reason = entry.failure if entry.failure is not None else problems[0]
                failures.append(Failure(name, reason, entry.skipped))
            losses += problems
        self._require_values(document, series, losses)
        lost = [f"{what}: it was left out." for what in self._lost]
        return Report(
            series=tuple(series),
            runs=(Run(started=utc(origin.created)),),
            commit=_label(origin.commit),
            branch=_label(origin.branch),
            created=utc(origin.created),
            environment=_cleaned(origin.environment),
            failures=tuple(failures),
            source=source,
            origin=clean(str(document.path)),
            warnings=capped(map(clean, [*doubles, *document.repairs, *self._warnings, *losses, *lost])),
            provenance=(
                *((key, clean(value, _LONGEST_LABEL)) for key, value in origin.provenance),
                *((COMPILED,) if compiled else ()),
            ),
        )

    def _require_values(self, document: Document, series: Sequence[Series], losses: Sequence[str]) -> None:
        if len(series) > _MOST_SERIES:
            raise TooManyError(f"it holds more than {_MOST_SERIES:,} metrics")
        if series or any(entry.failure is not None and not entry.skipped for entry in self._entries):
            return
        if any(entry.skipped for entry in self._entries):
            raise InputError(
                f"Every benchmark of {document.path} was skipped by its suite.",
                meaning="Nothing was measured, so there is nothing to compare.",
                remedy="Remove the condition that skips them.",
            )
        if losses:
            raise InputError(
                f"No benchmark of {document.path} has a usable value: {losses[0]}",
                meaning="The tool could not compute its own numbers, so there is nothing to compare.",
                remedy="Look at the output of the benchmark command; the timer or the benchmark itself is broken.",
            )
        if self._lost:
            raise ShapeError(self._lost[0])


class TooManyError(ShapeError):
    """A file holds more than any suite has: it is refused as a whole."""


def utc(moment: str | None) -> str | None:
    """Return an ISO 8601 `moment` in UTC and whole seconds, taken for UTC when it has no zone; None if it is none."""
    try:
        parsed = datetime.fromisoformat(moment or "")
        zoned = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return zoned.strftime("%Y-%m-%dT%H:%M:%SZ")


def capped(warnings: Iterator[str] | Sequence[str]) -> tuple[str, ...]:
    """Return the first twenty different warnings, and how many more there are."""
    unique = list(dict.fromkeys(warnings))
    more = len(unique) - _MOST_WARNINGS
    return (*unique[:_MOST_WARNINGS], *([f"… and {more} more warnings."] if more > 0 else []))


def _series(benchmark: Benchmark, samples: Mapping[str, tuple[Metric, list[Sample]]]) -> tuple[list[Series], list[str]]:
    """Return the series of one benchmark that have a value, and a sentence for every metric that has none."""
    series, problems = [], []
    for metric, parts in samples.values():
        sample = combine(parts)
        if math.isnan(sample.value):
            problems.append(f"{benchmark.name} has no {metric.name}: {_loss(sample, parts)}.")
        else:
            series.append(
                Series(benchmark, metric, (sample.value,), (sample.rounds,), (sample.spread,), sample.dropped)
            )
    return series, problems


def _loss(sample: Sample, parts: Sequence[Sample]) -> str:
    total = sample.dropped + sum(part.rounds for part in parts)
    if total <= 1:
        return sample.problem or "it has no rounds"
    return f"{sample.dropped} of its {total} rounds cannot be used ({sample.problem}), too many to take the rest"


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
        toolchain=clean(environment.toolchain, _LONGEST_LABEL),
    )
