"""The lines that hold more memory than before are found beyond chance, whatever moved around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action.advice.changed_lines import ChangedFile, Hunk
from regress_action.advice.memory_growth import memory_growth
from regress_action.advice.profile_files import ProfiledTarget, ProfileRun
from regress_action.model.profiles import AllocationSite, MemoryProfile
from regress_action.report.causes import as_plain, memory_paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE = "# new\ndef load():\n    return bytes(100)\n\n\ndef keep():\n    return bytes(200)\n"
FILES = (
    ChangedFile(
        "a.py", "a.py", (Hunk(0, 1, (), ("# new",)), Hunk(6, 7, ("    return None",), ("    return bytes(200)",)))
    ),
)
MIB = 2.0**20


def target(base: Sequence[tuple[AllocationSite, ...]], head: Sequence[tuple[AllocationSite, ...]]) -> ProfiledTarget:
    """Return recorded runs of both sides."""
    runs = tuple(
        ProfileRun(side, pair, memory=(MemoryProfile(sum(site.bytes for site in sites), 1.0, sites),))
        for side, recorded in (("base", base), ("head", head))
        for pair, sites in enumerate(recorded, 1)
    )
    return ProfiledTarget((), runs)


def site(line: int, size: float, along: tuple[float, ...] = (), path: str = "a.py") -> AllocationSite:
    """Return what a line holds, in MiB."""
    return AllocationSite(path, line, size * MIB, 10, tuple(part * MIB for part in along))


def test_growth_is_named_by_the_line_of_the_head() -> None:
    """Line 2 of the base is line 3 of the head: what it holds on both sides is no growth."""
    base = [(site(2, 50),) for _ in range(3)]
    head = [(site(3, 50 + wobble), site(7, 30, (5, 10, 20, 30))) for wobble in (-1, 0, 1)]

    cause = memory_growth(target(base, head), FILES, lambda _: SOURCE)

    assert cause is not None
    (grown,) = cause.sites
    assert (grown.location.line, grown.function, grown.is_changed, grown.is_growing) == (7, "keep", True, True)
    assert "The changed line a.py:7 in keep holds 30 MiB more" in as_plain(memory_paragraph(cause))


def test_growth_that_may_be_chance_is_not_named() -> None:
    """Three pairs that scatter more than they differ show nothing."""
    base = [(site(2, size),) for size in (40, 50, 60)]
    head = [(site(3, size),) for size in (75, 40, 55)]

    cause = memory_growth(target(base, head), FILES, lambda _: SOURCE)

    assert cause is not None
    assert cause.sites == ()


def test_memory_of_libraries_is_not_named_as_a_line() -> None:
    """Only lines of the repository can be changed by whoever reads this."""
    cause = memory_growth(target([()], [(site(1, 9, path="<packages>/x.py"),)]), (), lambda _: None)

    assert cause is not None
    assert "No line of the project explains it" in as_plain(memory_paragraph(cause))


def test_without_recorded_pairs_there_is_no_cause() -> None:
    """A profile of time has no allocations."""
    assert memory_growth(ProfiledTarget((), (ProfileRun("base", 1), ProfileRun("head", 1))), (), lambda _: None) is None
