"""Suites of airspeed velocity (asv): its configuration and its jobs, translated into a way to measure one commit.

The words of `asv.conf.json` and of `asv run` are those of asv.readthedocs.io/en/stable/asv.conf.json.html. asv makes an
environment for each commit itself. Here `setup` makes the environment of a side, and asv runs in it.
"""

from __future__ import annotations

import ast
import json
import posixpath
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regress_action.scaffold.python_uses import common_folder
from regress_action.scaffold.repository import Project, entering, shell_word
from regress_action.scaffold.requirements import install_command, python_minors, python_version
from regress_action.scaffold.workflows import ASV, jobs_of, machine_steps, toolchain_of, workflows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import PurePosixPath

    from regress_action.scaffold.repository import Repository
    from regress_action.scaffold.workflows import WorkflowStep

_PYTHON = ".venv/bin/python"
_OWN_CONFIG = ".asv-regress.json"
_OWN_RESULTS = ".asv-regress"
_CONFIG = (
    'from asv.util import load_json, write_json; c = load_json("%s", js_comments=True); '
    f'c.update(results_dir="{_OWN_RESULTS}", repo="%s", branches=["HEAD"]); write_json("{_OWN_CONFIG}", c)'
)
"""Writes a copy of asv's configuration. Its results lie apart, because many projects keep theirs under version control;
its repository is the one that is checked out, because others name an address or a branch that is not here."""

_ROUNDS = "-a rounds=1 -a warmup_time=0 -a 'repeat=(1,5,0.1)'"
"""Loops as long as asv's own, but few of them: every run is a process of its own, and more processes say more."""

_RUN = (
    f"-m asv --config {_OWN_CONFIG} run{{chosen}} -E existing:{{python}} "
    f"--record-samples {_ROUNDS} --set-commit-hash $(git rev-parse HEAD)"
)
_FOLDERS = ("benchmarks", "benchmark", "asv_bench", "asv", "bench", "perf")
_NAMED = re.compile(r"(?:time|timeraw|mem|peakmem|track)_")
_BENCHMARK = re.compile(r"\bdef (?:time|timeraw|mem|peakmem|track)_")
_PLAIN = re.compile(r"[\w.:,/+-]*")
_FACTOR = re.compile(r"(?:^|\s)(?:--factor|-f)[ =]?['\"]?([\d.]+)")
_BENCH = re.compile(r"(?:^|\s)(?:--bench|-b)[ =](?:'([^']+)'|\"([^\"$]+)\"|([^\s'\"$]+))")
_DEFAULT_FACTOR = 1.1  # of `asv continuous`
_MOST_RATIO = 10
_OLDEST = 11  # the minor version of the oldest Python 3 that is still maintained
_INSTALLED = re.compile(r"(?:in-dir=\S+ +)?(?:python +-m ?)?pip +install +(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class AsvJob:
    """What a job that runs asv says: a place, the ratio that alarms, the benchmarks, variables and steps before it."""

    source: str
    text: str
    factor: float | None = None
    fails: bool = False
    bench: str = ""
    env: tuple[tuple[str, str], ...] = ()
    toolchain: tuple[str, ...] = ()


def suites(repository: Repository) -> list[Project]:
    """Return the ways to run the suites of asv; one with packages of conda comes again without them."""
    paths = repository.matching(r"(?:.*/)?asv\.conf\.jsonc?")
    if not paths:
        return [*_without_configuration(repository)]
    jobs = list(_jobs(repository))
    return [project for path in paths for project in _suite(repository, path, _job_of(path, paths, jobs))]


def _without_configuration(repository: Repository) -> Iterator[Project]:
    """Yield the way to run a folder of benchmarks that are written for asv, where nothing configures it."""
    files: dict[PurePosixPath, list[PurePosixPath]] = {}
    for path in repository.matching(r".*\.py"):
        folders = [folder for folder in path.parents if folder.name in _FOLDERS]
        if folders and _is_for_asv(repository.text(path)):
            files.setdefault(folders[-1], []).append(path)
    if not files:
        return
    inside = max(files.values(), key=len)
    folder = common_folder(inside)
    setup, source = install_command(repository, ["asv"], inside, locked=False)
    version, version_source = python_version(repository)
    settings = {"version": 1, "repo": ".", "branches": ["HEAD"], "benchmark_dir": str(folder)}
    settings |= {"results_dir": _OWN_RESULTS, "environment_type": "virtualenv"}
    written = f"from asv.util import write_json; write_json({json.dumps(_OWN_CONFIG)}, {json.dumps(settings)})"
    package = folder / "__init__.py"  # asv refuses a folder without it
    made = "" if repository.exists(str(package)) else f"touch {shell_word(package)} && "
    named = f"the methods and functions like time_… in {inside[0]}"
    yield Project(
        kind="asv",
        why=f"{folder} holds benchmarks for asv without its configuration, {inside[0]} for one",
        setup=f"{setup} && {made}{_PYTHON} -c {shlex.quote(written)} "
        f"&& {_PYTHON} -m asv --config {_OWN_CONFIG} machine --yes",
        command=f"{_PYTHON} {_RUN.format(python=_PYTHON, chosen='')}",
        results=_OWN_RESULTS,
        carry=(str(folder),),
        toolchain=("- uses: actions/setup-python@v6", f"  with: {{python-version: '{version}'}}"),
        sources=(("setup", source), ("command", named), ("carry", named), ("python-version", version_source)),
    )


def _is_for_asv(text: str) -> bool:
    """Whether a file defines a function or a method with a name by which asv knows a benchmark."""
    if not _BENCHMARK.search(text):
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    bodies = [tree.body, *(node.body for node in classes)]
    return any(isinstance(node, ast.FunctionDef) and _NAMED.match(node.name) for body in bodies for node in body)


def _suite(repository: Repository, path: PurePosixPath, job: AsvJob | None) -> Iterator[Project]:
    folder = path.parent
    config = repository.json(str(path))
    benchmarks = posixpath.normpath(posixpath.join(str(folder), str(config.get("benchmark_dir") or "benchmarks")))
    up = posixpath.relpath(".", str(folder))
    python = posixpath.normpath(posixpath.join(up, _PYTHON))
    enter = entering(folder)
    files = [file for file in repository.matching(r".*\.py") if str(file).startswith(f"{benchmarks}/")]
    installed, source = install_command(repository, ["asv"], files, locked=False)
    version, version_source = _version(repository, config, str(path))
    packages, extras = _packages(config)
    env = {**dict(job.env if job else ()), **dict(_variables(config))}
    prefix = "".join(f"{name}={shlex.quote(value)} " for name, value in env.items())
    chosen = f" --bench {shlex.quote(job.bench)}" if job and job.bench else ""
    said = f", {job.source}" if job else ""
    factor, services = _thresholds(config, {str(file.relative_to(benchmarks)).partition("/")[0] for file in files})
    ways = (
        [packages, []] if packages and config.get("environment_type") in ("conda", "mamba", "rattler") else [packages]
    )
    for wanted in ways:
        setup = _with(installed, wanted, extras)
        named = f"{source}, matrix and install_command of {path}" if wanted or extras else source
        yield Project(
            kind="asv",
            why=f"{path} was found{f', and {job.source} runs asv' if job else ''}",
            setup=f"{setup} && {enter}{python} -m asv machine --yes "
            f"&& {python} -c {shlex.quote(_CONFIG % (path.name, up))}",
            command=f"{enter}{prefix}{python} {_RUN.format(python=python, chosen=chosen)}",
            results=posixpath.normpath(posixpath.join(str(folder), _OWN_RESULTS)),
            carry=(benchmarks,),
            toolchain=(
                *("- uses: actions/setup-python@v6", f"  with: {{python-version: '{version}'}}"),
                *(job.toolchain if job else ()),
            ),
            sources=(
                ("setup", named),
                ("command", f"{path}{said}"),
                ("results", f"a copy of {path} with a results_dir of its own, which may be emptied before a run"),
                ("carry", f"benchmark_dir of {path}"),
                ("python-version", version_source),
                ("fails", f"{job.source}, which fails when asv finds a benchmark slower" if job else ""),
                (
                    "threshold",
                    f"the factor of {job.source}" if job and job.factor else f"regressions_thresholds of {path}",
                ),
            ),
            threshold=job.factor if job and job.factor else factor,
            service_thresholds=services,
            fails=job is not None and job.fails,
        )


def _with(setup: str, packages: Sequence[str], extras: str) -> str:
    """Return an installation of the project with more packages and extras."""
    if extras:
        setup = re.sub(r" -e \.(?= |$)", f" -e '.[{extras}]'", setup)
    new = [package for package in packages if package not in setup.split(" ")]
    return " ".join([setup, *map(shlex.quote, new)])


def _packages(config: dict[str, Any]) -> tuple[list[str], str]:
    """Return the requirements that asv would install for its last environment, and the extras of the project."""
    matrix = _table(config.get("matrix"))
    required = _table(matrix.get("req")) if _is_sectioned(matrix) else matrix
    packages = []
    for name, versions in required.items():
        version = _last(versions)
        if version is not None and _PLAIN.fullmatch(name):
            exact = version if re.match(r"[<>=!~]", version) or not version else f"=={version}"
            packages.append(f"{name.removeprefix('pip+')}{exact}")
    extras: list[str] = []
    lines = [str(line) for key in ("install_command", "build_command") for line in _listed(config.get(key))]
    for line in lines:
        extras += re.findall(r"\{(?:build_dir|wheel_file)\}\[([\w,.-]+)\]", line)
        match = _INSTALLED.fullmatch(line)
        words = match[1].split() if match else []
        packages += [word for word in words if _PLAIN.fullmatch(word) and not word.startswith("-")]
    return list(dict.fromkeys(packages)), ",".join(dict.fromkeys(extras))


def _is_sectioned(matrix: dict[str, Any]) -> bool:
    """Whether a matrix has the sections that asv knows since 0.5; an older one holds packages."""
    return bool(matrix) and set(matrix) <= {"req", "env", "env_nobuild", "@env", "@env_nobuild", "@req"}


def _variables(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the variables of asv's last environment."""
    matrix = _table(config.get("matrix"))
    for section in ("env", "env_nobuild") if _is_sectioned(matrix) else ():
        for name, values in _table(matrix.get(section)).items():
            value = _last(values)
            if value is not None and re.fullmatch(r"[A-Za-z_]\w*", name):
                yield name, value


def _last(values: object) -> str | None:
    """Return the last of the versions or values of a matrix; empty for any, None for absent."""
    listed = [str(value) for value in _listed(values) if value is not None]
    return listed[-1] if listed else None if _listed(values) else ""


def _version(repository: Repository, config: dict[str, Any], path: str) -> tuple[str, str]:
    """Return the newest Python of asv's configuration that the project allows, else that of the project."""
    minors, _ = python_minors(repository)
    named = [re.fullmatch(r"3\.(\d+)", str(python)) for python in _listed(config.get("pythons"))]
    allowed = [int(match[1]) for match in named if match and int(match[1]) in minors and int(match[1]) >= _OLDEST]
    return (f"3.{max(allowed)}", f"pythons of {path}") if allowed else python_version(repository)


def _thresholds(config: dict[str, Any], names: set[str]) -> tuple[float | None, tuple[tuple[str, float], ...]]:
    """Return the ratio for all benchmarks, and those of modules; other patterns match no service and are left out."""
    default, services = None, []
    modules = {name.removesuffix(".py") for name in names}
    for pattern, change in _table(config.get("regressions_thresholds")).items():
        if isinstance(change, bool) or not isinstance(change, (int, float)) or not 0 < change < _MOST_RATIO:
            continue
        plain = re.sub(r"(?:\\\.|\[\.\]|\.)?(?:\.\*)?\$?$", "", pattern.removeprefix("^"))
        if plain in ("", ".*"):
            default = round(1 + change, 4)
        elif plain in modules:
            services.append((plain, round(1 + change, 4)))
    return default, tuple(services)


def _jobs(repository: Repository) -> Iterator[AsvJob]:
    """Yield what the jobs that run asv say; a value that only an expression gives is left out."""
    for path, text in workflows(repository):
        if not ASV.search(text):
            continue
        for name, steps in jobs_of(path, text, conditional=True):
            at = next((at for at, step in enumerate(steps) if ASV.search(step.script)), None)
            if at is not None:
                plain = [step for _, others in jobs_of(path, text) for step in others]
                before = [step for step in steps[:at] if step in plain]
                yield _job(f"the job {name} of {path}", text, steps[at:], before)


def _job(source: str, text: str, steps: Sequence[WorkflowStep], before: Sequence[WorkflowStep]) -> AsvJob:
    """Return what one job says; `steps` begin with the one that runs asv."""
    script = _expanded(steps[0])
    line = ASV.search(script)
    subcommand, words = (line[1], line[2]) if line else ("", "")
    factor = _FACTOR.search(words)
    bench = _BENCH.search(words)
    number = float(factor[1]) if factor and re.fullmatch(r"\d+(?:\.\d+)?", factor[1]) else None
    if number is None and subcommand == "continuous":
        number = _DEFAULT_FACTOR
    piped = line is not None and re.match(r"\s*\|", script[line.end() :]) is not None
    grepped = any(re.search(r"PERFORMANCE DECREASED[\s\S]*exit 1", step.script) for step in steps)
    pattern = next((part for part in bench.groups() if part), "") if bench else ""
    return AsvJob(
        source=source,
        text=text,
        factor=number if number and 1 < number < _MOST_RATIO else None,
        fails=grepped or (subcommand == "continuous" and not piped),
        bench=pattern,
        env=tuple((key, value) for key, value in steps[0].env.items() if _is_of_suite(key, value)),
        toolchain=tuple(step_line for step in before for step_line in _prepared(step)),
    )


def _expanded(step: WorkflowStep) -> str:
    """Return a script with the variables replaced that the workflow or the script sets to a literal value."""
    values = {name: value for name, value in step.env.items() if "${{" not in value}
    for name, value in re.findall(r"^\s*(?:export +)?(\w+)=[\"']?([^\"'\n]*)[\"']?\s*$", step.script, re.MULTILINE):
        values.setdefault(name, value)
    script = step.script
    for _ in range(3):  # a value may name other variables
        script = re.sub(r"\$\{?(\w+)\}?", lambda match: values.get(match[1], match[0]), script)
    return script


def _is_of_suite(name: str, value: str) -> bool:
    """Whether a variable of a job is about how the suite computes, rather than about the workflow itself."""
    about = re.search(r"THREADS?$|HASHSEED|SEED$|_SKIP_|_SLOW|BLAS|NUMBA|JIT", name)
    return about is not None and "$" not in value and _PLAIN.fullmatch(value) is not None


def _prepared(step: WorkflowStep) -> Iterator[str]:
    """Yield the lines of a step that installs something which is not Python: that comes from `setup`."""
    if step.uses and not re.search(r"setup-python|conda|mamba|setup-uv|pixi", step.uses):
        yield from toolchain_of(step)
    yield from (line for line in machine_steps(step) if re.search(r"\bapt(?:-get)? ", line) and "$" not in line)


def _job_of(path: PurePosixPath, paths: Sequence[PurePosixPath], jobs: Sequence[AsvJob]) -> AsvJob | None:
    """Return the job that runs a suite: the only suite's first one, or one whose workflow names the folder."""
    folder = str(path.parent)
    named = [job for job in jobs if folder != "." and re.search(rf"{re.escape(folder)}(?![\w-])", job.text)]
    return next(iter(named or (jobs if len(paths) == 1 else [])), None)


def _table(value: object) -> dict[str, Any]:
    return {str(key): entry for key, entry in value.items()} if isinstance(value, dict) else {}


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
