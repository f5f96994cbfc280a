"""Instruction counts of Rust: gungraun and iai-callgrind, as text and as JSON, and the text of iai.

A benchmark is named by its module path and id. Counts are nearly free of noise and are compared exactly. `new|old` is
what the tool prints of this run and the last one: the first is read.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from regress_action.formats.naming import clean
from regress_action.formats.report_builder import ReportBuilder
from regress_action.formats.rounds import single
from regress_action.formats.shape import number_in, optional_mapping, optional_text
from regress_action.formats.units import metric
from regress_action.model.measurements import Benchmark, Direction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.formats.document import Document
    from regress_action.formats.report_builder import Entry
    from regress_action.model.measurements import Metric, Report

TITLE = "gungraun, iai-callgrind or iai"
WRITTEN_BY = "cargo bench -- --output-format=json > results.json, or keep the text it prints"
_MARK = "  Instructions:"
_COUNT = re.compile(r"\s+(?P<name>[A-Z][\w +/-]*?):\s+(?P<value>\d[\d.]*)(?:\|\S+)?(?:\s+\(.*)?\s*\Z")
_HEADING = re.compile(r"(?P<name>[A-Za-z_][\w:]*\b\S*(?: \S.*)?)\Z")
_IGNORED = re.compile(r"(running \d+ tests|test result:|\.\.\.\.|Running |Comparison with )")
_WORDS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
_MOST_LEVELS = 6
_KEYS = frozenset({"profiles", "callgrind_summary"})
_NAMES = {"ir": "instructions", "total_read+write": "total_read_write"}


def sniff(document: Document) -> bool:
    """Whether the file is text with instruction counts, or has a summary of this tool."""
    if isinstance(document.json, dict):
        return _is_summary(document.json)
    if document.json is not None or ("module_path" not in document.text and _MARK not in document.text):
        return False
    return _MARK in document.text or any(True for _ in _summaries(document))


def read(document: Document) -> tuple[Report, ...]:
    """Return the one run in the file."""
    builder = ReportBuilder()
    summaries = [document.json] if isinstance(document.json, dict) else list(_summaries(document))
    for summary in summaries:
        path, identity = (optional_text(summary.get(key)) for key in ("module_path", "id"))
        name = clean(" ".join(filter(None, (path, identity))))
        _read_summary(summary, builder.benchmark(Benchmark(name)))
    if not summaries and document.json is None:
        _read_text(document.lines, builder)
    return (builder.report(document, TITLE),)


def _is_summary(value: dict[str, Any]) -> bool:
    return "module_path" in value and not _KEYS.isdisjoint(value)


def _summaries(document: Document) -> Iterator[dict[str, Any]]:
    """Yield the summaries in a text: one a line, or spread over lines, between other output."""
    decoder, text = json.JSONDecoder(), document.text
    at = text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("\n{", at + 1)
            at = at + 1 if at >= 0 else at
            continue
        if isinstance(value, dict) and _is_summary(value):
            yield value
        at = text.find("{", end)


def _read_summary(summary: dict[str, Any], entry: Entry) -> None:
    """Read the totals of every tool of one benchmark."""
    profiles = summary.get("profiles")
    for profile in profiles if isinstance(profiles, list) else ():
        total = optional_mapping(optional_mapping(optional_mapping(profile).get("summaries")).get("total"))
        for metrics in optional_mapping(total.get("summary")).values():
            _read_metrics(optional_mapping(metrics), entry)
    run = optional_mapping(optional_mapping(summary.get("callgrind_summary")).get("callgrind_run"))
    _read_metrics(optional_mapping(optional_mapping(run.get("total")).get("summary")), entry)
    if not entry.samples and entry.failure is None:
        entry.fail("Its summary holds no counts of this run.")


def _read_metrics(metrics: dict[str, Any], entry: Entry) -> None:
    for key, fields in metrics.items():
        named = optional_mapping(fields).get("metrics", fields)
        value = _new_value(named)
        if value is not None:
            measured = _metric(key)
            if measured.name not in entry.samples:
                entry.add(measured, single(value, f"{entry.benchmark.name}: {clean(key)}"))


def _new_value(value: object, level: int = 0) -> object:
    """Return the number of this run: of `Both` the first, of `Left` the only one; `Right` is of the last run alone."""
    if isinstance(value, list):
        return _new_value(value[0], level + 1) if value and level < _MOST_LEVELS else None
    if isinstance(value, dict):
        keys = (key for key in ("Both", "Left", "Int", "Float", "new") if key in value)
        key = next(keys, None)
        return _new_value(value[key], level + 1) if key and level < _MOST_LEVELS else None
    return value


def _metric(written: str) -> Metric:
    name = "_".join(word.lower() for word in _WORDS.split(written) if word)
    name = _NAMES.get(name, name) or "count"
    rate, hits = "rate" in name, "hit" in name
    better = Direction.HIGHER if rate and hits and "ram" not in name else Direction.LOWER
    return metric(name, "%" if rate else "count", direction=better, exact=True)


def _read_text(lines: list[str], builder: ReportBuilder) -> None:
    """Read headings and the counts below them; a long heading may go on in further lines."""
    heading: list[str] = []
    entry: Entry | None = None
    for line in lines:
        if count := _COUNT.match(line):
            if entry is None and heading:
                entry = builder.benchmark(Benchmark(clean(" ".join(heading))))
            if entry is not None:
                measured = _metric(count["name"])
                if measured.name not in entry.samples:
                    entry.add(measured, single(number_in(count["value"]), f"{entry.benchmark.name}: {measured.name}"))
        elif line and not line[0].isspace() and _HEADING.match(line) and not _IGNORED.match(line):
            heading = [*heading, line.strip()] if entry is None and heading and "::" not in line else [line.strip()]
            entry = None
        elif not line.strip() and entry is None:
            heading = []
