"""How a Python project installs what its benchmarks need: extras, dependency groups, requirement files, locks."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import PurePosixPath

    from regress_action.scaffold.repository import Repository

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_DISTRIBUTIONS = {  # import name → distribution, where the two differ
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "google": "protobuf",
    "jwt": "PyJWT",
    "PIL": "Pillow",
    "pkg_resources": "setuptools",
    "serial": "pyserial",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
_BUILD_FILES = ("pyproject.toml", "setup.py", "setup.cfg")


@dataclass(frozen=True, slots=True)
class Group:
    """A named set of requirements: an `extra`, a `group` (PEP 735), a `file`, or `packages` that only a tool knows."""

    kind: str
    name: str
    packages: tuple[str, ...]
    source: str

    def names(self, package: str) -> bool:
        """Whether the set names a package."""
        return package in self.packages


def groups(repository: Repository) -> list[Group]:
    """Return every set of requirements that the project declares."""
    project = repository.toml("pyproject.toml")
    names = [
        Group("extra", name, _packages(requirements), f"extra {name} of pyproject.toml")
        for name, requirements in _tables(project, "project", "optional-dependencies")
    ]
    names += [
        Group("group", name, _packages(requirements), f"dependency group {name} of pyproject.toml")
        for name, requirements in _tables(project, "dependency-groups")
    ]
    for tool, path in (("poetry", ("tool", "poetry", "group")), ("hatch", ("tool", "hatch", "envs"))):
        names += [
            Group("packages", name, _packages(_listed(table)), f"{tool} {name} of pyproject.toml")
            for name, table in _tables(project, *path)
        ]
    for file in repository.matching(r"(?:.*/)?(?:[\w-]*requirements[\w-]*|requirements/[\w-]+)\.(?:txt|in)"):
        names.append(Group("file", str(file), _packages(repository.text(file).splitlines()), str(file)))
    names += _tox(repository)
    return names


def install_command(
    repository: Repository, tools: Sequence[str], files: Sequence[PurePosixPath], *, locked: bool = True
) -> tuple[str, str]:
    """Return the command that makes `.venv` with the project, `tools` and what `files` import, and its source.

    `locked` uses the lock file of uv where there is one.
    """
    declared = groups(repository)
    wanted = [group for group in declared if any(group.names(tool) for tool in tools)][:2]
    wanted += [group for group in declared if group.names("pytest") and group not in wanted and "pytest" in tools][:1]
    provided = {package for group in wanted for package in group.packages}
    packages = [tool for tool in tools if tool not in provided]
    packages += [package for package in imported(repository, files) if package not in provided and package not in tools]
    packages += [package for group in wanted if group.kind == "packages" for package in group.packages]
    sources = [group.source for group in wanted] or ["the imports of the benchmarks"]
    if locked and repository.exists("uv.lock") and "project" in repository.toml("pyproject.toml"):
        return _uv(wanted, packages), f"uv.lock, {', '.join(sources)}"
    words = ["-e", _quoted(".", wanted)] if any(map(repository.exists, _BUILD_FILES)) else []
    for group in wanted:
        if group.kind == "group":
            words += ["--group", group.name]
        if group.kind == "file" and group.name.endswith(".txt"):
            words += ["-r", group.name]
    if not words and repository.exists("requirements.txt"):
        words = ["-r", "requirements.txt"]
    pip = ".venv/bin/python -m pip install --quiet"
    newer = f"{pip} --upgrade pip && " if "--group" in words else ""
    command = f"python -m venv .venv && {newer}{pip} {' '.join([*words, *dict.fromkeys(packages)])}"
    return command.strip(), ", ".join(sources)


def imported(repository: Repository, files: Iterable[PurePosixPath]) -> list[str]:
    """Return the distributions that Python files import and the project does not provide itself."""
    own = {path.stem for path in repository.files if path.suffix == ".py"}
    own |= {part for path in repository.files if path.suffix == ".py" for part in path.parts[:-1]}
    modules: dict[str, None] = {}
    for path in files:
        try:
            tree = ast.parse(repository.text(path))
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in tree.body:
            if isinstance(node, ast.Import):
                modules.update(dict.fromkeys(alias.name.partition(".")[0] for alias in node.names))
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                modules[node.module.partition(".")[0]] = None
    foreign = (name for name in modules if name not in sys.stdlib_module_names and name not in own)
    return [_DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in foreign]


def python_version(repository: Repository) -> tuple[str, str]:
    """Return the newest Python that the project allows, and where that is said."""
    text = str(_at(repository.toml("pyproject.toml"), "project", "requires-python") or "")
    below = re.search(r"<\s*3\.(\d+)", text)
    if below:
        return f"3.{int(below[1]) - 1}", f"requires-python {text} of pyproject.toml"
    at_least = re.search(r">=\s*3\.(\d+)", text)
    newest = max(13, int(at_least[1])) if at_least else 13
    return f"3.{newest}", f"requires-python {text} of pyproject.toml" if text else "no bound was found"


def _uv(wanted: Sequence[Group], packages: Sequence[str]) -> str:
    """Return the command that installs from uv's lock file, and then the packages that it does not hold."""
    flags = [f"--group {group.name}" for group in wanted if group.kind == "group"]
    flags += [f"--extra {group.name}" for group in wanted if group.kind == "extra"]
    sync = " ".join([".venv/bin/uv sync --quiet --frozen --inexact --python .venv/bin/python", *flags])
    command = f"python -m venv .venv && .venv/bin/python -m pip install --quiet uv && {sync}"
    if packages:
        names = " ".join(dict.fromkeys(packages))
        command += f" && .venv/bin/uv pip install --quiet --python .venv/bin/python {names}"
    return command


def _quoted(target: str, wanted: Sequence[Group]) -> str:
    extras = ",".join(group.name for group in wanted if group.kind == "extra")
    return f"'{target}[{extras}]'" if extras else target


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
        packages = _packages(line for line in lines if not line.strip().startswith(("-", "{", "#")))
        if packages:
            yield Group("packages", section, packages, f"{section} of tox.ini")


def _tables(document: dict[str, Any], *path: str) -> list[tuple[str, Any]]:
    table = _at(document, *path)
    return list(table.items()) if isinstance(table, dict) else []


def _at(document: dict[str, Any], *path: str) -> Any:  # noqa: ANN401 - any TOML value
    value: Any = document
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _listed(table: Any) -> list[str]:  # noqa: ANN401 - any TOML value
    """Return the requirements of a group of poetry or an environment of hatch."""
    dependencies = table.get("dependencies") if isinstance(table, dict) else None
    return list(dependencies) if isinstance(dependencies, (list, dict)) else []


def _packages(requirements: Any) -> tuple[str, ...]:  # noqa: ANN401 - any TOML value
    """Return the names of the packages in lines of requirements."""
    names = []
    for requirement in requirements if not isinstance(requirements, str) else []:
        match = _NAME.match(requirement) if isinstance(requirement, str) else None
        if match:
            names.append(re.sub(r"[-_.]+", "-", match[1]).lower())
    return tuple(names)
