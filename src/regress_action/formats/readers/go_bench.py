"""Go benchmarks, as the text of `go test -bench` or the events of `go test -json`.

A line is a round: `-count` repeats it. The package belongs to the name; `-8` does too unless every line of the package
ends in it, since Go leaves it out for one processor. What the program itself prints may stand between a name and its
numbers. A line `Unit NAME better=higher` declares the direction of a metric; configuration lines (`toolchain: x`) that
change within a file belong to the name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regress_action.formats.naming import LONGEST_NAME, clean
from regress_action.formats.report_builder import FileOrigin, ReportBuilder, TooManyError
from regress_action.formats.rounds import single
from regress_action.formats.shape import number_in
from regress_action.formats.units import base_unit, is_signed, metric
from regress_action.model.measurements import Benchmark, Direction, Environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Metric, Report

TITLE = "Go benchmark"
WRITTEN_BY = "go test -run=- -bench=. -count=5 ./... | tee results.txt"
_NAME = re.compile(r"Benchmark\S*")
_CONFIGURATION = re.compile(r"([a-z][^\s:]*):\s+(\S.*)")
_FAILED = re.compile(r"\s*--- FAIL: (Benchmark\S*)")
_PART = re.compile(r"[/-]")
_SUFFIX = re.compile(r"-\d+\Z")
_PAIR = re.compile(r"([-+]?(?:\d[\d.,]*(?:[eE][-+]?\d+)?|NaN|Inf))\s+(\S+)")
_COUNT_AND_PAIRS = re.compile(rf"\s*(\d+)((?:\s+{_PAIR.pattern})+)\s*\Z")
_ENVIRONMENT = frozenset({"goos", "goarch", "cpu", "pkg"})
_LONGEST_GAP = 200
_MOST_KEYS = 10
_MOST_ROWS = 100_000
_UNITS = {
    "ns/op": ("time", "s", 1e-9),
    "B/op": ("allocated", "B", 1.0),
    "allocs/op": ("allocations", "count", 1.0),
    "MB/s": ("throughput", "B/s", 1e6),
}


@dataclass(frozen=True, slots=True)
class _Row:
    """The numbers of one line: `pairs` of value and unit, in the package and configuration that precede it."""

    package: str
    name: str
    configuration: tuple[tuple[str, str], ...]
    pairs: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Output:
    """What a walk over the lines collects."""

    rows: list[_Row] = field(default_factory=list)
    started: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    declared: dict[str, dict[str, str]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def sniff(document: Document) -> bool:
    """Whether the file is text with the result or the failure of a benchmark, or its events."""
    if _is_events(document.first_line):
        return any(line.lstrip().startswith(("Benchmark", "--- FAIL: Benchmark")) for line in _lines(document))
    if document.json is not None or "Benchmark" not in document.text:
        return False
    try:
        output = _walked(document.lines)
    except TooManyError:
        return True
    return bool(output.rows or output.failed)


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    output = _walked(_lines(document))
    names = _names(output)
    varying = _varying(output.rows)
    builder = ReportBuilder()
    entries: dict[tuple[str, tuple[str, ...]], Entry] = {}

    def entry_of(name: str, states: tuple[str, ...] = ()) -> Entry:
        if (name, states) not in entries:
            label = f" [{', '.join(states)}]" if states else ""
            entries[name, states] = builder.benchmark(Benchmark(clean(name + label)))
        return entries[name, states]

    for row in output.rows:
        states = tuple(value for key, value in row.configuration if key in varying)
        _read_pairs(row, entry_of(names[row.package, row.name], states), output.declared)
    for started in dict.fromkeys(output.failed):
        entry_of(names[started]).fail("The benchmark failed.")
    for name in _unfinished(output, names, {name for name, _ in entries}):
        entry_of(name).fail("It was started and its numbers were not found: output of the program split its line.")
    system = " ".join(filter(None, (output.environment.get("goos"), output.environment.get("goarch"))))
    environment = Environment(os=system or "unknown", cpu=output.environment.get("cpu") or "unknown")
    return (builder.report(document, TITLE, FileOrigin(environment=environment), compiled=True),)


def _unfinished(output: _Output, names: dict[tuple[str, str], str], finished: set[str]) -> Iterator[str]:
    """Yield what was started and is neither measured nor failed; with -v the parents of others are printed alone."""
    open_names = {names[started]: None for started in output.started if names[started] not in finished}
    if open_names:
        parents = {name[: mark.start()] for name in finished for mark in _PART.finditer(name[:LONGEST_NAME])}
        yield from (name for name in open_names if name not in parents)


def _is_events(line: object) -> bool:
    return isinstance(line, dict) and "Action" in line and ("Package" in line or "Test" in line)


def _lines(document: Document) -> list[str]:
    """Return the lines of the output, joined from the events where these are what the file holds."""
    if not _is_events(document.first_line):
        return document.lines
    outputs: dict[str, list[str]] = defaultdict(list)
    for event in document.json_lines:
        package = event.get("Package")
        if event.get("Action") == "output" and isinstance(event.get("Output"), str) and isinstance(package, str):
            outputs[package].append(event["Output"])
    lines: list[str] = []
    for package, parts in outputs.items():
        lines += [f"pkg: {package}", *"".join(parts).split("\n")]
    return lines


def _walked(lines: Iterable[str]) -> _Output:
    """Collect rows, failures and declarations; a name alone waits for the line that holds its numbers."""
    output = _Output()
    configuration: dict[str, str] = {}
    states: tuple[tuple[str, str], ...] = ()
    waiting: str | None = None
    gap = 0
    for line in lines:
        rest = ""
        if name := _NAME.match(line):
            waiting, gap, rest = name[0], 0, line[name.end() :]
            if not rest.strip() or "\t" in rest:
                output.started.append((configuration.get("pkg", ""), waiting))
        elif waiting and gap < _LONGEST_GAP and "\t" in line:
            rest = line
        gap += 1
        if waiting and (numbers := _COUNT_AND_PAIRS.match(rest)):
            pairs = tuple((pair[0], pair[1]) for pair in _PAIR.findall(numbers[2]))
            if len(output.rows) == _MOST_ROWS:
                raise TooManyError(f"it holds more than {_MOST_ROWS:,} results")
            output.rows.append(_Row(configuration.get("pkg", ""), waiting, states, pairs))
            waiting = None
        elif not name and _read_other(line, configuration, output, running=waiting is not None):
            states = tuple((key, value) for key, value in configuration.items() if key not in _ENVIRONMENT)
    output.environment = configuration
    return output


def _read_other(line: str, configuration: dict[str, str], output: _Output, *, running: bool) -> bool:
    """Read a failure, a declared unit or the configuration of what follows, and return whether that changed.

    While a benchmark is running, a line such as `server: up` is what the program prints.
    """
    if failed := _FAILED.match(line):
        output.failed.append((configuration.get("pkg", ""), failed[1]))
    elif line.startswith("Unit ") and line[5:].strip():
        _, unit, *facts = line.split()[:10]
        output.declared[unit] = dict(fact.split("=", 1) for fact in facts if "=" in fact)
    elif (stated := _CONFIGURATION.match(line)) and (stated[1] in _ENVIRONMENT or not running):
        configuration[stated[1]] = clean(stated[2].strip())
        for key in list(configuration)[_MOST_KEYS:]:
            del configuration[key]
        return True
    return False


def _names(output: _Output) -> dict[tuple[str, str], str]:
    """Return the full name of every benchmark by package and printed name."""
    printed: dict[str, dict[str, None]] = defaultdict(dict)
    for row in output.rows:
        printed[row.package][row.name] = None
    names = {}
    suffixes = {}
    for package, rows in printed.items():
        ends = {end[0] if (end := _SUFFIX.search(name)) else "" for name in rows}
        suffixes[package] = ends.pop() if len(ends) == 1 else ""
    everything = [*((row.package, row.name) for row in output.rows), *output.failed, *output.started]
    for package, name in everything:
        short = name.removesuffix(suffixes.get(package, ""))
        names[package, name] = f"{package}.{short}" if package else short
    return names


def _varying(rows: list[_Row]) -> set[str]:
    """Return the configuration keys that have several values in one file, and so tell its rows apart."""
    configurations = [dict(configuration) for configuration in {row.configuration for row in rows}]
    keys = {key for configuration in configurations for key in configuration}
    return {key for key in keys if len({configuration.get(key) for configuration in configurations}) > 1}


def _read_pairs(row: _Row, entry: Entry, declared: dict[str, dict[str, str]]) -> None:
    for value, unit in row.pairs:
        measured, factor = metric_of(unit, declared.get(unit))
        entry.add(measured, single(number_in(value), unit, factor=factor, signed=measured.signed))


def metric_of(written: str, facts: Mapping[str, str] | None = None) -> tuple[Metric, float]:
    """Return the metric that a unit names, in the direction that the output declares for it in `facts`."""
    facts = facts or {}
    declared = {"higher": Direction.HIGHER, "lower": Direction.LOWER}.get(str(facts.get("better")))
    exact = facts.get("assume") == "exact" or written == "allocs/op"
    if written in _UNITS:
        name, unit, factor = _UNITS[written]
        return metric(name, unit, direction=declared, exact=exact), factor
    name = clean(written)
    unit, factor = base_unit(name)
    return metric(name, unit, direction=declared, exact=exact, signed=is_signed(name)), factor
