"""The domain: what was measured, where, and how often.

Also here: names over time: benchmarks that were renamed, and benchmarks that were removed on purpose.

A `Report` holds every run of one commit in one environment. A `Run` is one fresh process and the unit of
evidence; a `Series` holds, for one benchmark and metric, one value per run of its report.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


_PARAMETERS = re.compile(r"\[.*\]$|\(.*\)$")
_SEPARATORS = re.compile(r"::|[./\s]")
_PREFIX = re.compile(r"^(?:test|benchmark|bench)_?", re.IGNORECASE)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WITH_PREFIX = re.compile(r"(?:test|bench|benchmark)_(?=.)")
_OF_GO = re.compile(r"(?:\A|[./])(Benchmark[^/]*(?:/.*)?)\Z")


def matches(text: str, pattern: str) -> bool:
    """Whether `text` or one of its short names is `pattern` or fits it.

    Names like `test_add[1-2]` are names first, and patterns second.
    """
    return any(name == pattern or fnmatchcase(name, pattern) for name in (text, *short_names(text)))


@lru_cache(maxsize=100_000)
def short_names(name: str) -> tuple[str, ...]:
    """Return the names that people use for a benchmark: without file, class or package, and without `test_`.

    `bench/test_cache.py::test_get[a]` is also `test_get[a]` and `get[a]`, and `example.org/m.BenchmarkX/n` is also
    `BenchmarkX/n`.
    """
    if go := _OF_GO.search(name):
        return (go[1],) if go[1] != name else ()
    path, bracket, parameters = name.partition("[")
    short = path.rpartition("::")[2] + bracket + parameters
    bare = _WITH_PREFIX.sub("", short, count=1) if _WITH_PREFIX.match(short) else short
    return tuple(dict.fromkeys(form for form in (short, bare) if form != name))


def is_called(benchmark: str, key: str, service: str) -> bool:
    """Whether a key of the thresholds file, without its unit, names this benchmark of the service.

    `cache_get` of the service `cache` names `test_get`, `test_cache_get` and `BenchmarkCacheGet`.
    """
    name = snake_case_name(benchmark)
    return name in (key, key.removeprefix(f"{service}_")) or name.endswith(f"_{key}")


def snake_case_name(benchmark: str) -> str:
    """Return the last segment of a benchmark's name in snake case, without parameters and test or bench prefix."""
    last = _SEPARATORS.split(_PARAMETERS.sub("", benchmark.strip()))[-1]
    return _PREFIX.sub("", _HUMP.sub("_", last).lower().replace("-", "_"))


class Direction(StrEnum):
    """Which way is better; a metric of unknown direction changes, and never for better or worse."""

    LOWER = "lower"
    HIGHER = "higher"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Location:
    """Where a benchmark is defined: a repository-relative posix path and a line from 1."""

    path: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The named thing that is measured.

    `name` is the identity. `service` is the group whose thresholds apply. `parameters` are for display, as
    (name, value) pairs. `version` is the producer's hash of the benchmark's body: two bodies are never compared.
    """

    name: str
    service: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    location: Location | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured of a benchmark, in a base unit: `s`, `B`, `1/s`, `B/s`, `count`, `ratio`, or the producer's own.

    `exact` metrics (instruction counts, allocations, artifact sizes) have no noise model of their own: a
    difference between two constant sides is real. `signed` metrics may be zero or negative and have no ratio.
    """

    name: str
    unit: str
    direction: Direction = Direction.LOWER
    exact: bool = False
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Environment:
    """The machine a report was measured on; equal fingerprints may be compared.

    `runtime` is the Python that measured, or what the result file names. `toolchain` is what the suite runs in or was
    compiled with, such as `rustc 1.90.0`: it is shown and compared, and starts no history anew.
    """

    runner: str = "unknown"
    os: str = "unknown"
    cpu: str = "unknown"
    cores: int = 0
    memory: str = "unknown"
    runtime: str = "unknown"
    toolchain: str = field(default="unknown", compare=False)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits over every field but the toolchain, which older records do not have."""
        parts = (self.runner, self.os, self.cpu, str(self.cores), self.memory, self.runtime)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]

    @property
    def is_known(self) -> bool:
        """Whether the CPU model, which decides comparability, was recorded."""
        return self.cpu != "unknown"


@dataclass(frozen=True, slots=True)
class Conditions:
    """How one machine behaved while a report was measured on it; a check of comparisons, never a divisor.

    A fixed piece of work was timed before the first run, after the last and in between. `probe` names that work and
    the interpreter it ran on: only times of the same probe may be compared. `typical_s`, `fastest_s` and `slowest_s`
    are the middle and the ends of its times, each the median of several repetitions; `spread` is the relative
    standard deviation of those repetitions. `steal` is the share of the CPU time wanted that went to other machines.
    """

    probe: str | None = None
    typical_s: float | None = None
    fastest_s: float | None = None
    slowest_s: float | None = None
    spread: float | None = None
    steal: float | None = None

    @property
    def speed_variation(self) -> float | None:
        """How much longer the slowest probe took than the fastest, as a ratio from 1."""
        return self.slowest_s / self.fastest_s if self.fastest_s and self.slowest_s else None


@dataclass(frozen=True, slots=True)
class Run:
    """One fresh process, or one interleaved half of a pair.

    Two runs with the same `session` and `pair` on the two sides of a comparison were measured next to each
    other on one machine; `position` is 0 for the one that ran first, and no record keeps it. `failure` says why a run
    has no values; a failed run is evidence too.
    """

    session: str | None = None
    pair: int | None = None
    started: str | None = None
    wall_s: float | None = None
    failure: str | None = None
    position: int | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Noise:
    """The spread between neighbouring runs that history taught: the standard deviation of a log value, and its runs."""

    spread: float
    runs: int


@dataclass(frozen=True, slots=True)
class Series:
    """One benchmark × metric: one value (the median of its rounds) per run of the report, in `metric.unit`.

    `values`, `rounds` and `spreads` are as long as the report's `runs`. A value is NaN where that run holds
    none. `rounds` counts the timed executions behind a value; `spreads` is their standard deviation in the
    metric's unit, NaN where unknown. `dropped` counts non-finite rounds that were left out. `noise` is what
    the history had taught about the series by the time that the report was stored in it.
    """

    benchmark: Benchmark
    metric: Metric
    values: tuple[float, ...]
    rounds: tuple[int, ...] = ()
    spreads: tuple[float, ...] = ()
    dropped: int = 0
    noise: Noise | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The identity under which two sides are matched."""
        return self.benchmark.name, self.metric.name

    @property
    def measured(self) -> tuple[float, ...]:
        """The values of the runs that have one."""
        return tuple(value for value in self.values if not math.isnan(value))


@dataclass(frozen=True, slots=True)
class Failure:
    """A benchmark that was attempted and gave no value; `skipped` says that the suite left it out on purpose."""

    benchmark: str
    reason: str
    skipped: bool = False


COMPILED = ("compiled", "true")
"""The fact, among those of a report's provenance, that a compiler laid out the code that was measured."""
MOST_PLANNED_PAIRS = 1000
"""The most pairs that a plan may have; where selected benchmarks are measured one by one, that is for each of them."""


@dataclass(frozen=True, slots=True)
class Report:
    """All runs of one commit in one environment.

    `created` is an ISO 8601 time in UTC. `source` names the format it was read from, `origin` the file.
    `warnings` are sentences for the user about the input itself. `conditions` has an entry per machine that measured,
    `saved_s` the seconds of measuring that an early decision spared. `planned_pairs` is the length of a plan that was
    looked at while it was measured.
    """

    series: tuple[Series, ...]
    runs: tuple[Run, ...]
    suite: str = "default"
    commit: str | None = None
    branch: str | None = None
    created: str | None = None
    environment: Environment = field(default_factory=Environment)
    failures: tuple[Failure, ...] = ()
    source: str = "unknown"
    origin: str | None = None
    warnings: tuple[str, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()
    conditions: tuple[Conditions, ...] = ()
    saved_s: float | None = None
    planned_pairs: int | None = None


@dataclass(frozen=True, slots=True)
class Aliases:
    """What is known of names. `renamed` maps an old name to its newest one; `removed` are names or shell patterns."""

    renamed: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.renamed or self.removed)

    def applied(self, report: Report) -> Report:
        """Return the report with the newest names.

        A series keeps its old name where the report holds the new one too: then it is a copy and no renaming.
        """
        if not self.renamed:
            return report
        names = dict(self.renamed)
        present = {series.benchmark.name for series in report.series}
        changed = {name: names[name] for name in present & names.keys() if names[name] not in present}
        return _named(report, changed) if changed else report

    def without_removed(self, report: Report, *, present: Collection[str]) -> Report:
        """Return the report without benchmarks that were removed on purpose and are not `present` any more."""
        if not self.removed:
            return report
        kept = tuple(series for series in report.series if not self.is_gone(series.benchmark.name, present))
        return report if len(kept) == len(report.series) else replace(report, series=kept)

    def is_gone(self, name: str, present: Collection[str]) -> bool:
        """Whether a benchmark that is not `present` any more was removed on purpose."""
        return name not in present and any(matches(name, pattern) for pattern in self.removed)


def _named(report: Report, names: Mapping[str, str]) -> Report:
    """Return the report with benchmarks under other names; the hash of the body stays."""
    series = (
        replace(row, benchmark=replace(row.benchmark, name=names[row.benchmark.name]))
        if row.benchmark.name in names
        else row
        for row in report.series
    )
    failures = (
        replace(failure, benchmark=names.get(failure.benchmark, failure.benchmark)) for failure in report.failures
    )
    return replace(report, series=tuple(series), failures=tuple(failures))
