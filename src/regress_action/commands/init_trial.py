"""The trial of `init`: run each way to measure a project once, in a clone, and add the packages that it misses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.history.git_repository import GitFailedError, PrivateRepository, is_workflow
from regress_action.measure.suite_environment import passed_variables
from regress_action.model.errors import RegressError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.model.measurements import Report
    from regress_action.scaffold import Project

TIMEOUT_S = 1200.0
"""Seconds that one try may take, the setup included."""

_MENDS = 4
_MISSING_MODULE = re.compile(r"No module named '([A-Za-z_][\w.]*)'")
_MISSING_OPTION = re.compile(r"unrecognized arguments?: (--?[a-z][\w-]*)")
_MISSING_FIXTURE = re.compile(r"fixture '(\w+)' not found")
_PLUGINS = {
    "--cov": "pytest-cov",
    "--no-cov": "pytest-cov",
    "-n": "pytest-xdist",
    "--numprocesses": "pytest-xdist",
    "--timeout": "pytest-timeout",
    "--asyncio-mode": "pytest-asyncio",
    "--benchmark-only": "pytest-benchmark",
    "--benchmark-json": "pytest-benchmark",
    "--benchmark-disable": "pytest-benchmark",
    "--randomly-seed": "pytest-randomly",
    "--reruns": "pytest-rerunfailures",
    "--codspeed": "pytest-codspeed",
}
_FIXTURES = {"benchmark": "pytest-benchmark", "mocker": "pytest-mock", "httpx_mock": "pytest-httpx"}
_MODULES = {
    "yaml": "PyYAML",
    "attr": "attrs",
    "PIL": "Pillow",
    "dateutil": "python-dateutil",
    "pkg_resources": "setuptools<81",
}
_PACKAGE = os.fspath(Path(__file__).parents[2])
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from regress_action.cli import main; main()"
"""Starts this program without a variable that the suite's Python would see, too."""

_ASYNC = "async def functions are not natively supported"


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one way: the project as it was measured at last, its report, or why there is none."""

    project: Project
    report: Report | None
    reason: str = ""
    mended: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        """Whether at least one benchmark was measured."""
        return self.report is not None and bool(self.report.series)


def try_projects(projects: Sequence[Project], root: Path) -> Iterator[Trial]:
    """Yield the trial of each way, until one measures something.

    Nothing is written below `root`: the committed state is cloned into a temporary folder for every try.
    """
    for project in projects:
        trial = _try(project, root)
        yield trial
        if trial.works:
            return


def _try(project: Project, root: Path) -> Trial:
    """Measure once; where a package is missing, add it to the setup and measure again."""
    mended: list[str] = []
    trial = Trial(project, None, project.missing or "")
    if project.missing:
        return trial
    for _ in range(_MENDS):
        with _clone(root) as clone:
            report, log = _measure(project, clone)
        trial = Trial(project, report, _cause(log), tuple(mended))
        if trial.works:
            return trial
        package = _missing_package(log)
        if package is None or "pip install" not in project.setup or package in mended:
            return trial
        mended.append(package)
        project = replace(project, setup=_with_package(project.setup, package))
    return trial


@contextmanager
def _clone(root: Path) -> Iterator[Path]:
    """Yield a clone of the committed state of the repository at `root`, which is removed afterwards.

    Raises:
        RegressError: there is no commit to clone.
    """
    with tempfile.TemporaryDirectory(prefix="regress-init-") as folder:
        clone = Path(folder) / "clone"
        git = PrivateRepository(Path(folder), os.environ, protocols=["file"], closed=is_workflow(os.environ))
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
        yield clone


def _measure(project: Project, clone: Path) -> tuple[Report | None, str]:
    """Return the report of one run in the clone, or None, and what was printed."""
    from regress_action import formats

    words = [sys.executable, "-c", _START, _PACKAGE, "run", "--runs", "1", "--timeout", str(TIMEOUT_S)]
    words += ["--job-timeout", str(TIMEOUT_S), "--setup", project.setup] if project.setup else []
    words += ["--results", project.results] if project.results else []
    environ = passed_variables(os.environ, allow_list=True)  # what the suite gets in a job of GitHub, too
    environ["PATH"] = f"{_python_folder(clone.parent)}{os.pathsep}{environ.get('PATH', '')}"
    done = subprocess.run(  # noqa: S603 - the words of the project's own suite, run for the person who asked for it
        [*words, "--", project.command],
        cwd=clone,
        env=environ,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
    )
    log = done.stdout + done.stderr
    logs = sorted((clone / ".regress").rglob("*.log"))
    log += "".join(path.read_text(errors="replace")[-20_000:] for path in logs)
    if done.returncode or not (clone / ".regress/head.jsonl").is_file():
        return None, log
    try:
        return formats.gather([os.fspath(clone / ".regress/head.jsonl")])[0], log
    except RegressError as error:
        return None, log + str(error)


def _python_folder(folder: Path) -> Path:
    """Return a folder with a `python` that is this interpreter, where the machine calls it only `python3`."""
    place = folder / "bin"
    if not place.exists():
        place.mkdir()
        if shutil.which("python") is None:
            (place / "python").symlink_to(sys.executable)
    return place


def _missing_package(log: str) -> str | None:
    """Return the package whose absence the log shows; None where it shows another cause."""
    if match := _MISSING_MODULE.search(log):
        module = match[1].partition(".")[0]
        return _MODULES.get(module, module.replace("_", "-"))
    if (match := _MISSING_OPTION.search(log)) and match[1] in _PLUGINS:
        return _PLUGINS[match[1]]
    if (match := _MISSING_FIXTURE.search(log)) and match[1] in _FIXTURES:
        return _FIXTURES[match[1]]
    return "pytest-asyncio" if _ASYNC in log else None


def _with_package(setup: str, package: str) -> str:
    """Return the setup with one package more, installed at its end."""
    quoted = f"'{package}'" if "<" in package else package
    pip = ".venv/bin/python -m pip install --quiet"
    if ".venv/bin/uv" in setup:
        pip = ".venv/bin/uv pip install --quiet --python .venv/bin/python"
    marker = f" && {pip} "
    head, separator, tail = setup.rpartition(marker)
    if separator and "&&" not in tail:
        return f"{head}{marker}{tail} {quoted}"
    return f"{setup}{marker}{quoted}"


def _cause(log: str) -> str:
    """Return the last lines of a log that say something."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"error|no such|not found|cannot|failed", line, re.IGNORECASE)]
    return " / ".join(dict.fromkeys((errors or lines)[-3:]))[:600]
