"""The whole answer of a bisection: the commit, and where it only bumps a lock file, the package.

* A first bad commit that only bumps a lock file, taken apart package by package.
* Pairs of a commit against the good one, by the measurer of `run --base`.
* Commits that exist for a measurement only: a commit with other content for some of its files.

They are written to the repository's object store, where no branch or tag names them, and change neither its files nor
its index. The same content gives the same id, so that a tree kept from an earlier measurement is found again.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from statistics import fmean
from typing import TYPE_CHECKING

from regress_action.action.bisection.commits import Commit, CommitRange, prior_of
from regress_action.action.bisection.search import (
    BisectionRecord,
    CommitSearch,
    MeasuredPairs,
    SearchLimits,
    SearchState,
    result_of,
)
from regress_action.action.measure import MeasurementSpec, measure_pairs
from regress_action.advice import lock_files
from regress_action.analysis.bisection import observations as paired
from regress_action.measure.errors import MeasureError
from regress_action.measure.git import GitFolder
from regress_action.measure.kept_trees import pins_packages, states_packages
from regress_action.model import escaping
from regress_action.model.changes import OtherChange
from regress_action.model.errors import IncompleteError, InfrastructureError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from regress_action.analysis.arrays import Floats
    from regress_action.analysis.bisection.search import MeasurementStep
    from regress_action.formats.measurement import Measurement
    from regress_action.model.changes import BisectionResult, PackageChange
    from regress_action.model.measurements import Report
    from regress_action.settings import Settings


_FIXED = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "regress-action"), ("EMAIL", "regress-action@localhost"), ("DATE", "@0 +0000"))
}


def with_paths_of(folder: Path, commit: str, source: str, paths: Sequence[str]) -> str:
    """Return a commit like `commit` in which the paths, relative to `folder`, are as in `source`, absence included.

    Lock files in folders stay as they are in `commit`, with the manifests beside them, as when a base is measured.

    Raises:
        InfrastructureError: git failed.
    """
    git = GitFolder(folder)
    prefix = git.query("rev-parse", "--show-prefix") or ""
    full = [prefix + path.rstrip("/") for path in paths]
    try:
        listed = git.run("ls-tree", "-r", "-z", "--full-tree", source, "--", *full)
        entries = [entry.split("\t", 1) for entry in listed.split("\0") if entry]
        added = {path: (fields.split()[0], fields.split()[2]) for fields, path in entries}
        added |= _own_packages(git, commit, full, added)
        return _written(folder, commit, removed=full, added=added)
    except MeasureError as error:
        raise _failed(error) from error


def _own_packages(
    git: GitFolder, commit: str, paths: Sequence[str], carried: Mapping[str, tuple[str, str]]
) -> dict[str, tuple[str, str]]:
    """Return mode and blob of the lock files of a commit below `paths` that `carried` would replace, and manifests."""
    listed = git.run("ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths)
    fields = [entry.split("\t", 1) for entry in listed.split("\0") if entry]
    own = {path: (words.split()[0], words.split()[2]) for words, path in fields if path not in paths}
    locks = {path for path in own if pins_packages(PurePosixPath(path).name) and carried.get(path) != own[path]}
    folders = {PurePosixPath(path).parent for path in locks}
    beside = {
        path for path in own if PurePosixPath(path).parent in folders and states_packages(PurePosixPath(path).name)
    }
    return {path: own[path] for path in locks | beside}


def with_files(folder: Path, commit: str, files: Mapping[str, bytes | None]) -> str:
    """Return a commit like `commit` in which the files, by their path from the top, have this content; None is absence.

    Raises:
        InfrastructureError: git failed.
    """
    git = GitFolder(folder)
    try:
        with tempfile.TemporaryDirectory(prefix="regress-bisect-") as scratch:
            added = {}
            for path, content in files.items():
                if content is None:
                    continue
                (file := Path(scratch) / "content").write_bytes(content)
                mode = (git.query("ls-tree", "--full-tree", commit, "--", path) or "100644").split()[0]
                added[path] = (mode, git.run("hash-object", "-w", "--no-filters", str(file)))
        return _written(folder, commit, removed=list(files), added=added)
    except MeasureError as error:
        raise _failed(error) from error


def file_at(folder: Path, commit: str, path: str) -> str | None:
    """Return the text of a file at a commit, by its path from the top; None where there is none."""
    return GitFolder(folder).query("cat-file", "blob", f"{commit}:{path}")


def _written(folder: Path, commit: str, *, removed: Sequence[str], added: Mapping[str, tuple[str, str]]) -> str:
    """Write the commit; `added` has mode and blob of each path."""
    with tempfile.TemporaryDirectory(prefix="regress-bisect-") as scratch:
        top = Path(GitFolder(folder).run("rev-parse", "--show-toplevel"))
        git = GitFolder(top, {**_FIXED, "GIT_INDEX_FILE": f"{scratch}/index"})
        git.run("read-tree", commit)
        git.run("rm", "--cached", "-r", "-f", "--quiet", "--ignore-unmatch", "--", *removed)
        for path, (mode, blob) in added.items():
            git.run("update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}")
        tree = git.run("write-tree")
        if tree == git.run("rev-parse", f"{commit}^{{tree}}"):
            return commit
        return git.run("commit-tree", tree, "-p", commit, "-m", "Content for a measurement")


def _failed(error: MeasureError) -> InfrastructureError:
    return InfrastructureError(error.what, meaning=error.meaning, remedy=error.remedy)


MOST_PACKAGES = 200
MOST_OTHERS = 20


@dataclass(frozen=True, slots=True)
class LockFileBump:
    """The lock file that a commit changes, and its packages; `alone` says that it changes nothing but dependencies."""

    path: str
    before: str
    after: str
    packages: tuple[PackageChange, ...]
    alone: bool


def bump_of(folder: Path, parent: str, commit: str, files: Sequence[str]) -> LockFileBump | None:
    """Return what a commit changes in a lock file, the one with the most packages; None where it changes none."""
    bumps = []
    alone = all(lock_files.is_lock_file(path) or lock_files.is_manifest(path) for path in files)
    for path in files:
        if not lock_files.is_lock_file(path):
            continue
        before, after = (file_at(folder, side, path) for side in (parent, commit))
        if before is not None and after is not None and (changed := lock_files.changed_packages(path, before, after)):
            bumps.append(LockFileBump(path, before, after, changed, alone))
    return max(bumps, key=lambda bump: len(bump.packages), default=None)


def steps_of(folder: Path, parent: str, commit: str, bump: LockFileBump) -> CommitRange | None:
    """Return the packages of a bump as commits on top of each other, the last being the commit itself.

    The first has one package changed, each one after it has one more: new packages first, since others may need them.
    None where the bump holds one package only, or files of its kind cannot be mixed.

    Raises:
        InfrastructureError: git failed.
    """
    if not bump.alone or not 1 < len(bump.packages) <= MOST_PACKAGES:
        return None
    steps: list[Commit] = []
    names: list[str] = []
    for change in bump.packages:
        names.append(change.name)
        if len(names) == len(bump.packages):
            step = commit
        else:
            mixed = lock_files.with_changed(bump.path, bump.before, bump.after, names)
            if mixed is None:
                return None
            step = with_files(folder, commit, {bump.path: mixed.encode("utf-8", "surrogateescape")})
        parents = (steps[-1].id,) if steps else ()
        steps.append(Commit(step, parents, described_packages(change), files=(bump.path,)))
    ids = {step.id for step in steps}
    return CommitRange(parent, tuple(steps)) if len(ids) == len(steps) and parent not in ids else None


def described_packages(change: PackageChange) -> str:
    """Return `numpy 1.26.4 → 2.0.0`, or that it is new or gone."""
    if change.before is None:
        return f"{change.name} {change.after} (new)"
    return (
        f"{change.name} {change.before} → {change.after}" if change.after else f"{change.name} {change.before} (gone)"
    )


@dataclass(frozen=True, slots=True)
class CommitMeasurer:
    """Measures commits against `good` in the folder `root`; `carry` takes its files from the commit `bad`."""

    settings: Settings
    spec: MeasurementSpec
    root: Path
    good: str
    bad: str
    pattern: str = "*"
    metric: str | None = None

    def __call__(self, commit: str, pairs: int, key: tuple[str, str] | None) -> MeasuredPairs:
        """Return the pairs of a commit.

        Raises:
            IncompleteError: it cannot be built, or the benchmark has no result in both commits.
            UsageError: the first measurement shows that no benchmark matches.
        """
        base, head = (self._carried(name) for name in (self.good, commit))
        settings = self.settings.model_copy(
            update={"base": base, "runs": pairs, "carry": (), "budget_minutes": None, "interleave": "run"}
        )
        select = (key[0],) if key and "{select}" in settings.command else ()
        spec = replace(self.spec, head=head, adaptive=False, select=select)
        began = time.monotonic()
        measured = measure_pairs(settings, spec, quiet=True)
        return self._pairs(commit, measured, key, time.monotonic() - began)

    def _carried(self, commit: str) -> str:
        if not self.settings.carry or commit == self.bad:
            return commit
        return with_paths_of(self.root, commit, self.bad, self.settings.carry)

    def _pairs(
        self, commit: str, measured: Measurement, key: tuple[str, str] | None, elapsed_s: float
    ) -> MeasuredPairs:
        base, head = measured.base, measured.head
        if base is None:
            raise IncompleteError("The good commit gave no result.", remedy="Name a commit at which the suite runs.")
        keys = paired.keys_of(base, head, key[0] if key else self.pattern, key[1] if key else self.metric)
        if key:
            keys = [key] if key in keys else []
        ratios = {name: values for name in keys if (values := paired.log_ratios(base, head, name))}
        if not ratios:
            raise self._nothing(measured, key)
        chosen = max(ratios, key=lambda name: paired.change_size(ratios[name]))
        times = [run.wall_s for report in (base, head) for run in report.runs if run.wall_s is not None]
        return MeasuredPairs(
            commit,
            *chosen,
            tuple(ratios[chosen]),
            exact=paired.is_exact(head, chosen),
            run_s=fmean(times) if times else 0.0,
            overhead_s=max(0.0, elapsed_s - sum(times)),
            others=_others(head, ratios, chosen),
        )

    def _nothing(self, measured: Measurement, key: tuple[str, str] | None) -> IncompleteError | UsageError:
        if key is not None:
            return IncompleteError(f"The benchmark {escaping.plain(key[0])} ({key[1]}) has no result there.")
        names = sorted({escaping.plain(series.benchmark.name) for series in measured.head.series})
        wanted = escaping.plain(self.pattern) + (f" ({escaping.plain(self.metric)})" if self.metric else "")
        return UsageError(
            f"No benchmark that both commits have matches {wanted!r}.",
            meaning=f"The bad commit has {len(names)}.",
            remedy="Names are like: " + ", ".join(names[:5]) if names else "Look at what the suite printed.",
        )


def _others(
    head: Report, ratios: Mapping[tuple[str, str], list[float]], chosen: tuple[str, str]
) -> tuple[OtherChange, ...]:
    """Return what changed clearly besides the chosen one, the clearest first."""
    others = {key: values for key, values in ratios.items() if key != chosen}
    clear = [key for key, values in others.items() if paired.is_clear(values, exact=paired.is_exact(head, key))]
    clear.sort(key=lambda key: -paired.change_size(others[key]))
    return tuple(OtherChange(*key, math.exp(fmean(ratios[key]))) for key in clear[:MOST_OTHERS])


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
    prior = prior_of(request.history, commits, request.pattern, request.metric, notify) if request.history else None
    state = _search(request, commits, (request.pattern, request.metric), prior, notify, on_step)
    result = result_of(state)
    first = result.first_bad
    if first is None or state.key is None:
        return result
    parent = next((commit.parents[0] for commit in commits.commits if commit.id == first.commit and commit.parents), "")
    parent = parent or commits.good
    bump = bump_of(request.root, parent, first.commit, first.files)
    steps = steps_of(request.root, parent, first.commit, bump) if bump else None
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
