"""Import the data of other tools into a history, as imported records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action import formats, history
from regress_action.commands.history_options import moment_of, opened, whoami
from regress_action.formats import importers
from regress_action.model.errors import InputError
from regress_action.model.files import read_bounded
from regress_action.report.numbers import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from regress_action.model.measurements import Report

_MAX_BYTES = 200_000_000


def import_from(
    where: str,
    sources: Sequence[Path],
    *,
    suite: str | None = None,
    branch: str | None = None,
    commit: str | None = None,
    time: str | None = None,
) -> str:
    """Read every source and store its reports in one writing; return a sentence about what was stored.

    `branch`, `commit` and `time` (ISO 8601) stand where a source does not say them; a `suite` wins.

    Raises:
        InputError: a source cannot be read, or holds nothing.
        UsageError: `time` is none.
    """
    moment = moment_of(time)
    created = moment.isoformat(timespec="seconds") if moment else None
    reports = [
        replace(
            report,
            suite=suite or report.suite,
            branch=report.branch or branch,
            commit=report.commit or commit,
            created=report.created or created,
        )
        for source in sources
        for report in _read(source, branch)
    ]
    _check(reports)
    receipt = history.import_reports(opened(where), reports, who=whoami())
    new = len(receipt.paths) - receipt.already
    if receipt.already:
        return f"Imported {count(new, 'record')}; {count(receipt.already, 'record')} were stored already."
    return f"Imported {count(len(reports), 'report')} as {count(new, 'record')}."


def _check(reports: Sequence[Report]) -> None:
    """Refuse reports without a time, and no reports at all."""
    undated = [report.origin or "a report" for report in reports if report.created is None]
    if undated:
        raise InputError(
            f"{undated[0]} does not say when it was measured.",
            meaning="Without a time it has no place in a history.",
            remedy="Give the time: `--time 2025-01-31T12:00:00Z`, and the commit with `--commit`.",
        )
    if not reports:
        raise InputError(
            "The files hold no report with a value.",
            meaning="Nothing was stored.",
            remedy="Check the files: a history has entries, and results have benchmarks.",
        )


def _read(source: Path, branch: str | None) -> Iterator[Report]:
    if source.suffix == ".js":
        yield from importers.read_data_js(_text(source), str(source), branch=branch)
    elif source.suffix == ".csv":
        yield from importers.read_csv(_text(source), str(source))
    elif source.suffix == ".json" and importers.is_perf(text := _text(source)):
        yield from importers.read_perf(text, str(source))
    elif source.suffix == ".json" and importers.is_data(text):
        yield from importers.read_data_js(text, str(source), branch=branch)
    elif source.is_dir() and not (source / "benchmarks.json").exists():
        yield from formats.gather([f"{source}/**/*.json"])  # .benchmarks has a folder per machine
    else:
        yield from formats.gather([str(source)])


def _text(source: Path) -> str:
    try:
        return read_bounded(source.resolve(), _MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{source} is not UTF-8 text.",
            meaning="Nothing was stored.",
            remedy="Save it as UTF-8, or export it again from the tool that wrote it.",
        ) from error
