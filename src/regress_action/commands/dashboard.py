"""`regress-action dashboard`: a static site of one or several histories."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from regress_action.site.build import Source

_URLS = "REGRESS_NOTIFY_URLS"  # an environment variable, because the addresses hold secrets
_LOOK_S = 1.0  # between two looks at a history in a folder, while it is served


@click.command(name="dashboard")
@click.option(
    "--history", "histories", multiple=True, metavar="WHERE", help="A folder, or branch:NAME; several are joined."
)
@click.option("--metrics", multiple=True, metavar="FILE", help="Report files to show instead of a history.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("site"), show_default=True, help="Folder of the site."
)
@click.option("--suite", metavar="NAME", help="Suite to show; default: every suite.")
@click.option("--branch", metavar="NAME", help="Branch to show; default: any.")
@click.option("--last", type=click.IntRange(1), help="Newest reports to show; default: all.")
@click.option("--thresholds", metavar="FILE", help="YAML file of thresholds and budgets per service.")
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
@click.option("--title", default="Performance", show_default=True, help="Title of the page.")
@click.option("--repository", metavar="URL", help="Address of the repository, for links to commits.")
@click.option("--note", default="", metavar="TEXT", help="A sentence at the top of the page.")
@click.option("--publish", metavar="WHERE", help="branch:NAME that a host of pages serves; it holds the site alone.")
@click.option(
    "--send-summary",
    is_flag=True,
    help="Send the weekly summary to the Apprise URLs in REGRESS_NOTIFY_URLS.",
)
@click.option("--serve", is_flag=True, help="Serve the site on this machine; it follows a history in a folder.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port for --serve.")
def command(
    *,
    histories: tuple[str, ...],
    metrics: tuple[str, ...],
    out: Path,
    suite: str | None,
    branch: str | None,
    last: int | None,
    thresholds: str | None,
    config: str | None,
    title: str,
    repository: str | None,
    note: str,
    publish: str | None,
    send_summary: bool,
    serve: bool,
    port: int,
) -> None:
    """Write a page of every benchmark along its history; it opens from disk and loads nothing from elsewhere."""
    from regress_action.commands import options
    from regress_action.report.numbers import count
    from regress_action.site import build
    from regress_action.site.inputs import Page

    rules = options.project_rules(thresholds=thresholds, config=config)

    def write() -> str:
        written = build.build(
            _sources(histories, metrics, out, suite=suite, branch=branch, last=last),
            out,
            rules.policy,
            Page(
                title=title,
                repository=_web_address(repository),
                note=note,
                waivers=rules.waivers,
                releases=build.releases_of(Path.cwd(), os.environ),
            ),
        )
        of = count(written.reports, "report")
        return f"{out / 'index.html'}: {written.series} series of {of}, {written.bytes:,} bytes"

    click.echo(write())
    if publish:
        _publish(out, publish)
    if send_summary:
        _send_summary(out, title)
    if serve:
        _serve(out, port, write, [where for where in histories if ":" not in where])


def _sources(
    histories: tuple[str, ...],
    metrics: tuple[str, ...],
    out: Path,
    *,
    suite: str | None,
    branch: str | None,
    last: int | None,
) -> list[Source]:
    """Return what is to be shown.

    Raises:
        UsageError: neither a history nor a file is given, or both are.
    """
    from regress_action.model.errors import UsageError
    from regress_action.site.build import from_history, from_reports

    if bool(histories) == bool(metrics):
        raise UsageError("Give either --history WHERE or --metrics FILE.")
    if metrics:
        from regress_action import formats

        return [from_reports(formats.gather(metrics))]
    named = len(histories) > 1
    return [
        from_history(where, suite=suite, branch=branch, last=last, name=where if named else "", site=out)
        for where in histories
    ]


def _web_address(text: str | None) -> str | None:
    """Return the address of the repository without a slash at its end; in Actions, the workflow's own by default.

    Raises:
        UsageError: it is no https address.
    """
    import re

    from regress_action.model.errors import UsageError

    environ = os.environ
    if text is None and environ.get("GITHUB_REPOSITORY") and environ.get("GITHUB_SERVER_URL"):
        text = f"{environ['GITHUB_SERVER_URL']}/{environ['GITHUB_REPOSITORY']}"
    if text is None:
        return None
    if not re.fullmatch(r"https://[A-Za-z0-9.:-]+(/[A-Za-z0-9._~-]+)+/?", text):
        raise UsageError(f"{text!r:.200} is no address of a repository.", remedy="Write https://github.com/OWNER/NAME.")
    return text.rstrip("/")


def _publish(folder: Path, where: str) -> None:
    """Publish the site.

    Raises:
        UsageError: `where` is no branch.
    """
    from regress_action.model.errors import UsageError
    from regress_action.site import pages_branch

    if not where.startswith(pages_branch.PREFIX):
        raise UsageError(
            f"{where!r:.200} is no branch.", remedy="Write --publish branch:gh-pages, or copy the folder of the site."
        )
    message = "Publish the dashboard"
    commit = pages_branch.publish(folder, where, repository=Path.cwd(), environ=os.environ, message=message)
    click.echo(f"{where}: commit {commit[:12]}")


def _send_summary(folder: Path, title: str) -> None:
    """Send the weekly summary of the site in `folder`; a service that does not take it costs a line on standard error.

    Raises:
        UsageError: REGRESS_NOTIFY_URLS names nobody.
    """
    from regress_action.model.errors import UsageError
    from regress_action.notifications import send_page

    urls = (os.environ.get(_URLS) or "").split()
    if not urls:
        raise UsageError(
            f"--send-summary needs addresses in {_URLS}.",
            meaning="The site is written, and nobody was notified.",
            remedy=f"Set {_URLS} to Apprise URLs, one a line, from a secret of the workflow.",
        )
    warnings = send_page(urls, f"{title}: performance of the week", (folder / "summary.html").read_text("utf-8"))
    for warning in warnings:
        click.echo(warning.replace("notify-urls", _URLS), err=True)
    click.echo(f"summary.html: sent to {len(urls) - len(warnings)} of {len(urls)}")


def _serve(folder: Path, port: int, write: Callable[[], str], histories: Sequence[str]) -> None:
    """Serve the site until Ctrl-C; after each new report in one of the folders `histories` it is written again."""
    from threading import Event, Thread

    from regress_action.site.server import server_of

    server = server_of(folder, port)
    stopped = Event()
    watcher = Thread(target=_follow, args=(histories, write, stopped), daemon=True)
    watcher.start()
    click.echo(f"http://127.0.0.1:{server.server_address[1]}/ until Ctrl-C")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        stopped.set()
        server.server_close()


def _follow(histories: Sequence[str], write: Callable[[], str], stopped: Event) -> None:
    """Write the site again whenever the records of a history are others than before."""
    from regress_action.model.errors import RegressError
    from regress_action.stores import local_history

    def records() -> list[tuple[str, ...]]:
        opened = map(local_history, histories)
        return [tuple(entry.path for entry in history.entries()) for history in opened]

    before = records()
    while histories and not stopped.wait(_LOOK_S):
        now = records()
        if now != before:
            before = now
            try:
                click.echo(write())
            except RegressError as error:
                click.echo(error.what, err=True)
