"""A table of measured rates with the targets it is held to, for people and for machines."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Target:
    """A number that must be reached: `reached` compared with `bound` by `at_most` or `at least`."""

    what: str
    reached: float
    bound: float
    at_most: bool
    unit: str = "%"

    @property
    def met(self) -> bool:
        """Whether the bound is kept, exactly, without rounding in our favour."""
        return self.reached <= self.bound if self.at_most else self.reached >= self.bound

    def __str__(self) -> str:
        sign = "≤" if self.at_most else "≥"
        state = "met" if self.met else "MISSED"
        return f"{state}: {self.what} {self.reached:.2f} {self.unit} (target {sign} {self.bound:g} {self.unit})"


@dataclass(frozen=True)
class Table:
    """Rows of numbers under named columns; `how` says in a sentence what was compared with what."""

    name: str
    how: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float | str | None, ...]], ...]
    targets: tuple[Target, ...] = field(default=())

    def text(self) -> str:
        """Return the table as aligned text, the row names first."""
        cells = [("", *self.columns), *((name, *map(_cell, values)) for name, values in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns) + 1)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
            for row in cells
        ]
        return "\n".join(["", f"## {self.name}", self.how, "", *lines, *(f"  {target}" for target in self.targets)])

    def as_object(self) -> dict[str, Any]:
        """Return the table for `--json`."""
        return {**asdict(self), "targets": [{**asdict(target), "met": target.met} for target in self.targets]}


def _cell(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.1f}" if abs(value) >= 10 or value == 0 else f"{value:.2f}"  # noqa: PLR2004 - three digits
