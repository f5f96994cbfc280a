"""Tables kept beside a site, so that one new report does not cost the reading of a thousand old ones.

The cache is a file that may be deleted at any time. It is used only by the version of the program that wrote it, for
the same history and selection, and only where it gives what the whole history would give: its records are checked by
their paths, which hold the digests of their contents.
"""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from regress_action.analysis import candidates, change_points, distributions
from regress_action.analysis.change_points import Searched, Searcher, TileProposals
from regress_action.model import records
from regress_action.model.errors import InfrastructureError, InputError
from regress_action.model.files import read_optional, write_replace
from regress_action.model.measurements import Aliases, Report, Run
from regress_action.model.records import decode, encode
from regress_action.site import tables as laid_out
from regress_action.site.tables import Column, Table, grown, is_younger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from regress_action.history import History, RecordEntry, Selection

    Arrays = dict[str, NDArray[Any]]

FOLDER = ".cache"
"""The folder of the cache in the folder of the site."""

_MODULES = (candidates, change_points, distributions, records, laid_out)  # whose results are kept
_LARGEST = 2**31
_BLOCKS = ("medians", "lows", "highs")


@cache
def _program() -> str:
    """Return a digest of the source text that decides what is kept: the version of the cache."""
    digest = hashlib.sha256()
    for path in (__file__, *(module.__file__ for module in _MODULES)):
        digest.update(Path(path or "").read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a history: its tables, and the paths of records that the selection leaves out."""

    tables: Sequence[Table] = ()
    left_out: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TableCache:
    """The file of one history and selection, which go by `key`."""

    path: Path
    key: str

    @classmethod
    def of(cls, site: Path, *parts: object) -> TableCache:
        """Return the cache in the folder of a site for what `parts` name."""
        key = repr((_program(), *parts))
        return cls(site / FOLDER / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz", key)

    def load(self) -> Kept:
        """Return what is kept; nothing where there is no file, or one that cannot be used."""
        try:
            data = read_optional(self.path, _LARGEST)
            if data is None:
                return Kept()
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                head = orjson.loads(arrays["head"].tobytes())
                if head["key"] != self.key:
                    return Kept()
                tables = [_table(entry, arrays, f"{number}.") for number, entry in enumerate(head["tables"])]
            return Kept(tables, frozenset(head["left_out"]))
        except (InputError, ValueError, TypeError, KeyError, IndexError, OSError, EOFError, zipfile.BadZipFile):
            return Kept()  # written by something else, or cut: the history has it all

    def save(self, kept: Kept) -> None:
        """Keep the tables for the next time; a disk that refuses costs nothing but time."""
        arrays: Arrays = {}
        tables = [_described(table, arrays, f"{number}.") for number, table in enumerate(kept.tables)]
        head = orjson.dumps({"key": self.key, "left_out": sorted(kept.left_out), "tables": tables})
        arrays["head"] = np.frombuffer(head, np.uint8)
        out = io.BytesIO()
        np.savez(out, allow_pickle=False, **arrays)
        try:
            write_replace(self.path, out.getvalue())
        except InfrastructureError:
            return


@dataclass(slots=True)
class _Chosen:
    """The records that a selection takes: paths, oldest last, and the reports of those that were not kept."""

    paths: list[str] = field(default_factory=list)
    fresh: list[tuple[Report, str]] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)


def read_tables(history: History, selection: Selection, source: str, kept: Kept) -> Kept:
    """Return the tables of the selected reports, of which those in `kept` are not read again.

    Raises:
        HistoryError: the place cannot be read, or a record does not match its name.
        InputError: a record is cut, or from a newer version.
    """
    stored = {column.record for table in kept.tables for column in table.columns}
    aliases, history = history.aliases, replace(history, aliases=Aliases())  # the tables keep what was renamed when
    if not stored:
        records = [(report, entry.path) for entry, report in history.records(selection)]
        return Kept(grown([], records, source, aliases))
    chosen = _choose(history, selection, stored, kept.left_out)
    tables = _still_wanted(kept.tables, set(chosen.paths))
    if tables is None or not all(is_younger(report, tables) for report, _ in chosen.fresh):
        return read_tables(replace(history, aliases=aliases), selection, source, Kept())
    return Kept(grown(tables, chosen.fresh, source, aliases), frozenset(chosen.left_out))


def _choose(history: History, selection: Selection, stored: set[str], left_out: frozenset[str]) -> _Chosen:
    """Choose the newest records as `History.records` does, opening only those that are not stored."""
    entries: list[RecordEntry] = list(reversed(history.entries(replace(selection, last=None))))
    chosen = _Chosen(left_out=set(left_out))
    wanted = len(entries) if selection.last is None else selection.last
    while entries and len(chosen.paths) < wanted:
        chunk, entries = entries[:wanted], entries[wanted:]
        unread = [entry for entry in chunk if entry.path not in stored and entry.path not in left_out]
        reports = dict(zip((entry.path for entry in unread), history.read(unread), strict=True))
        for entry in chunk:
            report = reports.get(entry.path)
            narrowed = selection.narrowed(report) if report else None
            if report is not None and narrowed is None:
                chosen.left_out.add(entry.path)
            elif len(chosen.paths) < wanted and entry.path not in left_out:
                chosen.paths.append(entry.path)
                if narrowed is not None:
                    chosen.fresh.append((narrowed, entry.path))
    chosen.fresh.reverse()
    return chosen


def _still_wanted(tables: Sequence[Table], paths: set[str]) -> list[Table] | None:
    """Return the tables without their oldest columns that are not wanted; None where others are not wanted either."""
    results = []
    for table in tables:
        wanted = [column.record in paths for column in table.columns]
        dropped = wanted.index(True) if any(wanted) else len(wanted)
        if not all(wanted[dropped:]):
            return None
        if dropped < len(wanted):
            results.append(table.without_oldest(dropped) if dropped else table)
    return results


def _described(table: Table, arrays: Arrays, prefix: str) -> dict[str, Any]:
    """Return what JSON holds of a table, and put the rest into `arrays`."""
    for name in _BLOCKS:
        block = getattr(table, name)
        if name == "medians" or not np.array_equal(block, table.medians, equal_nan=True):
            arrays[prefix + name] = block
    for column, values in table.raw.items():
        arrays[f"{prefix}raw.{column}"] = values
    searched = table.searcher.searched
    arrays[f"{prefix}lengths"], arrays[f"{prefix}logarithmic"] = searched.lengths, searched.logarithmic
    for width, tile in enumerate(searched.proposals):
        for name in ("owner", "place", "p_value"):
            arrays[f"{prefix}{name}.{width}"] = getattr(tile, name)
    series = tuple(replace(row, values=(1.0,), rounds=(), spreads=(), noise=None) for row in table.series)
    report = Report(series, (Run(),), table.suite, created="2000-01-01T00:00:00Z", environment=table.environment)
    return {
        "source": table.source,
        "report": encode(report).decode(),
        "columns": [_column_fields(column) for column in table.columns],
        "raw": list(table.raw),
        "widths": len(searched.proposals),
    }


def _column_fields(column: Column) -> dict[str, Any]:
    fields = {name: getattr(column, name) for name in Column.__slots__}
    return fields | {"time": None if math.isnan(column.time) else column.time}


def _column(fields: Mapping[str, Any]) -> Column:
    time = fields["time"]
    renamed = tuple((old, new) for old, new in fields["renamed"])
    failures = tuple(fields["failures"])
    return Column(**{**fields, "time": math.nan if time is None else time, "failures": failures, "renamed": renamed})


def _table(entry: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], prefix: str) -> Table:
    """Read a table as `_described` wrote it."""
    report = decode(entry["report"].encode(), "cache")
    columns = tuple(map(_column, entry["columns"]))
    medians = arrays[f"{prefix}medians"]
    if medians.shape != (len(report.series), len(columns)):
        raise ValueError
    lows, highs = (arrays.get(prefix + name, medians) for name in _BLOCKS[1:])
    tiles = tuple(
        TileProposals(*(arrays[f"{prefix}{name}.{width}"] for name in ("owner", "place", "p_value")))
        for width in range(entry["widths"])
    )
    searched = Searched(arrays[f"{prefix}lengths"], arrays[f"{prefix}logarithmic"], tiles)
    raw = {int(column): arrays[f"{prefix}raw.{column}"] for column in entry["raw"]}
    return Table(
        entry["source"],
        report.suite,
        report.environment,
        columns,
        report.series,
        medians,
        lows,
        highs,
        raw,
        Searcher(searched=searched),
    )
