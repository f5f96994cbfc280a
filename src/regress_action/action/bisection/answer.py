"""The whole answer of a bisection: the commit, and where it only bumps a lock file, the package."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regress_action.action.bisection import packages
from regress_action.action.bisection.history import prior_of
from regress_action.action.bisection.measuring import CommitMeasurer
from regress_action.action.bisection.record import BisectionRecord
from regress_action.action.bisection.result import result_of
from regress_action.action.bisection.search import CommitSearch, SearchLimits, SearchState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from regress_action.action.bisection.commits import CommitRange
    from regress_action.action.measure import MeasurementSpec
    from regress_action.analysis.arrays import Floats
    from regress_action.analysis.bisection.search import MeasurementStep
    from regress_action.model.bisections import BisectionResult
    from regress_action.settings import Settings


@dataclass(frozen=True, slots=True)
class BisectionRequest:
    """What is searched, in the folder `root`: the benchmark that matches `pattern` along the commits of `range`.

    `history` names records that say where to begin. `restart` forgets what an earlier call measured.
    """

    settings: Settings
    spec: MeasurementSpec
    root: Path
    range: CommitRange
    pattern: str = "*"
    metric: str | None = None
    limits: SearchLimits = field(default_factory=SearchLimits)
    history: str | None = None
    restart: bool = False


def answer(
    request: BisectionRequest,
    *,
    notify: Callable[[str], None] | None = None,
    on_step: Callable[[SearchState, MeasurementStep], None] | None = None,
) -> BisectionResult:
    """Search the commits, and then the packages of a first bad commit that only bumps a lock file.

    `notify` gets sentences about the search, `on_step` the state after each measurement.

    Raises:
        UsageError: no benchmark matches, or the command is wrong.
        IncompleteError: the good or the bad commit cannot be measured.
        InfrastructureError: git, the disk or the machine failed.
    """
    notify = notify or _notify_nobody
    commits = request.range
    notify(f"{len(commits.commits)} commits between {commits.good[:10]} and {commits.bad[:10]}.")
    prior = prior_of(request.history, commits, request.pattern, request.metric) if request.history else None
    state = _search(request, commits, (request.pattern, request.metric), prior, notify, on_step)
    result = result_of(state)
    first = result.first_bad
    if first is None or state.key is None:
        return result
    parent = next((commit.parents[0] for commit in commits.commits if commit.id == first.commit and commit.parents), "")
    parent = parent or commits.good
    bump = packages.bump_of(request.root, parent, first.commit, first.files)
    steps = packages.steps_of(request.root, parent, first.commit, bump) if bump else None
    if bump is None or steps is None:
        return result_of(state, packages=bump.packages if bump else ())
    notify(f"{first.commit[:10]} changes {len(bump.packages)} packages in {bump.path}; searching among them.")
    inner = _search(request, steps, state.key, None, notify, on_step)
    return result_of(state, packages=bump.packages, of_packages=result_of(inner))


def _search(
    request: BisectionRequest,
    commits: CommitRange,
    wanted: tuple[str, str | None],
    prior: Floats | None,
    notify: Callable[[str], None],
    on_step: Callable[[SearchState, MeasurementStep], None] | None,
) -> SearchState:
    """Search one range with a record of its own."""
    pattern, metric = wanted
    settings, spec = request.settings, request.spec
    question = {
        "good": commits.good,
        "bad": commits.bad,
        "commits": len(commits.commits),
        "command": list(spec.command),
        "setup": settings.setup,
        "results": settings.results,
        "carry": list(settings.carry),
        "folder": str(request.root),
        "benchmark": pattern,
        "metric": metric,
    }
    record = BisectionRecord.open(spec.out, question)
    if request.restart:
        record.forget()
    elif record.entries:
        notify(f"Going on with {len(record.entries)} measurements of an earlier call, in {record.path}.")
    measurer = CommitMeasurer(settings, spec, request.root, commits.good, commits.bad, pattern=pattern, metric=metric)
    return CommitSearch(commits, record, measurer, request.limits, on_step=on_step, prior=prior).run()


def _notify_nobody(_sentence: str) -> None:
    """Print nothing."""
