"""Go, Java, .NET, C and C++ projects: benchmarks by the files, targets and includes that define them.

* Go, Java and .NET projects: benchmarks by the files and targets that define them.
* C++ projects that CMake builds: the programs that measure, found by what their sources include.
* Projects that Meson builds: what they declare with `benchmark()`, else with `test()`.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action.scaffold.repository import Project, entering, shell_word, yaml_scalar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePosixPath

    from regress_action.scaffold.repository import Repository


_GO_BENCHMARK = re.compile(r"^func (Benchmark\w*)\(\w+ \*testing\.B\)", re.MULTILINE)
_MOST_PACKAGES = 12
_MOST_MODULES = 6

_TARGET = re.compile(
    r"\badd_(?:executable|\w+_(?:executable|program|test|bench(?:mark)?))\s*\(\s*([\w.+-]+)([^)]*)\)", re.IGNORECASE
)
"""What builds a program: CMake's own command, and functions of a project that are called like one."""

_MORE_SOURCES = re.compile(r"target_sources\w*\s*\(\s*([\w.+-]+)([^)]*)\)", re.IGNORECASE)
_LINKS = re.compile(r"target_link_libraries\s*\(\s*([\w.+-]+)([^)]*)\)", re.IGNORECASE)
_GOOGLE = re.compile(r"\bbenchmark(?:::benchmark\w*|_main)?\b")
_OPTION = re.compile(
    r"(?:option|cmake_dependent_option)\s*\(\s*([\w.-]*BENCH(?:MARK)?(?:S|ES|ING)?)(?![\w.-])", re.IGNORECASE
)
_TEST_OPTION = re.compile(r"option\s*\(\s*([A-Z0-9]+_(?:(?:BUILD|ENABLE|WITH|UNIT)_)*TEST(?:S|ING)?)\b")
_TEST_PROGRAM = re.compile(r"^(?:unit)?tests?$|[-_.](?:unit)?tests?$|^(?:unit_?)?tests?[-_.]", re.IGNORECASE)
_SOURCE = re.compile(r"[\w./+-]+\.(?:cc|cpp|cxx|c)\b")
_AUXILIARY = {"docs", "doc", "examples", "example", "cmake_consumer"}
_COMMANDS = {
    "google-benchmark": "{program} --benchmark_out={{out}} --benchmark_out_format=json",
    "catch2": "{program} --reporter xml --out {{out}}",
    "nanobench": "{program} | tee {{out}}",
    "cmake": "{program}",
}
_MESON_OPTION = re.compile(r"option\s*\(\s*'([\w-]+)'[^)]*?type\s*:\s*'(boolean|feature)'")
_MESON_CALLS = {"benchmark": r"^\s*benchmark\s*\(", "test": r"^\s*test\s*\("}
_MESON_NAMES = {"benchmark": r"bench", "test": r"^(?:build[-_])?(?:unit[-_])?tests?$"}


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
        packages = go_packages(repository, module.parent, [other.parent for other in modules if other != module])
        if packages:
            measured.append((module, packages))
    measured.sort(key=lambda pair: -len(pair[1]))
    measuring = [_go_module(module, packages) for module, packages in measured[:_MOST_MODULES]]
    return measuring + _go_first(repository, modules)


def _go_module(module: PurePosixPath, packages: list[str]) -> Project:
    """Return the way to measure the benchmarks of one module."""
    folder = module.parent
    listed = " ".join(map(shell_word, packages)) if len(packages) <= _MOST_PACKAGES else "./..."
    enter = entering(folder)
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
    enter = entering(module.parent)
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


def go_packages(repository: Repository, folder: PurePosixPath, nested: Sequence[PurePosixPath]) -> list[str]:
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


def go_benchmarks(repository: Repository, folder: PurePosixPath) -> list[str]:
    """Return the names of the benchmarks of one package."""
    files = (path for path in repository.matching(r".*_test\.go") if path.parent == folder)
    return [match[1] for path in files for match in _GO_BENCHMARK.finditer(repository.text(path))]


def _go_toolchain(module: PurePosixPath) -> tuple[str, ...]:
    return ("- uses: actions/setup-go@v6", f"  with: {{go-version-file: {yaml_scalar(str(module))}}}")


def java(repository: Repository) -> list[Project]:
    """Return the way to measure JMH benchmarks that Maven builds, or that Gradle runs with its plugin for JMH."""
    poms = [path for path in repository.matching(r"(?:.*/)?pom\.xml") if "jmh-core" in repository.text(path)]
    poms.sort(key=lambda path: "org.openjdk.jmh.Main" not in repository.text(path))
    java_21 = ("- uses: actions/setup-java@v5", "  with: {distribution: temurin, java-version: '21'}")
    if poms:
        folder = poms[0].parent
        module = f"<module>{folder}</module>" in repository.text("pom.xml")
        where = f"--projects {shell_word(folder)} --also-make" if module else f"--file {shell_word(poms[0])}"
        named = re.search(r"<finalName>([\w.-]+)</finalName>", repository.text(poms[0]))
        program = posixpath.normpath(f"{folder}/target/{named[1] if named else 'benchmarks'}.jar")
        return [
            Project(
                kind="jmh",
                why=f"{poms[0]} depends on jmh-core",
                setup=f"mvn --batch-mode --quiet package -DskipTests {where}",
                command=f"java -jar {shell_word(program)} -f 1 -rf json -rff {{out}}",
                toolchain=java_21,
                sources=(("command", str(poms[0])),),
            )
        ]
    builds = [
        path
        for path in repository.matching(r"(?:.*/)?build\.gradle(?:\.kts)?")
        if re.search(r"me\.champeau\.(?:gradle\.)?jmh", repository.text(path))
        and "apply false" not in repository.text(path)
    ]
    if not builds:
        return []
    gradle = "./gradlew" if repository.exists("gradlew") else "gradle"
    folder = builds[0].parent
    task = "".join(f":{part}" for part in folder.parts)
    libraries = shell_word(posixpath.normpath(f"{folder}/build/libs"))
    return [
        Project(
            kind="jmh",
            why=f"{builds[0]} uses Gradle's plugin for JMH",
            setup=f"{gradle} --no-daemon --quiet {shell_word(f'{task}:jmhJar')}",
            command=f"java -jar {libraries}/*-jmh.jar -f 1 -rf json -rff {{out}}",
            toolchain=java_21,
            sources=(("command", str(builds[0])),),
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
            setup=f"dotnet build --configuration Release {shell_word(projects[0])}",
            command=f"dotnet run --no-build --configuration Release --project {shell_word(projects[0])} "
            "-- --filter '*' --exporters json --artifacts BenchmarkDotNet.Artifacts",
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


def cpp(repository: Repository) -> list[Project]:
    """Return the ways to measure the benchmark programs that a CMake project builds, and its tests as a first one."""
    if not repository.exists("CMakeLists.txt"):
        return []
    lists = repository.matching(r"(?:.*/)?CMakeLists\.txt")
    projects = []
    considered = [path for path in lists if not _AUXILIARY.intersection(path.parts)]
    added: dict[str, list[str]] = {}  # sources by target, named from the root
    for path in considered:
        for target, files in _MORE_SOURCES.findall(_plain(repository.text(path))):
            added.setdefault(target, []).extend(str(path.parent / file) for file in _SOURCE.findall(files))
    for path in considered:
        text = _plain(repository.text(path))
        links = {match[1]: match[2] for match in _LINKS.finditer(text)}
        for target, sources in _TARGET.findall(text):
            files = [str(path.parent / file) for file in _SOURCE.findall(sources)] + added.get(target, [])
            kind = _kind(repository, target, files, links.get(target, ""))
            if kind:
                projects.append(_project(repository, kind, target, path))
    measuring = [project for project in projects if project.kind != "cmake"]
    return [*(measuring or projects)[:2], *_first(repository, lists)]


def _test_options(repository: Repository) -> str:
    """Return the options of the project at the root that build its tests."""
    names = _TEST_OPTION.findall(_plain(repository.text("CMakeLists.txt")))
    return "".join(f" -D{name}=ON" for name in dict.fromkeys(names))


def _test_program(repository: Repository, lists: Sequence[PurePosixPath]) -> list[Project]:
    """Return the time of a program of tests that CTest does not know as a first benchmark, where there is one."""
    for path in lists:
        for target, _ in _TARGET.findall(_plain(repository.text(path))):
            if _TEST_PROGRAM.search(target):
                why = "CMakeLists.txt was found, but no benchmark program"
                why += f", so the tests in {target} are timed as a first one"
                project = _project(repository, "cmake", target, path)
                setup = project.setup.replace(" && ", f"{_test_options(repository)} && ", 1)
                return [replace(project, why=why, setup=setup, first=True)]
    return []


def _plain(text: str) -> str:
    return re.sub(r"#.*", "", text)


def _kind(repository: Repository, target: str, sources: Sequence[str], libraries: str) -> str | None:
    """Return the library with which a target measures, `cmake` for another benchmark program, None for the others."""
    if "$" in target:
        return None
    text = "".join(repository.text(posixpath.normpath(file)) for file in sources[:20])
    if "benchmark/benchmark.h" in text or _GOOGLE.search(libraries):
        return "google-benchmark"
    if "nanobench.h" in text or "nanobench" in libraries.lower():
        return "nanobench"
    named = "bench" in target.lower()
    if re.search(r"catch2|catch\.hpp|catch_", text + libraries, re.IGNORECASE) and (named or "BENCHMARK(" in text):
        return "catch2"
    return "cmake" if named and "main" in text else None


def _project(repository: Repository, kind: str, target: str, path: PurePosixPath) -> Project:
    root = _root_of(repository, path)
    source = shell_word(root)
    below = path.parent.relative_to(root)
    renamed = re.search(
        rf"set_target_properties\s*\(\s*{re.escape(target)}\s[^)]*\bOUTPUT_NAME\s+\"?([\w.+-]+)",
        _plain(repository.text(path)),
        re.IGNORECASE,
    )
    name = renamed[1] if renamed else target
    program = shell_word(f"./{posixpath.normpath(f'build/{below}/{name}')}")
    texts = [_plain(repository.text(other)) for other in repository.matching(r"(?:.*/)?(?:CMakeLists\.txt|.*\.cmake)")]
    if any("RUNTIME_OUTPUT_DIRECTORY" in text for text in texts):
        program = f'"$(find build -type f -name {name} -perm -u+x | head -n 1)"'
    options = "".join(f" -D{option}=ON" for option in dict.fromkeys(o for text in texts for o in _OPTION.findall(text)))
    package = any(re.search(r"find_package\s*\(\s*benchmark\b", text) for text in texts)
    return Project(
        kind=kind,
        why=f"{path} builds {target}",
        setup=f"cmake -S {source} -B build -DCMAKE_BUILD_TYPE=Release{options} "
        f"&& cmake --build build --parallel 4 --target {target}",
        command=_COMMANDS[kind].format(program=program),
        toolchain=("- run: sudo apt-get install --yes libbenchmark-dev",) if package else (),
        sources=(("command", f"the target {target} of {path}"),),
    )


def _root_of(repository: Repository, path: PurePosixPath) -> PurePosixPath:
    """Return the folder from which CMake is started: the nearest project that nothing above adds."""
    folder = path.parent
    for place in (folder, *folder.parents):
        text = _plain(repository.text(place / "CMakeLists.txt"))
        above = [repository.text(other / "CMakeLists.txt") for other in place.parents]
        is_added = any(re.search(rf"add_subdirectory\s*\([^)]*\b{re.escape(place.name)}\b", other) for other in above)
        variable = any(re.search(r"add_subdirectory\s*\([^)]*\$", other) for other in above)
        if re.search(r"\bproject\s*\(", text, re.IGNORECASE) and not is_added and not variable:
            return place
    return folder.parents[-1] if folder.parents else folder


def _first(repository: Repository, lists: tuple[PurePosixPath, ...]) -> list[Project]:
    """Return the durations of the project's own tests as a first benchmark, where CTest knows some."""
    texts = [_plain(repository.text(path)) for path in lists]
    if not any(re.search(r"add_test\s*\(|_discover_tests\s*\(|add_\w*_?test\s*\(", text) for text in texts):
        return _test_program(repository, lists) or [
            Project(
                kind="cmake",
                why="CMakeLists.txt was found, but no benchmark program and no tests",
                command="",
                missing="Write a benchmark, or name a command in regress.yml that does something worth measuring.",
            )
        ]
    return [
        Project(
            kind="ctest",
            why="CMakeLists.txt was found, but no benchmark program, so its tests are timed as a first one",
            setup=f"cmake -S . -B build -DCMAKE_BUILD_TYPE=Release{_test_options(repository)} "
            "&& cmake --build build --parallel 4",
            command="ctest --test-dir build --output-junit {out}",
            sources=(("command", "the tests that CTest knows"),),
            first=True,
        )
    ]


def meson(repository: Repository) -> list[Project]:
    """Return the way to run what a Meson project declares as benchmarks, and its tests as a first one.

    Meson runs them, because only it knows their arguments, folders and variables. Google Benchmark is asked for JSON.
    """
    if not repository.exists("meson.build"):
        return []
    text = "".join(_plain(repository.text(path)) for path in repository.matching(r"(?:.*/)?meson\.build"))
    for call, pattern in _MESON_CALLS.items():
        if re.search(pattern, text, re.MULTILINE):
            return [_meson_project(repository, call, text)]
    return [_nothing("meson", "meson.build was found, but no `benchmark()` and no `test()`", ())]


def _meson_project(repository: Repository, call: str, text: str) -> Project:
    files = (name for name in ("meson.options", "meson_options.txt") if repository.exists(name))
    declared = [pair for name in files for pair in _MESON_OPTION.findall(_plain(repository.text(name)))]
    chosen = [(name, kind) for name, kind in declared if re.search(_MESON_NAMES[call], name, re.IGNORECASE)]
    options = "".join(f" -D{name}={'enabled' if kind == 'feature' else 'true'}" for name, kind in chosen)
    package = " libbenchmark-dev" if re.search(r"dependency\s*\(\s*'(?:google-)?benchmark'", text) else ""
    first = call == "test"
    return Project(
        kind="meson",
        why="meson.build was found, but no `benchmark()`, so its tests are timed as a first one"
        if first
        else "meson.build declares benchmarks",
        setup=f"meson setup build --buildtype=release{options} && ninja -C build meson-{call}-prereq",
        command=("" if first else "BENCHMARK_FORMAT=json ")
        + f"meson test -C build{'' if first else ' --benchmark'} --no-rebuild --timeout-multiplier 0 "
        f"--num-processes 1 --logbase regress",
        results="build/meson-logs/regress.junit.xml",
        toolchain=("- run: pipx install meson", f"- run: sudo apt-get install --yes ninja-build{package}"),
        sources=(("command", f"what meson.build declares with `{call}()`"), ("setup", "the options of the project")),
        first=first,
    )
