"""The trial of `init`: run each way to measure a project once, in a clone, and mend what can be mended."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from regress_action.commands import init_mends
from regress_action.commands.trial_watch import OUT_OF_TIME, UNLIMITED, WAITED, TrialDisplay, TrialWatch
from regress_action.history.git_repository import GitFailedError, PrivateRepository, is_workflow, temporary_folder
from regress_action.measure import untrusted_files
from regress_action.measure.options import measurer_argv
from regress_action.measure.suite_environment import passed_variables
from regress_action.model.errors import RegressError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.model.measurements import Report
    from regress_action.scaffold import Project

TIMEOUT_S = 1200.0
"""Seconds that one try may take, the setup included."""

EARLIER_TIMEOUT_S = 480.0
"""Seconds for a try that another way may follow: a setup that waits for what is out of reach does not end by itself."""

RUN_TIMEOUT_S = 180.0
"""Seconds that a run may take: with longer ones, five pairs do not fit into half an hour."""

FIRST_TIMEOUT_S = 100.0
"""Seconds for a first benchmark, which is to be a short one."""

_MENDS = 4
_NEWEST_MINOR = 15
_PACKAGE = os.fspath(Path(__file__).parents[2])
_START = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from regress_action.cli import main
from regress_action.measure.process_tree import stop_with_parent
stop_with_parent(int(sys.argv.pop(1)))
main()
"""
"""Starts this program, to end with its parent, without a variable that the suite's Python would see, too."""

_START_MEASURER = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from regress_action.measure.main import main
sys.exit(main(sys.argv[1:]))
"""

_TOO_LONG = re.compile(r"ran longer than its limit")
_SETUP_FAILED = "The setup of head failed"
_END_OF_OUTPUT = "The end of its output:"
_TRY_AGAIN = "\n  Try the command at "
_NOISE = re.compile(
    r"error originates from a subprocess|error: subprocess-exited-with-error|did not run successfully|^\[notice\]|"
    r"complete log of this run|^npm error\s*$|npm error (?:404|notarget) (?:Note|In most|tarball)|^npm warn"
)
_UNREACHED = (
    (re.compile(r"No matching version found for (\S+?)\.?\s"), "the package {}"),
    (re.compile(r"(?:404 Not Found -|FETCH_404\W*) GET \S+/([^/\s:]+)"), "the package {}"),
    (re.compile(r"No matching distribution found for (\S+)"), "the package {}"),
    (
        re.compile(
            r"^\S*(?:go|\.go:[\d:]+): (?:downloading )?(\S+)@\S+: (?:Get|reading|unrecognized|git|dial)", re.MULTILINE
        ),
        "the module {}",
    ),
    (re.compile(r"Could not transfer artifact (\S+) from"), "the artifact {}"),
    (re.compile(r"UnknownHostException: ([\w.-]+)"), "what lies at {}"),
    (re.compile(r"could not get https?://([^/\s]+)"), "what lies at {}"),
    (re.compile(r"Could not resolve host(?:name)?:? \(?(?:Could not resolve host: )?([\w.-]+)"), "what lies at {}"),
    (re.compile(r"(?:ENOTFOUND|EAI_AGAIN) ([\w.-]+)"), "what lies at {}"),
    (re.compile(r"Failed to resolve '([\w.-]+)'"), "what lies at {}"),
    (re.compile(r"unable to access '([^']+)'"), "what lies at {}"),
)
"""What npm, pip, go, Maven, Gradle, Meson, cargo and git say of what they cannot fetch."""

_UNFETCHED = ", which cannot be fetched from here. Where it can, the files work as written"
_PROGRAMS = (
    "cargo",
    "go",
    "npm",
    "pnpm",
    "yarn",
    "bun",
    "corepack",
    "autoreconf",
    "cmake",
    "meson",
    "ninja",
    "mvn",
    "gradle",
    "dotnet",
    "composer",
    "julia",
    "make",
    "just",
)


_NOT_HERE = ", which this machine does not have. Install it here, and in a step of the workflow"
_ABSENT = (
    (re.compile(r"go\.mod requires go >= (\S+)|requires Go (1\.\d+)"), "Go {}. The workflow installs it"),
    (
        re.compile(r"package (\S+) is not in (?:GOROOT|std)"),
        "a newer Go, which has the package {}. The workflow installs it",
    ),
    (
        re.compile(r"ERR_UNKNOWN_BUILTIN_MODULE|requires at least Node\.js v"),
        "a newer Node.js, which the project's tools need. The workflow installs it",
    ),
    (
        re.compile(r"Meson version is \S+ but project requires >=? ?([\d.]+\d)"),
        "Meson {}. The workflow installs it",
    ),
    (
        re.compile(
            r"ERROR: Program '([\w.+-]+)[^']*' not found|Can't exec \"([\w.+-]+)\"|"
            rf"sh: (?:line )?\d+: ({'|'.join(_PROGRAMS)}): (?:command )?not found"
        ),
        f"the program {{}}{_NOT_HERE}",
    ),
    (
        re.compile(
            r'ERROR: Dependency "([\w.+-]+)" not found|package configuration file provided by\s+"([\w.+-]+)"|'
            r"Could NOT find ([\w.+-]+) \(missing"
        ),
        f"the library {{}}{_NOT_HERE}",
    ),
)
"""What Go, Node, Meson, CMake, autoconf and shells say of what this machine lacks."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one way: the project as it was measured at last, its report, or why there is none.

    `mended` says what was changed, `seconds` how long one run took, `absent` what this machine lacks; None for nothing.
    `unprepared` says that the setup failed, so that no other way with it has to be tried.
    """

    project: Project
    report: Report | None
    reason: str = ""
    mended: tuple[str, ...] = ()
    seconds: float | None = None
    absent: str | None = None
    unprepared: bool = False

    @property
    def works(self) -> bool:
        """Whether at least one benchmark was measured."""
        return self.report is not None and any(series.measured for series in self.report.series)


def try_project(project: Project, root: Path, watch: TrialWatch = UNLIMITED, *, timeout_s: float = TIMEOUT_S) -> Trial:
    """Measure a way once, in at most `timeout_s` seconds; mend what the log shows, and measure again.

    `watch` ends what only waits, and what takes longer than all tries may. Where benchmarks can be selected, the way
    that is returned has `{select}` in its command.
    Nothing is written below `root`: the committed state is cloned into a temporary folder for every try.

    Raises:
        RegressError: there is no commit to clone.
    """
    if project.missing:
        return Trial(project, None, project.missing)
    absent, project = _fitted(project, root)
    if absent:
        return Trial(project, None, absent, absent=absent)
    from regress_action.scaffold import Repository, compiled_modules

    repository = Repository(root)
    files = (path for path in repository.files if path.suffix == ".py")
    own = {part for path in files for part in (path.stem, *path.parts[:-1])} | set(compiled_modules(repository))
    changes: list[str] = []
    for _ in range(_MENDS):
        with _clone(root) as clone:
            submodule = _missing_submodule(clone, root)
            report, log = _measure(project, clone, watch, timeout_s)
            seconds = _seconds(clone)
            selecting = _selecting(project, clone, report, watch) if report is not None else None
        limit_s = FIRST_TIMEOUT_S if project.first else RUN_TIMEOUT_S
        waited = re.search(WAITED.format(watch.idle_s), log)
        reason = f"one run takes more than {limit_s:.0f} s." if _TOO_LONG.search(log) else _cause(log)
        trial = Trial(project, report, reason, tuple(changes), seconds, unprepared=_SETUP_FAILED in log)
        if report is not None and trial.works:
            fast = f"no test takes {init_mends.LEAST_TEST_S * 1000:.0f} ms."
            if not init_mends.times_all_tests(project):
                project, report = init_mends.without_fast_tests(selecting or project, report, repository)
                return replace(trial, project=project, report=report, reason=fast)
            change = init_mends.slowest_tests(project, report, repository)
            trial = replace(trial, report=None, reason=fast)
        elif not watch.left_s:
            return replace(trial, reason=f"{OUT_OF_TIME}.")
        elif waited:
            trial = replace(trial, reason=f"{waited[0]}.")
            change = init_mends.without_failed_functions(project, log, repository)
        elif _TOO_LONG.search(log) and not project.first:
            change = init_mends.part_of(project, repository)
        else:
            change = init_mends.mended(project, log, own)
            change = change or init_mends.without_failed_functions(project, log, repository)
        if change is None or change[1] in changes:  # a change that was undone would be undone again
            lacks = submodule and re.search(rf"\b{re.escape(PurePosixPath(submodule).name)}\b", log)
            absent = f"the submodule {submodule}{_UNFETCHED}" if lacks else absent_here(log) or out_of_reach(log)
            return replace(trial, absent=absent)
        project, said = change
        changes.append(said.format(limit=f"{RUN_TIMEOUT_S / 60:.0f} minutes"))
    return trial


def absent_here(log: str) -> str | None:
    """Return which newer toolchain or which library a log asks for; None where it asks for none."""
    for pattern, words in _ABSENT:
        if match := pattern.search(log):
            return words.format(next(filter(None, match.groups()), ""))
    return None


def out_of_reach(log: str) -> str | None:
    """Return the package, module or machine that a log says could not be fetched; None where it says none."""
    for pattern, words in _UNREACHED:
        if match := pattern.search(log):
            return f"{words.format(match[1])}{_UNFETCHED}"
    return None


def _fitted(project: Project, root: Path) -> tuple[str | None, Project]:
    """Return what this machine lacks for a way, or None, and the way with a Python that the project allows."""
    words = re.findall(r"(?:^|&& |\| )(?:\w+=\S+ )*([\w-]+)", f"{project.setup} && {project.command}")
    for word in dict.fromkeys(words):
        if word in _PROGRAMS and shutil.which(word) is None:
            return f"the program {word}, which this machine does not have", project
    if "python -m venv" not in project.setup:
        return None, project
    minors, said = _minors(project, root)
    default = _minor_of(shutil.which("python") or sys.executable)
    if default in minors:
        return None, project
    for minor in sorted(minors, reverse=True):
        if _minor_of(f"python3.{minor}") == minor:
            setup = project.setup.replace("python -m venv", f"python3.{minor} -m venv")
            toolchain = tuple(re.sub(r"'3\.\d+'", f"'3.{minor}'", line) for line in project.toolchain)
            return None, replace(project, setup=setup, toolchain=toolchain)
    least = f"3.{min(minors)}" if default is None or default < min(minors) else f"3.{max(minors)} or older"
    return f"Python {least} ({said}); here it is 3.{default}. The workflow installs what is needed", project


def _minors(project: Project, root: Path) -> tuple[range, str]:
    """Return the versions of Python that the project at the root, or in the folder that its setup enters, allows."""
    from regress_action.scaffold import Repository, python_minors

    entered = re.match(rf"cd ({init_mends.WORD}) && python -m venv", project.setup)
    minors, said = python_minors(Repository(root.joinpath(*shlex.split(entered[1]) if entered else ())))
    return range(minors.start, max(minors.stop, _NEWEST_MINOR) if not said or "<" not in said else minors.stop), said


def _minor_of(program: str) -> int | None:
    """Return the minor version of a Python that can make environments; None where the program does not."""
    line = [program, "-c", "import sys, venv, ensurepip; print(sys.version_info.minor)"]
    try:
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=20)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired):
        return None
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip().isdigit() else None


@contextmanager
def _clone(root: Path) -> Iterator[Path]:
    """Yield a clone of the committed state of the repository at `root`, which is removed afterwards.

    Raises:
        RegressError: there is no commit to clone.
    """
    with temporary_folder() as folder:
        clone = folder / "clone"
        git = PrivateRepository(folder, os.environ, protocols=["file"], closed=is_workflow(os.environ))
        try:
            git.run(
                "clone",
                "--quiet",
                "--local",
                "--no-hardlinks",
                "--template=",
                "--",
                os.fspath(root.resolve()),
                os.fspath(clone),
            )
        except GitFailedError as error:
            raise RegressError(
                f"The repository cannot be cloned for a trial: {error.output[-300:]}",
                remedy="Commit something first, or leave the trial out: regress-action init --no-try",
            ) from error
        try:
            yield clone
        finally:
            untrusted_files.remove_tree(clone)


def _missing_submodule(clone: Path, root: Path) -> str | None:
    """Check out the submodules in a clone of `root`; return the path of one that is out of reach."""
    from regress_action.measure.errors import MeasureError
    from regress_action.measure.git import GitFolder, check_out_submodules

    folder = root / (GitFolder(root).query("rev-parse", "--git-common-dir") or ".git").strip()
    try:
        absent = [submodule.path for submodule in check_out_submodules(clone, folder / "modules", root, "HEAD")]
    except MeasureError as error:
        absent = re.findall(r"submodule '([^']+)'", str(error))
    return absent[0] if absent else None


def _measure(project: Project, clone: Path, watch: TrialWatch, timeout_s: float) -> tuple[Report | None, str]:
    """Return the report of one run in the clone, or None, and what was printed."""
    from regress_action import formats

    left_s = watch.left_s
    limit_s = min(FIRST_TIMEOUT_S if project.first else RUN_TIMEOUT_S, max(1.0, left_s))
    job_limit_s = min(timeout_s, max(1.0, left_s))
    words = [sys.executable, "-c", _START, _PACKAGE, str(os.getpid()), "run", "--runs", "1", "--timeout", str(limit_s)]
    words += ["--job-timeout", str(job_limit_s), "--setup", project.setup] if project.setup else []
    words += ["--results", project.results] if project.results else []
    display = TrialDisplay(job_limit_s if project.setup else limit_s, left_s, prepares=bool(project.setup))
    log, returned = watch.run([*words, "--", project.command], clone, _environment(clone), display)
    logs = sorted((clone / ".regress").rglob("*.log"))
    log += "".join(path.read_text(errors="replace")[-20_000:] for path in logs)
    if returned or not (clone / ".regress/head.jsonl").is_file():
        return None, log
    try:
        report = formats.gather([os.fspath(clone / ".regress/head.jsonl")])[0]
    except RegressError as error:
        return None, log + str(error)
    # a suite that fails in a part has values, and yet every verdict of it would be incomplete
    return (None if any(run.failure for run in report.runs) else report), log


def _selecting(project: Project, clone: Path, report: Report, watch: TrialWatch) -> Project | None:
    """Return the way with `{select}` in its command, where a run of some benchmarks has these and not all, or None."""
    from regress_action import formats
    from regress_action.measure.suite_command import style_of
    from regress_action.report.numbers import count

    command = init_mends.selecting(project.command)
    names = list(dict.fromkeys(series.benchmark.name for series in report.series if series.measured))
    if command is None or len(names) < 2 or not watch.left_s:  # noqa: PLR2004 - with one there is nothing to select
        return None
    chosen = dict.fromkeys([names[0], names[-1]] if len(names) > 2 else names[:1])  # noqa: PLR2004 - a real part
    out = clone / ".regress/selected"
    limit_s = min(RUN_TIMEOUT_S, watch.left_s)
    words = measurer_argv(
        [command],
        out=out,
        runs=1,
        timeout=limit_s,
        results=project.results or None,
        select=chosen,
        select_style=style_of(command),
        stop_with_parent=os.getpid(),
    )
    display = TrialDisplay(
        limit_s, watch.left_s, prepares=False, run=f"one run of {count(len(chosen), 'benchmark')} alone"
    )
    words = [sys.executable, "-c", _START_MEASURER, _PACKAGE, *words[3:]]
    _, returned = watch.run(words, clone, _environment(clone), display)
    try:
        selected = formats.read_measurement(out).head if not returned else None
    except RegressError:
        return None
    if selected is None or any(run.failure for run in selected.runs):
        return None
    measured = {series.benchmark.name for series in selected.series if series.measured}
    return replace(project, command=command) if chosen.keys() <= measured < set(names) else None


def _environment(clone: Path) -> dict[str, str]:
    """Return the variables that a suite gets in a job of GitHub, too; what it leaves in TMPDIR goes with the clone."""
    environ = passed_variables(os.environ, allow_list=True)
    temporary = clone.parent / "tmp"
    temporary.mkdir(exist_ok=True)
    environ["TMPDIR"] = os.fspath(temporary)
    environ["PATH"] = f"{_python_folder(clone.parent)}{os.pathsep}{environ.get('PATH', '')}"
    return environ


def _python_folder(folder: Path) -> Path:
    """Return a folder with a `python` that is this interpreter, where the machine calls it only `python3`."""
    place = folder / "bin"
    if not place.exists():
        place.mkdir()
        if shutil.which("python") is None:
            (place / "python").symlink_to(sys.executable)
    return place


def _seconds(clone: Path) -> float | None:
    """Return how long the last run took."""
    try:
        runs = json.loads((clone / ".regress/measurement/measurement.json").read_bytes())["runs"]
        return float(runs[-1]["wall_s"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _cause(log: str) -> str:
    """Return the last lines of a log that say something; of a setup that failed, those that it printed itself."""
    if "No tests defined." in log:
        return "Meson has no benchmark with these options and libraries: its setup says which one is absent."
    _, unprepared, printed = log.partition(_SETUP_FAILED)
    printed = printed.partition(_END_OF_OUTPUT)[2].partition(_TRY_AGAIN)[0] if unprepared else ""
    text = printed if printed.strip() else log
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _NOISE.search(line)]
    errors = [line for line in lines if re.search(r"error|no such|not found|cannot|failed", line, re.IGNORECASE)]
    prefix = f"{_SETUP_FAILED}: " if printed.strip() else ""
    return prefix + " / ".join(dict.fromkeys((errors or lines)[-3:]))[:600]
