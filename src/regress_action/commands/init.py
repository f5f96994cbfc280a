"""`regress-action init`: write the first files of a guarded repository."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command(name="init")
@click.option("--suite", metavar="NAME", default="default", show_default=True, help="Name of the suite.")
@click.option("--branch", metavar="NAME", help="Default branch; default: what git says.")
@click.option(
    "--action", metavar="REF", default="OWNER/regress-action@v1", show_default=True, help="What `uses:` names."
)
def command(*, suite: str, branch: str | None, action: str) -> None:
    """Write a workflow, a config and a thresholds file that fit this repository; nothing is ever overwritten."""
    for line in initialise(Path.cwd(), suite=suite, branch=branch, action=action):
        click.echo(line)


def initialise(root: Path, *, suite: str, branch: str | None, action: str) -> Iterator[str]:
    """Write each file that does not exist yet under `root`; yield one line for a person per step.

    Raises:
        InfrastructureError: a file cannot be written.
    """
    from regress_action import scaffold
    from regress_action.model.errors import InfrastructureError

    project = scaffold.recognise(root)
    branch = branch or _default_branch(root)
    yield f"This looks like a {project.kind} project: {project.why}."
    yield f"The default branch is {branch}. If it is another one, delete the workflow and name it: init --branch NAME"
    for draft in scaffold.drafts(project, suite=suite, branch=branch, action=action):
        path = root / draft.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(draft.text)
        except FileExistsError:
            yield f"kept   {draft.path}: it was there already"
        except OSError as error:
            raise InfrastructureError(f"{path} cannot be written: {error.strerror or error}.") from error
        else:
            yield f"wrote  {draft.path}: {draft.purpose}"
    yield "Next: read regress.yml, try `regress-action doctor`, then commit the files."


def _default_branch(root: Path) -> str:
    """Return the default branch that the repository shows; `main` where there is no repository yet.

    Raises:
        UsageError: there are several branches, and nothing shows which is the default one.
    """
    import os

    from regress_action.history import Checkout
    from regress_action.model.errors import HistoryError, UsageError

    try:
        branch = Checkout(root, os.environ).default_branch()
    except HistoryError:
        return "main"
    if branch is None:
        raise UsageError(
            f"{root} does not show which of its branches is the default one.",
            meaning="The workflow records baselines on that branch, and nothing was written.",
            remedy="Name it: regress-action init --branch NAME",
        )
    return branch
