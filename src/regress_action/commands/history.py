"""`regress-action history`: list, show, verify, export, import and prune stored reports."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.commands.history_options import existing, selecting, selection_of, where, whoami
from regress_action.commands.output import write
from regress_action.model import escaping
from regress_action.model.errors import UsageError
from regress_action.model.files import read_bounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from regress_action.history import History, RecordOrigin
    from regress_action.model.measurements import Report, Series

    Options = Mapping[str, str | int | None]


_LARGEST_PROOF = 200_000_000
FORMS = ("jsonl", "csv", "columns", "parquet")


@click.group(name="history")
def command() -> None:
    """List, show, verify, export, import and prune stored reports."""


@command.command(name="list")
@where
@click.option("--paths", is_flag=True, help="Print the path of each report instead of its digest.")
@selecting
def list_(*, where: str, paths: bool, **selection: str | int | None) -> None:
    """List what is stored: time, commit, suite, environment and digest, oldest first."""
    for line in listing(where, selection, paths=paths):
        click.echo(line)


@command.command()
@where
@click.argument("which", metavar="COMMIT|PATH|DIGEST")
@selecting
def show(*, where: str, which: str, **selection: str | int | None) -> None:
    """Show the records of a commit: who wrote them, and the median of every series."""
    for line in records(where, which, selection):
        click.echo(line)


@command.command()
@where
@click.option(
    "--anchor", metavar="HASH|FILE", help="A commit, or all that an earlier verify printed; must still be there."
)
def verify(*, where: str, anchor: str | None) -> None:
    """Prove that no record was changed or removed, and that every line is what its name says; else exit with 4."""
    verified = audit(where, anchor)
    for line in verified.lines:
        click.echo(line)
    if not verified.holds:
        raise click.exceptions.Exit(4)


@command.command()
@where
@selecting
@click.option("--format", "form", type=click.Choice(FORMS), default="csv", show_default=True, help="Form of the table.")
@click.option("--out", metavar="FILE", default="-", show_default=True, help="Where to write it; - is standard output.")
def export(*, where: str, form: str, out: str, **selection: str | int | None) -> None:
    """Write the selected runs as a table, a row per run."""
    write_table(where, form, out, selection)


@command.command(name="import")
@where
@click.argument("sources", nargs=-1, required=True, metavar="FILE...")
@click.option("--suite", metavar="NAME", help="Name of the suite, when the files do not say.")
@click.option("--branch", metavar="NAME", help="Branch of the commits, when the files do not say.")
@click.option("--commit", metavar="SHA", help="Commit that was measured, when the files do not say.")
@click.option("--time", metavar="TIME", help="When it was measured (ISO 8601), when the files do not say.")
def import_(*, where: str, sources: tuple[str, ...], **unsaid: str | None) -> None:
    """Move here with years of data.

    Takes data.js of github-action-benchmark, an asv results folder, a .benchmarks folder of pytest-benchmark, what
    `bencher perf` prints, CSV, and results in every format that compare reads (Bencher Metric Format, say).
    """
    from regress_action.commands.history_import import import_from

    click.echo(import_from(where, [Path(source) for source in sources], **unsaid))


@command.command()
@where
@click.option("--all-days", type=click.IntRange(0), default=90, show_default=True, help="Keep everything this long.")
@click.option(
    "--weekly-days", type=click.IntRange(0), default=730, show_default=True, help="Then one a week this long."
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed.")
def prune(*, where: str, all_days: int, weekly_days: int, dry_run: bool) -> None:
    """Thin old records: all, then one a week, then one a month; the audit trail keeps what was removed."""
    for line in thin(where, all_days=all_days, weekly_days=weekly_days, dry_run=dry_run):
        click.echo(line)


@command.command()
@where
@click.argument("benchmark", metavar="PATTERN")
@click.option("--commit", metavar="SHA", help="First commit of the new level; default: the records that are held back.")
@click.option("--metric", metavar="PATTERN", default="*", show_default=True, help="Which metrics of it.")
@click.option("--suite", metavar="NAME", help="Only in this suite.")
@click.option("--reason", required=True, help="Why the new level is right; kept in the audit trail.")
@click.option("--undo", is_flag=True, help="Take earlier acceptances of the benchmark back instead.")
def accept(
    *, where: str, benchmark: str, commit: str | None, metric: str, suite: str | None, reason: str, undo: bool
) -> None:
    """Take the new level of a benchmark for normal; later runs are compared with it."""
    from regress_action.commands.history_accept import AcceptanceScope, accept_level

    scope = AcceptanceScope(benchmark=benchmark, metric=metric, commit=commit, suite=suite, reason=reason, undo=undo)
    for line in accept_level(where, scope):
        click.echo(line)


_NO_COMMITS = (
    "No commits say who wrote these records. Keep this output: with --anchor FILE it proves later that nothing is lost."
)


@dataclass(frozen=True, slots=True)
class Verified:
    """The lines that verify prints, and whether nothing contradicts the history."""

    holds: bool
    lines: tuple[str, ...]


def listing(where: str, options: Options, *, paths: bool = False) -> Iterator[str]:
    """Yield a header and one line per record, with the digest or the path that `history show` takes."""
    from regress_action import history

    store, selection = existing(where), selection_of(options)
    entries = history.list_entries(store, selection)
    if not entries:
        raise _no_match(store, options)
    rows = [("time (UTC)", "commit", "suite", "environment", "path" if paths else "digest")]
    for entry in entries:
        moment = entry.time.strftime("%Y-%m-%d %H:%M:%S")
        rows.append((moment, entry.commit, entry.suite, entry.environment, entry.path if paths else entry.digest[:12]))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def records(where: str, which: str, options: Options) -> Iterator[str]:
    """Yield the records of a commit, path or digest."""
    from regress_action import history

    store = existing(where)
    try:
        pairs = history.find_records(store, which, selection_of(options))
    except UsageError:
        commit = _commit_of(which)
        if commit is None:
            raise
        pairs = history.find_records(store, commit, selection_of(options))
    for entry, report in pairs:
        yield entry.path
        yield from (f"  {escaping.plain(name)}: {escaping.plain(value)}" for name, value in _facts(report))
        yield from (f"    {_series(series)}" for series in report.series)


def _commit_of(revision: str) -> str | None:
    """Return the hash of the commit that a branch, a tag or `HEAD~3` of this repository names."""
    from regress_action.history import Checkout
    from regress_action.model.errors import HistoryError

    try:
        return next(iter(Checkout(Path.cwd(), os.environ).commits_in(revision)), None)
    except HistoryError:
        return None


def _no_match(store: History, options: Options) -> UsageError:
    """Return the error for a selection that nothing matches, with the suites that there are."""
    asked = ", ".join(f"--{name} {escaping.plain(str(value))}" for name, value in options.items() if value is not None)
    suites = sorted({entry.suite.partition("~")[0] for entry in store.entries()})
    return UsageError(
        f"No record in {store.where} matches {asked}." if asked else f"{store.where} holds no records.",
        meaning="It was never recorded, or pruned.",
        remedy=f"The history holds the suites: {', '.join(suites) or 'none'}.",
    )


def audit(where: str, anchor: str | None) -> Verified:
    """Check the history and say what was proved, or what contradicts it.

    `anchor` is a commit that an earlier audit printed, or a file with all that it printed.
    """
    from regress_action import history
    from regress_action.report.numbers import count

    file = Path(anchor) if anchor else None
    earlier = _earlier_records(file) if file and file.is_file() else {}
    commit = None if earlier or anchor is None else _full_hash(anchor)
    proof = history.verify(existing(where), anchor=commit, expected=earlier)
    written = f" in {count(proof.commits, 'commit')}" if proof.commits else ""
    tally = f"{count(len(proof.origins), 'record')}{written}, {proof.pruned} pruned"
    verdict = f"The history holds: {tally}." if proof.holds else f"The history does NOT hold: {tally}."
    anchored = [f"Anchor for the next time: {proof.head}"] if proof.head else [_NO_COMMITS] if proof.origins else []
    origins = [
        f"  {origin.path}  {_writer(origin)}run {escaping.plain(origin.run)}, sha256 {origin.digest}"
        for origin in proof.origins
    ]
    events = [f"  {path}  sha256 {digest}" for path, digest in proof.events]
    problems = [f"  problem: {escaping.plain(problem, 1000)}" for problem in proof.problems]
    return Verified(proof.holds, (*origins, *events, verdict, *problems, *anchored))


def _earlier_records(file: Path) -> dict[str, str | None]:
    """Return the paths that an earlier audit printed, each with the digest of its content where it printed one.

    Raises:
        UsageError: the file holds none.
    """
    text = read_bounded(file, _LARGEST_PROOF).decode("utf-8", "replace")
    lines = re.findall(r"(?m)^  ((?:runs|events)/\S+\.jsonl)  (?:.*\bsha256 ([0-9a-f]{64})$)?", text)
    if not lines:
        raise UsageError(
            f"{file} holds no record of an earlier proof.",
            remedy="Keep all that verify prints: `regress-action history verify --history WHERE > proof.txt`.",
        )
    return {path: digest or None for path, digest in lines}


def _full_hash(anchor: str) -> str:
    """Return the anchor, which proves something only as a full hash.

    Raises:
        UsageError: it is neither a full hash nor a file.
    """
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", anchor):
        raise UsageError(
            f"The anchor {anchor!r:.200} is no full hash of a commit, and no file.",
            meaning="The first digits of a hash can be made to fit another commit.",
            remedy="Give the hash as verify printed it, or a file with all that it printed.",
        )
    return anchor


def _writer(origin: RecordOrigin) -> str:
    return f"by {escaping.plain(origin.who)} on {origin.when} in {origin.commit[:12]}, " if origin.who else ""


def write_table(where: str, form: str, out: str, options: Options) -> None:
    """Write the selected runs as a table."""
    from regress_action import history

    write(out, history.export_to(existing(where).load(selection_of(options)), history.ExportFormat(form)))


def thin(where: str, *, all_days: int, weekly_days: int, dry_run: bool) -> Iterator[str]:
    """Thin the history and yield a line for each record that was removed, or would be."""
    from regress_action import history
    from regress_action.report.numbers import count

    rule = history.RetentionRule(all_days=all_days, weekly_days=weekly_days)
    removed = history.prune(existing(where), rule, who=whoami(), dry_run=dry_run)
    yield from (f"{entry.time:%Y-%m-%d %H:%M:%S}  {entry.commit}  {entry.suite}  {entry.path}" for entry in removed)
    yield f"{count(len(removed), 'record')} {'would be' if dry_run else 'now'} removed: {rule}."


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    from regress_action.report.text import machine

    yield "commit", report.commit or "unknown"
    yield "branch", report.branch or "unknown"
    yield "environment", machine(report.environment) or "unknown"
    yield "runs", str(len(report.runs))
    yield from report.provenance


def _series(series: Series) -> str:
    from regress_action.report.numbers import count, quantity

    values = sorted(series.measured)
    median = quantity(values[len(values) // 2], series.metric.unit) if values else "no value"
    name = f"{escaping.plain(series.benchmark.name)} · {escaping.plain(series.metric.name)}"
    noise = series.noise
    learned = f", neighbouring runs differ by {100 * noise.spread:.1f} % ({noise.runs} runs)" if noise else ""
    return f"{name}: {median} ({count(len(values), 'run')}){learned}"
