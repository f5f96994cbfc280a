"""Names over time: benchmarks that were renamed, and benchmarks that were removed on purpose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regress_action.model.measurements import matches

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from regress_action.model.measurements import Report


@dataclass(frozen=True, slots=True)
class Aliases:
    """What is known of names. `renamed` maps an old name to its newest one; `removed` are names or shell patterns."""

    renamed: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.renamed or self.removed)

    def applied(self, report: Report) -> Report:
        """Return the report with the newest names.

        A series keeps its old name where the report holds the new one too: then it is a copy and no renaming.
        """
        if not self.renamed:
            return report
        names = dict(self.renamed)
        present = {series.benchmark.name for series in report.series}
        changed = {name: names[name] for name in present & names.keys() if names[name] not in present}
        return _named(report, changed) if changed else report

    def without_removed(self, report: Report, *, present: Collection[str]) -> Report:
        """Return the report without benchmarks that were removed on purpose and are not `present` any more."""
        if not self.removed:
            return report
        kept = tuple(series for series in report.series if not self._is_gone(series.benchmark.name, present))
        return report if len(kept) == len(report.series) else replace(report, series=kept)

    def _is_gone(self, name: str, present: Collection[str]) -> bool:
        return name not in present and any(matches(name, pattern) for pattern in self.removed)


def _named(report: Report, names: Mapping[str, str]) -> Report:
    """Return the report with benchmarks under other names; the hash of the body stays."""
    series = (
        replace(row, benchmark=replace(row.benchmark, name=names[row.benchmark.name]))
        if row.benchmark.name in names
        else row
        for row in report.series
    )
    failures = (
        replace(failure, benchmark=names.get(failure.benchmark, failure.benchmark)) for failure in report.failures
    )
    return replace(report, series=tuple(series), failures=tuple(failures))
