"""`regress-action post-claim`: the receipt of a verified claim as a comment on the pull request that it is about."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from regress_action.action.claims import ClaimReceipt


@click.command(name="post-claim")
@click.argument("receipt", type=click.Path(path_type=Path))
@click.option("--issue", type=click.IntRange(1), required=True, help="Pull request or issue to comment on.")
@click.option("--claim", metavar="TEXT", required=True, help="What was to be verified.")
@click.option("--base", metavar="COMMIT", required=True, help="Commit that the claim compares with.")
@click.option("--head", metavar="COMMIT", required=True, help="Commit that the claim is about.")
def command(*, receipt: Path, issue: int, claim: str, base: str, head: str) -> None:
    """Check the receipt that `verify-claim --write RECEIPT` wrote, and comment with its verdict, once.

    It runs no code of the repository and reads RECEIPT as data, so that it may run in a job of its own that has a token
    while the measurement has none. A receipt of another claim or of other commits is refused: the code that was
    measured could have written it. GITHUB_TOKEN needs `issues: write`, and `pull-requests: write` for pull requests.

    \b
      regress-action post-claim claim.json --issue 12 --claim "1.3x faster" --base COMMIT --head COMMIT
    """
    from regress_action.action.claims import LARGEST_RECEIPT, check_receipt, decode_receipt
    from regress_action.github.client import connect
    from regress_action.github.issues import comment_in_thread
    from regress_action.model.files import read_bounded
    from regress_action.report import claims

    data = read_bounded(receipt, LARGEST_RECEIPT)
    made = decode_receipt(data)
    check_receipt(made)
    _compare(made, claim, base, head)
    text = claims.markdown(
        made.claim, made.verdict, made.evidence, data.decode(), commits=(made.base, made.head), run_url=_run_url()
    )
    with connect(os.environ.get("GITHUB_TOKEN", ""), os.environ) as client:
        url = comment_in_thread(client, {"claim": made.digest}, text, issue)
        for notice in client.permissions.notices:
            click.echo(notice, err=True)
    if url is not None:
        click.echo(f"The receipt stands in {url}.")


def _compare(made: ClaimReceipt, claim: str, base: str, head: str) -> None:
    """Raise an `InputError` where the receipt is about something else than what was asked for."""
    from regress_action.model.errors import InputError

    asked = {"claim": claim, "base": base, "head": head}
    holds = {"claim": made.claim.text, "base": made.base, "head": made.head}
    different = [name for name in asked if asked[name] != holds[name]]
    if different:
        raise InputError(
            f"The receipt is about another {' and another '.join(different)}.",
            meaning="It was not made for this call, so it is not posted.",
            remedy="Give the file that `verify-claim --write FILE` wrote for the same claim and commits.",
        )


def _run_url() -> str | None:
    """Return the page of this workflow run."""
    server, repository, run = (os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None
