"""The history for a person: what there is, what it says, and whether it can be trusted."""

from __future__ import annotations

import getpass
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action import history
from regress_action.action.output import write
from regress_action.model import escaping
from regress_action.model.errors import UsageError
from regress_action.report.numbers import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from regress_action.history import Entry, History, RecordOrigin, Selection
    from regress_action.model.measurements import Report, Series

    Options = Mapping[str, str | int | None]


_NO_COMMITS = (
    "There are no commits to say who wrote: keep this, and give it as --anchor FILE to prove that nothing went."
)


@dataclass(frozen=True, slots=True)
class Verified:
    """What verify has to say, and whether nothing contradicts it."""

    holds: bool
    lines: tuple[str, ...]


def opened(where: str) -> History:
    """Open the history that `where` names, as seen from the current folder."""
    return history.open_history(where, repository=Path.cwd(), environ=os.environ)


def whoami() -> str:
    """Return the name under which decisions are written down."""
    return os.environ.get("GITHUB_ACTOR") or getpass.getuser()


def listing(where: str, options: Options) -> Iterator[str]:
    """Yield one line per record."""
    for entry in history.list_entries(opened(where), selection_of(options)):
        yield _line(entry)


def show(where: str, which: str, options: Options) -> Iterator[str]:
    """Yield the records of a commit, path or digest."""
    for entry, report in history.find_records(opened(where), which, selection_of(options)):
        yield entry.path
        yield from (f"  {name}: {escaping.plain(value)}" for name, value in _facts(report))
        yield from (f"    {_series(series)}" for series in report.series)


def verify(where: str, anchor: str | None) -> Verified:
    """Prove the history and say what was proved, or what contradicts it.

    `anchor` is a commit that an earlier proof printed, or a file with all that it printed.
    """
    said = Path(anchor) if anchor else None
    known = _known(said) if said and said.is_file() else ()
    proof = history.verify(opened(where), anchor=None if known else anchor, expected=known)
    written = f" in {count(proof.commits, 'commit')}" if proof.commits else ""
    tally = f"{count(len(proof.origins), 'record')}{written}, {proof.pruned} pruned"
    verdict = f"The history holds: {tally}." if proof.holds else f"The history does NOT hold: {tally}."
    anchored = [f"Anchor for the next time: {proof.head}"] if proof.head else [_NO_COMMITS] if proof.origins else []
    origins = [f"  {origin.path}  {_writer(origin)}run {escaping.plain(origin.run)}" for origin in proof.origins]
    problems = [f"  problem: {escaping.plain(problem, 1000)}" for problem in proof.problems]
    return Verified(proof.holds, (*origins, verdict, *problems, *anchored))


def _known(said: Path) -> frozenset[str]:
    """Return the records that an earlier proof printed.

    Raises:
        UsageError: the file holds no proof.
    """
    found = frozenset(re.findall(r"^  (runs/\S+\.jsonl)  ", said.read_text(encoding="utf-8"), re.MULTILINE))
    if not found:
        raise UsageError(
            f"{said} holds no record of an earlier proof.",
            remedy="Keep all that verify prints: `regress-action history verify --history WHERE > proof.txt`.",
        )
    return found


def _writer(origin: RecordOrigin) -> str:
    return f"by {escaping.plain(origin.who)} on {origin.when} in {origin.commit[:12]}, " if origin.who else ""


def export(where: str, form: str, out: str, options: Options) -> None:
    """Write the selected runs as a table."""
    write(out, history.export_to(opened(where).load(selection_of(options)), history.ExportFormat(form)))


def prune(where: str, *, all_days: int, weekly_days: int, dry_run: bool) -> Iterator[str]:
    """Thin the history and yield what went, or would go."""
    rule = history.RetentionRule(all_days=all_days, weekly_days=weekly_days)
    removed = history.prune(opened(where), rule, who=whoami(), dry_run=dry_run)
    yield from (_line(entry) for entry in removed)
    yield f"{count(len(removed), 'record')} {'would be' if dry_run else 'now'} removed: {rule}."


def accept(where: str, benchmark: str, metric: str, *, commit: str | None, suite: str | None, reason: str) -> str:
    """Write down that the new level of `benchmark` is normal, and say so."""
    mark = history.SeriesPattern(benchmark, metric)
    now = datetime.now(UTC)
    event = history.accept(commit, [mark], at=now, who=whoami(), why=reason, suite=suite)
    opened(where).extend([], events=[event], message=f"Accept {benchmark}\n\n{reason}")
    return f"Accepted: {benchmark} ({metric}) from {commit or 'now'} on."


def selection_of(options: Options) -> Selection:
    """Return the selection that the command line asks for.

    Raises:
        UsageError: a time is not ISO 8601.
        HistoryError: a range names commits that this repository does not hold.
    """
    commits = options.get("commits")
    last = options.get("last")

    def text(name: str) -> str | None:
        return str(options[name]) if options.get(name) is not None else None

    return history.Selection(
        suite=text("suite"),
        benchmark=text("benchmark"),
        service=text("service"),
        metric=text("metric"),
        environment=text("environment"),
        branch=text("branch"),
        commits=history.between(Path.cwd(), str(commits), os.environ) if commits else None,
        since=moment_of(options.get("since")),
        until=moment_of(options.get("until")),
        last=int(last) if last is not None else None,
    )


def moment_of(text: str | int | None) -> datetime | None:
    """Return the time that somebody wrote in ISO 8601, in UTC unless it says its zone; None for None.

    Raises:
        UsageError: it is no time.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise UsageError(f"{text!r} is no time.", remedy="Write it like 2026-01-31 or 2026-01-31T12:00:00Z.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _line(entry: Entry) -> str:
    moment = entry.time.strftime("%Y-%m-%d %H:%M:%S")
    return f"{moment}  {entry.commit}  {entry.suite}  {entry.environment}  {entry.path}"


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    machine = report.environment
    yield "commit", report.commit or "unknown"
    yield "branch", report.branch or "unknown"
    yield "environment", f"{machine.cpu}, {machine.cores} cores, {machine.os}, {machine.runtime}"
    yield "runs", str(len(report.runs))
    yield from report.provenance


def _series(series: Series) -> str:
    from regress_action.report.numbers import quantity

    values = sorted(series.measured)
    median = quantity(values[len(values) // 2], series.metric.unit) if values else "no value"
    name = f"{escaping.plain(series.benchmark.name)} · {escaping.plain(series.metric.name)}"
    noise = series.noise
    learned = f", neighbouring runs differ by {noise.spread:.1%} ({noise.runs} runs)" if noise else ""
    return f"{name}: {median} ({count(len(values), 'run')}){learned}"
