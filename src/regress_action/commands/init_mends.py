"""What a trial of `init` changes in a way that did not work: packages, options of plugins, tests that fail.

* The slowest of a project's tests, as first benchmarks.
* A part of a suite that takes too long: fewer files, packages, targets or modules, each named in the command.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from regress_action.measure.suite_command import style_of
from regress_action.scaffold import distribution_of, go_benchmarks, go_packages

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from regress_action.model.measurements import Report
    from regress_action.scaffold import Project, Repository


WORD = r"""(?:[^\s'"]|'[^']*'|"[^"]*")+"""
"""One word of a shell's command, as `shlex.quote` writes it."""

_MISSING_MODULE = re.compile(r"No module named '([A-Za-z_][\w.]*)'")
_MISSING_OPTION = re.compile(r"unrecognized arguments?: (--?[a-z][\w-]*)")
_UNKNOWN_SHORT = re.compile(
    r"unrecognized arguments?:.*?(--(?:codspeed-warmup-time|codspeed-max-time|codspeed-mode)\S*)"
)
_MISSING_FIXTURE = re.compile(r"fixture '(\w+)' not found")
_NO_DISTRIBUTION = re.compile(r"No matching distribution found for ([\w.-]+)")
_UNBUILT = re.compile(
    r"Failed building wheel for ([\w.-]+)|metadata-generation-failed[\s\S]*?╰─> ([\w.-]+)\s*$", re.MULTILINE
)
_FAILED_TEST = re.compile(r"^(?:FAILED|ERROR) ([^\s:]+\.py(?:::\S+)?)", re.MULTILINE)
_ADDED_OPTIONS = re.compile(r" -o (?:'addopts=(?:[^']|'\"'\"')*'|addopts=\S*)")
_KEPT = " | tee {out}"
_UNKNOWN_FORMAT = re.compile(r"Measured 0 series|wrote an empty result file")
_FAILED_RUN = re.compile(r"^run \d+/\d+ · head · (?:exited with status|was killed)", re.MULTILINE)
_MOST_LEFT_OUT = 20
_MOST_ADDED = 8
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
_ASYNC = "async def functions are not natively supported"

LEAST_TEST_S = 0.01
"""Seconds that a test takes at least to be a benchmark: it is timed once in a run, and shorter ones only vary."""

_MOST_TESTS = 10
_LEFT_OUT = re.compile(rf" (?='?--(?:deselect|ignore)=){WORD}")
_CHOSEN_TESTS = re.compile(r"-m pytest (.*?) -q -p no:cacheprovider --junitxml")
_ALL_TESTS = re.compile(rf"-m pytest ({WORD}) (?=-q -p no:cacheprovider --junitxml)")
SHARE = 4
"""A part is a quarter of what was tried before."""

_PYTEST = re.compile(r"(-m pytest )(.*?)( --(?:codspeed|benchmark-only)\b)")
_GO = re.compile(r"(-bench (?:'[^']*'|\.))( .*-benchtime \S+ )(.*?)( \|)")
_GO_FAILED = re.compile(r"^--- FAIL: (Benchmark\w*)|^\S+\.(Benchmark\w*)(?:\.func[\d.]+)?\(", re.MULTILINE)
"""What Go prints of a function that fails, and the frames of one that panics or that all goroutines wait in."""

_GO_STUCK = re.compile(r"^(Benchmark\w*)(?:[/-]\S*)?[ \t]*$", re.MULTILINE)
_BENCH = re.compile(rf"--bench {WORD}")
_ENTERED = rf"cd ({WORD}) && "
_VITEST = re.compile(rf"^(?:{_ENTERED})?(.* vitest bench --run)((?: (?!-){WORD})*)( -.*)$")
_MOST_FILES = 12
_ASV_RUN = " run -E "
_ASV_CHOSEN = re.compile(rf" --bench ({WORD})")
_ASV_FAILED = re.compile(r"^\[ *[\d.]+%\] ·+ (\S+) +(?:\d+/\d+ )?failed$", re.MULTILINE)


_SELECTED = {
    "pytest": (re.compile(r" (?=--(?:benchmark-only|benchmark-json|codspeed)\b)"), " {select} "),
    "go": (re.compile(r"-bench[ =](?:'[^']*'|\S+)"), r"\g<0> {select}"),
    "vitest": (re.compile(r" (?=--(?:outputJson|reporter)=)"), " {select} "),
    "asv": (re.compile(r"(?<= run) (?=(?:--bench|-E) )"), " {select} "),
    "google": (re.compile(r"--benchmark_(?:out_)?format=json"), r"\g<0> {select}"),
    "cargo": (
        re.compile(r"(cargo bench(?: (?!-- |\|)\S+)*)(?: --(?= )((?: (?!\|)\S+)*))?(?= \||$)"),
        r"\1 --\2 {select}",
    ),
}
"""Where a selection stands in a command, by the style of its runner: a pattern, and what takes its place."""


def mended(project: Project, log: str, own: Collection[str]) -> tuple[Project, str] | None:
    """Return the way with one change for what a log shows, and the change in words; None where it shows nothing known.

    `own` are names of modules that the repository itself holds: a package of that name elsewhere is not this project.
    """
    if option := _UNKNOWN_SHORT.search(log):
        shorter = " ".join(word for word in project.command.split(" ") if word != option[1])
        if shorter != project.command:
            return replace(project, command=shorter), f"left out {option[1]}, which this version does not know"
    if changed := _packages_of_python(project, log, own):
        return changed
    if "error[E0554]" in log and "cargo bench" in project.setup and "RUSTC_BOOTSTRAP" not in project.setup:
        setup, command = (f"RUSTC_BOOTSTRAP=1 {line}" for line in (project.setup, project.command))
        return replace(project, setup=setup, command=command), "allowed unstable features, which the benchmarks use"
    if built := _packages_of_node(project, log):
        return built
    if project.command.endswith(_KEPT) and _UNKNOWN_FORMAT.search(log) and not _FAILED_RUN.search(log):
        timed = replace(project, command=project.command.removesuffix(_KEPT))
        return timed, "the program is timed as a whole, because what it prints is in no known format"
    return _without_failed_asv(project, log) or _without_failures(project, log)


def _packages_of_python(project: Project, log: str, own: Collection[str]) -> tuple[Project, str] | None:
    """Return the way with a package more or less in its setup; None where neither would help."""
    match = _UNBUILT.search(log)
    unbuilt = (match[1] or match[2]) if match else ""
    if unbuilt and (fewer := _without_package(project.setup, unbuilt)):
        return replace(project, setup=fewer), f"left out {unbuilt}, which cannot be built here"
    absent = _NO_DISTRIBUTION.search(log)
    if absent and (fewer := _without_package(project.setup, absent[1])):
        return replace(project, setup=fewer), f"left out {absent[1]}, which is in no index that is reached from here"
    packages = [package for package in missing_packages(log, own) if package not in project.setup]
    if "pip install" in project.setup and packages:
        setup = project.setup
        for package in packages[:_MOST_ADDED]:
            setup = with_package(setup, package)
        return replace(project, setup=setup), f"added {', '.join(packages[:_MOST_ADDED])} to the setup"
    return None


def _packages_of_node(project: Project, log: str) -> tuple[Project, str] | None:
    """Return the way with another installation of npm's packages, or with a build; None where neither would help."""
    if "npm ci" in project.setup and re.search(
        r"npm (?:err!|error).*(?:npm ci|npm help ci|in sync)", log, re.IGNORECASE
    ):
        setup = project.setup.replace("npm ci", "npm install --no-audit --no-fund")
        return replace(project, setup=setup), "used npm install, because the lock file does not fit package.json"
    built = f"{project.setup} && npm run build"
    unbuilt = project.kind == "node" and "run build" not in project.setup
    if unbuilt and re.search(r"Cannot find (?:module|package)|MODULE_NOT_FOUND", log):
        return replace(project, setup=built), "added npm run build to the setup"
    return None


def _without_failed_asv(project: Project, log: str) -> tuple[Project, str] | None:
    """Return the way without the benchmarks of asv that failed, if they are few."""
    failed, command = list(dict.fromkeys(_ASV_FAILED.findall(log))), _ASV_CHOSEN.sub("", project.command)
    if _ASV_RUN not in command or not failed or len(failed) > _MOST_LEFT_OUT:
        return None
    pattern = f"^(?!({'|'.join(map(re.escape, failed))})($|[(]))"
    if chosen := _ASV_CHOSEN.search(project.command):
        before = shlex.split(chosen[1])[0]
        pattern += f"(?={before})" if before.startswith("^") else f"(?=.*({before}))"
    command = command.replace(_ASV_RUN, f" run --bench {shlex.quote(pattern)} -E ")
    return replace(project, command=command), _said_of_failed(failed)


def _said_of_failed(failed: Sequence[str]) -> str:
    few = ", ".join(failed[:3]) + (" and others" if len(failed) > 3 else "")  # noqa: PLR2004 - names that are shown
    return f"left out {len(failed)} that fail at this commit: {few}"


def _without_failures(project: Project, log: str) -> tuple[Project, str] | None:
    """Return the way without options that nothing here knows, or without the tests that failed, if they are few."""
    if "-m pytest" not in project.command:
        return None
    if match := re.search(r"error: unrecognized arguments: (.*)", log):
        plain = _ADDED_OPTIONS.sub("", project.command) + " -o addopts="
        unknown = " ".join(word for word in match[1].split() if word.partition("=")[0] not in project.command)
        reason = f"nothing here knows {unknown[:100]}" if unknown else "they leave out the plugin that measures"
        said = f"left out the project's own options for pytest, because {reason}"
        return (replace(project, command=plain), said) if plain != project.command else None
    failed = [name for name in dict.fromkeys(_FAILED_TEST.findall(log)) if name not in project.command]
    if not failed or len(failed) > _MOST_LEFT_OUT:
        return None
    options = [f"--deselect={name}" if "::" in name else f"--ignore={name}" for name in failed]
    command = f"{project.command} {shlex.join(options)}"
    return replace(project, command=command), _said_of_failed(failed)


def missing_packages(log: str, own: Collection[str] = ()) -> list[str]:
    """Return the packages whose absence the log shows; none where it shows another cause."""
    if modules := dict.fromkeys(name.partition(".")[0] for name in _MISSING_MODULE.findall(log)):
        return [distribution_of(name) for name in modules if name not in own]
    if (match := _MISSING_OPTION.search(log)) and match[1] in _PLUGINS:
        return [_PLUGINS[match[1]]]
    if (match := _MISSING_FIXTURE.search(log)) and match[1] in _FIXTURES:
        return [_FIXTURES[match[1]]]
    return ["pytest-asyncio"] if _ASYNC in log else []


def with_package(setup: str, package: str) -> str:
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


def _without_package(setup: str, package: str) -> str | None:
    """Return the setup without a package that it names by itself; None where it does not."""
    words = setup.split(" ")
    kept = [word for word in words if word.lower().replace("_", "-") != package.lower().replace("_", "-")]
    return " ".join(kept) if len(kept) < len(words) else None


def times_all_tests(project: Project) -> bool:
    """Whether a way times every test of a project, so that the slowest are still to be chosen."""
    match = _ALL_TESTS.search(project.command)
    return match is not None and "::" not in match[1]


def slowest_tests(project: Project, report: Report, repository: Repository) -> tuple[Project, str] | None:
    """Return the way with the slowest tests only, and what was changed; None where none is slow enough."""
    match = _ALL_TESTS.search(project.command)
    if match is None:
        return None
    timed = [(series.measured[0], series.benchmark.name) for series in report.series if series.measured]
    slow = sorted(((time, name) for time, name in timed if time >= LEAST_TEST_S), reverse=True)
    names = [node for _, name in slow if (node := node_of(name, repository))][:_MOST_TESTS]
    if not names:
        return None
    command = project.command.replace(match[0], f"-m pytest {shlex.join(names)} ")
    command = _LEFT_OUT.sub("", command)  # failed tests are not among the chosen ones
    said = f"kept the {len(names)} slowest of {len(timed)} tests"
    return replace(project, command=command, carry=tuple(dict.fromkeys(name.split("::")[0] for name in names))), said


def without_fast_tests(project: Project, report: Report, repository: Repository) -> tuple[Project, Report]:
    """Return the way and its report without chosen tests that took less than half of the least time when run again.

    Where none took the least time, all were slow only because they ran first, and none is left.
    """
    slow = any(series.measured and series.measured[0] >= LEAST_TEST_S for series in report.series)
    limit_s = LEAST_TEST_S / 2 if slow else LEAST_TEST_S
    fast = {
        series.benchmark.name: node
        for series in report.series
        if series.measured and series.measured[0] < limit_s
        if (node := node_of(series.benchmark.name, repository))
    }
    match = _CHOSEN_TESTS.search(project.command)
    if match is None or "::" not in match[1]:
        return project, report
    kept = [name for name in shlex.split(match[1]) if name not in fast.values()]
    command = project.command.replace(match[1], shlex.join(kept))
    series = tuple(series for series in report.series if series.benchmark.name not in fast)
    carry = tuple(dict.fromkeys(name.split("::")[0] for name in kept))
    return replace(project, command=command, carry=carry), replace(report, series=series)


def node_of(name: str, repository: Repository) -> str | None:
    """Return what pytest calls the test that JUnit XML calls `name`; None where no file holds it."""
    dotted, bracket, parameters = name.partition("[")
    parts = dotted.split(".")
    for count in range(len(parts) - 1, 0, -1):
        file = f"{'/'.join(parts[:count])}.py"
        if repository.exists(file):
            return "::".join([file, *parts[count:]]) + bracket + parameters
    return None


def selecting(command: str) -> str | None:
    """Return the command with `{select}` where its runner takes names of benchmarks; None where no place is known."""
    pattern, place = _SELECTED.get(style_of(command), (None, ""))
    if pattern is None or "{select}" in command:
        return None
    longer, count = pattern.subn(place, command, count=1)
    return longer if count else None


def part_of(project: Project, repository: Repository) -> tuple[Project, str] | None:
    """Return the way with a quarter of its suite, and which part that is; None where it has no parts that show."""
    line = project.command
    parts = (
        _pytest(line, repository),
        _asv(line, repository, project.carry),
        _pyperf(line),
        _go(line, repository),
        _cargo(line),
        _vitest(line, repository),
    )
    for command, said in parts:
        if command:
            return replace(project, command=command), f"a run takes more than {{limit}}, so a part is measured: {said}"
    return None


def _quarter(items: Sequence[str]) -> list[str]:
    """Return every fourth item, at least one; none where there is only one."""
    return list(items[::SHARE]) if len(items) > 1 else []


def _pytest(command: str, repository: Repository) -> tuple[str, str]:
    match = _PYTEST.search(command)
    if match is None:
        return "", ""
    paths = shlex.split(match[2])
    files: list[str] = []
    for path in paths:
        inside = [
            str(file)
            for file in repository.matching(r".*\.py")
            if file.is_relative_to(path) and file.stem != "conftest" and "benchmark" in repository.text(file)
        ]
        files += inside or [path]
    if len(files) == 1 and "::" not in files[0]:
        text = repository.text(files[0])
        files = [f"{files[0]}::{name}" for name in re.findall(r"^(?:async )?def (test\w*)\(", text, re.MULTILINE)]
    chosen = _quarter(files)
    return (command.replace(match[0], f"{match[1]}{shlex.join(chosen)}{match[3]}") if chosen else ""), ", ".join(chosen)


def _asv(command: str, repository: Repository, carry: Sequence[str]) -> tuple[str, str]:
    chosen_before = _ASV_CHOSEN.search(command)
    command = _ASV_CHOSEN.sub("", command)
    if _ASV_RUN not in command or not carry:
        return "", ""
    prefix = f"{carry[0]}/"
    modules = [
        str(path).removeprefix(prefix).removesuffix(".py").replace("/", ".")
        for path in repository.matching(re.escape(prefix) + r".*\.py")
        if path.name != "__init__.py" and re.search(r"\b(?:time|track|mem|peakmem|timeraw)_?\w*", repository.text(path))
    ]
    if chosen_before:
        pattern_before = shlex.split(chosen_before[1])[0].replace("\\", "")
        modules = [module for module in modules if re.match(pattern_before, f"{module}.")]
    chosen = _quarter(modules)
    if not chosen:
        return "", ""
    pattern = f"^({'|'.join(chosen)})[.]"
    return command.replace(_ASV_RUN, f" run --bench {shlex.quote(pattern)} -E "), ", ".join(chosen)


def _pyperf(command: str) -> tuple[str, str]:
    parts = command.split(" && ")
    chosen = _quarter(parts) if all("--append={out}" in part for part in parts) else []
    return " && ".join(chosen), f"{len(chosen)} of {len(parts)} scripts"


def _go(command: str, repository: Repository) -> tuple[str, str]:
    """Return the command with some of the packages; where there is one, with some of its functions."""
    match = _GO.search(command)
    if match is None:
        return "", ""
    folder, packages = _packages_of(command, match, repository)
    if len(packages) > 1:
        chosen = _quarter(packages)
        return command.replace(match[0], f"{match[1]}{match[2]}{shlex.join(chosen)}{match[4]}"), ", ".join(chosen)
    names = _functions_of(match, folder, packages, repository)
    chosen = _quarter(names)
    if not chosen:
        return "", ""
    return _with_functions(command, match, chosen), f"{len(chosen)} of {len(names)} functions"


def _packages_of(command: str, match: re.Match[str], repository: Repository) -> tuple[PurePosixPath, list[str]]:
    """Return the folder in which a command runs Go's benchmarks, and the packages that it names or means."""
    entered = re.match(_ENTERED, command)
    folder = PurePosixPath(*shlex.split(entered[1]) if entered else ".")
    packages = shlex.split(match[3])
    if packages == ["./..."]:
        modules = [path.parent for path in repository.matching(r"(?:.*/)?go\.mod")]
        packages = go_packages(repository, folder, [module for module in modules if module != folder])
    return folder, packages


def _functions_of(
    match: re.Match[str], folder: PurePosixPath, packages: Sequence[str], repository: Repository
) -> list[str]:
    named = re.findall(r"Benchmark\w*", match[1])
    names = named or [name for package in packages for name in go_benchmarks(repository, folder / package)]
    return list(dict.fromkeys(names))


def _with_functions(command: str, match: re.Match[str], names: Sequence[str]) -> str:
    pattern = f"-bench '^({'|'.join(names)})$'"
    return command.replace(match[0], f"{pattern}{match[2]}{match[3]}{match[4]}")


def without_failed_functions(project: Project, log: str, repository: Repository) -> tuple[Project, str] | None:
    """Return the way without the Go functions that a log shows to fail, to panic or to be stuck; None without one.

    Go names a function before it runs it, so that the last line of a suite that is stuck holds only a name.
    """
    match = _GO.search(project.command)
    if match is None:
        return None
    names = _functions_of(match, *_packages_of(project.command, match, repository), repository)
    reported = [next(filter(None, groups)) for groups in _GO_FAILED.findall(log)]
    reported += _GO_STUCK.findall(log)[-1:]
    failed = [name for name in names if name in reported]
    kept = [name for name in names if name not in failed]
    if not failed or not kept or len(failed) > _MOST_LEFT_OUT:
        return None
    few = ", ".join(failed[:3]) + (" and others" if len(failed) > 3 else "")  # noqa: PLR2004 - names that are shown
    command = _with_functions(project.command, match, kept)
    return replace(project, command=command), f"left out {few}, which fails or never ends at this commit"


def _cargo(command: str) -> tuple[str, str]:
    targets = _BENCH.findall(command)
    chosen = _quarter(targets) if "cargo bench" in command else []
    if not chosen:
        return "", ""
    return command.replace(" ".join(targets), " ".join(chosen)), ", ".join(chosen)


def _vitest(command: str, repository: Repository) -> tuple[str, str]:
    """Return the command with some of the files; vitest takes the end of a path for the file."""
    match = _VITEST.search(command)
    if match is None:
        return "", ""
    folder = PurePosixPath(*shlex.split(match[1] or "."))
    inside = (path for path in repository.matching(r".*\.bench\.[cm]?[jt]sx?") if path.is_relative_to(folder))
    files = shlex.split(match[3]) or [str(path.relative_to(folder)) for path in inside]
    chosen = _quarter(files)
    chosen = chosen[:: -(-len(chosen) // _MOST_FILES)] if chosen else []
    if not chosen:
        return "", ""
    entered = f"cd {match[1]} && " if match[1] else ""
    return f"{entered}{match[2]} {shlex.join(chosen)}{match[4]}", f"{len(chosen)} of {len(files)} files"
