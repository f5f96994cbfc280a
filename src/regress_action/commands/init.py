"""`regress-action init`: write the first files of a guarded repository."""

from __future__ import annotations

import subprocess
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
    yield f"This looks like a {project.kind} project: {project.why}."
    for draft in scaffold.drafts(project, suite=suite, branch=branch or _default_branch(root), action=action):
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
    """Return the branch that the remote calls its head, else the one checked out, else main."""
    for question in (("symbolic-ref", "--short", "refs/remotes/origin/HEAD"), ("symbolic-ref", "--short", "HEAD")):
        try:
            command = ("git", "-C", str(root), *question)
            answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - fixed arguments
        except (OSError, subprocess.CalledProcessError):
            continue
        return answer.stdout.strip().removeprefix("origin/")
    return "main"
