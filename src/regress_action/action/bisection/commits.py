"""The commits between a good and a bad one, and which of them contain which.

Also here: what the records of a history say before anything is measured: where along the commits a series steps.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from regress_action.analysis.bisection import posterior
from regress_action.analysis.bisection.observations import main_keys
from regress_action.analysis.bisection.posterior import prior_of_levels
from regress_action.measure.errors import Exit, MeasureError
from regress_action.measure.git import GitFolder, commit_of
from regress_action.model import escaping
from regress_action.model.errors import InfrastructureError, UsageError
from regress_action.model.measurements import Direction
from regress_action.report.numbers import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.analysis.arrays import Flags, Floats
    from regress_action.model.measurements import Report


MOST_COMMITS = 4000
_FILES_KEPT = 200
_LOG_FORMAT = "%x1e%H%x1f%an%x1f%as%x1f%s"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the range; `parents` are those of its parents that are in it too, `files` what it changes."""

    id: str
    parents: tuple[str, ...] = ()
    subject: str = ""
    author: str = ""
    date: str = ""
    files: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The id as people write it."""
        return self.id[:10]


@dataclass(frozen=True, slots=True)
class CommitRange:
    """Every commit of GOOD..BAD, a parent always before its children; the last is BAD."""

    good: str
    commits: tuple[Commit, ...]

    @property
    def bad(self) -> str:
        """The bad commit's id."""
        return self.commits[-1].id

    def contains(self) -> Flags:
        """Return whether commit i contains commit c, shape (commits, commits)."""
        import numpy as np

        position = {commit.id: at for at, commit in enumerate(self.commits)}
        rows = np.eye(len(self.commits), dtype=bool)
        for at, commit in enumerate(self.commits):
            for parent in commit.parents:
                rows[at] |= rows[position[parent]]
        return rows

    def weights(self) -> Floats:
        """Return the prior weight of every commit by the files that it changes."""
        import numpy as np

        return np.array(
            [posterior.prior_weight(commit.files, is_merge=len(commit.parents) > 1) for commit in self.commits]
        )


def read_range(folder: Path, good: str, bad: str, *, first_parent: bool = False) -> CommitRange:
    """Return the commits that BAD has and GOOD has not; `first_parent` takes merges as one commit each.

    Raises:
        UsageError: a commit is not here, GOOD is not an ancestor of BAD, or there are none or too many.
        InfrastructureError: git failed.
    """
    git = GitFolder(folder)
    try:
        good_id, bad_id = (commit_of(git, ref, fetch=False) for ref in (good, bad))
        if git.query("merge-base", "--is-ancestor", good_id, bad_id) is None:
            raise _not_an_ancestor(git, good, bad, good_id, bad_id)
        walk = [
            "--topo-order",
            "--reverse",
            *(["--first-parent"] if first_parent else []),
            f"{good_id}..{bad_id}",
            "--",
        ]
        listed = [line.split() for line in git.run("rev-list", "--parents", *walk).splitlines()]
        if not 0 < len(listed) <= MOST_COMMITS:
            raise UsageError(
                f"{good}..{bad} holds {len(listed):,} commits.",
                meaning=f"A bisection takes 1 to {MOST_COMMITS:,}.",
                remedy="Name an older good or a newer bad commit." if not listed else "Name a newer good commit.",
            )
        details = _log(git, walk)
    except MeasureError as error:
        kind = UsageError if error.exit_code is Exit.USAGE else InfrastructureError
        raise kind(error.what, meaning=error.meaning, remedy=error.remedy) from error
    ids = {line[0] for line in listed}
    used = slice(1, 2) if first_parent else slice(1, None)
    return CommitRange(
        good_id,
        tuple(
            Commit(line[0], tuple(parent for parent in line[used] if parent in ids), *details.get(line[0], ()))
            for line in listed
        ),
    )


def _not_an_ancestor(git: GitFolder, good: str, bad: str, good_id: str, bad_id: str) -> UsageError:
    fork = git.query("merge-base", good_id, bad_id)
    shallow = git.query("rev-parse", "--is-shallow-repository") == "true"
    remedy = f"Begin where they part: {fork[:12]}..{bad}" if fork else "Name commits of one history."
    if shallow:
        remedy = "The clone is shallow. Give actions/checkout `fetch-depth: 0`, or run `git fetch --unshallow`."
    return UsageError(
        f"{good} is not an ancestor of {bad}.",
        meaning="The first bad commit lies between a good commit and one that came after it.",
        remedy=remedy,
    )


def _log(git: GitFolder, walk: list[str]) -> dict[str, tuple[str, str, str, tuple[str, ...]]]:
    """Return subject, author, date and changed files of each commit."""
    shown = ("--name-only", "--no-renames", "--no-ext-diff", "--diff-merges=first-parent")
    printed = git.run("-c", "core.quotePath=false", "log", *shown, f"--format={_LOG_FORMAT}", *walk)
    details: dict[str, tuple[str, str, str, tuple[str, ...]]] = {}
    for entry in printed.split("\x1e"):
        head, _, files = entry.partition("\n")
        fields = head.split("\x1f")
        if len(fields) == 4 and re.fullmatch(r"[0-9a-f]{40,64}", fields[0]):  # noqa: PLR2004 - the fields of the format
            paths = tuple(line for line in files.splitlines() if line)[:_FILES_KEPT]
            details.setdefault(fields[0], (fields[3], fields[1], fields[2], paths))
    return details


_FEWEST = 4


def prior_of(
    where: str, commits: CommitRange, pattern: str, metric: str | None, notify: Callable[[str], None]
) -> Floats | None:
    """Return the weights of the commits by the records of the history `where`; None where there are too few.

    `notify` gets a sentence about what the history says.

    Records of the environment that has the most of them count, each with the median of its runs. They were measured at
    other times, so they only say where to begin: no weight falls below a twentieth of what the files alone give.
    """
    from regress_action.stores import connected_history

    position = {commit.id: at for at, commit in enumerate(commits.commits)} | {commits.good: -1}
    by_environment: dict[str, list[Report]] = {}
    for report in connected_history(where, repository=Path.cwd(), environ=os.environ).load():
        if report.commit in position:
            by_environment.setdefault(report.environment.fingerprint, []).append(report)
    reports = max(by_environment.values(), key=len, default=[])
    keys = main_keys([series for report in reports for series in report.series], pattern, metric)[:1]
    levels: list[tuple[int, float]] = []
    for report in reports:
        for series in report.series:
            if series.key in keys and series.measured and (middle := median(series.measured)) > 0:
                sign = -1.0 if series.metric.direction is Direction.HIGHER else 1.0
                levels.append((position[report.commit or ""], sign * math.log(middle)))
    if len(levels) < _FEWEST:
        has = f"{count(len(levels), 'record')} of that benchmark at these commits"
        notify(f"The history {where} has {has}, fewer than {_FEWEST}: it does not say where to begin.")
        return None
    weights = prior_of_levels(commits.contains(), commits.weights(), levels)
    first = commits.commits[int(weights.argmax())].id
    notify(f"{len(levels)} records of {escaping.plain(keys[0][0])} in {where} say where to begin: {first[:10]}.")
    return weights
