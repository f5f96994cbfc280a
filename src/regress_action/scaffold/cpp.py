"""C++ projects that CMake builds: the programs that measure, found by what their sources include."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from regress_action.scaffold.project import Project

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from regress_action.scaffold.repository import Repository

_TARGET = re.compile(r"add_executable\s*\(\s*([\w.+-]+)([^)]*)\)", re.IGNORECASE)
_LINKS = re.compile(r"target_link_libraries\s*\(\s*([\w.+-]+)([^)]*)\)", re.IGNORECASE)
_GOOGLE = re.compile(r"\bbenchmark(?:::benchmark\w*|_main)?\b")
_OPTION = re.compile(r"(?:option|cmake_dependent_option)\s*\(\s*(\w*BENCH(?:MARK)?(?:S|ES|ING)?)\b", re.IGNORECASE)
_TEST_OPTION = re.compile(r"option\s*\(\s*([A-Z0-9]+_(?:(?:BUILD|ENABLE|WITH|UNIT)_)*TEST(?:S|ING)?)\b")
_SOURCE = re.compile(r"[\w./+-]+\.(?:cc|cpp|cxx|c)\b")
_AUXILIARY = {"docs", "doc", "examples", "example", "cmake_consumer"}
_COMMANDS = {
    "google-benchmark": "{program} --benchmark_out={{out}} --benchmark_out_format=json",
    "catch2": "{program} --reporter xml --out {{out}}",
    "nanobench": "{program} | tee {{out}}",
    "cmake": "{program}",
}


def cpp(repository: Repository) -> list[Project]:
    """Return the ways to measure the benchmark programs that a CMake project builds, and its tests as a first one."""
    if not repository.exists("CMakeLists.txt"):
        return []
    lists = repository.matching(r"(?:.*/)?CMakeLists\.txt")
    projects = []
    for path in (path for path in lists if not _AUXILIARY.intersection(path.parts)):
        text = _plain(repository.text(path))
        links = {match[1]: match[2] for match in _LINKS.finditer(text)}
        for target, sources in _TARGET.findall(text):
            kind = _kind(repository, path, target, sources, links.get(target, ""))
            if kind:
                projects.append(_project(repository, kind, target, path))
    measuring = [project for project in projects if project.kind != "cmake"]
    return [*(measuring or projects)[:2], *_first(repository, lists)]


def _plain(text: str) -> str:
    return re.sub(r"#.*", "", text)


def _kind(repository: Repository, path: PurePosixPath, target: str, sources: str, libraries: str) -> str | None:
    """Return the library with which a target measures, `cmake` for another benchmark program, None for the others."""
    if "$" in target:
        return None
    files = _SOURCE.findall(sources)[:20]
    text = "".join(repository.text(posixpath.normpath(posixpath.join(str(path.parent), file))) for file in files)
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
    source = "." if str(root) == "." else str(root)
    below = path.parent.relative_to(root)
    program = f"./{posixpath.normpath(f'build/{below}/{target}')}"
    texts = [_plain(repository.text(other)) for other in repository.matching(r"(?:.*/)?(?:CMakeLists\.txt|.*\.cmake)")]
    if any("RUNTIME_OUTPUT_DIRECTORY" in text for text in texts):
        program = f'"$(find build -type f -name {target} -perm -u+x | head -n 1)"'
    options = "".join(f" -D{name}=ON" for name in dict.fromkeys(n for text in texts for n in _OPTION.findall(text)))
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
        return [
            Project(
                kind="cmake",
                why="CMakeLists.txt was found, but no benchmark program and no tests",
                command="",
                missing="Write a benchmark, or name a command in regress.yml that does something worth measuring.",
            )
        ]
    options = "".join(f" -D{name}=ON" for name in dict.fromkeys(_TEST_OPTION.findall(texts[0])))
    return [
        Project(
            kind="ctest",
            why="CMakeLists.txt was found, but no benchmark program, so its tests are timed as a first one",
            setup=f"cmake -S . -B build -DCMAKE_BUILD_TYPE=Release{options} && cmake --build build --parallel 4",
            command="ctest --test-dir build --output-junit {out}",
            sources=(("command", "the tests that CTest knows"),),
            first=True,
        )
    ]
