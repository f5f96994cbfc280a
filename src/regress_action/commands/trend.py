"""`regress-action trend`: drift, steps and creep along a history or a CSV file (stage 3)."""

from __future__ import annotations

import csv
import math
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.commands.output import write
from regress_action.model.errors import HistoryError, IncompleteError, InfrastructureError, InputError, UsageError
from regress_action.model.measurements import Direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.action.trend_content import Content
    from regress_action.model.measurements import Report

_TIME = frozenset({"time", "date", "timestamp"})
_COMMIT = frozenset({"commit", "sha", "revision"})
_LABELS = frozenset({"branch", "test", "version", "host"})
_MAX_BYTES = 50_000_000
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_BROWSER_S = 120.0
_BROWSER_FLAGS = (
    "--headless",
    "--no-sandbox",  # a container's root cannot have one; the page is ours, and holds no script
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--force-device-scale-factor=2",
)


@click.command(name="trend")
@click.option("--history", "where", metavar="WHERE", help="A folder, or branch:NAME.")
@click.option(
    "--series", type=click.Path(path_type=Path), metavar="FILE", help="CSV: time, commit, then one column a series."
)
@click.option("--suite", metavar="NAME", help="Suite to follow; default: every suite.")
@click.option("--branch", metavar="NAME", help="Branch to follow; default: any.")
@click.option("--last", type=click.IntRange(1), default=200, show_default=True, help="Reports to look back at most.")
@click.option("--since", metavar="COMMIT", help="Release or commit from which creep is counted.")
@click.option("-k", "pattern", metavar="PATTERN", help="Follow the benchmarks that match; short names count.")
@click.option("--json", "json_out", metavar="FILE", help="Write the trends as JSON; - is standard output.")
@click.option("--markdown", metavar="FILE", help="Write the trends as Markdown; - is standard output.")
@click.option(
    "--html", metavar="FILE", help="Write a page with a chart of each series that moves; - is standard output."
)
@click.option("--svg", metavar="DIR", help="Write a chart of each series that moves, or that -k chooses, as SVG.")
@click.option("--png", metavar="DIR", help="The same charts as PNG files; Chromium or Chrome draws them.")
@click.option("--chart", is_flag=True, help="Draw the series in the terminal; -k chooses them.")
def command(
    *,
    where: str | None,
    series: Path | None,
    suite: str | None,
    branch: str | None,
    last: int,
    since: str | None,
    pattern: str | None,
    json_out: str | None,
    markdown: str | None,
    html: str | None,
    svg: str | None,
    png: str | None,
    chart: bool,
) -> None:
    """Say of every benchmark whether it degrades, improves, is stable or stepped, and since when."""
    if (where is None) == (series is None):
        raise UsageError("Give either --history WHERE or --series FILE.csv.")
    if series is not None:
        trends = from_csv(series)
    else:
        assert where is not None  # noqa: S101 - checked above
        trends = from_history(where, suite=suite, branch=branch, last=last, since=since, pattern=pattern)
    deliver(
        trends,
        json_out=json_out,
        markdown=markdown,
        html=html,
        svg=svg,
        png=png,
        chart=chart,
        every=pattern is not None,
    )


def from_csv(path: Path) -> Content:
    """Follow every numeric column of a CSV file with a header; `time` and `commit` columns are recognised.

    A column whose name ends with `/s`, `_per_sec` or `ops` is better when higher.

    Raises:
        InputError: the file is absent, too large, no CSV, or has no numeric column.
    """
    from regress_action.analysis import histories

    rows = _rows(path)
    header = [name for name in rows[0] if name]
    times = _labels(rows, header, _TIME)
    commits = _labels(rows, header, _COMMIT)
    columns = [name for name in header if name.lower() not in _TIME | _COMMIT | _LABELS]
    series = [
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
    if not series:
        raise InputError(
            f"{path} has no column to follow.", remedy="Give it a header: time,commit, then one column a series."
        )
    return histories.as_object(histories.follow(series))


def from_history(
    where: str,
    *,
    suite: str | None,
    branch: str | None,
    last: int,
    since: str | None = None,
    pattern: str | None = None,
) -> Content:
    """Follow every benchmark of the newest `last` reports; with `since`, count what crept in after that commit."""
    from regress_action.action import trend_content
    from regress_action.history import Selection
    from regress_action.stores import local_history

    history = local_history(where)
    reports = history.load(Selection(suite=suite, branch=branch, last=last))
    if not reports:
        raise IncompleteError(f"The history {where} holds no report to follow.", remedy="Record some first.")
    since = _measured_commit(since, reports) if since else None
    if pattern:
        from regress_action.action.judge import selected

        reports = selected(reports, (), pattern)[0]
    return trend_content.of_reports(reports, since=since)


def _measured_commit(since: str, reports: Sequence[Report]) -> str:
    """Return the commit that a release, a branch or the first digits of a hash name, which one of the reports is of.

    Raises:
        UsageError: no report is of that commit, so nothing can be counted from it.
    """
    from regress_action.history import Checkout

    commits = {report.commit for report in reports if report.commit}
    if any(commit.startswith(since) for commit in commits):
        return since
    try:
        named = Checkout(Path.cwd(), os.environ).ancestors(since, limit=1)[0]
    except HistoryError:
        named = ""
    if named in commits:
        return named
    meaning = f"It is commit {named[:12]}, of which no report is stored." if named else "It names no commit here."
    raise UsageError(
        f"--since {since}: creep cannot be counted from there.",
        meaning=meaning,
        remedy="Name a commit of `regress-action history list`, or leave --since out.",
    )


def deliver(
    content: Content,
    *,
    json_out: str | None = None,
    markdown: str | None = None,
    html: str | None = None,
    svg: str | None = None,
    png: str | None = None,
    chart: bool = False,
    every: bool = False,
) -> None:
    """Show the trends unless standard output was asked for something else, and write the files.

    With `every`, SVG and PNG files are written of every series, and not only of those that move.
    """
    import orjson

    from regress_action.model.files import write_replace
    from regress_action.report import trends as pages

    if json_out:
        write(json_out, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if markdown:
        write(markdown, pages.markdown(content).encode())
    if html:
        write(html, pages.page(content).encode())
    if svg:
        for name, svg_chart in pages.svg_charts(content, every=every).items():
            write_replace(Path(svg) / name, svg_chart.encode())
    if png:
        for name, svg_chart in pages.svg_charts(content, every=every).items():
            write_replace(Path(png) / f"{name.removesuffix('.svg')}.png", _as_png(svg_chart))
    if "-" not in (json_out, markdown, html):
        sys.stdout.write(pages.terminal_charts(content) if chart else pages.text(content))


def _as_png(svg: str) -> bytes:
    """Return an SVG of ours as PNG, drawn by a browser of this machine without a network, two pixels for each unit.

    Raises:
        InfrastructureError: there is no Chromium and no Chrome, or it draws nothing.
    """
    import shutil
    import subprocess
    from contextlib import suppress
    from tempfile import TemporaryDirectory

    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise InfrastructureError(
            "No Chromium and no Chrome was found.",
            meaning="PNG files are drawn by a browser.",
            remedy="Install one (Debian: apt-get install chromium), or take the SVG files: --svg DIR.",
        )
    width, height = (re.search(rf' {name}="(\d+)"', svg) for name in ("width", "height"))
    size = f"{width[1]},{height[1]}" if width and height else "720,220"
    with TemporaryDirectory(prefix="regress-png-") as folder:
        page, image = Path(folder) / "chart.html", Path(folder) / "chart.png"
        page.write_text(f"<!doctype html><meta charset=utf-8><style>body{{margin:0}}</style>{svg}", encoding="utf-8")
        command = [browser, *_BROWSER_FLAGS, f"--user-data-dir={folder}/profile", f"--window-size={size}"]
        command += [f"--screenshot={image}", page.as_uri()]
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(command, capture_output=True, check=False, timeout=_BROWSER_S)  # noqa: S603 - our own words
        if not image.is_file():
            raise InfrastructureError(
                f"{Path(browser).name} drew nothing.", remedy="Take the SVG files instead: --svg DIR."
            )
        return image.read_bytes()


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
    """Return the direction that the name of a column shows; where it shows none, less is taken for better."""
    from regress_action.formats.units import base_unit, direction_of, unit_of_key

    _, unit, _ = unit_of_key(name) or (name, base_unit(name)[0], 1.0)
    shown = direction_of(name, unit)
    return Direction.LOWER if shown is Direction.UNKNOWN else shown
