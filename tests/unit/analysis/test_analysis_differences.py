"""What the files of both sides state about the runtime, the machine and the build is compared and named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regress_action import analysis
from regress_action.model.comparisons import Note, NoteCode
from unit.analysis.compared_sides import OWN, runs

if TYPE_CHECKING:
    from regress_action.model.measurements import Report

STEADY = {"b": [1.0, 1.001, 0.999, 1.0, 1.001, 1.0]}


def differences(base: list[Report], head: list[Report]) -> list[tuple[str, ...]]:
    """Return field, baseline and head of every difference that the judgement notes."""
    notes = analysis.compare(base, head).notes
    return [note.names for note in notes if isinstance(note, Note) and note.code is NoteCode.ENVIRONMENT_DIFFERS]


def built(kind: str) -> list[Report]:
    """Return six reports of a build of that type."""
    return [replace(report, provenance=(("library_build_type", kind),)) for report in runs(STEADY, environment=OWN)]


def test_other_type_of_build_is_named() -> None:
    """A debug build against a release build explains a suite that is seven times slower."""
    assert differences(built("release"), built("debug")) == [("library_build_type", "release", "debug")]


def test_other_toolchain_is_named() -> None:
    """It decides what compiled code does, and is no part of the fingerprint."""
    old, new = (replace(OWN, toolchain=f"go1.{minor}") for minor in (24, 25))
    different = differences(runs(STEADY, environment=old), runs(STEADY, environment=new))
    assert different == [("toolchain", "go1.24", "go1.25")]


def test_other_runtime_is_named() -> None:
    """A new interpreter on the same machine is no change of the code."""
    old, new = (replace(OWN, runtime=f"CPython {version}") for version in ("3.12.4", "3.13.1"))
    different = differences(runs(STEADY, environment=old), runs(STEADY, environment=new))
    assert different == [("runtime", "CPython 3.12.4", "CPython 3.13.1")]


def test_value_that_stands_on_both_sides_is_no_difference() -> None:
    """A baseline of several builds says nothing where the head has one of them, or states none."""
    assert differences([*built("debug"), *built("release")], built("debug")) == []
    assert differences(built("debug"), runs(STEADY, environment=OWN)) == []


def test_of_many_values_the_first_three_are_named() -> None:
    """A baseline of four runtimes, in the order of their names."""
    stored = [
        report
        for version in ("3.9", "3.10", "3.12", "3.11")
        for report in runs(STEADY, environment=replace(OWN, runtime=version))
    ]
    new = runs(STEADY, environment=replace(OWN, runtime="3.13"))
    assert differences(stored, new) == [("runtime", "3.10, 3.11, 3.12", "3.13")]
