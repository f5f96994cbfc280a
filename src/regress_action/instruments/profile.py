"""A finished profile: spans in their nesting, what the process used, and both as a report.

Also here: profiles as files of other tools: Chrome's trace viewer (and Perfetto), and speedscope.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

import orjson

from regress_action.measure import machine
from regress_action.model.errors import InputError
from regress_action.model.escaping import plain
from regress_action.model.files import write_replace
from regress_action.model.measurements import Benchmark, Direction, Environment, Metric, Report, Run, Series
from regress_action.report.numbers import quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    SpanEntry = tuple[str, int, int, int, int | None]
    """Name, start and end in nanoseconds, the thread or task, and of an `async with` span the nanoseconds of work."""


_NS = 1e-9
_MOST_LINES = 30
SEPARATOR = "/"


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """The resources of one stretch of time; None where the machine does not tell or nobody asked.

    `peak_rss_bytes` is the highest resident memory since the process began. `traced_*` come from tracemalloc,
    `allocated_blocks` is how many more blocks Python holds at the end.
    """

    wall_s: float
    user_s: float
    system_s: float
    rss_growth_bytes: int
    peak_rss_bytes: int | None = None
    read_bytes: int | None = None
    write_bytes: int | None = None
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    minor_faults: int | None = None
    major_faults: int | None = None
    gc_pauses: int = 0
    gc_pause_s: float = 0.0
    allocated_blocks: int | None = None
    traced_growth_bytes: int | None = None
    traced_peak_bytes: int | None = None

    @property
    def cpu_s(self) -> float:
        """User and system time together."""
        return self.user_s + self.system_s


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One span that has ended, times in nanoseconds of the clock that `time.perf_counter_ns` reads.

    `path` holds the names of the spans around it and its own. `lane` is the thread or asyncio task. `children_ns` is
    the time of the spans directly inside it. `work_ns` is the time in which its task ran, known of `async with` spans.
    """

    path: tuple[str, ...]
    start_ns: int
    end_ns: int
    lane: int
    children_ns: int = 0
    children: int = 0
    work_ns: int | None = None

    @property
    def duration_ns(self) -> int:
        """The time from its start to its end."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True)
class SpanSummary:
    """All spans of one path: how many, and seconds. `own_s` leaves out the spans inside, `wait_s` is of async spans."""

    path: tuple[str, ...]
    count: int
    total_s: float
    own_s: float
    median_s: float
    longest_s: float
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What a profiler measured. The times of `summaries` have the profiler's own overhead subtracted.

    `inside_ns` is what every span adds to its own time, `around_ns` what it adds to the span around it.
    """

    name: str
    spans: tuple[SpanRecord, ...] = ()
    resources: ResourceUse | None = None
    inside_ns: int = 0
    around_ns: int = 0
    provenance: tuple[tuple[str, str], ...] = field(default=())

    @property
    def overhead_s(self) -> float:
        """The seconds that all spans together took for themselves."""
        return len(self.spans) * self.around_ns * _NS

    def summaries(self) -> tuple[SpanSummary, ...]:
        """Return one summary for every path, the largest total first."""
        grouped: dict[tuple[str, ...], list[SpanRecord]] = defaultdict(list)
        for span in self.spans:
            grouped[span.path].append(span)
        summaries = [self._summary(path, spans) for path, spans in grouped.items()]
        return tuple(sorted(summaries, key=lambda summary: -summary.total_s))

    def lines(self) -> list[str]:
        """Return the spans for a person, the largest total first, and what was subtracted from them."""
        cost = f"Each costs {self.inside_ns} ns inside and {self.around_ns} ns around it, which is subtracted."
        said = [f"{plain(self.name)}: {len(self.spans)} span{'s' if len(self.spans) != 1 else ''}. {cost}"]
        rows = self.summaries()
        if rows:
            said.append(
                f"  {'span':<40} {'count':>8} {'total':>10} {'own':>10} {'median':>10} {'longest':>10} {'wait':>10}"
            )
        for row in rows[:_MOST_LINES]:
            numbers = (row.total_s, row.own_s, row.median_s, row.longest_s, row.wait_s)
            shown = [f"{'' if value is None else quantity(value, 's'):>10}" for value in numbers]
            said.append(f"  {plain(SEPARATOR.join(row.path)):<40} {row.count:>8} {' '.join(shown)}".rstrip())
        if len(rows) > _MOST_LINES:
            said.append(f"  and {len(rows) - _MOST_LINES} more")
        return said

    def report(self, *, suite: str = "default") -> Report:
        """Return the profile as one run: the time of every path, and the resources of the whole."""
        series = [
            Series(
                Benchmark(SEPARATOR.join((self.name, *summary.path))), Metric("time", "s"), (summary.median_s,), (n,)
            )
            for summary in self.summaries()
            if (n := summary.count)
        ]
        if self.resources:
            series += _resource_series(Benchmark(self.name), self.resources)
        return Report(
            tuple(series),
            (Run(),),
            suite=suite,
            created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            environment=Environment(**machine.fingerprint()),  # type: ignore[arg-type]
            source="profile",
            provenance=self.provenance,
        )

    def _summary(self, path: tuple[str, ...], spans: Sequence[SpanRecord]) -> SpanSummary:
        totals = [self._corrected(span) for span in spans]
        own = [
            max(0, span.duration_ns - span.children_ns - self.inside_ns - span.children * self._beyond_ns)
            for span in spans
        ]
        waits = [span.duration_ns - span.work_ns for span in spans if span.work_ns is not None]
        return SpanSummary(
            path=path,
            count=len(spans),
            total_s=sum(totals) * _NS,
            own_s=sum(own) * _NS,
            median_s=median(totals) * _NS,
            longest_s=max(totals) * _NS,
            wait_s=sum(waits) * _NS if waits else None,
        )

    @property
    def _beyond_ns(self) -> int:
        """What a span adds to the span around it beyond its own time."""
        return max(0, self.around_ns - self.inside_ns)

    def _corrected(self, span: SpanRecord) -> int:
        return max(0, span.duration_ns - self.inside_ns - span.children * self.around_ns)


def nested(entries: Iterable[SpanEntry]) -> tuple[SpanRecord, ...]:
    """Return the spans with the path of each, in the order in which they began.

    A span lies inside another of the same thread or task when it began after it and ended before it.
    """
    lanes: dict[int, list[SpanEntry]] = defaultdict(list)
    for entry in entries:
        lanes[entry[3]].append(entry)
    records = [record for lane in lanes.values() for record in _nested_in_lane(lane)]
    return tuple(sorted(records, key=lambda record: (record.start_ns, -record.end_ns)))


@dataclass(slots=True)
class _Open:
    path: tuple[str, ...]
    entry: SpanEntry
    children_ns: int = 0
    children: int = 0

    def record(self) -> SpanRecord:
        _, start, end, lane, work = self.entry
        return SpanRecord(self.path, start, end, lane, self.children_ns, self.children, work)


def _nested_in_lane(entries: Sequence[SpanEntry]) -> Iterator[SpanRecord]:
    stack: list[_Open] = []
    for entry in sorted(entries, key=lambda entry: (entry[1], -entry[2])):
        name, start, end = entry[:3]
        while stack and (stack[-1].entry[2] <= start or stack[-1].entry[2] < end):
            yield stack.pop().record()
        around = stack[-1] if stack else None
        if around:
            around.children_ns += end - start
            around.children += 1
        stack.append(_Open((*(around.path if around else ()), name), entry))
    while stack:
        yield stack.pop().record()


def _resource_series(benchmark: Benchmark, used: ResourceUse) -> list[Series]:
    values = (
        ("time", "s", used.wall_s),
        ("cpu_time", "s", used.cpu_s),
        ("peak_memory", "B", used.peak_rss_bytes),
        ("read_bytes", "B", used.read_bytes),
        ("write_bytes", "B", used.write_bytes),
        ("gc_pause", "s", used.gc_pause_s if used.gc_pauses else None),
        ("voluntary_switches", "count", used.voluntary_switches),
        ("involuntary_switches", "count", used.involuntary_switches),
        ("minor_faults", "count", used.minor_faults),
        ("major_faults", "count", used.major_faults),
        ("traced_peak_memory", "B", used.traced_peak_bytes),
        ("allocated_blocks", "count", used.allocated_blocks),
    )
    return [
        Series(benchmark, Metric(name, unit, Direction.LOWER), (float(value),))
        for name, unit, value in values
        if value is not None
    ]


SPEEDSCOPE_SCHEMA = "https://www.speedscope.app/file-format-schema.json"
_US = 1e-3


def write_profile(profile: Profile, path: Path) -> None:
    """Write the spans to `path`, for speedscope where its name contains that word, else as a Chrome trace.

    A profile without spans is written as one span that has its name and its length.

    Raises:
        InputError: nothing was profiled yet.
        InfrastructureError: the file cannot be written.
    """
    if not _drawn(profile):
        raise InputError(
            f"{path} was not written: the profile {profile.name!r} holds nothing.",
            meaning="A profile begins and ends with its `with` block, or with a call of the decorated function.",
            remedy="Write it after the block.",
        )
    content = speedscope(profile) if ".speedscope" in path.name else chrome_trace(profile)
    write_replace(path, orjson.dumps(content))


def chrome_trace(profile: Profile) -> dict[str, Any]:
    """Return the spans as complete events of Chrome's trace format, in microseconds from the first span."""
    spans = _drawn(profile)
    origin, lanes = _origin(spans), _lanes(spans)
    process = os.getpid()
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": profile.name}}
    ]
    for span in spans:
        event: dict[str, Any] = {
            "ph": "X",
            "name": span.path[-1],
            "cat": "span",
            "ts": (span.start_ns - origin) * _US,
            "dur": span.duration_ns * _US,
            "pid": process,
            "tid": lanes[span.lane],
        }
        if span.work_ns is not None:
            event["args"] = {"wait_us": (span.duration_ns - span.work_ns) * _US}
        events.append(event)
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def speedscope(profile: Profile) -> dict[str, Any]:
    """Return the spans as one evented profile of speedscope for every thread or task, in nanoseconds."""
    drawn = _drawn(profile)
    origin = _origin(drawn)
    frames: dict[str, int] = {}
    profiles = []
    for lane, number in _lanes(drawn).items():
        spans = [span for span in drawn if span.lane == lane]
        events = list(_events(spans, frames, origin))
        end = max((event["at"] for event in events), default=0)
        profiles.append(
            {
                "type": "evented",
                "name": f"{profile.name} {number}",
                "unit": "nanoseconds",
                "startValue": 0,
                "endValue": end,
                "events": events,
            }
        )
    names = [{"name": name} for name in frames]
    return {"$schema": SPEEDSCOPE_SCHEMA, "shared": {"frames": names}, "profiles": profiles, "name": profile.name}


def _drawn(profile: Profile) -> tuple[SpanRecord, ...]:
    """Return the spans, of a profile without any one span for the whole, none where nothing was profiled."""
    if profile.spans or profile.resources is None:
        return profile.spans
    return (SpanRecord((profile.name,), 0, round(profile.resources.wall_s / _NS), lane=0),)


def _events(spans: Iterable[SpanRecord], frames: dict[str, int], origin: int) -> Iterable[dict[str, Any]]:
    """Yield open and close events so that a span closes before the one around it does."""
    stack: list[SpanRecord] = []

    def close(span: SpanRecord) -> dict[str, Any]:
        return {"type": "C", "frame": frames[span.path[-1]], "at": span.end_ns - origin}

    for span in spans:
        while stack and len(stack[-1].path) >= len(span.path):
            yield close(stack.pop())
        yield {"type": "O", "frame": frames.setdefault(span.path[-1], len(frames)), "at": span.start_ns - origin}
        stack.append(span)
    while stack:
        yield close(stack.pop())


def _origin(spans: Iterable[SpanRecord]) -> int:
    return min((span.start_ns for span in spans), default=0)


def _lanes(spans: Iterable[SpanRecord]) -> dict[int, int]:
    """Return a small number for every thread or task, in the order in which they appear."""
    return {lane: number for number, lane in enumerate(dict.fromkeys(span.lane for span in spans), start=1)}
