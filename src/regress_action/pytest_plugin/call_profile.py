"""cProfile of a benchmarked function, as `--benchmark-cprofile` asks for it: rows, and their table."""

from __future__ import annotations

import cProfile
import pstats
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regress_action.model.escaping import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

COLUMNS = ("ncalls_recursion", "ncalls", "tottime", "tottime_per", "cumtime", "cumtime_per", "function_name")
_HEAD = "ncalls\ttottime\tpercall\tcumtime\tpercall\tfilename:lineno(function)"


@dataclass(frozen=True, slots=True)
class Profiling:
    """What `--benchmark-cprofile` and its three companions ask for; `loops` is None for as many as were timed."""

    column: str = "cumtime"
    loops: int | None = 1
    top: int = 25
    dump: Path | None = None


class FunctionProfile:
    """The calls that a function made, with their times in seconds."""

    def __init__(self) -> None:
        self._profile = cProfile.Profile()

    def run(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the function returns
        """Make a call under the profiler, and return what it returned."""
        return self._profile.runcall(call)

    def rows(self, column: str, most: int) -> list[dict[str, Any]]:
        """Return the functions with the largest values of `column`, largest first."""
        rows: list[dict[str, Any]] = [
            {
                "ncalls_recursion": f"{calls}/{primitive}" if calls != primitive else str(calls),
                "ncalls": calls,
                "tottime": own,
                "tottime_per": own / calls if calls else 0.0,
                "cumtime": total,
                "cumtime_per": total / primitive if primitive else 0.0,
                "function_name": f"{path}:{line}({name})",
            }
            for (path, line, name), (primitive, calls, own, total, _) in self._stats.items()
        ]
        return sorted(rows, key=lambda row: row[column], reverse=True)[:most]

    def dump(self, path: Path) -> None:
        """Write the profile for pstats and its viewers."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._profile.dump_stats(path)

    @property
    def _stats(self) -> dict[tuple[str, int, str], tuple[int, int, float, float, Any]]:
        return pstats.Stats(self._profile).stats  # type: ignore[attr-defined,no-any-return]


def table_lines(benchmarks: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a table for every benchmark that has a profile."""
    for benchmark in benchmarks:
        if not benchmark.get("cprofile"):
            continue
        yield plain(benchmark["fullname"]) + (f" ({benchmark['source']})" if benchmark["source"] else "")
        yield _HEAD
        for row in benchmark["cprofile"]:
            times = "\t".join(f"{row[name]:.4f}" for name in ("tottime", "tottime_per", "cumtime", "cumtime_per"))
            yield f"{row['ncalls_recursion']}\t{times}\t{plain(row['function_name'])}"
        yield ""
