"""Profiles as files of other tools: Chrome's trace viewer (and Perfetto), and speedscope."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import orjson

from regress_action.model.files import write_replace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from regress_action.instruments.profile import Profile, SpanRecord

_SPEEDSCOPE_SCHEMA = "https://www.speedscope.app/file-format-schema.json"
_US = 1e-3


def write(profile: Profile, path: Path) -> None:
    """Write the spans to `path`, for speedscope where its name contains that word, else as a Chrome trace.

    Raises:
        InfrastructureError: the file cannot be written.
    """
    content = speedscope(profile) if ".speedscope" in path.name else chrome_trace(profile)
    write_replace(path, orjson.dumps(content))


def chrome_trace(profile: Profile) -> dict[str, Any]:
    """Return the spans as complete events of Chrome's trace format, in microseconds from the first span."""
    origin = _origin(profile.spans)
    lanes = _lanes(profile.spans)
    process = os.getpid()
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": profile.name}}
    ]
    for span in profile.spans:
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
    origin = _origin(profile.spans)
    frames: dict[str, int] = {}
    profiles = []
    for lane, number in _lanes(profile.spans).items():
        spans = [span for span in profile.spans if span.lane == lane]
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
    return {"$schema": _SPEEDSCOPE_SCHEMA, "shared": {"frames": names}, "profiles": profiles, "name": profile.name}


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
