"""A workflow: named steps, each run after those it needs, with their results in its hands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

Results = Mapping[str, Any]


class WorkflowError(Exception):
    """A workflow is put together wrongly, or one of its steps failed for good."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is run, after which other steps, and how often it may be tried."""

    run: Callable[[Results], Any]
    after: tuple[str, ...] = ()
    attempts: int = 1


class Workflow:
    """Steps and the order that follows from their needs."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, name: str, run: Callable[[Results], Any], *, after: Iterable[str] = (), attempts: int = 1) -> None:
        """Add a step; it is called with the results of the steps it comes `after`.

        Raises:
            WorkflowError: The name is taken.
        """
        if name in self._steps:
            raise WorkflowError(f"There are two steps called {name!r}.")
        self._steps[name] = Step(run, tuple(after), attempts)

    def order(self) -> tuple[str, ...]:
        """Return the steps in an order in which each comes after what it needs.

        Raises:
            WorkflowError: Steps need each other in a circle, or need one that does not exist.
        """
        for name, step in self._steps.items():
            if missing := [needed for needed in step.after if needed not in self._steps]:
                raise WorkflowError(f"Step {name!r} comes after {missing[0]!r}, which does not exist.")
        sorter = TopologicalSorter({name: step.after for name, step in self._steps.items()})
        try:
            return tuple(sorter.static_order())
        except CycleError as error:
            raise WorkflowError(f"The steps {', '.join(error.args[1])} wait for each other.") from error

    def run(self) -> dict[str, Any]:
        """Run every step and return all results by name.

        Raises:
            WorkflowError: A step failed as often as it was allowed to be tried.
        """
        results: dict[str, Any] = {}
        for name in self.order():
            step = self._steps[name]
            results[name] = _attempt(name, step, {needed: results[needed] for needed in step.after})
        return results


def _attempt(name: str, step: Step, results: Results) -> object:
    for attempt in range(1, step.attempts + 1):
        try:
            return step.run(results)
        except Exception as error:
            if attempt == step.attempts:
                raise WorkflowError(f"Step {name!r} failed {attempt} times: {error}") from error
    raise WorkflowError(f"Step {name!r} may not be tried at all.")
