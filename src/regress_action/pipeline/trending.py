"""Stage 3: every benchmark of a history, or of a CSV file, followed along time."""

from __future__ import annotations

import csv
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from regress_action.errors import ExitCode, IncompleteError, InputError
from regress_action.judge import creep, following, histories
from regress_action.pipeline.output import write
from regress_action.samples import Direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.github.workflow_commands import Log
    from regress_action.pipeline.job import Job
    from regress_action.samples import Report

WINDOW = 200
_TIME = frozenset({"time", "date", "timestamp"})
_COMMIT = frozenset({"commit", "sha", "revision"})
_LABELS = frozenset({"branch", "test", "version", "host"})
_MAX_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Trends:
    """The object of `trend --json`, and the ledger of creep where it was asked for."""

    content: dict[str, Any]
    ledger: tuple[creep.Entry, ...] = ()


def from_csv(path: Path) -> Trends:
    """Follow every numeric column of a CSV file with a header; `time` and `commit` columns are recognised.

    A column whose name ends with `/s`, `_per_sec` or `ops` is better when higher.

    Raises:
        InputError: the file is absent, too large, no CSV, or has no numeric column.
    """
    rows = _rows(path)
    header = [name for name in rows[0] if name]
    times = _labels(rows, header, _TIME)
    commits = _labels(rows, header, _COMMIT)
    columns = [name for name in header if name.lower() not in _TIME | _COMMIT | _LABELS]
    found = [
        histories.named(
            name,
            [_value(row.get(name), f"{path}, line {line}, column {name}") for line, row in enumerate(rows, start=2)],
            unit="",
            direction=_direction(name),
            commits=commits,
            times=times,
        )
        for name in columns
    ]
    if not found:
        raise InputError(
            f"{path} has no column to follow.", remedy="Give it a header: time,commit, then one column a series."
        )
    return Trends(following.as_object(following.follow(found)))


def from_history(
    where: str, *, suite: str | None, branch: str | None, last: int = WINDOW, since: str | None = None
) -> Trends:
    """Follow every benchmark of the newest `last` reports; with `since`, count what crept in after that commit."""
    from regress_action.history import Selection, open_history

    history = open_history(where, repository=Path.cwd(), environ=os.environ)
    reports = history.load(Selection(suite=suite, branch=branch, last=last))
    if not reports:
        raise IncompleteError(f"The history {where} holds no report to follow.", remedy="Record some first.")
    return of_reports(reports, since=since)


def of_reports(reports: Sequence[Report], *, since: str | None = None) -> Trends:
    """Follow every benchmark of `reports`, and keep the ledger of what crept in."""
    found = following.follow(histories.of(reports))
    return Trends(following.as_object(found), creep.ledger(reports, since=since))


def deliver(trends: Trends, *, json_out: str | None, markdown: str | None) -> None:
    """Show the trends unless standard output was asked for something else, and write the files."""
    from regress_action.report import trends as pages

    if json_out:
        write(json_out, orjson.dumps(trends.content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if markdown:
        write(markdown, pages.markdown(trends.content).encode())
    if "-" not in (json_out, markdown):
        sys.stdout.write(pages.text(trends.content))


def report(job: Job, log: Log) -> ExitCode:
    """Follow the history of the suite's default branch, and put what moves into the job summary."""
    from regress_action.github import outputs, summary
    from regress_action.history import Selection
    from regress_action.report import trends as pages

    history = job.history()
    selection = Selection(suite=job.settings.suite, branch=job.plan.default_branch, last=WINDOW)
    reports = history.load(selection) if history else ()
    if not reports:
        log.notice("There is no history to follow yet; pushes to the default branch record it.")
        return ExitCode.OK
    trends = of_reports(reports)
    (job.folder / "trend.json").write_bytes(orjson.dumps(trends.content, option=orjson.OPT_INDENT_2))
    summary.append(job.environ, lambda limit: pages.markdown(trends.content, limit_bytes=limit))
    sys.stdout.write(pages.text(trends.content))
    outputs.write(job.environ, {"verdict": "pass", "report": ".regress/trend.json"})
    return ExitCode.OK


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path} is larger than 50 MB.", remedy="Cut the series, or use a history.")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.", remedy="Check the path.") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no CSV file: {error}.") from error
    if not rows:
        raise InputError(f"{path} holds no rows.", remedy="Give it a header and one row a run.")
    return rows


def _labels(rows: list[dict[str, str]], header: list[str], names: frozenset[str]) -> list[str | None]:
    column = next((name for name in header if name.lower() in names), None)
    return [row.get(column) or None for row in rows] if column else []


def _value(cell: str | None, where: str) -> float:
    if cell is None or not cell.strip():
        return math.nan
    try:
        return float(cell)
    except ValueError as error:
        raise InputError(
            f"{where} holds {cell[:40]!r}.", remedy="Every column but time and commit holds numbers."
        ) from error


def _direction(name: str) -> Direction:
    higher = name.endswith(("/s", "_per_sec", "_per_second", "ops", "throughput"))
    return Direction.HIGHER if higher else Direction.LOWER
