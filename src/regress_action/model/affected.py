"""Which benchmarks a change can reach, and what that saves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BenchmarkReach:
    """A benchmark and why the change may reach it; `reason` is None where it cannot. `run_s` is what a run takes."""

    name: str
    reason: str | None
    run_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AffectedBenchmarks:
    """All benchmarks of a suite; `problem` says why nothing is known, and then every one counts as reachable."""

    benchmarks: tuple[BenchmarkReach, ...] = ()
    problem: str | None = None

    @property
    def reachable(self) -> tuple[str, ...]:
        """The names of those that the change may reach."""
        return tuple(entry.name for entry in self.benchmarks if entry.reason is not None)

    @property
    def unreachable(self) -> tuple[BenchmarkReach, ...]:
        """Those whose results the change cannot have caused."""
        return tuple(entry for entry in self.benchmarks if entry.reason is None)
