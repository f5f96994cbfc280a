"""The sets of requirements that a Python project declares: extras, groups, files, and what tox, nox or poetry name."""

from __future__ import annotations

import ast
import posixpath
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.scaffold.repository import Repository

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


@dataclass(frozen=True, slots=True)
class Group:
    """A named set of requirements: an `extra`, a `group` (PEP 735), a `file`, or `packages` that only a tool knows."""

    kind: str
    name: str
    packages: tuple[str, ...]
    source: str

    @property
    def is_for_tests(self) -> bool:
        """Whether its name does not say that it is for something else than running tests."""
        return re.search(r"lint|mypy|typ(?:e|ing)|doc|build|release|style|format", self.name) is None

    def names(self, package: str) -> bool:
        """Whether the set names a package."""
        return package in self.packages


def groups(repository: Repository) -> list[Group]:
    """Return every set of requirements that the project declares."""
    project = repository.toml("pyproject.toml")
    names = [
        Group("extra", name, package_names(requirements), f"extra {name} of pyproject.toml")
        for name, requirements in _tables(project, "project", "optional-dependencies")
    ]
    names += [
        Group("group", name, package_names(requirements), f"dependency group {name} of pyproject.toml")
        for name, requirements in _tables(project, "dependency-groups")
    ]
    legacy = entry(project, "tool", "poetry", "dev-dependencies")
    names += [Group("packages", "dev", package_names(legacy), "poetry's dev-dependencies")] if legacy else []
    names += [
        Group("packages", name, package_names(requirements), f"pdm {name} of pyproject.toml")
        for name, requirements in _tables(project, "tool", "pdm", "dev-dependencies")
    ]
    uv = entry(project, "tool", "uv", "dev-dependencies")
    names += [Group("packages", "dev", package_names(uv), "uv's dev-dependencies of pyproject.toml")] if uv else []
    for tool, path in (("poetry", ("tool", "poetry", "group")), ("hatch", ("tool", "hatch", "envs"))):
        names += [
            Group("packages", name, package_names(_listed(table)), f"{tool} {name} of pyproject.toml")
            for name, table in _tables(project, *path)
        ]
    for file in repository.matching(r"(?:.*/)?(?:[\w-]*requirements[\w-]*|requirements/[\w-]+)\.(?:txt|in)"):
        names.append(Group("file", str(file), package_names(_lines_of(repository, file)), str(file)))
    names += [*_setup_cfg(repository), *_setup_py(repository), *_tox(repository), *_nox(repository)]
    return names


def _lines_of(repository: Repository, file: PurePosixPath, depth: int = 3) -> list[str]:
    """Return the lines of a requirement file, those of the files that it includes as well."""
    lines = []
    for line in repository.text(file).splitlines():
        match = re.match(r"\s*(?:-r|--requirement)[ =]*(\S+)", line)
        if match and depth:
            lines += _lines_of(repository, PurePosixPath(posixpath.normpath(file.parent / match[1])), depth - 1)
        else:
            lines.append(line)
    return lines


def _tox(repository: Repository) -> Iterator[Group]:
    """Yield the requirements of the environments of tox.ini."""
    import configparser

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(repository.text("tox.ini"))
    except configparser.Error:
        return
    for section in parser.sections():
        lines = parser.get(section, "deps", fallback="").splitlines()
        packages = package_names(line for line in lines if not line.strip().startswith(("-", "{", "#")))
        if packages:
            yield Group("packages", section, packages, f"{section} of tox.ini")


def _setup_cfg(repository: Repository) -> Iterator[Group]:
    """Yield the extras of setup.cfg."""
    import configparser

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(repository.text("setup.cfg"))
    except configparser.Error:
        return
    if parser.has_section("options.extras_require"):
        for name, lines in parser.items("options.extras_require"):
            yield Group("extra", name, package_names(lines.splitlines()), f"extra {name} of setup.cfg")


def _setup_py(repository: Repository) -> Iterator[Group]:
    """Yield the extras that setup.py writes down literally."""
    try:
        tree = ast.parse(repository.text("setup.py"))
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "extras_require" and isinstance(node.value, ast.Dict):
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                try:
                    name, requirements = ast.literal_eval(key or value), ast.literal_eval(value)
                except ValueError:
                    continue
                yield Group("extra", str(name), package_names(requirements), f"extra {name} of setup.py")


def _nox(repository: Repository) -> Iterator[Group]:
    """Yield what the sessions of noxfile.py install by name."""
    try:
        tree = ast.parse(repository.text("noxfile.py"))
    except (SyntaxError, ValueError, RecursionError):
        return
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        words = [
            argument.value
            for call in ast.walk(function)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "install"
            for argument in call.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        ]
        packages = package_names(word for word in words if re.match(r"[A-Za-z]", word) and not word.endswith(".txt"))
        if packages:
            yield Group("packages", function.name, packages, f"the session {function.name} of noxfile.py")


def _tables(document: dict[str, Any], *path: str) -> list[tuple[str, Any]]:
    table = entry(document, *path)
    return list(table.items()) if isinstance(table, dict) else []


def entry(document: dict[str, Any], *path: str) -> Any:  # noqa: ANN401 - any TOML value
    """Return what lies at a path of a TOML document; None where nothing does."""
    value: Any = document
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _listed(table: Any) -> list[str]:  # noqa: ANN401 - any TOML value
    """Return the requirements of a group of poetry or an environment of hatch."""
    dependencies = table.get("dependencies") if isinstance(table, dict) else None
    return list(dependencies) if isinstance(dependencies, (list, dict)) else []


def package_names(requirements: Any) -> tuple[str, ...]:  # noqa: ANN401 - any TOML value
    """Return the names of the packages in lines of requirements."""
    names = []
    several = hasattr(requirements, "__iter__") and not isinstance(requirements, str)
    for requirement in requirements if several else []:
        match = _NAME.match(requirement) if isinstance(requirement, str) else None
        if match:
            names.append(re.sub(r"[-_.]+", "-", match[1]).lower())
    return tuple(names)
