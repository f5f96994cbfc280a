"""The Python files with benchmarks: uses of the `benchmark` fixture, of benchmark markers and of pyperf, by parsing."""

from __future__ import annotations

import ast
import configparser
import posixpath
import re
import shlex
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regress_action.scaffold.repository import Repository

_MOST_PATHS = 12
_BENCH = "bench_*"
"""Functions that take the fixture and are called so are benchmarks, though pytest would not collect them by itself."""
_ROOT = PurePosixPath()
_INI_FILES = (("pytest.ini", "pytest"), (".pytest.ini", "pytest"))


@dataclass(frozen=True, slots=True)
class Uses:
    """The files that use the `benchmark` fixture, a benchmark marker, or pyperf."""

    fixture: tuple[PurePosixPath, ...]
    marker: tuple[PurePosixPath, ...]
    pyperf: tuple[PurePosixPath, ...]


def uses(repository: Repository) -> Uses:
    """Parse the Python files that mention benchmarks."""
    fixture, marker, pyperf = [], [], []
    patterns: dict[PurePosixPath, tuple[str, ...]] = {}
    for path in repository.matching(r".*\.py"):
        text = repository.text(path)
        if "benchmark" not in text and "pyperf" not in text and "codspeed" not in text:
            continue
        tree = parsed(text)
        if tree is None or path.name == "conftest.py":
            continue
        if path.parent not in patterns:
            patterns[path.parent] = _function_patterns(repository, path.parent)
        if any(_takes_fixture(node, (*patterns[path.parent], _BENCH)) for node in _collected(tree)):
            fixture.append(path)
        elif "benchmark" in text and any(_is_marker(node) for node in ast.walk(tree)):
            marker.append(path)
        elif "pyperf" in text and _starts_runner(tree):
            pyperf.append(path)
    return Uses(tuple(fixture), tuple(marker), tuple(pyperf))


def parsed(text: str) -> ast.Module | None:
    """Return the syntax tree of a file; None where it is no Python of this version."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def paths_to_collect(repository: Repository, files: Sequence[PurePosixPath]) -> list[str]:
    """Return what to give to pytest: the files, or the folders that hold them where they are many.

    A folder that holds no other tests is named instead of its files.
    """
    folders: dict[str, list[PurePosixPath]] = {}
    for path in files:
        folders.setdefault(str(path.parent), []).append(path)
    paths: list[str] = []
    for folder, inside in folders.items():
        tests = [path for path in repository.files if str(path.parent) == folder and path.name.startswith("test_")]
        complete = folder != "." and len(inside) > 1 and set(tests) <= set(inside)
        paths += [folder] if complete else [str(path) for path in inside]
    if len(paths) > _MOST_PATHS:
        paths = list(dict.fromkeys(path if "/" not in path else posixpath.dirname(path) for path in paths))
    if len(paths) > _MOST_PATHS:
        paths = list(dict.fromkeys("/".join(path.split("/")[:2]) for path in paths))
    return paths


def common_folder(files: Sequence[PurePosixPath]) -> PurePosixPath:
    """Return the folder that holds all files."""
    return PurePosixPath(posixpath.commonpath([str(file.parent) for file in files])) if files else _ROOT


def files_option(repository: Repository, files: Sequence[PurePosixPath], paths: Sequence[str]) -> str:
    """Return the option that makes pytest collect files in folders whose names it would pass over; empty for none."""
    patterns = setting(repository, "python_files", common_folder(files)).split() or ["test_*.py", "*_test.py"]
    folders = set(map(str, files)) - set(paths)
    passed = sorted(
        {
            path.name
            for path in files
            if str(path) in folders and not any(fnmatchcase(path.name, pattern) for pattern in patterns)
        }
    )
    option = f"python_files={' '.join((*patterns, *passed))}"
    return f" -o {shlex.quote(option)}" if passed else ""


def functions_option(repository: Repository, files: Sequence[PurePosixPath]) -> str:
    """Return the option that makes pytest collect functions that it would pass over; empty for none."""
    patterns = _function_patterns(repository, common_folder(files))
    trees = [tree for path in files if (tree := parsed(repository.text(path)))]
    passed = any(
        _takes_fixture(node, (_BENCH,)) and not _takes_fixture(node, patterns)
        for tree in trees
        for node in _collected(tree)
    )
    return f" -o {shlex.quote('python_functions=' + ' '.join((*patterns, _BENCH)))}" if passed else ""


def setting(repository: Repository, name: str, folder: PurePosixPath = _ROOT) -> str:
    """Return a setting of pytest for files in a folder, in one line; empty where it is unset."""
    value = configuration(repository, folder)[1].get(name)
    return " ".join((value if isinstance(value, str) else " ".join(map(str, value or ()))).split())


def configuration(repository: Repository, folder: PurePosixPath) -> tuple[PurePosixPath, Mapping[str, Any]]:
    """Return the folder with the configuration that pytest would read for files in a folder, and its options.

    The order of the files is that of docs.pytest.org/en/stable/reference/customize.html; without any it is the root.
    """
    for place in (folder, *folder.parents):
        for file, section in (*_INI_FILES, ("pyproject.toml", ""), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
            path = str(place / file)
            options = _of_ini(repository.text(path), section) if section else _of_toml(repository.toml(path))
            if options is not None or ((file, section) in _INI_FILES and repository.exists(path)):
                return place, options or {}
    return _ROOT, {}


def _of_ini(text: str, section: str) -> dict[str, str] | None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return dict(parser.items(section)) if parser.has_section(section) else None


def _of_toml(document: dict[str, Any]) -> dict[str, Any] | None:
    table = document.get("tool", {}).get("pytest")
    options = table.get("ini_options", table) if isinstance(table, dict) else None
    return options if isinstance(options, dict) else None


def _function_patterns(repository: Repository, folder: PurePosixPath) -> tuple[str, ...]:
    """Return the names of functions that pytest collects: `python_functions` of its configuration, else `test`."""
    names = setting(repository, "python_functions", folder).split() or ["test"]
    return tuple(name if any(sign in name for sign in "*?[") else f"{name}*" for name in names)


def _collected(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions of a module and of its classes; those inside of functions are never collected."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from (inner for inner in node.body if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)))


def _takes_fixture(node: ast.FunctionDef | ast.AsyncFunctionDef, functions: tuple[str, ...]) -> bool:
    return any(fnmatchcase(node.name, pattern) for pattern in functions) and any(
        argument.arg == "benchmark" for argument in (*node.args.args, *node.args.kwonlyargs)
    )


def _is_marker(node: ast.AST) -> bool:
    """Whether a node is `pytest.mark.benchmark` or `pytest.mark.codspeed_benchmark`, called or not."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ("benchmark", "codspeed_benchmark")
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "mark"
    )


def _starts_runner(tree: ast.Module) -> bool:
    """Whether a script makes a `pyperf.Runner` when it is started: a module that others import does not."""
    has_main = any(isinstance(node, ast.If) and re.search("__name__", ast.unparse(node.test)) for node in tree.body)
    names = {"pyperf", "perf"}
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in names
        for alias in node.names
        if alias.name == "Runner"
    }
    places = tree.body if not has_main else [tree]
    return any(
        _is_runner(node, imported)
        for place in places
        if has_main or not isinstance(place, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        for node in ast.walk(place)
    )


def _is_runner(node: ast.AST, imported: set[str]) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in imported
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "Runner"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("pyperf", "perf")
    )
