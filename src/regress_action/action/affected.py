"""Trace what every benchmark executes at base and head, and find those that the change between them cannot reach."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from regress_action.action.measure import trace_sides, untraceable
from regress_action.advice.reachability import BenchmarkTrace, FileChange, reason
from regress_action.analysis import with_controls
from regress_action.measure.errors import Exit, MeasureError
from regress_action.measure.git import GitFolder, commit_of
from regress_action.measure.git import changed as uncommitted
from regress_action.measure.kept_trees import pins_packages
from regress_action.measure.measurement import TRACES
from regress_action.model.changes import AffectedBenchmarks, BenchmarkReach
from regress_action.model.errors import InfrastructureError, InputError, UsageError
from regress_action.model.files import read_bounded, read_optional

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regress_action.action.judge import Judged
    from regress_action.action.measure import MeasurementSpec
    from regress_action.analysis import Policy
    from regress_action.settings import Settings

_LARGEST_SOURCE = 8 * 1024 * 1024
_LARGEST_TRACE = 512 * 1024 * 1024
_UNREADABLE = "\0"
_DRIVER = Path(__file__).resolve().parents[1] / "measure" / "tracing" / "driver.py"


def affected(settings: Settings, spec: MeasurementSpec, root: Path) -> AffectedBenchmarks:
    """Return which benchmarks of the suite the change from `settings.base` to what is on disk can reach.

    Raises:
        UsageError: the base does not exist.
        IncompleteError: a side could not be set up.
        InfrastructureError: git, the disk or the machine failed.
    """
    if problem := untraceable(spec.command):
        return AffectedBenchmarks(problem=problem)
    changes = _changes(root, settings.base, settings.carry)
    words = json.dumps(list(spec.command)).encode().hex()  # no {out} for the measurer to fill in
    driver = (sys.executable, "-I", str(_DRIVER), "{out}", words)
    folder = spec.out / "traces"
    trace_sides(settings, replace(spec, command=driver, adaptive=False, select=()), folder)
    base, head = (_read(folder / "runs" / f"{side}-01.json") for side in ("base", "head"))
    return _reach(base, head, changes, with_setup=bool(settings.setup))


def labelled(judged: Judged, folder: Path, root: Path, settings: Settings, policy: Policy) -> Judged:
    """Return the judgement in which benchmarks that the change cannot reach are negative controls.

    `folder` is a measurement. Where it has no traces of both sides, or git cannot say what changed, nothing is known
    and the judgement stands.
    """
    traces = [_read(folder / TRACES / f"{side}.json") for side in ("base", "head")]
    base = judged.judgement.baseline.commit
    if base is None or any(trace.get("problem") for trace in traces):
        return judged
    try:
        changes = _changes(root, base, settings.carry)
    except (UsageError, InfrastructureError):
        return judged
    result = _reach(traces[0], traces[1], changes, with_setup=bool(settings.setup))
    names = {entry.name for entry in result.unreachable}
    return replace(judged, judgement=with_controls(judged.judgement, names, policy))


def _reach(
    base: dict[str, Any], head: dict[str, Any], changes: tuple[FileChange, ...], *, with_setup: bool
) -> AffectedBenchmarks:
    """Return which benchmarks the change can reach, from what was traced on both sides."""
    if problem := base.get("problem") or head.get("problem"):
        return AffectedBenchmarks(problem=str(problem))
    names = list(dict.fromkeys([*head["benchmarks"], *base["benchmarks"]]))
    before, after = (
        {name: trace for name, content in side["benchmarks"].items() if (trace := _trace(content))}
        for side in (base, head)
    )
    return AffectedBenchmarks(
        tuple(
            BenchmarkReach(
                name,
                reason(before.get(name), after.get(name), changes, with_setup=with_setup),
                after[name].elapsed_s if name in after else 0.0,
            )
            for name in names
        )
    )


def _changes(root: Path, base: str, carried: Sequence[str]) -> tuple[FileChange, ...]:
    """Return every file that differs between the base and what is on disk, carried ones excepted.

    Lock files in carried folders count: each side has its own.

    Raises:
        UsageError: the base does not exist.
        InfrastructureError: git failed.
    """
    git = GitFolder(root)
    try:
        commit = commit_of(git, base, fetch=False)
        top = Path(git.run("rev-parse", "--show-toplevel"))
        listed = git.run("diff", "--name-only", "--no-renames", "--no-ext-diff", "--no-relative", "-z", commit, "--")
        paths = {*filter(None, listed.split("\0")), *uncommitted(git)}
        prefix = git.query("rev-parse", "--show-prefix") or ""
    except MeasureError as error:
        kind = UsageError if error.exit_code is Exit.USAGE else InfrastructureError
        raise kind(error.what, meaning=error.meaning, remedy=error.remedy) from error
    left_out = tuple(prefix + path.rstrip("/") for path in carried)
    return tuple(
        FileChange(path, git.query("cat-file", "blob", f"{commit}:{path}"), _on_disk(top, path))
        for path in sorted(paths)
        if path not in left_out
        and (pins_packages(PurePosixPath(path).name) or not any(path.startswith(f"{other}/") for other in left_out))
    )


def _on_disk(top: Path, path: str) -> str | None:
    """Return the text of a file, None where there is none, and what no parser takes where it cannot be read."""
    try:
        content = read_optional(top / path, _LARGEST_SOURCE, below=top)
        return None if content is None else content.decode()
    except (InputError, UnicodeDecodeError):
        return _UNREADABLE


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_bounded(path, _LARGEST_TRACE))
        return content if isinstance(content.get("benchmarks"), dict) else {"problem": "a trace is damaged"}
    except (InputError, ValueError, AttributeError, RecursionError):
        return {"problem": "a side wrote no trace"}


def _trace(content: object) -> BenchmarkTrace | None:
    """Return a trace as it was written by the suite's own process, None where it is damaged."""
    if not isinstance(content, dict):
        return None
    try:
        return BenchmarkTrace(
            executed={str(path): frozenset(map(int, lines)) for path, lines in content["executed"].items()},
            late=_texts(content["late"]),
            opened=_texts(content["opened"]),
            listed=_texts(content["listed"]),
            outside=_texts(content["outside"]),
            doubts=tuple(map(str, content["doubts"])),
            status=content["status"],
            elapsed_s=float(content["elapsed_s"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _texts(values: Iterable[object]) -> frozenset[str]:
    return frozenset(map(str, values))
