"""Rust projects: the benchmarks of crates and workspaces, by the harness that each of them uses."""

from __future__ import annotations

import posixpath
import re
import shlex
from typing import TYPE_CHECKING

from regress_action.scaffold.repository import Project, shell_word

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePosixPath

    from regress_action.scaffold.repository import Repository

_STABLE = ("- run: rustup toolchain install stable --profile minimal",)
_TEST_HARNESS = re.compile(r"#!\[feature\((?:[\w, ]*\b)?test\b|extern crate test")
_MOST_WAYS = 12
_SHORT = "--warm-up-time 0.5 --measurement-time 1"
"""Rounds are short: every run is a process of its own, and more processes say more than more rounds."""


def rust(repository: Repository) -> list[Project]:
    """Return the ways to measure the benchmarks of a crate or a workspace, and first benchmarks below them."""
    manifests = sorted(repository.matching(r"(?:.*/)?Cargo\.toml"), key=lambda path: (len(path.parts), str(path)))
    if not manifests:
        return []
    crates = [path for path in manifests if "[package]" in repository.text(path) and _benches(repository, path)]
    projects = [
        project for path in crates for project in _crate(repository, path, [other for other in crates if other != path])
    ]
    return projects[:_MOST_WAYS] + _first(repository, manifests)


def _benches(repository: Repository, manifest: PurePosixPath) -> dict[str, str]:
    """Return the benchmark targets of a crate, each with its harness: criterion, divan, libtest, bencher or plain."""
    folder = manifest.parent
    document = repository.toml(str(manifest))
    if document.get("package", {}).get("autobenches", True) is False:
        files: dict[str, str] = {}
    else:
        prefix = "" if str(folder) == "." else f"{re.escape(str(folder))}/"
        paths = repository.matching(rf"{prefix}benches/(?:[^/]+\.rs|[^/]+/main\.rs)")
        files = {path.parent.name if path.name == "main.rs" else path.stem: str(path) for path in paths}
    for target in document.get("bench", []):
        if isinstance(target, dict) and isinstance(target.get("name"), str):
            own = files.get(target["name"], str(folder / "benches" / f"{target['name']}.rs"))
            files[target["name"]] = str(folder / target["path"]) if isinstance(target.get("path"), str) else own
    return {name: _harness(repository.text(path)) for name, path in files.items()}


def _harness(text: str) -> str:
    if "criterion" in text:
        return "criterion"
    if "divan" in text:
        return "divan"
    if _TEST_HARNESS.search(text):
        return "libtest"
    return "bencher" if re.search(r"\bbencher\b", text) else "plain"


def _crate(repository: Repository, manifest: PurePosixPath, others: Sequence[PurePosixPath]) -> list[Project]:
    """Return a way for every harness with which the benchmarks of one crate are written."""
    benches = _benches(repository, manifest)
    folder = manifest.parent
    alone = str(folder) == "." and not others and "[workspace]" not in repository.text(manifest)
    apart = str(folder) != "." and not _is_member(repository, folder)
    package = shlex.quote(_name(repository, manifest))
    where = f" --manifest-path {shell_word(manifest)}" if apart else "" if alone else f" --package {package}"
    projects = []
    for kind in ("criterion", "divan", "libtest", "bencher", "plain"):
        names = [name for name, harness in benches.items() if harness == kind]
        if not names:
            continue
        chosen = " ".join(f"--bench {shlex.quote(name)}" for name in names)
        unstable = "RUSTC_BOOTSTRAP=1 " if kind == "libtest" else ""  # the test harness is no stable feature
        arguments = f" -- --output-format bencher {_SHORT}" if kind == "criterion" else ""
        projects.append(
            Project(
                kind=kind if kind != "plain" else "cargo",
                why=f"{manifest} has {len(names)} benchmark{'s' if len(names) > 1 else ''} with {kind}"
                if kind != "plain"
                else f"{manifest} has benchmarks without a known harness, which are timed as a whole",
                setup=f"{unstable}cargo bench{where} {chosen} --no-run",
                command=f"{unstable}cargo bench{where} {chosen}{arguments}"
                + (" | tee {out}" if kind != "plain" else ""),
                carry=(posixpath.normpath(f"{folder}/benches"),) if repository.exists(f"{folder}/benches") else (),
                toolchain=_STABLE,
                place=str(folder),
                sources=(("command", f"the targets of {manifest}"),),
            )
        )
    return projects


def _is_member(repository: Repository, folder: PurePosixPath) -> bool:
    """Whether a folder belongs to the workspace at the root."""
    workspace = repository.toml("Cargo.toml").get("workspace")
    if not isinstance(workspace, dict):
        return False
    excluded = [str(path).rstrip("/") for path in workspace.get("exclude", [])]
    return not any(str(folder) == path or str(folder).startswith(f"{path}/") for path in excluded)


def _name(repository: Repository, manifest: PurePosixPath) -> str:
    return str(repository.toml(str(manifest)).get("package", {}).get("name", manifest.parent.name))


def _first(repository: Repository, manifests: Sequence[PurePosixPath]) -> list[Project]:
    """Return first benchmarks: the start of the program, else the project's own tests."""
    locked = " --locked" if repository.exists("Cargo.lock") else ""
    root = manifests[0]
    if str(root) != "Cargo.toml":
        return []
    projects = []
    if binary := _binary(repository):
        projects.append(
            Project(
                kind="cargo",
                why=f"Cargo.toml was found, but no benchmark, so the start of {binary} is measured as a first one",
                setup=f"cargo build --release{locked}",
                command=f"{shell_word(f'./target/release/{binary}')} --help",
                toolchain=_STABLE,
                sources=(("command", f"the program {binary}"),),
                first=True,
            )
        )
    projects.append(
        Project(
            kind="cargo",
            why="Cargo.toml was found, but no benchmark, so the project's own tests are timed as a first one",
            setup=f"cargo test --release --no-run --lib --bins --tests{locked}",
            command=f"cargo test --release --quiet --lib --bins --tests{locked}",
            toolchain=_STABLE,
            sources=(("command", "the tests of the crate"),),
            first=True,
        )
    )
    return projects


def _binary(repository: Repository) -> str | None:
    manifest = repository.toml("Cargo.toml")
    if "package" not in manifest or not (repository.exists("src/main.rs") or manifest.get("bin")):
        return None
    named = [str(target["name"]) for target in manifest.get("bin", []) if isinstance(target, dict) and "name" in target]
    return named[0] if named else str(manifest["package"].get("name"))
