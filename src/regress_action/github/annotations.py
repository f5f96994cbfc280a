"""Regressions on the lines that define their benchmarks, worst first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from regress_action.model import escaping
from regress_action.model.comparisons import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regress_action.github.preferences import Texts
    from regress_action.model.comparisons import CauseNote, Comparison
    from regress_action.model.measurements import Location

Level = Literal["notice", "warning", "failure"]
TITLE_BYTES = 255
MESSAGE_BYTES = 16_000
PATH_BYTES = 1_000
CAUSE_LIMIT = 3_000
LEVELS: dict[Severity, Level] = {Severity.CRITICAL: "failure", Severity.MODERATE: "warning", Severity.MINOR: "warning"}


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark on a line, or on none when it is not known where the benchmark is defined."""

    level: Level
    title: str
    message: str
    location: Location | None

    def for_check_run(self) -> dict[str, Any] | None:
        """Return what the API takes; None without a location, which it insists on."""
        if self.location is None or not _is_inside(self.location.path):
            return None
        line = max(1, self.location.line)
        return {
            "path": self.location.path,
            "start_line": line,
            "end_line": line,
            "annotation_level": self.level,
            "title": escaping.cut_bytes(escaping.annotation(self.title), TITLE_BYTES),
            "message": escaping.annotation(self.message, MESSAGE_BYTES) or "…",
        }


def annotate(comparisons: Iterable[Comparison], texts: Texts) -> list[Annotation]:
    """Return one annotation for each comparison, in their order."""
    return [
        Annotation(
            LEVELS.get(comparison.severity, "notice"),
            f"{comparison.severity.capitalize()} performance regression",
            _message(texts.finding(comparison), texts.reason(comparison), comparison.cause),
            _place(comparison),
        )
        for comparison in comparisons
    ]


def _message(finding: str, reason: str, cause: CauseNote | None) -> str:
    lines = [finding] if reason in finding else [finding, escaping.plain(reason)]
    if cause is not None:
        lines.append(escaping.plain(cause.paragraph, CAUSE_LIMIT))
    return "\n".join(lines)


def _place(comparison: Comparison) -> Location | None:
    """Return the changed line that explains a regression, else where its benchmark is defined."""
    cause = comparison.cause
    return cause.location if cause is not None and cause.location is not None else comparison.benchmark.location


def _is_inside(path: str) -> bool:
    """Whether GitHub takes the path: relative, inside the repository, with nothing odd in it."""
    return (
        bool(path)
        and len(path.encode(errors="replace")) <= PATH_BYTES
        and not path.startswith(("/", "\\"))
        and ".." not in path.split("/")
        and path.isprintable()
        and max(path) <= "\uffff"
    )
