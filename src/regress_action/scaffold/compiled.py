"""Go, Java and .NET projects: benchmarks by the files and targets that define them."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from regress_action.scaffold.project import Project

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePosixPath

    from regress_action.scaffold.repository import Repository

_GO_BENCHMARK = re.compile(r"^func Benchmark\w*\(\w+ \*testing\.B\)", re.MULTILINE)
_MOST_PACKAGES = 12
_MOST_MODULES = 6


def go(repository: Repository) -> list[Project]:
    """Return the ways to measure the benchmarks of Go modules, which may lie in folders below the root.

    The module with the most packages comes first. One that compares with other modules may need what is out of reach,
    so the others follow, and the tests of the module as a first benchmark.
    """
    modules = repository.matching(r"(?:.*/)?go\.mod")
    if not modules:
        return []
    measured = []
    for module in modules:
        packages = _go_packages(repository, module.parent, [other.parent for other in modules if other != module])
        if packages:
            measured.append((module, packages))
    measured.sort(key=lambda pair: -len(pair[1]))
    measuring = [_go_module(module, packages) for module, packages in measured[:_MOST_MODULES]]
    return measuring + _go_first(repository, modules)


def _go_module(module: PurePosixPath, packages: list[str]) -> Project:
    """Return the way to measure the benchmarks of one module."""
    folder = module.parent
    listed = " ".join(packages) if len(packages) <= _MOST_PACKAGES else "./..."
    enter = "" if str(folder) == "." else f"cd {folder} && "
    return Project(
        kind="go",
        why=f"{module} has {'a package' if len(packages) == 1 else f'{len(packages)} packages'} with benchmarks",
        setup=f"{enter}go test -run '^$' -count 1 {listed}",
        command=f"{enter}go test -run '^$' -bench . -benchmem -benchtime 0.2s {listed} | tee {{out}}",
        toolchain=_go_toolchain(module),
        place=str(folder),
        sources=(
            ("command", "the packages whose tests hold benchmarks"),
            ("setup", "compiles and caches the same packages"),
        ),
    )


def _go_first(repository: Repository, modules: Sequence[PurePosixPath]) -> list[Project]:
    """Return the time of a module's own tests as a first benchmark; a person names one where there are no tests."""
    module = min(modules, key=lambda path: (len(path.parts), str(path)))
    if not repository.matching(r".*_test\.go"):
        why = f"{module} was found, but no function `Benchmark…(b *testing.B)` and no tests"
        return [_nothing("go", why, _go_toolchain(module))]
    enter = "" if str(module.parent) == "." else f"cd {module.parent} && "
    return [
        Project(
            kind="go",
            why=f"{module} was found, but no function `Benchmark…`, so its own tests are timed as a first one",
            setup=f"{enter}go test -run '^$' ./...",
            command=f"{enter}go test -count 1 ./...",
            toolchain=_go_toolchain(module),
            sources=(("command", "the tests of the module"),),
            first=True,
        )
    ]


def _go_packages(repository: Repository, folder: PurePosixPath, nested: list[PurePosixPath]) -> list[str]:
    """Return the packages with benchmarks below a module, without those of modules nested in it."""
    packages: dict[str, None] = {}
    for path in repository.matching(r".*_test\.go"):
        inside = path.is_relative_to(folder) and not any(
            path.is_relative_to(other) for other in nested if other != folder and other.is_relative_to(folder)
        )
        if inside and _GO_BENCHMARK.search(repository.text(path)):
            below = path.parent.relative_to(folder)
            packages["." if str(below) == "." else f"./{below}"] = None
    return list(packages)


def _go_toolchain(module: PurePosixPath) -> tuple[str, ...]:
    return ("- uses: actions/setup-go@v6", f"  with: {{go-version-file: {module}}}")


def java(repository: Repository) -> list[Project]:
    """Return the way to measure JMH benchmarks that Maven builds."""
    poms = [path for path in repository.matching(r"(?:.*/)?pom\.xml") if "jmh-core" in repository.text(path)]
    if not poms:
        return []
    folder = poms[0].parent
    return [
        Project(
            kind="jmh",
            why=f"{poms[0]} depends on jmh-core",
            setup=f"mvn --batch-mode --quiet package -DskipTests --file {poms[0]}",
            command=f"java -jar {posixpath.normpath(f'{folder}/target/benchmarks.jar')} -f 1 -rf json -rff {{out}}",
            toolchain=("- uses: actions/setup-java@v5", "  with: {distribution: temurin, java-version: '21'}"),
            sources=(("command", str(poms[0])),),
        )
    ]


def dotnet(repository: Repository) -> list[Project]:
    """Return the way to measure BenchmarkDotNet projects."""
    projects = [path for path in repository.matching(r".*\.csproj") if "BenchmarkDotNet" in repository.text(path)]
    if not projects:
        return []
    return [
        Project(
            kind="benchmarkdotnet",
            why=f"{projects[0]} uses BenchmarkDotNet",
            setup=f"dotnet build --configuration Release {projects[0]}",
            command=f"dotnet run --no-build --configuration Release --project {projects[0]} -- --filter '*' "
            "--exporters json --artifacts BenchmarkDotNet.Artifacts",
            results="BenchmarkDotNet.Artifacts/results/*-report-full-compressed.json",
            toolchain=("- uses: actions/setup-dotnet@v5", "  with: {dotnet-version: '9.0'}"),
            sources=(("command", str(projects[0])),),
        )
    ]


def _nothing(kind: str, why: str, toolchain: tuple[str, ...]) -> Project:
    """Return a project without a benchmark, which a person has to name."""
    return Project(
        kind=kind,
        why=why,
        command="",
        toolchain=toolchain,
        missing="Write a benchmark, or name a command in regress.yml that does something worth measuring.",
    )
