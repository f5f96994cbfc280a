"""Whole histories: change points and trends, as `accuracy_trend` measures them, with the targets they are held to."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from verdicts.tables import Table, Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from verdicts.sources import Real, Synthetic

US = "regress-action"
_F1 = {"hosted, held out": (("×1.1 F1", 0.86), ("×1.2 F1", 0.93)), "dedicated, drawn": (("×1.1 F1", 0.98),)}
_FOUND = {"the default branch alone": 32, "with commits of four other branches between": 27}
_FALSE_PER_100, _STATIONARY, _DRIFTS = 0.05, 0.2, 80.0


def tables(source: Real | Synthetic, *, quick: bool) -> list[Table]:
    """Return one table per question and data set."""
    import accuracy_trend

    rows = accuracy_trend.rows(getattr(source, "folder", None), quick)
    return [
        _table(*heading, list(group))
        for heading, group in groupby(rows, lambda row: (row["table"], row["data"], frozenset(row)))
    ]


def _table(question: str, data: str, _: frozenset[str], rows: Sequence[dict[str, Any]]) -> Table:
    names = [name for name in rows[0] if name not in ("table", "data", "method")]
    return Table(
        f"{question.capitalize()}: {data}",
        "See benchmarks/accuracy_trend.py for the series and the margins.",
        tuple(names),
        tuple((row["method"], tuple(row[name] for name in names)) for row in rows),
        tuple(_targets(question, data, next((row for row in rows if row["method"] == US), {}))),
    )


def _targets(question: str, data: str, ours: dict[str, Any]) -> Iterator[Target]:
    which = data.rpartition("attributed by hand, ")[2]
    if which in _FOUND:
        yield Target(f"attributed changes found ({which})", ours["found"], _FOUND[which], at_most=False, unit="")
    if data in _F1 and _F1[data][0][0] in ours:
        for name, bound in _F1[data]:
            yield Target(f"{name} ({data})", ours[name], bound, at_most=False, unit="")
        yield Target(
            f"false change points per 100 runs ({data})",
            ours["false per 100 runs"],
            _FALSE_PER_100,
            at_most=True,
            unit="",
        )
    if question.startswith("trend"):
        stationary = 100 * ours["stationary: degrading"]
        yield Target(f"stationary series called degrading ({data})", stationary, _STATIONARY, at_most=True)
        if data.startswith("dedicated"):
            yield Target("drifts of 10 % found", 100 * ours["10 % drift: degrading"], _DRIFTS, at_most=False)
