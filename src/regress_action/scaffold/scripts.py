"""JavaScript, TypeScript, PHP and Julia projects: benchmarks by their files and the scripts of their manifests."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from regress_action.scaffold.repository import Project, entering, shell_word

if TYPE_CHECKING:
    from regress_action.scaffold.repository import Repository

_SWITCHING_PNPM = 11
_NEW_VITEST = 5  # which has no --outputJson any more
_BENCH_SCRIPTS = ("bench", "benchmark", "benchmarks", "perf")
_BENCH_PART = re.compile(r"(?:^|[:._-])(?:bench(?:marks?)?|perf)(?:$|[:._-])")
_OTHER_PART = re.compile(r"(?:^|[:._-])(?:pre|post|build|lint|install|serve|compare|watch|browser|dev)")
_BENCH_FILE = re.compile(r"(?:bench(?:marks?)?/(?:[\w-]+)|(?:test/)?bench(?:mark)?)\.[cm]?js")
_AUXILIARY = {"examples", "example", "docs", "website", "site", "templates", "playground", "fixtures"}
_MOST_PACKAGES = 40
_MOST_WAYS = 8
_LOCKS = (
    ("pnpm-lock.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
    ("bun.lock", "bun"),
    ("bun.lockb", "bun"),
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
)


def javascript(repository: Repository) -> list[Project]:
    """Return the ways to measure the benchmarks of a package, that of the root first."""
    manifests = sorted(repository.matching(r"(?:.*/)?package\.json"), key=lambda path: (len(path.parts), str(path)))
    if not manifests:
        return []
    manifests = [path for path in manifests if not _AUXILIARY.intersection(path.parts)][:_MOST_PACKAGES] or manifests
    projects = [project for path in manifests if (project := _vitest(repository, path))]
    projects += [project for path in manifests if (project := _script(repository, path))]
    projects += _files(repository, manifests[0])
    loadable = [path for path in manifests if _is_loadable(repository, path)]
    loadable.sort(key=lambda path: bool(repository.json(str(path)).get("private")))  # the package that others install
    return projects[:_MOST_WAYS] + _first(repository, (loadable or manifests)[0])


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
        command=f"{entering(folder)}{run} vitest bench --run {asked}",
        carry=(str(files[0].parent),) if len({file.parent for file in files}) == 1 else (),
        toolchain=_toolchain(repository, manager),
        place=str(folder),
        sources=(("setup", f"the lock file of {manager}"), ("command", f"vitest of {manifest}")),
    )


def _script(repository: Repository, manifest: PurePosixPath) -> Project | None:
    """Return the way to run a script of the manifest that is called like a benchmark; what it prints is read."""
    scripts = _mapping(repository.json(str(manifest)), "scripts")
    names = list(scripts)
    similar = [name for name in names if _BENCH_PART.search(name) and not _OTHER_PART.search(name)]
    similar = [name for name in similar if not re.search(r"\b(?:bun|deno)\b", f"{name} {scripts[name]}")] or similar
    name = next((name for name in (*_BENCH_SCRIPTS, *similar) if name in names), None)
    if name is None:
        return None
    folder = manifest.parent
    manager, setup, _ = _manager(repository, folder)
    run = "npx --yes bun run" if manager == "bun" else f"{_runner(manager, setup, scripts[name])} --silent"
    return Project(
        kind="node",
        why=f"{manifest} has the script {name}",
        setup=setup,
        command=f"{entering(folder)}{run} {shlex.quote(name)} | tee {{out}}",
        toolchain=_toolchain(repository, manager),
        place=str(folder),
        sources=(("setup", f"the lock file of {manager}"), ("command", f"the script {name} of {manifest}")),
    )


def _runner(manager: str, setup: str, script: object) -> str:
    """Return what runs a script of a manifest: npm, or the manager that the setup fetches where the script calls it."""
    fetched = re.search(r"(npx --yes \S+|node \S+) install", setup)
    calls = re.search(rf"\b{manager}\b", str(script))
    return f"{fetched[1]} run" if fetched and calls else "npm run"


def _files(repository: Repository, manifest: PurePosixPath) -> list[Project]:
    """Return the ways to run files that are called like a benchmark, as programs of their own."""
    if str(manifest) != "package.json":
        return []
    files = [
        path for path in repository.matching(_BENCH_FILE.pattern) if path.stem not in ("utils", "helpers", "common")
    ]
    chosen = sorted(files, key=lambda path: (path.stem not in ("index", "bench", "benchmark"), str(path)))[:1]
    projects = []
    for path in chosen:
        manager, setup, _ = _manager(repository, manifest.parent)
        own = path.parent / "package.json"
        if str(path.parent) != "." and repository.exists(str(own)):
            setup += f" && {_manager(repository, path.parent)[1]}"
        build = _mapping(repository.json("package.json"), "scripts").get("build")
        projects.append(
            Project(
                kind="node",
                why=f"{path} is a benchmark by its name",
                setup=f"{setup} && {_runner(manager, setup, build)} build" if build else setup,
                command=f"node {shell_word(path)} | tee {{out}}",
                carry=(str(path),),
                toolchain=_toolchain(repository, manager),
                sources=(("setup", f"the lock file of {manager}"), ("command", f"the file {path}")),
            )
        )
    return projects


def _first(repository: Repository, manifest: PurePosixPath) -> list[Project]:
    """Return a first benchmark for a package that has none: the time that Node takes to load it."""
    folder = manifest.parent
    manager, setup, _ = _manager(repository, folder)
    package = repository.json(str(manifest))
    entry = _entry(package)
    build = _mapping(package, "scripts").get("build")
    program = f"import(process.cwd() + {json.dumps('/' + entry)})"
    together = None if build else _mapping(repository.json("package.json"), "scripts").get("build")  # a workspace's
    run = _runner(manager, setup, build or together)
    if not build and not together and not repository.exists(str(folder / entry)):
        return [
            Project(
                kind="node",
                why=f"{manifest} was found, but no benchmark and no entry point {entry}",
                command="",
                toolchain=_toolchain(repository, manager),
                missing="Write a benchmark, or name a command in regress.yml that does something worth measuring.",
            )
        ]
    return [
        Project(
            kind="node",
            why=f"no benchmark was found, so loading {package.get('name') or 'the package'} is measured as a first one",
            setup=f"{setup} && {_within(folder if build else PurePosixPath(), f'{run} build')}"
            if build or together
            else _without_tools(setup),
            command=f"{entering(folder)}node --eval {shlex.quote(program)}",
            toolchain=_toolchain(repository, manager),
            sources=(("setup", f"the lock file of {manager}"), ("command", f"the entry point of {manifest}")),
            first=True,
        )
    ]


def _without_tools(setup: str) -> str:
    """Return an installation without the packages that only developers need, which loading a package does not."""
    for install, option in (("npm ci", "--omit=dev"), ("npm install", "--omit=dev"), (" install --frozen", "--prod")):
        if install in setup:
            return f"{setup} {option}" if "&&" not in setup and "bun" not in setup else setup
    return setup


def _is_loadable(repository: Repository, manifest: PurePosixPath) -> bool:
    """Whether a package names an entry point, or has the file that is the default one."""
    package = repository.json(str(manifest))
    named = any(package.get(key) for key in ("exports", "module", "main"))
    return named or repository.exists(str(manifest.parent / "index.js"))


def _entry(package: dict[str, object]) -> str:
    """Return the file that other packages load."""
    exports = package.get("exports")
    while isinstance(exports, dict):
        exports = exports.get(".") or exports.get("import") or exports.get("default") or exports.get("node") or ""
    entry = exports or package.get("module") or package.get("main") or "index.js"
    return posixpath.normpath(str(entry))


def _manager(repository: Repository, folder: PurePosixPath) -> tuple[str, str, str]:
    """Return the package manager by its lock file, the command that installs, and how it runs a program.

    npx fetches the manager in the version that the repository names. Corepack is not used: its older releases refuse
    newer managers, and Node no longer comes with it.
    """
    for lock, manager in _LOCKS:
        for place in (folder, *folder.parents):
            if repository.exists(str(place / lock)):
                install, run = _installation(repository, place, lock, manager)
                command = _within(place, install)
                if run.startswith("node "):  # a release of yarn that lies in the repository
                    release = shlex.split(run)[1]
                    run = f"node {shell_word(posixpath.relpath(place / release, folder))}"
                if str(place) != "." and repository.exists("package.json"):  # the root is what is measured
                    command = f"{_manager(repository, place.parents[-1])[1]} && {command}"
                return manager, command, run
    return "npm", _within(folder, "npm install --no-audit --no-fund"), "npx"


def _installation(repository: Repository, place: PurePosixPath, lock: str, manager: str) -> tuple[str, str]:
    """Return the command that installs what a lock file names, and how a program of the packages is run."""
    named = re.match(
        rf"{manager}@([\w.-]+)", str(repository.json(str(place / "package.json")).get("packageManager", ""))
    )
    if manager == "npm":
        return "npm ci", "npx"
    if manager == "bun":
        return f"npx --yes bun@{named[1] if named else 1} install --frozen-lockfile", "npx --yes bun x"
    if manager == "pnpm":
        format_9 = re.search(r"^lockfileVersion: '?9", repository.text(place / lock), re.MULTILINE)
        version = named[1] if named else "10" if format_9 or not repository.text(place / lock) else "8"
        # The other side may name another version; from 11 on, pnpm would fetch that one and refuse it from a mirror.
        major = re.match(r"\d+", version)
        same = " --config.pm-on-fail=ignore" if major and int(major[0]) >= _SWITCHING_PNPM else ""
        return f"npx --yes pnpm@{version} install --frozen-lockfile{same}", "npx"
    release = re.search(r"^yarnPath: *(\S+)", repository.text(place / ".yarnrc.yml"), re.MULTILINE)
    if release:
        file = release[1].strip("'\"")
        run = f"node {shell_word(file)}"
        return f"{run} install --immutable", run
    if repository.exists(str(place / ".yarnrc.yml")) or (named and not named[1].startswith("1.")):
        package = f"npx --yes @yarnpkg/cli-dist@{named[1] if named else 4}"
        return f"{package} install --immutable", package
    return "npx --yes yarn@1 install --frozen-lockfile", "npx"


def _toolchain(repository: Repository, manager: str) -> tuple[str, ...]:
    """Return the steps that install Node, in the version that the repository names, or Bun."""
    if manager == "bun":
        return ("- uses: oven-sh/setup-bun@v2",)
    file = next((name for name in (".nvmrc", ".node-version") if repository.exists(name)), None)
    version = f"node-version-file: {file}" if file else "node-version: lts/*"
    return ("- uses: actions/setup-node@v6", f"  with: {{{version}}}")


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


def _within(folder: PurePosixPath, command: str) -> str:
    """Return a command of a setup that runs in a folder and leaves the next one where it was."""
    return command if str(folder) == "." else f"({entering(folder)}{command})"


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
