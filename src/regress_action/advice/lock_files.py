"""Lock files as packages: which ones a commit changed, and a file in which only some of them are changed."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from regress_action.model.changes import PackageChange

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

LARGEST = 32 * 1024 * 1024
_TOML_LOCKS = frozenset({"uv.lock", "poetry.lock", "pdm.lock", "Cargo.lock"})
_REQUIREMENTS = re.compile(r"[\w.-]*(requirements|constraints)[\w.-]*\.(txt|lock)|pylock[\w.-]*\.txt", re.IGNORECASE)
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(\[[^\]]*\])?\s*(?P<how>===?|~=|>=|<=|!=|<|>|@)\s*(?P<version>[^\s;\\#]+)"
)
_PACKAGE_TABLE = re.compile(r"^\[\[package\]\]\s*$", re.MULTILINE)
_OTHER_TABLE = re.compile(r"^\[(?!\[?package[.\]])", re.MULTILINE)
_GO_SUM_FIELDS = 3
_MANIFESTS = frozenset({"pyproject.toml", "setup.cfg", "package.json", "Cargo.toml", "go.mod", "Pipfile"})


def is_lock_file(path: str) -> bool:
    """Whether the packages of a file of this name can be read."""
    return _reader(path) is not None


def is_manifest(path: str) -> bool:
    """Whether a file of this name states what a lock file then resolves."""
    name = path.rpartition("/")[2]
    return name in _MANIFESTS or (name.startswith("requirements") and name.endswith(".in"))


def packages(path: str, text: str) -> dict[str, str]:
    """Return the version of every package in a lock file, several versions of one package joined by a comma.

    A text that is damaged, too large or of an unknown kind holds none.
    """
    read = _reader(path)
    if read is None or len(text) > LARGEST:
        return {}
    versions: dict[str, set[str]] = {}
    try:
        for name, version in read(text):
            versions.setdefault(name, set()).add(version)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: ", ".join(sorted(several)) for name, several in sorted(versions.items())}


def changed_packages(path: str, before: str | None, after: str | None) -> tuple[PackageChange, ...]:
    """Return the packages that differ between two contents of a lock file: new ones, other versions, removed ones."""
    old, new = (packages(path, text) if text else {} for text in (before, after))
    changes = [
        PackageChange(name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    return tuple(sorted(changes, key=lambda change: (change.before is not None) + (change.after is None)))


def with_changed(path: str, before: str, after: str, names: Collection[str]) -> str | None:
    """Return `before` with the packages `names` as in `after`; None where files of this kind cannot be mixed.

    What belongs to no package, like the head of the file, is as in `after`.
    """
    name = path.rpartition("/")[2]
    if name in _TOML_LOCKS:
        return _mixed(_toml_blocks(before), _toml_blocks(after), names)
    if name == "package-lock.json":
        return _mixed_npm(before, after, names)
    if _REQUIREMENTS.fullmatch(name):
        return _mixed(_requirement_blocks(before), _requirement_blocks(after), names)
    return None


def _reader(path: str) -> Callable[[str], Iterable[tuple[str, str]]] | None:
    name = path.rpartition("/")[2]
    if name in _TOML_LOCKS:
        return _toml
    if _REQUIREMENTS.fullmatch(name):
        return _requirements
    return {"package-lock.json": _npm, "npm-shrinkwrap.json": _npm, "go.sum": _go_sum}.get(name)


def _toml(text: str) -> Iterator[tuple[str, str]]:
    for package in tomllib.loads(text).get("package", []):
        source = package.get("source")
        local = isinstance(source, dict) and any(key in source for key in ("editable", "virtual", "directory"))
        if not local:
            yield str(package["name"]), str(package.get("version", "?"))


def _requirements(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if match := _REQUIREMENT.match(line):
            yield _normal(match["name"]), match["version"]


def _normal(name: str) -> str:
    """Return the name of a Python package as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _npm(text: str) -> Iterator[tuple[str, str]]:
    content = json.loads(text)
    for path, package in content.get("packages", {}).items():
        if path and not package.get("link") and "version" in package:
            yield path.rpartition("node_modules/")[2], str(package["version"])
    if "packages" not in content:
        for name, package in content.get("dependencies", {}).items():
            yield name, str(package["version"])


def _go_sum(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == _GO_SUM_FIELDS and not fields[1].endswith("/go.mod"):
            yield fields[0], fields[1]


Blocks = tuple[str, list[tuple[str, str]], str]
"""The head of a lock file, the text of every package with its name, and what follows the packages."""


def _toml_blocks(text: str) -> Blocks:
    starts = [match.start() for match in _PACKAGE_TABLE.finditer(text)]
    if not starts:
        return text, [], ""
    end = next((match.start() for match in _OTHER_TABLE.finditer(text, starts[-1] + 1)), len(text))
    blocks = []
    for start, stop in zip(starts, [*starts[1:], end], strict=True):
        name = re.search(r'^name\s*=\s*"([^"]*)"', text[start:stop], re.MULTILINE)
        blocks.append((name[1] if name else "", text[start:stop]))
    return text[: starts[0]], blocks, text[end:]


def _requirement_blocks(text: str) -> Blocks:
    head, blocks = "", []
    for line in text.splitlines(keepends=True):
        if match := _REQUIREMENT.match(line):
            blocks.append((_normal(match["name"]), line))
        elif blocks:
            name, block = blocks[-1]
            blocks[-1] = name, block + line
        else:
            head += line
    if blocks and not blocks[-1][1].endswith("\n"):
        blocks[-1] = blocks[-1][0], blocks[-1][1] + "\n"
    return head, blocks, ""


def _mixed(before: Blocks, after: Blocks, names: Collection[str]) -> str:
    """Return the new file with the old blocks of every package that is not in `names`, in alphabetical order."""
    kept = [block for block in after[1] if block[0] in names] + [block for block in before[1] if block[0] not in names]
    kept.sort(key=lambda block: block[0])
    return after[0] + "".join(text for _, text in kept) + after[2]


def _mixed_npm(before: str, after: str, names: Collection[str]) -> str | None:
    try:
        old, new = json.loads(before), json.loads(after)
        mixed: dict[str, Any] = {"": new["packages"][""]} if "" in new["packages"] else {}
        for source, wanted in ((old, False), (new, True)):
            mixed |= {
                path: package
                for path, package in source["packages"].items()
                if path and (path.rpartition("node_modules/")[2] in names) is wanted
            }
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return json.dumps({**new, "packages": dict(sorted(mixed.items()))}, indent=2, ensure_ascii=False) + "\n"
