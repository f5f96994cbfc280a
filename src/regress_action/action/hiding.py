"""Secrets are hidden from the log before anything else is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.action.planning import read_settings
from regress_action.settings import secrets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from regress_action.github.workflow_commands import Log
    from regress_action.settings import Settings


def hidden_settings(environ: Mapping[str, str], root: Path, log: Log) -> Settings:
    """Return the settings after the runner was told to mask what is secret in them.

    The inputs are masked before they are read, for what is wrong with them may be printed. Outside of a runner, which
    would take the lines for its own, nothing is printed.

    Raises:
        SettingsError: a setting is wrong.
    """
    on_runner = environ.get("GITHUB_ACTIONS") == "true"
    known = secrets.in_inputs(environ)
    if on_runner:
        log.mask(known)
    settings = read_settings(environ, root)
    if on_runner:
        log.mask(each for each in secrets.in_settings(settings) if each not in known)
    return settings
