"""How a Python project installs what its benchmarks need: extras, dependency groups, requirement files, locks."""

from __future__ import annotations

import ast
import itertools
import re
import sys
from typing import TYPE_CHECKING

from regress_action.scaffold.requirement_groups import Group, entry, groups, package_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import PurePosixPath

    from regress_action.scaffold.repository import Repository

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


_NEWEST = 13
"""The minor version of Python that is named where a project sets no upper bound."""


def install_command(
    repository: Repository, tools: Sequence[str], files: Sequence[PurePosixPath], *, locked: bool = True
) -> tuple[str, str]:
    """Return the command that makes `.venv` with the project, `tools` and what `files` import, and its source.

    `locked` uses the lock file of uv where there is one.
    """
    declared = groups(repository)
    with_tool = [group for group in declared if any(group.names(tool) for tool in tools if tool != "pytest")]
    wanted = sorted(with_tool, key=lambda group: (not group.is_for_tests, len(group.packages)))[:1]
    beside = {str(path.parent / "requirements.txt") for path in files if str(path.parent) != "."}
    wanted += [group for group in declared if group.name in beside and group not in wanted]
    if "pytest" in tools:
        testing = [group for group in declared if group.names("pytest") and group not in wanted and group.is_for_tests]
        wanted += sorted(testing, key=lambda group: len(group.name))[:1]
    provided = {package for group in wanted for package in group.packages}
    packages = [tool for tool in tools if tool not in provided]
    packages += [package for package in imported(repository, files) if package not in provided and package not in tools]
    packages += [package for group in wanted if group.kind == "packages" for package in group.packages]
    sources = [group.source for group in wanted] or ["the imports of the benchmarks"]
    if locked and repository.exists("uv.lock") and "project" in repository.toml("pyproject.toml"):
        return _uv(wanted, packages), f"uv.lock, {', '.join(sources)}"
    words = ["-e", _quoted(".", wanted)] if is_installable(repository) else []
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


def is_installable(repository: Repository) -> bool:
    """Whether pip can install what lies at the root: a pyproject.toml alone may hold nothing but settings of tools."""
    project = repository.toml("pyproject.toml")
    declared = "project" in project or "build-system" in project or entry(project, "tool", "poetry", "name")
    return bool(declared) or repository.exists("setup.py") or "[metadata]" in repository.text("setup.cfg")


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
    foreign = [name for name in modules if name not in sys.stdlib_module_names and name not in own]
    required = _required(repository)
    packages = [_DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in foreign]
    return [package for package in packages if not any(_belongs(package, other) for other in required)]


def _required(repository: Repository) -> tuple[str, ...]:
    """Return the packages that come with the project."""
    project = repository.toml("pyproject.toml")
    poetry = entry(project, "tool", "poetry", "dependencies")
    text = repository.text("setup.cfg").partition("install_requires")[2]
    lines = list(itertools.takewhile(lambda line: not line.strip() or line[:1].isspace(), text.splitlines()[1:]))
    return package_names(entry(project, "project", "dependencies")) + package_names(poetry) + package_names(lines)


def _belongs(package: str, distribution: str) -> bool:
    """Whether an imported name is one of a distribution: `rpds` of rpds-py, `jwt` of PyJWT."""
    plain = re.sub(r"[-_.]+", "-", package).lower()
    return plain == distribution or distribution in (f"{plain}-py", f"py{plain}", f"py-{plain}", f"python-{plain}")


def python_version(repository: Repository) -> tuple[str, str]:
    """Return the newest Python that the project allows, and where that is said."""
    minors, said = python_minors(repository)
    return f"3.{max(minors)}", said or "no bound was found"


def python_minors(repository: Repository) -> tuple[range, str]:
    """Return the minor versions of Python 3 that the project allows, and where that is said; empty for nowhere."""
    document = repository.toml("pyproject.toml")
    text, said = str(entry(document, "project", "requires-python") or ""), "requires-python {} of pyproject.toml"
    if not text and (poetry := entry(document, "tool", "poetry", "dependencies", "python")):
        text, said = str(poetry).replace("^3", ">=3").replace("~3", ">=3"), "python {} of pyproject.toml"
    if not text and (match := re.search(r"python_requires\s*=\s*[\"']?([^\"'\n]+)", _setup_texts(repository))):
        text, said = match[1], "python_requires {} of the setup file"
    below = re.search(r"<\s*3\.(\d+)", text)
    at_least = re.search(r">=?\s*3\.(\d+)", text)
    first = int(at_least[1]) if at_least else 0
    last = int(below[1]) - 1 if below else max(_NEWEST, first)
    return range(first, max(first, last) + 1), said.format(text) if text else ""


def _setup_texts(repository: Repository) -> str:
    return repository.text("setup.cfg") + "\n" + repository.text("setup.py")


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
