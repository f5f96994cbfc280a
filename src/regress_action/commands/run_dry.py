"""What `run` would do, without doing it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from regress_action.action.measure import MeasurementSpec
    from regress_action.settings import Settings


def commits_of(settings: Settings, root: Path) -> dict[str, str]:
    """Return the commit of each side that would be measured.

    Raises:
        HistoryError: a reference does not exist, or this is no repository.
    """
    from regress_action.history import Checkout

    checkout = Checkout(root, os.environ)
    revisions = {"head": "HEAD"} | ({"base": settings.base} if settings.base else {})
    return {side: checkout.ancestors(revision, limit=1)[0] for side, revision in revisions.items()}


def plan_of(settings: Settings, spec: MeasurementSpec, root: Path) -> Iterator[str]:
    """Yield a line for each thing that would be done.

    Raises:
        HistoryError: the base does not exist.
    """
    commits = commits_of(settings, root) if settings.base else {}
    for side in ("base", "head"):
        if side in commits:
            yield f"{side + ':':10} {commits[side]}, checked out outside of this tree"
    if not commits:
        yield "head:      this tree, as it is on disk"
    yield f"setup:     {settings.setup or '(none)'}" + ("  (once a side)" if settings.setup and commits else "")
    if settings.carry and commits:
        yield f"carry:     {', '.join(settings.carry)}  (of the head, over the base)"
    yield f"command:   {' '.join(spec.command)}"
    named = "{out}" if "{out}" in " ".join(spec.command) else "(none: the program itself is timed)"
    yield f"results:   {settings.results or named}"
    count = f"{settings.runs} pairs, base and head in turn" if commits else f"{settings.runs} runs"
    limits = [f"at most {settings.budget_minutes:g} minutes"] if settings.budget_minutes else []
    limits += [f"each run at most {settings.timeout:g} s"]
    limits += ["ends early where everything is decided"] if commits and spec.adaptive else []
    yield f"measured:  {count}; {'; '.join(limits)}"
    yield f"written:   {spec.out}"
