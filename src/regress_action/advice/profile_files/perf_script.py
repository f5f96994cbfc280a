"""What `perf script` prints of a recording: https://man7.org/linux/man-pages/man1/perf-script.1.html.

A sample is a line with the program, the process, the time, the period and the event; a line for every frame, the leaf
first; after a frame its source, where `-F +srcline` was asked for; and an empty line:

    bench 17992  2630.690495:    2004008 cpu-clock:ppp:
                11d8 outer+0x2a (/repository/bench)
      /repository/bench.c:4
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regress_action.advice.profile_files.formats import StackBuilder, damaged, frame
from regress_action.model.profiles import CostMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.model.profiles import StackFrame, StackProfile

_HEADER = re.compile(
    r"(?P<comm>\S.{0,60}?)\s+\d{1,10}(?:/\d{1,10})?\s+(?:\[\d{1,5}\]\s+)?"
    r"\d{1,12}\.\d{1,9}:\s+(?:(?P<period>\d{1,15})\s+)?(?P<event>[^\s:][^\s]{0,120}?):+"
    r"(?:\s+(?P<leaf>[0-9a-f]+ .+))?\s*\Z"
)
_FRAME = re.compile(
    r"\s*[0-9a-f]{1,16}\s+(?P<name>\S.*?)(?:\+0x[0-9a-f]{1,16})? \((?P<where>[^()]*)(?:\(deleted\))?\)\s*\Z"
)
_SOURCE = re.compile(r"\s+(?P<path>/.{1,400}):(?P<line>\d{1,8})\s*(?:\(discriminator \d+\)\s*)?\Z")
_LONGEST_LINE = 20_000
_CLOCKS = ("cpu-clock", "task-clock")
_NANOSECONDS = 1e-9


def looks_like(text: str) -> bool:
    """Whether the first line that is no remark begins a sample."""
    lines = (line for line in text[:_LONGEST_LINE].splitlines() if line.strip() and not line.startswith("#"))
    return _HEADER.match(next(lines, "")) is not None


def read(text: str, name: str) -> StackProfile:
    """Return the stacks of a recording: CPU seconds of a clock, counts of instructions, else the number of samples.

    Of several events only the first is read. The path of a frame is that of its source where that is absolute, else the
    program or library that holds it.

    Raises:
        InputError: a line is none of those, or there are too many stacks.
    """
    builder: StackBuilder | None = None
    event = ""
    for header, frames in _samples(text, name):
        its_event = header["event"].split(":")[0]
        if builder is None:
            event, builder = its_event, StackBuilder(name, _mode(its_event))
        if its_event == event:
            builder.add(reversed(frames), _cost(builder.mode, header["period"]))
    if builder is None:
        raise damaged(name, "it has no sample")
    return builder.profile()


def _samples(text: str, name: str) -> Iterator[tuple[re.Match[str], list[StackFrame]]]:
    """Yield the first line of each sample and its frames, the leaf first."""
    header: re.Match[str] | None = None
    frames: list[StackFrame] = []
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > _LONGEST_LINE:
            raise damaged(name, f"line {number} is too long")
        if line.startswith("#") or not line.strip():
            continue
        if not line[0].isspace():
            if header:
                yield header, frames
            header = _HEADER.match(line)
            if header is None:
                raise damaged(name, f"line {number} begins no sample of perf script")
            frames = [_frame(header["leaf"], name, number)] if header["leaf"] else []
        elif source := _SOURCE.match(line):
            frames[-1:] = [frame(last.function, source["path"], int(source["line"])) for last in frames[-1:]]
        elif _FRAME.match(line):
            frames.append(_frame(line, name, number))
    if header:
        yield header, frames


def _mode(event: str) -> CostMode:
    if event in _CLOCKS:
        return CostMode.CPU
    return CostMode.INSTRUCTIONS if event == "instructions" else CostMode.SAMPLES


def _cost(mode: CostMode, period: str | None) -> float:
    """Return what a sample costs; a frequency makes samples of a counter worth the same time, so they are counted."""
    if mode is CostMode.SAMPLES or period is None:
        return 1.0
    return int(period) * (_NANOSECONDS if mode is CostMode.CPU else 1.0)


def _frame(text: str, name: str, number: int) -> StackFrame:
    match = _FRAME.match(text)
    if match is None:
        raise damaged(name, f"line {number} is no frame of perf script")
    where = match["where"]
    return frame(match["name"], where.strip() if where.startswith(("/", "[")) else "")
