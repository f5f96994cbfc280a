"""Rust, Go, C++, Java and .NET projects: benchmarks by the files and targets that define them."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from regress_action.scaffold.project import Project

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from regress_action.scaffold.repository import Repository

_GO_BENCHMARK = re.compile(r"^func Benchmark\w*\(\w+ \*testing\.B\)", re.MULTILINE)
_TARGET = re.compile(r"add_executable\s*\(\s*([\w.+-]+)", re.IGNORECASE)
_LINKS = re.compile(r"target_link_libraries\s*\(\s*([\w.+-]+)([^)]*)\)", re.IGNORECASE)
_GOOGLE = re.compile(r"\bbenchmark(?:::benchmark\w*|_main)?\b")
_MOST_PACKAGES = 12


def rust(repository: Repository) -> list[Project]:
    """Return the ways to measure the benchmarks of a crate or a workspace."""
    manifests = repository.matching(r"(?:.*/)?Cargo\.toml")
    if not manifests:
        return []
    crates = [path for path in manifests if _has_benches(repository, path)]
    toolchain = ("- run: rustup toolchain install stable --profile minimal",)
    if not crates:
        binary = _rust_binary(repository)
        if binary is None:
            return [
                _nothing(
                    "cargo", "Cargo.toml was found, but no folder `benches`, no [[bench]] and no program", toolchain
                )
            ]
        return [
            Project(
                kind="cargo",
                why=f"Cargo.toml was found, but no benchmark, so the start of {binary} is measured as a first one",
                setup="cargo build --release --locked" if repository.exists("Cargo.lock") else "cargo build --release",
                command=f"./target/release/{binary} --help",
                toolchain=toolchain,
                sources=(("command", f"the program {binary}"),),
                first=True,
            )
        ]
    folder = crates[0].parent
    package = _cargo_name(repository, crates[0])
    chosen = "" if len(crates) == 1 and str(folder) == "." else f" --package {package}"
    manifest = repository.toml(str(crates[0]))
    needed = {**manifest.get("dependencies", {}), **manifest.get("dev-dependencies", {})}
    divan = "divan" in needed
    others = f"; benchmarks of {len(crates) - 1} more crates are left out" if len(crates) > 1 else ""
    return [
        Project(
            kind="divan" if divan else "criterion" if "criterion" in needed else "libtest",
            why=f"{crates[0]} has benchmarks{others}",
            setup=f"cargo bench{chosen} --no-run",
            command=f"cargo bench{chosen} --benches -- | tee {{out}}"
            if divan
            else f"cargo bench{chosen} --benches -- --output-format bencher | tee {{out}}",
            carry=(posixpath.normpath(f"{folder}/benches"),) if repository.exists(f"{folder}/benches") else (),
            toolchain=toolchain,
            sources=(("command", str(crates[0])),),
        )
    ]


def _has_benches(repository: Repository, manifest: PurePosixPath) -> bool:
    text = repository.text(manifest)
    folder = re.escape(str(manifest.parent))
    prefix = "" if folder == r"\." else f"{folder}/"
    return "[package]" in text and ("[[bench]]" in text or bool(repository.matching(rf"{prefix}benches/.*\.rs")))


def _cargo_name(repository: Repository, manifest: PurePosixPath) -> str:
    return str(repository.toml(str(manifest)).get("package", {}).get("name", manifest.parent.name))


def _rust_binary(repository: Repository) -> str | None:
    manifest = repository.toml("Cargo.toml")
    if "package" not in manifest or not (repository.exists("src/main.rs") or manifest.get("bin")):
        return None
    named = [str(target["name"]) for target in manifest.get("bin", []) if isinstance(target, dict) and "name" in target]
    return named[0] if named else str(manifest["package"].get("name"))


def go(repository: Repository) -> list[Project]:
    """Return the ways to measure the benchmarks of a Go module, which may lie in a folder below the root."""
    modules = repository.matching(r"(?:.*/)?go\.mod")
    if not modules:
        return []
    best: tuple[int, PurePosixPath, list[str]] | None = None
    for module in modules:
        packages = _go_packages(repository, module.parent, [other.parent for other in modules if other != module])
        if packages and (best is None or len(packages) > best[0]):
            best = len(packages), module.parent, packages
    if best is None:
        toolchain = _go_toolchain(modules[0])
        return [_nothing("go", f"{modules[0]} was found, but no function `Benchmark…(b *testing.B)`", toolchain)]
    _, folder, packages = best
    listed = " ".join(packages) if len(packages) <= _MOST_PACKAGES else "./..."
    enter = "" if str(folder) == "." else f"cd {folder} && "
    return [
        Project(
            kind="go",
            why=f"{len(packages)} package{'s' if len(packages) > 1 else ''} of {folder / 'go.mod'} have benchmarks",
            setup=f"{enter}go test -run '^$' -count 1 {listed}",
            command=f"{enter}go test -run '^$' -bench . -benchmem -benchtime 0.2s {listed} | tee {{out}}",
            toolchain=_go_toolchain(folder / "go.mod"),
            sources=(
                ("command", "the packages whose tests hold benchmarks"),
                ("setup", "compiles and caches the same packages"),
            ),
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


def cpp(repository: Repository) -> list[Project]:
    """Return the ways to measure the benchmark programs that a CMake project builds."""
    if not repository.exists("CMakeLists.txt"):
        return []
    projects = []
    for path in repository.matching(r"(?:.*/)?CMakeLists\.txt"):
        text = repository.text(path)
        links = {match[1]: match[2] for match in _LINKS.finditer(text)}
        for target in _TARGET.findall(text):
            kind = _cpp_kind(target, links.get(target, ""))
            if kind:
                projects.append(_cpp_project(kind, target, path))
    if projects:
        return projects[:1]
    return [
        _nothing(
            "cmake", "CMakeLists.txt was found, but no target that links Google Benchmark, Catch2 or nanobench", ()
        )
    ]


def _cpp_kind(target: str, libraries: str) -> str | None:
    """Return the library with which a target measures; None for other targets."""
    if _GOOGLE.search(libraries):
        return "google-benchmark"
    if "nanobench" in libraries.lower():
        return "nanobench"
    return "catch2" if "catch2" in libraries.lower() and "bench" in target.lower() else None


def _cpp_project(kind: str, target: str, path: PurePosixPath) -> Project:
    program = posixpath.normpath(f"build/{path.parent}/{target}")
    commands = {
        "google-benchmark": f"./{program} --benchmark_out={{out}} --benchmark_out_format=json",
        "catch2": f"./{program} --reporter xml --out {{out}}",
        "nanobench": f"./{program}",
    }
    return Project(
        kind=kind,
        why=f"{path} builds {target}",
        setup=f"cmake -S . -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build --parallel --target {target}",
        command=commands[kind],
        sources=(("command", f"the target {target} of {path}"),),
    )


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
