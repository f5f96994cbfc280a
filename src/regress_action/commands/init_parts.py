"""A part of a suite that takes too long: fewer files, packages, targets or modules, each named in the command."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.scaffold import Project, Repository

SHARE = 4
"""A part is a quarter of what was tried before."""

_PYTEST = re.compile(r"(-m pytest )(.*?)( --(?:codspeed|benchmark-only)\b)")
_GO = re.compile(r"(-benchtime \S+ )(.*?)( \|)")
_BENCH = re.compile(r"--bench [\w-]+")
_ASV_RUN = " run -E "
_ASV_CHOSEN = re.compile(r" --bench '([^']*)'")


def part_of(project: Project, repository: Repository) -> tuple[Project, str] | None:
    """Return the way with a quarter of its suite, and which part that is; None where it has no parts that show."""
    line = project.command
    parts = (_pytest(line, repository), _asv(line, repository, project.carry), _pyperf(line), _go(line), _cargo(line))
    for command, said in parts:
        if command:
            return replace(project, command=command), f"a run takes more than {{limit}}, so a part is measured: {said}"
    return None


def _quarter(items: Sequence[str]) -> list[str]:
    """Return every fourth item, at least one; none where there is only one."""
    return list(items[::SHARE]) if len(items) > 1 else []


def _pytest(command: str, repository: Repository) -> tuple[str, str]:
    match = _PYTEST.search(command)
    if match is None:
        return "", ""
    paths = shlex.split(match[2])
    files: list[str] = []
    for path in paths:
        inside = [
            str(file)
            for file in repository.matching(r".*\.py")
            if file.is_relative_to(path) and file.stem != "conftest" and "benchmark" in repository.text(file)
        ]
        files += inside or [path]
    if len(files) == 1 and "::" not in files[0]:
        text = repository.text(files[0])
        files = [f"{files[0]}::{name}" for name in re.findall(r"^(?:async )?def (test\w*)\(", text, re.MULTILINE)]
    chosen = _quarter(files)
    return (command.replace(match[0], f"{match[1]}{shlex.join(chosen)}{match[3]}") if chosen else ""), ", ".join(chosen)


def _asv(command: str, repository: Repository, carry: Sequence[str]) -> tuple[str, str]:
    chosen_before = _ASV_CHOSEN.search(command)
    command = _ASV_CHOSEN.sub("", command)
    if _ASV_RUN not in command or not carry:
        return "", ""
    prefix = f"{carry[0]}/"
    modules = [
        str(path).removeprefix(prefix).removesuffix(".py").replace("/", ".")
        for path in repository.matching(re.escape(prefix) + r".*\.py")
        if path.name != "__init__.py" and re.search(r"\b(?:time|track|mem|peakmem|timeraw)_?\w*", repository.text(path))
    ]
    if chosen_before:
        modules = [module for module in modules if re.match(chosen_before[1].replace("\\", ""), f"{module}.")]
    chosen = _quarter(modules)
    if not chosen:
        return "", ""
    pattern = f"^({'|'.join(chosen)})[.]"
    return command.replace(_ASV_RUN, f" run --bench {shlex.quote(pattern)} -E "), ", ".join(chosen)


def _pyperf(command: str) -> tuple[str, str]:
    parts = command.split(" && ")
    chosen = _quarter(parts) if all("--append={out}" in part for part in parts) else []
    return " && ".join(chosen), f"{len(chosen)} of {len(parts)} scripts"


def _go(command: str) -> tuple[str, str]:
    match = _GO.search(command)
    chosen = _quarter(match[2].split()) if match else []
    if match is None or not chosen:
        return "", ""
    return command.replace(match[0], f"{match[1]}{' '.join(chosen)}{match[3]}"), ", ".join(chosen)


def _cargo(command: str) -> tuple[str, str]:
    targets = _BENCH.findall(command)
    chosen = _quarter(targets) if "cargo bench" in command else []
    if not chosen:
        return "", ""
    return command.replace(" ".join(targets), " ".join(chosen)), ", ".join(chosen)
