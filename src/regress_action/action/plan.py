"""What the runner has to measure, decided in the container before any code of the user runs.

The runner has no YAML reader and no settings model. It gets the measurer's complete command line.
"""

from __future__ import annotations

import importlib.util
import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regress_action.action.base_files import merged_into
from regress_action.action.job import FOLDER, HISTORY, MEASUREMENT, PLAN, PLANNED
from regress_action.action.measure import MeasurementSpec, ProfileOptions, can_be_traced, measurer_command
from regress_action.action.merge import DEFAULT, sides
from regress_action.github.event import Stage
from regress_action.github.runner import write_outputs
from regress_action.history import Checkout
from regress_action.measure.suite_command import style_of
from regress_action.model.errors import HistoryError, SettingsError
from regress_action.model.files import write_replace
from regress_action.model.records import slug

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from regress_action.action.job import Job
    from regress_action.settings import Settings

PAIRED = ("--fetch", "--head=HEAD")
"""The measurer's options for a pair: what earlier steps left uncommitted must not be on one side only."""


@dataclass(frozen=True, slots=True)
class MeasurementRequest:
    """What the runner measures: the arguments of the measurer, none where there is nothing to measure, and why.

    `suite` is what will be judged, as a name for files; empty where nothing is.
    """

    words: tuple[str, ...]
    why: str
    suite_image: str = ""
    suite: str = ""
    planned: str = ""


def plan(job: Job, *, launch: str) -> MeasurementRequest:
    """Return what to measure; `launch` is how the runner starts this program again, to be asked for decisions.

    Raises:
        SettingsError: a setting contradicts another, or an earlier step of the job has judged this suite.
    """
    event, settings = job.plan, job.settings
    suite = _suite(job)
    if event.mode not in {Stage.BASELINE, Stage.DETECT}:
        return MeasurementRequest((), f"{event}. Nothing is measured.", suite=suite)
    if not settings.command:
        why = f"{event}. There is no command, so the results of an earlier step are judged."
        return MeasurementRequest((), why, suite=suite)
    if settings.suite_image and not settings.results and "{out}" not in settings.command:
        raise SettingsError(
            "suite-image needs a suite that writes results.",
            meaning="From outside the container, the time and memory of a plain command are those of Docker's client.",
            remedy="Set `results`, or use {out} in `command`.",
        )
    extra, settings = _against_base(job)
    profile = ProfileOptions(command=settings.profile_command) if _is_profiled(settings) else None
    spec = MeasurementSpec((settings.command,), FOLDER, adaptive=False, profile=profile)
    line = measurer_command(settings, spec, MEASUREMENT)
    words = (*extra, *_decide_options(settings, launch), *line[line.index("--out") :])
    against = f"against {settings.base}" if settings.base else "alone"
    return MeasurementRequest(words, f"{event}. Measuring {settings.suite} {against}.", settings.suite_image, suite)


def pages(suite: str) -> tuple[Path, Path]:
    """Return where the judgement of a suite, by its `slug`, is left as JSON and as Markdown in the workspace."""
    name = "report" if suite == DEFAULT else f"report-{suite}"
    return FOLDER / f"{name}.json", FOLDER / f"{name}.md"


def clear(root: Path, environ: Mapping[str, str]) -> str:
    """Empty the folder, except for a restored history and the reports of suites that earlier steps of the job judged.

    A checkout can bring files into it: a pull request may commit a measurement, or a history, in order to be judged by
    it. Return a sentence about what was removed, where a person should know.
    """
    folder = root / FOLDER
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    folder.mkdir(exist_ok=True)
    judged = _judged_suites(environ)
    kept = {page.name for suite in judged for page in pages(suite)} | {
        name for suite in judged for name in sides(suite)
    }
    tracked = (folder / HISTORY.name).exists() and _is_tracked(root, HISTORY, environ)
    for item in folder.iterdir():
        if item.is_dir() and not item.is_symlink():
            if item.name != HISTORY.name or tracked:
                shutil.rmtree(item)
        elif item.name not in kept:
            item.unlink()
    return f"git tracks {HISTORY}, so it is not believed: whoever wrote the commit wrote these records." * tracked


def _is_tracked(root: Path, path: Path, environ: Mapping[str, str]) -> bool:
    """Whether the commit that is checked out holds the path; False where no git repository is."""
    try:
        return Checkout(root, environ).tracks(path.as_posix())
    except HistoryError:
        return False


def vendor_psutil(root: Path) -> None:
    """Copy our psutil for the measurer; its wheel fits every CPython, so the runner needs neither pip nor a network."""
    spec = importlib.util.find_spec("psutil")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        without = shutil.ignore_patterns("tests", "__pycache__")
        shutil.copytree(location, root / FOLDER / "vendored" / "psutil", ignore=without, copy_function=shutil.copyfile)


def write_request(request: MeasurementRequest, root: Path, environ: Mapping[str, str]) -> None:
    """Write the measurer's words, each ended by a NUL, and the outputs that later steps of the action read."""
    write_replace(root / FOLDER / ".gitignore", b"*\n", below=root)
    write_replace(root / PLAN, b"".join(word.encode() + b"\0" for word in request.words), below=root)
    write_replace(root / PLANNED, request.planned.encode(), below=root)
    outputs = {
        "measure": "true" if request.words else "false",
        "suite-image": " ".join(request.suite_image.split()),
        "suite": request.suite,
        "planned": request.planned,
    }
    write_outputs(environ, outputs)


def _suite(job: Job) -> str:
    """Return the suite that will be judged, as a name for files; empty where nothing is."""
    if job.settings.shard or job.plan.mode not in {Stage.BASELINE, Stage.DETECT, Stage.PUBLISH}:
        return ""
    suite = slug(job.settings.suite)
    if suite in _judged_suites(job.environ):
        raise SettingsError(
            f"An earlier step of this job has judged the suite {job.settings.suite!r} already.",
            meaning="Both would write the same report, check run and comment, and a pass could hide a failure.",
            remedy="Give one of the two steps another  suite: NAME",
        )
    return suite


def _judged_suites(environ: Mapping[str, str]) -> list[str]:
    """Return the suites that earlier steps of this job have judged, as action.yml records them."""
    return environ.get("REGRESS_JUDGED", "").split()


def _against_base(job: Job) -> tuple[tuple[str, ...], Settings]:
    """Return the measurer's options about the base, and the settings with the base in them ("" for none).

    GitHub checks out the merge of a pull request; what the pull request changes is its difference from the first
    parent. Everywhere else it is the difference from where the branch left its base.
    """
    settings, event = job.settings, job.plan
    if settings.base == "none" or event.mode is Stage.BASELINE:
        return (), settings.model_copy(update={"base": ""})
    if settings.base:
        return PAIRED, settings
    if parent := merged_into(Checkout(job.root, job.environ), event.head_sha):
        return PAIRED, settings.model_copy(update={"base": parent})
    base = event.base_sha or (f"origin/{event.base_ref}" if event.base_ref else "")
    return (("--merge-base", *PAIRED) if base else ()), settings.model_copy(update={"base": base})


def _is_profiled(settings: Settings) -> bool:
    """Whether regressions are profiled: with a base, and where the suite is no container of its own."""
    return settings.profile == "regressions" and bool(settings.base) and not settings.suite_image


def early_options(settings: Settings, launch: str, *, selected: bool = False) -> tuple[str, ...]:
    """Return the options by which the measurer asks whether everything is decided; none where nothing may end early.

    Benchmarks that were `selected` are measured one after the other where their runner allows it, each in all pairs.
    """
    alternates = settings.interleave not in {"run", "parallel"}
    one_by_one = selected and alternates and style_of(settings.command) not in {"plain", "pytest"}
    return ("--decide", _decide(launch)) if settings.adaptive and settings.base and not one_by_one else ()


def _decide(launch: str) -> str:
    return shlex.join([*shlex.split(launch), "decide", "--planned"])


def _decide_options(settings: Settings, launch: str) -> tuple[str, ...]:
    """Return the options by which the measurer asks whether everything is decided, and what regressed."""
    early = early_options(settings, launch)
    if not _is_profiled(settings):
        return early
    traced = ("--trace",) if can_be_traced((settings.command,)) else ()
    return (*early, "--profile-if", f"{_decide(launch)} --regressions", *traced)
