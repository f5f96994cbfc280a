"""What `init` found: how a project's performance suite is prepared and run, and where each line comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One way to measure a project.

    `why` says in one clause what was found. `carry` are the paths of the benchmarks, which the head's version replaces
    on both sides. `toolchain` are steps of a workflow. `sources` says of a field of regress.yml where its value comes
    from. `place` is the folder that the suite is about. `threshold` is a ratio at which another tool alarmed, `fails`
    says that it failed the job then. `first` marks a
    first benchmark for a project that has none. `missing` is a sentence about what a person has to add before anything
    can be measured; None where nothing is missing.
    """

    kind: str
    why: str
    command: str
    setup: str = ""
    results: str = ""
    carry: tuple[str, ...] = ()
    toolchain: tuple[str, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    place: str = "."
    first: bool = False
    threshold: float | None = None
    fails: bool = False
    missing: str | None = None
