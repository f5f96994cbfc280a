"""Targets of a Makefile or a justfile that are called like a benchmark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regress_action.scaffold.project import Project

if TYPE_CHECKING:
    from regress_action.scaffold.repository import Repository

_TARGET = re.compile(r"^(bench|benchmark|benchmarks|perf)\s*:(?!=)", re.MULTILINE)
_FILES = (("Makefile", "make"), ("GNUmakefile", "make"), ("makefile", "make"), ("justfile", "just"))


def tasks(repository: Repository) -> list[Project]:
    """Return the way to run a benchmark target; what it prints is read where its format is a known one."""
    for file, program in _FILES:
        match = _TARGET.search(repository.text(file))
        if match is None:
            continue
        is_built = re.search(r"^all\s*:(?!=)", repository.text(file), re.MULTILINE) and not repository.exists("go.mod")
        return [
            Project(
                kind=program,
                why=f"{file} has the target {match[1]}",
                setup=f"{program} all" if is_built and program == "make" else "",
                command=f"{program} {match[1]} | tee {{out}}",
                sources=(("command", f"the target {match[1]} of {file}"),),
            )
        ]
    return []
