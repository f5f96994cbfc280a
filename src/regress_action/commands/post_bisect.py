"""`regress-action post-bisect`: the answer of a bisection as a comment on the issue about the regression."""

from __future__ import annotations

import os
from pathlib import Path

import click

from regress_action.commands import options

LARGEST = 4 * 1024 * 1024


@click.command(name="post-bisect")
@click.argument("answer", type=click.Path(path_type=Path))
@click.option("--issue", type=click.IntRange(1), help="Issue or pull request to comment on; default: ours about it.")
@click.option("--suite", metavar="NAME", help="Name of the suite; default: that of regress.yml.")
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
def command(*, answer: Path, issue: int | None, **given: object) -> None:
    """Comment on our open issue about the benchmark, once, with what `bisect --json ANSWER` found.

    It runs no code of the repository and reads ANSWER as data, so that it may run in a job of its own that has a token
    while the bisection has none. GITHUB_TOKEN needs `issues: write`, and `pull-requests: write` for pull requests.
    Without --issue and without an open issue about the benchmark nothing is written.

    \b
      regress-action post-bisect bisect.json
    """
    import orjson

    from regress_action.action.job import read_event
    from regress_action.github.client import connect
    from regress_action.github.issue_tracking import fingerprint_of
    from regress_action.github.issues import comment_in_thread, comment_on_regression
    from regress_action.github.preferences import Preferences
    from regress_action.model.errors import InputError
    from regress_action.model.files import read_bounded
    from regress_action.report import bisections

    try:
        result = bisections.from_object(orjson.loads(read_bounded(answer, LARGEST)))
    except orjson.JSONDecodeError as error:
        raise InputError(
            f"{answer} is no JSON.", remedy="Give what `regress-action bisect --json FILE` wrote."
        ) from error
    branch = str((read_event(os.environ).get("repository") or {}).get("default_branch") or "main")
    suite = options.settings_of(**given).suite
    member = fingerprint_of(suite, branch, (result.benchmark or "", result.metric or ""))
    first = result.first_bad.commit if result.first_bad else None
    key = {"bisect": result.bad, "ending": result.ending.value, "of": member, "first": first}
    text = bisections.markdown(result)
    urls: tuple[str, ...] | None
    with connect(os.environ.get("GITHUB_TOKEN", ""), os.environ) as client:
        if issue is None:
            urls = comment_on_regression(client, key, text, member=member, label=Preferences().label)
        else:
            url = comment_in_thread(client, key, text, issue)
            urls = None if url is None else (url,)
        for notice in client.permissions.notices:
            click.echo(notice, err=True)
    for url in urls or ():
        click.echo(f"The answer stands in {url}.")
    if urls == ():
        click.echo("No open issue is about this benchmark, so nothing was written.")
