"""`regress-action ci`: everything, from the GITHUB_* environment."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command(name="ci")
def command() -> None:
    """Judge what was measured, remember it, and tell GitHub: what the action's container runs.

    Reads the action's inputs from REGRESS_INPUTS, the event from GITHUB_EVENT_NAME and GITHUB_EVENT_PATH, and what was
    measured from .regress/measurement in GITHUB_WORKSPACE.
    """
    from regress_action.action import ci, planning

    root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    raise click.exceptions.Exit(ci.run(planning.read_event(os.environ), os.environ, root))
