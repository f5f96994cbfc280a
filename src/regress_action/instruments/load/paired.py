"""Loads of two servers in turn: each run has a neighbour of the other side, so that what drifts meanwhile cancels."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from regress_action.instruments.load.result import stacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regress_action.instruments.load.result import LoadResult
    from regress_action.model.measurements import Report

    Load = Callable[[], LoadResult]


@dataclass(frozen=True, slots=True)
class LoadPairs:
    """The runs of both sides; those with the same place were measured one after the other."""

    baseline: tuple[LoadResult, ...]
    head: tuple[LoadResult, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return both sides for a program."""
        return {side: [result.as_dict() for result in getattr(self, side)] for side in ("baseline", "head")}

    def reports(self, name: str | None, *, service: str | None, suite: str) -> tuple[Report, Report]:
        """Return both sides as reports that compare in pairs, the baseline first.

        Both carry the target and the digest of the head: the scenario is one, and where the two servers have
        different addresses, that is no difference between the loads.
        """
        session, first = uuid.uuid4().hex, self.head[0]
        base, head = (
            stacked(
                [replace(result, target=first.target, digest=first.digest) for result in side],
                name,
                service=service,
                suite=suite,
            )
            for side in (self.baseline, self.head)
        )

        def numbered(report: Report) -> Report:
            runs = (replace(run, session=session, pair=number) for number, run in enumerate(report.runs))
            return replace(report, runs=tuple(runs))

        return numbered(base), numbered(head)


def in_turn(baseline: Load, head: Load, pairs: int) -> Iterator[tuple[str, LoadResult]]:
    """Put both loads on `pairs` times; yield the side and the result of each. Every second pair begins with head."""
    for number in range(pairs):
        sides = (("baseline", baseline), ("head", head))
        for side, load in sides if number % 2 == 0 else sides[::-1]:
            yield side, load()
