"""How a Python project installs what its benchmarks need: extras, dependency groups, requirement files, locks.

Also here: the sets of requirements that a Python project declares: extras, groups, files, and what tox, nox or poetry
name.
"""

from __future__ import annotations

import ast
import itertools
import posixpath
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from regress_action.scaffold.repository import shell_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from regress_action.scaffold.repository import Repository


_FOREIGN = re.compile(r"(?:sys_platform|platform_system|os_name)\s*==\s*[\"'](?:win32|darwin|Windows|Darwin|nt)[\"']")
"""A condition that is never true where workflows run."""

_ENVIRONMENTS = (
    ("poetry", "pyproject.toml", ("tool", "poetry", "group")),
    ("hatch", "pyproject.toml", ("tool", "hatch", "envs")),
    ("hatch", "hatch.toml", ("envs",)),
    ("tox", "pyproject.toml", ("tool", "tox", "env")),
    ("tox", "tox.toml", ("env",)),
)
"""Where tools keep tables of requirements, each under its name."""

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")

_DISTRIBUTIONS = {  # import name → distribution, where the two differ
    "Crypto": "pycryptodome",
    "OpenSSL": "pyOpenSSL",
    "PIL": "Pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cattr": "cattrs",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "git": "GitPython",
    "google": "protobuf",
    "hamcrest": "PyHamcrest",
    "jwt": "PyJWT",
    "mpl_toolkits": "matplotlib",
    "pkg_resources": "setuptools<81",
    "ruamel": "ruamel.yaml",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "xdist": "pytest-xdist",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}
_DECLARING = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
_FOR_TESTS = ("test", "tests", "testing", "dev")
_NEWEST = 13
"""The minor version of Python that is named where a project sets no upper bound."""


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
    legacy = _listed({"dependencies": entry(project, "tool", "poetry", "dev-dependencies")})
    names += [Group("packages", "dev", package_names(legacy), "poetry's dev-dependencies")] if legacy else []
    names += [
        Group("packages", name, package_names(requirements), f"pdm {name} of pyproject.toml")
        for name, requirements in _tables(project, "tool", "pdm", "dev-dependencies")
    ]
    uv = entry(project, "tool", "uv", "dev-dependencies")
    names += [Group("packages", "dev", package_names(uv), "uv's dev-dependencies of pyproject.toml")] if uv else []
    for tool, manifest, path in _ENVIRONMENTS:
        names += [
            Group("packages", name, package_names(_listed(table)), f"{tool} {name} of {manifest}")
            for name, table in _tables(repository.toml(manifest), *path)
        ]
    for file in repository.matching(r"(?:.*/)?(?:[\w-]*requirements[\w-]*|requirements/[\w-]+)\.(?:txt|in)"):
        if file.suffix == ".in" and repository.exists(str(file.with_suffix(".txt"))):
            continue  # the other file is made from it, and names exact versions
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
    """Return the requirements of a group of poetry, or of an environment of hatch or tox."""
    listed: list[str] = []
    for name in ("dependencies", "extra-dependencies", "deps"):
        dependencies = table.get(name) if isinstance(table, dict) else None
        if isinstance(dependencies, dict):
            listed += [package for package, wanted in dependencies.items() if not _is_elsewhere(wanted)]
        elif isinstance(dependencies, list):
            listed += [requirement for requirement in dependencies if isinstance(requirement, str)]
    return listed


def _is_elsewhere(wanted: object) -> bool:
    """Whether poetry takes a package from no index, or not on this kind of machine."""
    if not isinstance(wanted, dict):
        return False
    platform = f"sys_platform == '{wanted.get('platform')}'" if "platform" in wanted else ""
    foreign = _FOREIGN.search(f"{wanted.get('markers', '')} {platform}")
    return foreign is not None or bool({"path", "git", "url"} & set(wanted))


def package_names(requirements: Any) -> tuple[str, ...]:  # noqa: ANN401 - any TOML value
    """Return the names of the packages in lines of requirements."""
    names = []
    several = hasattr(requirements, "__iter__") and not isinstance(requirements, str)
    for requirement in requirements if several else []:
        match = _NAME.match(requirement) if isinstance(requirement, str) else None
        if match and not _FOREIGN.search(requirement.partition(";")[2]):
            names.append(re.sub(r"[-_.]+", "-", match[1]).lower())
    return tuple(names)


def install_command(
    repository: Repository,
    tools: Sequence[str],
    files: Sequence[PurePosixPath],
    *,
    locked: bool = True,
    grouped: bool = True,
) -> tuple[str, str]:
    """Return the command that makes `.venv` with the project, `tools` and what `files` import, and its source.

    `locked` uses the lock file of uv where there is one, `grouped` what the project declares for tests and benchmarks.
    """
    declared = groups(repository) if grouped else []
    with_tool = [group for group in declared if any(group.names(tool) for tool in tools if tool != "pytest")]
    wanted = sorted(with_tool, key=lambda group: (not group.is_for_tests, len(group.packages)))[:1]
    beside = {str(path.parent / "requirements.txt") for path in files if str(path.parent) != "."}
    wanted += [group for group in declared if group.name in beside and group not in wanted]
    if "pytest" in tools:
        testing = [group for group in declared if group.names("pytest") and group not in wanted and group.is_for_tests]
        if any(group.names("pytest") for group in wanted):  # two files may ask for two versions of it
            testing = [group for group in testing if group.kind != "file"]
        elif not testing:  # a plugin of pytest needs pytest itself, and its group for tests names only the others
            testing = [group for group in declared if group.name in _FOR_TESTS]
        wanted += sorted(testing, key=lambda group: len(group.name))[:1]
    provided = {package for group in wanted for package in group.packages}
    packages = [tool for tool in tools if tool not in provided]
    foreign = [
        name
        for name in imported(repository, files)
        if name not in tools and not any(_belongs(name, package) for package in provided)
    ]
    packages += [
        *map(shlex.quote, foreign),
        *(package for group in wanted if group.kind == "packages" for package in group.packages),
    ]
    sources = [group.source for group in wanted] + (["the imports of the benchmarks"] if foreign else [])
    sources = sources or [next((name for name in _DECLARING if repository.exists(name)), "what the benchmarks use")]
    if locked and repository.exists("uv.lock") and "project" in repository.toml("pyproject.toml"):
        return _uv(repository, wanted, packages), f"uv.lock, {', '.join(sources)}"
    words = ["-e", _quoted(".", wanted)] if is_installable(repository) else []
    for group in wanted:
        if group.kind == "group":
            words += ["--group", shlex.quote(group.name)]
        if group.kind == "file":
            words += ["-r", shell_word(group.name)]
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
    own = {path.stem for path in repository.files if path.suffix == ".py"} | set(compiled_modules(repository))
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
    outside = [name for name in modules if name not in sys.stdlib_module_names and name not in own]
    foreign = [name for name in outside if not name.startswith("_")]  # a private module of another distribution
    required = _required(repository)
    packages = [distribution_of(name) for name in foreign]
    return [package for package in packages if not any(_belongs(package, other) for other in required)]


def distribution_of(module: str) -> str:
    """Return the requirement that brings a module, as far as its name shows."""
    return _DISTRIBUTIONS.get(module, module.replace("_", "-"))


def compiled_modules(repository: Repository) -> tuple[str, ...]:
    """Return the modules at the top that the project's build makes, as far as its files name them."""
    written = re.findall(r"\bExtension\(\s*(?:name\s*=\s*)?[\"']([\w.]+)[\"']", repository.text("setup.py"))
    settings = repository.toml("pyproject.toml")
    declared = entry(settings, "tool", "setuptools", "ext-modules")
    written += [str(table.get("name")) for table in declared or [] if isinstance(table, dict)]
    written += [str(entry(settings, "tool", "maturin", "module-name") or "")]
    written += re.findall(r"\bextension_module\(\s*'([\w.]+)'", repository.text("meson.build"))
    return tuple(dict.fromkeys(name for name in written if re.fullmatch(r"[A-Za-z]\w*", name)))


def _required(repository: Repository) -> tuple[str, ...]:
    """Return the packages that come with the project."""
    project = repository.toml("pyproject.toml")
    poetry = entry(project, "tool", "poetry", "dependencies")
    text = repository.text("setup.cfg").partition("install_requires")[2]
    lines = list(itertools.takewhile(lambda line: not line.strip() or line[:1].isspace(), text.splitlines()[1:]))
    return package_names(entry(project, "project", "dependencies")) + package_names(poetry) + package_names(lines)


def _belongs(package: str, distribution: str) -> bool:
    """Whether an imported name is one of a distribution: `rpds` of rpds-py, `jwt` of PyJWT."""
    plain = re.sub(r"[-_.]+", "-", package.partition("<")[0]).lower()
    return plain == distribution or distribution in (f"{plain}-py", f"py{plain}", f"py-{plain}", f"python-{plain}")


def python_version(repository: Repository) -> tuple[str, str]:
    """Return the newest Python that the project allows, and where that is said."""
    minors, said = python_minors(repository)
    return f"3.{max(minors)}", said or "the project names no version"


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


def _uv(repository: Repository, wanted: Sequence[Group], packages: Sequence[str]) -> str:
    """Return the command that installs from uv's lock file, and then the packages that it does not hold."""
    is_workspace = entry(repository.toml("pyproject.toml"), "tool", "uv", "workspace") is not None
    flags = ["--all-packages"] if is_workspace else []
    flags += [f"--group {shlex.quote(group.name)}" for group in wanted if group.kind == "group"]
    flags += [f"--extra {shlex.quote(group.name)}" for group in wanted if group.kind == "extra"]
    sync = " ".join([".venv/bin/uv sync --quiet --frozen --inexact --python .venv/bin/python", *flags])
    command = f"python -m venv .venv && .venv/bin/python -m pip install --quiet uv && {sync}"
    others = [f"-r {shell_word(group.name)}" for group in wanted if group.kind == "file"] + list(
        dict.fromkeys(packages)
    )
    if others:
        command += f" && .venv/bin/uv pip install --quiet --python .venv/bin/python {' '.join(others)}"
    return command


def _quoted(target: str, wanted: Sequence[Group]) -> str:
    extras = ",".join(group.name for group in wanted if group.kind == "extra")
    return shlex.quote(f"{target}[{extras}]") if extras else target
