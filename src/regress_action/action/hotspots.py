"""From a measurement with profiles to the causes of its regressions: profiles × timed results × `git diff`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

from regress_action import formats
from regress_action.advice import changed_lines, profile_files
from regress_action.advice.cause_analysis import explain
from regress_action.advice.memory_growth import memory_growth
from regress_action.advice.resources import bottleneck, limits
from regress_action.formats.measured_run import SOURCE
from regress_action.history import Checkout
from regress_action.model.comparisons import CauseNote, Mode
from regress_action.model.errors import HistoryError, InputError
from regress_action.model.files import read_optional
from regress_action.report.causes import as_plain, flame_graph, memory_paragraph, no_cause, paragraph
from regress_action.report.resources import notes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from regress_action.advice.changed_lines import ChangedFile
    from regress_action.advice.profile_files import ProfiledTarget
    from regress_action.formats import Measurement
    from regress_action.model.comparisons import Comparison, Judgement
    from regress_action.model.measurements import Report
    from regress_action.model.profiles import Cause, MemoryCause
    from regress_action.model.resources import LimitFinding, ResourceFinding

LARGEST_SOURCE = 2 * 2**20
GRAPH = "flame-graph"


@dataclass(frozen=True, slots=True)
class GraphFolder:
    """Where flame graphs are written: `write` gets the name and the content, `shown` is the folder for people."""

    write: Callable[[str, bytes], None]
    shown: str


def with_causes(judgement: Judgement, explained: Sequence[Cause], graphs: GraphFolder) -> Judgement:
    """Return the judgement with what profiles say about each regression, and write the flame graphs.

    A profile of the whole suite speaks for the worst regression, one of a benchmark for that benchmark.
    """
    notes: dict[str, CauseNote] = {}
    worse = [row.benchmark.name for row in judgement.comparisons if _is_explainable(row)]
    for number, cause in enumerate(explained, 1):
        name = f"{GRAPH}.html" if number == 1 else f"{GRAPH}-{number}.html"
        graphs.write(name, flame_graph(cause).encode())
        benchmark = cause.benchmarks[0] if len(cause.benchmarks) == 1 else next(iter(worse), "")
        notes.setdefault(benchmark, _note(cause, f"{graphs.shown}/{name}"))
    rows = [
        replace(row, cause=notes.get(row.benchmark.name)) if _is_explainable(row) else row
        for row in judgement.comparisons
    ]
    return replace(judgement, comparisons=tuple(rows))


def with_reason(judgement: Judgement, *, in_container: bool, profiled: bool) -> Judgement:
    """Return the judgement with a note why its regressions have no cause, where one was asked for and none can be had.

    `in_container`: the suite runs in a container of its own. `profiled`: the measurement can hold profiles.
    """
    explainable = [row for row in judgement.comparisons if _is_explainable(row) and row.cause is None]
    if not explainable or any(row.cause for row in judgement.comparisons):
        return judgement
    paired = judgement.mode is Mode.PAIRED
    if paired and profiled and not in_container:
        return judgement
    note = no_cause(in_container=in_container, paired=paired, base=judgement.baseline.commit)
    return replace(judgement, notes=(*judgement.notes, note))


def with_resources(judgement: Judgement, folder: Path) -> Judgement:
    """Return the judgement with what the monitor of the measurement in `folder` saw.

    Raises:
        InputError: the measurement cannot be read.
    """
    return replace(judgement, resources=notes(*resources(folder)))


def resources(folder: Path) -> tuple[ResourceFinding | None, tuple[LimitFinding, ...]]:
    """Return what the additional time of the runs in a measurement is spent on, and limits that do not fit.

    Raises:
        InputError: the measurement cannot be read.
    """
    runs = [run.resources for run in formats.read_measurement(folder).executions if run.resources]
    return bottleneck(runs, profile_files.garbage_s(profile_files.read_profiles(folder))), limits(runs)


def with_memory(judgement: Judgement, explained: Sequence[MemoryCause]) -> Judgement:
    """Return the judgement with where the additional memory of each regression was allocated.

    Allocations of the whole suite speak for the worst regression of memory, those of a benchmark for that benchmark.
    """
    worse = [row.benchmark.name for row in judgement.comparisons if row.is_proven_regression and row.metric.unit == "B"]
    notes: dict[str, CauseNote] = {}
    for cause in explained:
        benchmark = cause.benchmarks[0] if len(cause.benchmarks) == 1 else next(iter(worse), "")
        first = next(iter(cause.sites), None)
        growth = cause.total.difference
        share = min(1.0, first.change.difference / growth) if first and growth > 0 else None
        location = first.location if first and first.is_changed else None
        name = first.function or None if first else None
        notes.setdefault(benchmark, CauseNote(as_plain(memory_paragraph(cause)), location, name, share))
    rows = [
        replace(row, cause=notes.get(row.benchmark.name))
        if row.is_proven_regression and row.metric.unit == "B"
        else row
        for row in judgement.comparisons
    ]
    return replace(judgement, comparisons=tuple(rows))


def _is_explainable(row: Comparison) -> bool:
    """Whether a profile of time can say something about it."""
    return row.is_proven_regression and row.metric.unit != "B"


def _note(cause: Cause, graph: str) -> CauseNote:
    culprit = cause.culprit
    return CauseNote(
        as_plain(paragraph(cause)),
        culprit.location if culprit else None,
        culprit.function.function if culprit and culprit.function else None,
        culprit.share if culprit else None,
        graph,
    )


def causes(
    folder: Path, root: Path, environ: Mapping[str, str], commits: tuple[str, str] | None = None
) -> tuple[tuple[Cause, ProfiledTarget], ...]:
    """Return what the profiles in the measurement `folder` say, with the profiles themselves, one for each target.

    `root` is a folder in the checkout. `commits` are base and head where somebody else than the measurement names them.

    Raises:
        InputError: the measurement or its index cannot be read.
    """
    targets = profile_files.read_profiles(folder)
    if not targets:
        return ()
    measured = formats.read_measurement(folder)
    files, source = _difference(measured, root, environ, commits)
    explained = []
    for target in targets:
        times = _times(target.benchmarks, measured.base, measured.head)
        cause = explain(target, files, source, times)
        if cause is not None:
            explained.append((cause, target))
    return tuple(explained)


def memory_causes(folder: Path, root: Path, environ: Mapping[str, str]) -> tuple[MemoryCause, ...]:
    """Return where the additional memory was allocated, for each target of the measurement whose allocations it has.

    Raises:
        InputError: the measurement or its index cannot be read.
    """
    targets = [target for target in profile_files.read_profiles(folder) if any(run.memory for run in target.runs)]
    if not targets:
        return ()
    files, source = _difference(formats.read_measurement(folder), root, environ, None)
    grown = (memory_growth(target, files, source) for target in targets)
    return tuple(cause for cause in grown if cause is not None)


def _difference(
    measured: Measurement, root: Path, environ: Mapping[str, str], commits: tuple[str, str] | None
) -> tuple[Sequence[ChangedFile], Callable[[str], str | None]]:
    """Return what differs between the sides of a measurement, and what reads a file of the head."""
    base, head = commits or (measured.base.commit if measured.base else None, measured.head.commit)
    is_dirty = commits is None and dict(measured.head.provenance).get("dirty") == "true"
    checkout = Checkout(root, environ)
    shown = None if is_dirty else head
    return _changed_files(checkout, base, shown), _source(checkout, root, shown)


def _changed_files(checkout: Checkout, base: str | None, head: str | None) -> Sequence[ChangedFile]:
    if base is None:
        return ()
    try:
        return changed_lines.parse(checkout.difference(base, head, changed_lines.DIFF_OPTIONS))
    except HistoryError:
        return ()  # a shallow clone: functions are named, lines are not


def _source(checkout: Checkout, root: Path, head: str | None) -> Callable[[str], str | None]:
    """Return what reads a file of the head: out of its commit, or from disk where the head has no commit."""

    def read(path: str) -> str | None:
        if not path or path.startswith(("/", "<")) or ".." in path.split("/"):
            return None
        try:
            if head is None:
                content = read_optional(_top(root) / path, LARGEST_SOURCE, below=_top(root))
            else:
                content = checkout.file(head, path, LARGEST_SOURCE)
        except (HistoryError, InputError):
            return None
        return None if content is None else content.decode("utf-8", "replace")

    return read


def _top(root: Path) -> Path:
    """Return the folder of the checkout that holds .git."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def _times(benchmarks: Sequence[str], base: Report | None, head: Report) -> tuple[float, float] | None:
    """Return the median time of a single benchmark on either side, None where there is none to compare.

    A plain command has none besides its own length, which its profiles have as well.
    """
    if base is None or head.source == SOURCE:
        return None
    sides = [_time_of(report, benchmarks) for report in (base, head)]
    return (sides[0], sides[1]) if sides[0] is not None and sides[1] is not None else None


def _time_of(report: Report, benchmarks: Sequence[str]) -> float | None:
    rows = [
        row
        for row in report.series
        if row.metric.name == "time" and row.measured and (not benchmarks or row.benchmark.name in benchmarks)
    ]
    return median(rows[0].measured) if len(rows) == 1 else None
