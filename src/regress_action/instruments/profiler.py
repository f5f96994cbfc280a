"""`PerformanceProfiler`: what a program's parts take, in time and in resources, for less than a microsecond a span."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from regress_action.instruments import profile, spans, trace_files
from regress_action.instruments.resource_use import ResourceMeter, ResourceUse
from regress_action.instruments.spans import Span
from regress_action.model.files import write_replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.instruments.spans import SpanEntry

    F = TypeVar("F", bound="Callable[..., Any]")

FOLDER_VARIABLE = "REGRESS_PROFILE_FOLDER"
"""Environment variable by which `regress-action profile` collects the spans of the programs that it starts."""

_UNFIT = re.compile(r"[^\w.-]+")


class PerformanceProfiler:
    """Measure the parts of a program.

    with PerformanceProfiler("import") as profiler:
        with profiler.span("read"):
            ...
        async with profiler.span("fetch"):  # tells waiting from working
            ...
    for line in profiler.profile.lines():
        print(line)

    `@profiler.profile_function` puts a span around every call of a function. Spans may be opened in any thread and
    task. `memory` also traces allocations, which slows the program down several times.
    """

    def __init__(self, name: str = "profile", *, memory: bool = False) -> None:
        self.name = name
        self._entries: list[SpanEntry] = []
        self._append = self._entries.append
        self._meter = ResourceMeter(memory=memory)
        self._resources: ResourceUse | None = None
        self._inside_ns, self._around_ns = spans.overhead_ns()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to count resources; spans may be opened with or without that."""
        self._entries.clear()
        self._resources = None
        self._meter.start()

    def stop(self) -> ResourceUse:
        """Stop to count, and return what was used since `start`."""
        self._resources = self._meter.stop()
        if folder := os.environ.get(FOLDER_VARIABLE):
            place = Path(folder) / f"{os.getpid()}-{_UNFIT.sub('_', self.name)}"
            self.write(place.with_name(place.name + ".trace.json"))
            write_replace(place.with_name(place.name + ".spans.txt"), "\n".join(self.profile.lines()).encode())
        return self._resources

    def span(self, name: str) -> Span:
        """Return a span to use as `with`, `async with` or decorator."""
        return Span(name, self._append)

    def profile_function(self, function: F) -> F:
        """Return the function with a span of its qualified name around every call."""
        return Span(function.__qualname__, self._append)(function)

    @property
    def profile(self) -> profile.Profile:
        """The profile so far: spans that have ended, and the resources once `stop` was called."""
        return profile.Profile(
            self.name, profile.nested(self._entries), self._resources, self._inside_ns, self._around_ns
        )

    def write(self, path: Path) -> None:
        """Write the spans to `path`: for speedscope where the name says so (`*.speedscope.json`), else as Chrome trace.

        Raises:
            InfrastructureError: the file cannot be written.
        """
        trace_files.write(self.profile, path)
