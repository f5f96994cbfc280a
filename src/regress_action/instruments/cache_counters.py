"""`CacheWatch`: write the hit and miss counters of caches when the program ends, and read such files.

Nothing is put between a cache and its callers: the counters are those that the cache itself keeps.
"""

from __future__ import annotations

import atexit
import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from regress_action.advice.caching.counters import CacheCounters
from regress_action.model import escaping
from regress_action.model.errors import InputError, UsageError
from regress_action.model.files import write_replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    C = TypeVar("C")

MOST_CACHES = 10_000
_COLUMNS = ("name", "hits", "misses", "size", "entries", "expired")
_NEEDED = {"name", "hits", "misses"}
_MOST_DIGITS = 15
_FORM = "Write CSV with the header name,hits,misses,size,entries,expired, of which the first three are needed."


class CacheWatch:
    """Write the counters of caches when the program ends.

    watch = CacheWatch("caches.csv")

    @watch
    @functools.lru_cache(maxsize=1024)
    def profile_of(user): ...

    A cache is anything that has `cache_info()`, as `functools.lru_cache` and `cachetools.cached(…, info=True)` have.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._caches: dict[str, Any] = {}
        atexit.register(self.write)

    def __call__(self, cached: C, name: str | None = None) -> C:
        """Watch a cache and return it as it is; it is named after its function where no name is given.

        Raises:
            UsageError: it has no counters.
        """
        own = f"{getattr(cached, '__module__', '')}.{getattr(cached, '__qualname__', type(cached).__name__)}"
        if not hasattr(cached, "cache_info"):
            raise UsageError(
                f"{own} has no counters.",
                remedy="Watch what has cache_info(): a function below functools.lru_cache, for example.",
            )
        self._caches[name or own] = cached
        return cached

    def counters(self) -> list[CacheCounters]:
        """Return the counters of every cache as they are now."""
        rows = []
        for name, cached in self._caches.items():
            info = cached.cache_info()
            rows.append(CacheCounters(name, info.hits, info.misses, info.maxsize, info.currsize))
        return rows

    def write(self) -> None:
        """Write the counters as they are now; the program's end does that as well.

        Raises:
            InfrastructureError: the file cannot be written.
        """
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(_COLUMNS)
        for row in self.counters():
            size = "" if row.size is None else row.size
            rows.writerow((row.name, row.hits, row.misses, size, row.entries, row.expired))
        write_replace(self.path, out.getvalue().encode())


def is_counters(header: Sequence[str]) -> bool:
    """Whether the names of a table's columns are those of counters."""
    return _NEEDED.issubset(header)


def read_counters(text: str, names: Sequence[str], path: Path) -> list[CacheCounters]:
    """Return the counters in a CSV text whose header has these names; other columns are ignored.

    Without `entries` a cache counts as full, without `size` as one that holds what it has loaded.

    Raises:
        InputError: a row is incomplete, a number is none, or there is no row or more than `MOST_CACHES`.
    """
    reader = csv.reader(io.StringIO(text))
    next(reader)
    caches: list[CacheCounters] = []
    try:
        for line, row in enumerate(reader, 2):
            if not row:
                continue
            if len(row) < len(names) or len(caches) == MOST_CACHES:
                problem = (
                    f"has {len(row)} fields instead of {len(names)}"
                    if len(row) < len(names)
                    else "is one cache too many"
                )
                raise InputError(f"{path}: line {line} {problem}.", remedy=_FORM)
            caches.append(_counters(dict(zip(names, row, strict=False)), f"{path}: line {line}"))
    except csv.Error as error:
        raise InputError(f"{path}: {error}.", remedy=_FORM) from error
    if not caches:
        raise InputError(f"{path} has no cache.", remedy=_FORM)
    return caches


def _counters(fields: dict[str, str], where: str) -> CacheCounters:
    numbers: dict[str, int | None] = {}
    for name in _COLUMNS[1:]:
        text = fields.get(name, "").strip()
        if text and not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
            raise InputError(f"{where} has {escaping.plain(text, 40)!r} for {name}.", remedy=_FORM)
        numbers[name] = int(text) if text else None
    hits, misses, size, entries = (numbers[name] for name in ("hits", "misses", "size", "entries"))
    if hits is None or misses is None:
        raise InputError(f"{where} lacks its hits or misses.", remedy=_FORM)
    if entries is None:
        entries = misses if size is None else min(misses, size)
    name = escaping.plain(fields["name"], 120)
    return CacheCounters(name, hits, misses, size or None, entries, numbers["expired"] or 0)
