"""Where leaking objects come from: the lines that allocate them, their types, and what holds one of them."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_SITES = 5
_MOST_TYPES = 3
_LONGEST_CHAIN = 8
_MOST_REFERRERS = 200
_LEAST_SHARE = 0.2
_OWN = (tracemalloc.__file__, __file__)


@dataclass(frozen=True, slots=True)
class GrowingSite:
    """A line whose allocations remain: bytes and blocks an iteration, and the native function that made them."""

    path: str
    line: int
    bytes_each: float
    blocks_each: float
    function: str = ""

    def __str__(self) -> str:
        by = f", by {self.function}" if self.function else ""
        return f"{self.path}:{self.line}: {self.bytes_each:.1f} bytes in {self.blocks_each:.2f} blocks an iteration{by}"


@dataclass(frozen=True, slots=True)
class GrowingType:
    """A type of which there are ever more objects."""

    name: str
    objects_each: float

    def __str__(self) -> str:
        return f"{self.objects_each:.2f} more {self.name} an iteration"


@dataclass(frozen=True, slots=True)
class HeapState:
    """The allocations and the objects at one moment."""

    snapshot: tracemalloc.Snapshot
    types: dict[str, int]
    ids: frozenset[int]


def state_before() -> HeapState:
    """Return what Python holds now, the objects counted after the snapshot, so that its own are among them."""
    snapshot = _snapshot()
    return HeapState(snapshot, *_objects())


def state_after() -> HeapState:
    """Return what Python holds now, the objects counted before the snapshot, so that its own are not among them."""
    types, ids = _objects()
    return HeapState(_snapshot(), types, ids)


def _snapshot() -> tracemalloc.Snapshot:
    gc.collect()
    own = [tracemalloc.Filter(inclusive=False, filename_pattern=path) for path in _OWN]
    return tracemalloc.take_snapshot().filter_traces(own)


def _objects() -> tuple[dict[str, int], frozenset[int]]:
    """Return how many objects there are of every type, and the identity of each."""
    gc.collect()
    objects = gc.get_objects()
    types: dict[str, int] = {}
    for thing in objects:
        name = _name(type(thing))
        types[name] = types.get(name, 0) + 1
    return types, frozenset(map(id, objects))


def growth(before: HeapState, after: HeapState, iterations: int, ignored: tuple[str, ...]) -> float:
    """Return the bytes an iteration by which all files grew but those whose path contains one of `ignored`."""
    grown = (
        stat.size_diff
        for stat in after.snapshot.compare_to(before.snapshot, "filename")
        if not any(part in stat.traceback[0].filename for part in ignored)
    )
    return sum(grown) / iterations


def explain(
    before: HeapState, after: HeapState, iterations: int
) -> tuple[tuple[GrowingSite, ...], tuple[GrowingType, ...], tuple[str, ...]]:
    """Return the lines and types that grew between two moments, and the chain that holds one of the new objects."""
    sites = [
        GrowingSite(
            stat.traceback[0].filename,
            stat.traceback[0].lineno,
            stat.size_diff / iterations,
            stat.count_diff / iterations,
        )
        for stat in after.snapshot.compare_to(before.snapshot, "lineno")
        if stat.size_diff > 0
    ]
    sites.sort(key=lambda site: -site.bytes_each)
    grown = {name: count - before.types.get(name, 0) for name, count in after.types.items()}
    types = [
        GrowingType(name, grown[name] / iterations)
        for name in sorted(grown, key=lambda name: -grown[name])[:_MOST_TYPES]
        if grown[name] >= _LEAST_SHARE * iterations
    ]
    gc.unfreeze()  # only then are all referrers found
    chain = referrer_chain(types[0].name, after.ids - before.ids) if types else ()
    return tuple(sites[:_MOST_SITES]), tuple(types), chain


def referrer_chain(type_name: str, new: frozenset[int]) -> tuple[str, ...]:
    """Return what holds an object of a type whose identity is among `new`: from the object to a module or a class."""
    gc.collect()
    objects = gc.get_objects()
    leaked = next((thing for thing in reversed(objects) if id(thing) in new and _name(type(thing)) == type_name), None)
    del objects  # it refers to everything
    if leaked is None:
        return ()
    chain, seen, current = [type_name], {id(leaked)}, leaked
    for _ in range(_LONGEST_CHAIN):
        holder = _holder(current, seen)
        if holder is None:
            break
        chain.append(_described(holder, current))
        if isinstance(holder, ModuleType | type):
            break
        seen.add(id(holder))
        current = holder
    return tuple(chain)


def _holder(thing: object, seen: set[int]) -> object | None:
    """Return one object that refers to `thing`: a module's or a class's first, since there the chain ends."""
    candidates = [
        holder
        for holder in gc.get_referrers(thing)[:_MOST_REFERRERS]
        if id(holder) not in seen and not isinstance(holder, FrameType)
    ]
    owners: dict[int, object] = {}
    for module in list(sys.modules.values()):
        owners[id(getattr(module, "__dict__", None))] = module
    for holder in candidates:
        if id(holder) in owners:
            return owners[id(holder)]
    return candidates[0] if candidates else None


def _described(holder: Any, held: object) -> str:  # noqa: ANN401 - anything
    if isinstance(holder, ModuleType):
        names = [name for name, value in vars(holder).items() if value is held]
        return f"module {holder.__name__}" + (f", as {names[0]}" if names else "")
    if isinstance(holder, dict):
        keys = [key for key, value in _items(holder) if value is held]
        return f"dict[{keys[0]!r:.60}]" if keys else "dict"
    return f"class {holder.__qualname__}" if isinstance(holder, type) else _name(type(holder))


def _items(holder: dict[Any, Any]) -> Iterable[tuple[Any, Any]]:
    return list(holder.items())[:100_000]


def _name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
