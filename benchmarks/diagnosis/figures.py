"""One promise of the advice: its floor or ceiling, and what was reached."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure beside the bound that it has to keep: at least `floor`, at most `ceiling`, whichever is given."""

    what: str
    reached: float
    floor: float | None = None
    ceiling: float | None = None
    unit: str = ""

    @property
    def holds(self) -> bool:
        """Whether the figure keeps its bounds."""
        above = self.floor is None or self.reached >= self.floor
        return above and (self.ceiling is None or self.reached <= self.ceiling)

    @property
    def line(self) -> str:
        """The figure for a person."""
        bounds = [f"floor {self.floor:g}"] if self.floor is not None else []
        bounds += [f"ceiling {self.ceiling:g}"] if self.ceiling is not None else []
        kept = "" if self.holds else "  MISSED"
        return f"{self.what:<60} {self.reached:g}{self.unit}  ({', '.join(bounds)}){kept}"
