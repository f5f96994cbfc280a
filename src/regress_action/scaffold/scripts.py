"""JavaScript, TypeScript, PHP and Julia projects: benchmarks by their files and the scripts of their manifests."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from regress_action.scaffold.project import Project

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from regress_action.scaffold.repository import Repository

_NEW_VITEST = 5  # which has no --outputJson any more
_BENCH_SCRIPTS = ("bench", "benchmark", "benchmarks", "perf")


def javascript(repository: Repository) -> list[Project]:
    """Return the ways to measure the benchmarks of a package."""
    manifests = list(repository.matching(r"(?:.*/)?package\.json"))
    if not manifests:
        return []
    projects = [project for path in manifests if (project := _vitest(repository, path))]
    projects += [project for path in manifests if (project := _script(repository, path))]
    return projects[:2] or _first(repository, manifests[0])


def _vitest(repository: Repository, manifest: PurePosixPath) -> Project | None:
    """Return the way to run vitest's benchmarks of one package."""
    folder = manifest.parent
    prefix = "" if str(folder) == "." else f"{re.escape(str(folder))}/"
    files = repository.matching(rf"{prefix}.*\.bench\.[cm]?[jt]sx?")
    version = _version(repository, manifest, "vitest")
    if not files or version is None:
        return None
    asked = "--reporter=json --outputFile={out}" if version >= _NEW_VITEST else "--outputJson={out}"
    manager, setup, run = _manager(repository, folder)
    return Project(
        kind="vitest",
        why=f"{len(files)} file{'s' if len(files) > 1 else ''} like {files[0]}",
        setup=setup,
        command=f"{_enter(folder)}{run} vitest bench --run {asked}",
        carry=(str(files[0].parent),) if len({file.parent for file in files}) == 1 else (),
        toolchain=_toolchain(manager),
        sources=(("setup", f"the lock file of {manager}"), ("command", f"vitest of {manifest}")),
    )


def _script(repository: Repository, manifest: PurePosixPath) -> Project | None:
    """Return the way to run a script of the manifest that is called like a benchmark; what it prints is read."""
    scripts = repository.json(str(manifest)).get("scripts")
    name = next((name for name in _BENCH_SCRIPTS if isinstance(scripts, dict) and name in scripts), None)
    if name is None:
        return None
    folder = manifest.parent
    manager, setup, _ = _manager(repository, folder)
    silent = "--silent " if manager != "bun" else ""
    return Project(
        kind="node",
        why=f"{manifest} has the script {name}",
        setup=setup,
        command=f"{_enter(folder)}{manager} run {silent}{name} | tee {{out}}",
        toolchain=_toolchain(manager),
        sources=(("setup", f"the lock file of {manager}"), ("command", f"the script {name} of {manifest}")),
    )


def _first(repository: Repository, manifest: PurePosixPath) -> list[Project]:
    """Return a first benchmark for a package that has none: the time that Node takes to load it."""
    folder = manifest.parent
    manager, setup, _ = _manager(repository, folder)
    package = repository.json(str(manifest))
    return [
        Project(
            kind="node",
            why=f"no benchmark was found, so loading {package.get('name') or 'the package'} is measured as a first one",
            setup=setup + (f" && {manager} run build" if "build" in package.get("scripts", {}) else ""),
            command=f"{_enter(folder)}node --eval \"import(process.cwd() + '/' + '{_entry(package)}')\"",
            toolchain=_toolchain(manager),
            sources=(("setup", f"the lock file of {manager}"), ("command", f"the entry point of {manifest}")),
            first=True,
        )
    ]


def _entry(package: dict[str, object]) -> str:
    """Return the file that other packages load."""
    exports = package.get("exports")
    while isinstance(exports, dict):
        exports = exports.get(".") or exports.get("import") or exports.get("default") or exports.get("node") or ""
    entry = exports or package.get("module") or package.get("main") or "index.js"
    return posixpath.normpath(str(entry)).replace("'", "")


def _manager(repository: Repository, folder: PurePosixPath) -> tuple[str, str, str]:
    """Return the package manager by its lock file, the command that installs, and how it runs a program."""
    places = [folder, *folder.parents]
    for lock, manager, install, run in (
        ("pnpm-lock.yaml", "pnpm", "corepack enable pnpm && pnpm install --frozen-lockfile", "pnpm exec"),
        ("yarn.lock", "yarn", "corepack enable yarn && yarn install --frozen-lockfile", "yarn"),
        ("bun.lock", "bun", "bun install --frozen-lockfile", "bunx"),
        ("bun.lockb", "bun", "bun install --frozen-lockfile", "bunx"),
        ("package-lock.json", "npm", "npm ci", "npx"),
    ):
        for place in places:
            if repository.exists(str(place / lock)):
                return manager, f"{_enter(place)}{install}", run
    return "npm", f"{_enter(folder)}npm install --no-audit --no-fund", "npx"


def _toolchain(manager: str) -> tuple[str, ...]:
    if manager == "bun":
        return ("- uses: oven-sh/setup-bun@v2",)
    return ("- uses: actions/setup-node@v6", "  with: {node-version: lts/*}")


def _version(repository: Repository, manifest: PurePosixPath, package: str) -> int | None:
    """Return the major version of a dependency, looked for in the manifest and in those above; None without it."""
    for place in (manifest.parent, *manifest.parent.parents):
        content = repository.json(str(place / "package.json"))
        wanted = {**_mapping(content, "dependencies"), **_mapping(content, "devDependencies")}
        if package in wanted:
            number = re.search(r"\d+", str(wanted[package]))
            return int(number[0]) if number else 0
    return None


def _mapping(content: dict[str, object], name: str) -> dict[str, object]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _enter(folder: PurePosixPath) -> str:
    return "" if str(folder) == "." else f"cd {folder} && "


def php(repository: Repository) -> list[Project]:
    """Return the way to run phpbench."""
    if not any(repository.exists(name) for name in ("phpbench.json", "phpbench.json.dist")):
        return []
    return [
        Project(
            kind="phpbench",
            why="phpbench.json was found",
            setup="composer install --no-interaction --no-progress",
            command="vendor/bin/phpbench run --dump-file={out}",
            toolchain=("- uses: shivammathur/setup-php@v2", "  with: {php-version: '8.4'}"),
            sources=(("command", "phpbench.json"),),
        )
    ]


def julia(repository: Repository) -> list[Project]:
    """Return the way to run a suite of BenchmarkTools in the place where PkgBenchmark looks for it."""
    if not repository.exists("benchmark/benchmarks.jl"):
        return []
    script = 'include("benchmark/benchmarks.jl"); using BenchmarkTools; BenchmarkTools.save(ARGS[1], run(SUITE))'
    return [
        Project(
            kind="julia",
            why="benchmark/benchmarks.jl was found",
            setup="julia --project=benchmark -e 'using Pkg; Pkg.develop(path=\".\"); Pkg.instantiate()'",
            command=f"julia --project=benchmark -e '{script}' {{out}}",
            carry=("benchmark",),
            toolchain=("- uses: julia-actions/setup-julia@v2",),
            sources=(("command", "benchmark/benchmarks.jl"),),
        )
    ]
