"""Where leaking objects come from: the lines that allocate them, their types, and what holds one of them.

* Allocations beside Python's own, followed by memray where that is installed.
* The slope of a line through points of which some lie far off: Theil and Sen's median of all pairs.
"""

from __future__ import annotations

import gc
import importlib.util
import sys
import tempfile
import time
import tracemalloc
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from regress_action.model import normal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray


_MOST_SITES = 5
_MOST_TYPES = 3
_LONGEST_CHAIN = 8
_MOST_REFERRERS = 200
_LEAST_SHARE = 0.2
_LEAST_OF_MOST = 0.01
_CONTAINERS = (list, dict, set, deque)
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
    before: HeapState, after: HeapState, iterations: int, ignored: tuple[str, ...]
) -> tuple[tuple[GrowingSite, ...], tuple[GrowingType, ...], tuple[str, ...]]:
    """Return the lines and types that grew between two moments, and the chain that holds one of the new objects.

    Lines of a file whose path contains one of `ignored` are left out, and those that grew by less than a hundredth of
    the one that grew most.
    """
    sites = [
        GrowingSite(
            stat.traceback[0].filename,
            stat.traceback[0].lineno,
            stat.size_diff / iterations,
            stat.count_diff / iterations,
        )
        for stat in after.snapshot.compare_to(before.snapshot, "lineno")
        if stat.size_diff > 0 and not any(part in stat.traceback[0].filename for part in ignored)
    ]
    sites.sort(key=lambda site: -site.bytes_each)
    sites = [site for site in sites if site.bytes_each >= _LEAST_OF_MOST * sites[0].bytes_each]
    grown = {name: count - before.types.get(name, 0) for name, count in after.types.items()}
    types = [
        GrowingType(name, grown[name] / iterations)
        for name in sorted(grown, key=lambda name: -grown[name])[:_MOST_TYPES]
        if grown[name] >= _LEAST_SHARE * iterations
    ]
    gc.unfreeze()  # only then are all referrers found
    gc.collect()
    if types:
        leaked = _new_object(types[0].name, after.ids - before.ids)
    else:
        leaked = _plain_object(sites, int(_LEAST_SHARE * iterations))
    return tuple(sites[:_MOST_SITES]), tuple(types), () if leaked is None else referrer_chain(leaked)


def _new_object(type_name: str, new: frozenset[int]) -> object | None:
    """Return an object of a type whose identity is among `new`."""
    objects = gc.get_objects()
    return next((thing for thing in reversed(objects) if id(thing) in new and _name(type(thing)) == type_name), None)


def _plain_object(sites: Sequence[GrowingSite], least: int) -> object | None:
    """Return an object that the collector does not follow, such as bytes: one that a line of `sites` allocated.

    It is looked for at the end of the containers that hold at least `least` objects. Where the collector does not
    follow the container either, as a dict of bytes, the container is returned.
    """
    lines = {(site.path, site.line) for site in sites}
    objects = gc.get_objects()
    plain = [thing for thing in gc.get_referents(*objects) if type(thing) is dict and not gc.is_tracked(thing)]
    for container in (*objects, *plain):
        if type(container) in _CONTAINERS and len(container) >= max(least, 1):
            for thing in _newest(container):
                trace = tracemalloc.get_object_traceback(thing)
                if trace and not gc.is_tracked(thing) and (trace[0].filename, trace[0].lineno) in lines:
                    return thing if gc.is_tracked(container) else container
    return None


def _newest(container: Any) -> tuple[object, ...]:  # noqa: ANN401 - one of _CONTAINERS
    """Return what was added last, any object of a set."""
    if type(container) is dict:
        return next(reversed(container.items()))
    return (next(iter(container)) if type(container) is set else container[-1],)


def referrer_chain(leaked: object) -> tuple[str, ...]:
    """Return what holds `leaked`: from the object to a module or a class."""
    chain, seen, current = [_name(type(leaked))], {id(leaked)}, leaked
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


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope with its 95 % interval, in units of y for one of x."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1f} [{self.low:.1f}, {self.high:.1f}]"


def robust_slope(x: Sequence[float], y: Sequence[float]) -> Slope:
    """Return the Theil–Sen slope of `y` over `x`; three zeros of fewer than three points.

    The interval takes the order statistics that Kendall's distribution of concordant pairs gives (Sen 1968, Hollander
    and Wolfe 1973, section 9.3).
    """
    count = len(x)
    if count < 3:  # noqa: PLR2004 - no interval of fewer
        return Slope(0.0, 0.0, 0.0)
    first, second = np.triu_indices(count, k=1)
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    slopes = np.sort((ys[second] - ys[first]) / (xs[second] - xs[first]))
    margin = normal.Z_95 * np.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = round((len(slopes) - margin) / 2)
    high = round((len(slopes) + margin) / 2)
    return Slope(
        float(np.median(slopes)), float(slopes[max(low, 0)]), float(slopes[min(max(high, 0), len(slopes) - 1)])
    )


_PARTS = 24
_SNAPSHOT_MS = 1
_PAUSE_S = 0.003  # in which memray takes at least one snapshot
_STEADY = 0.5


@dataclass(frozen=True, slots=True)
class NativeGrowth:
    """How the native heap grew, in bytes an iteration; `sites` say where, when it is a leak."""

    slope: Slope
    is_leak: bool
    sites: tuple[GrowingSite, ...]


def memray_is_available() -> bool:
    """Whether memray is installed."""
    return importlib.util.find_spec("memray") is not None


def follow_native(
    operation: Callable[[], object], iterations: int, *, least: float, longest_s: float
) -> NativeGrowth | None:
    """Repeat `operation` under memray and return how the native heap grew; None where memray traces something already.

    The second half of the iterations counts. It is a leak when it grows by more than `least` bytes an iteration, and
    does so to the end. A site is the line of Python that was running and the native function.
    """
    import memray

    marks = _Marks([], [], [])
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        with tempfile.TemporaryDirectory(prefix="regress-memray-") as folder:
            path = Path(folder) / "allocations.bin"
            with memray.Tracker(path, native_traces=True, memory_interval_ms=_SNAPSHOT_MS):
                _repeat(operation, max(1, iterations // _PARTS), longest_s, marks)
            reader = memray.FileReader(path)
            try:
                return _growth(reader, marks, least)
            finally:
                reader.close()
    except RuntimeError:  # only one may trace at a time
        return None
    finally:
        if not tracing:
            tracemalloc.stop()


class _Marks(NamedTuple):
    """The time in milliseconds after every part, the iterations so far, and the bytes that Python holds."""

    times: list[float]
    iterations: list[int]
    traced: list[int]


def _repeat(operation: Callable[[], object], part: int, longest_s: float, marks: _Marks) -> None:
    began = time.monotonic()
    for number in range(_PARTS + 1):
        gc.collect()
        marks.times.append(time.time() * 1000)
        marks.iterations.append(number * part)
        marks.traced.append(tracemalloc.get_traced_memory()[0])
        time.sleep(_PAUSE_S)
        if number == _PARTS or time.monotonic() - began > longest_s:
            break
        for _ in range(part):
            operation()


def _growth(reader: Any, marks: _Marks, least: float) -> NativeGrowth:  # noqa: ANN401 - memray's reader
    """Return the growth of what the heap holds beyond Python's objects, which other figures follow."""
    snapshots = [(snapshot.time, snapshot.heap) for snapshot in reader.get_memory_snapshots()]
    held = _heaps(marks.times, snapshots) - np.array(marks.traced, dtype=float)
    done, half = marks.iterations, len(held) // 2
    slope, last = robust_slope(done[half:], held[half:]), robust_slope(done[-half // 2 :], held[-half // 2 :])
    leaks = slope.low > least and last.value >= _STEADY * slope.value
    records = list(reader.get_leaked_allocation_records(merge_threads=True)) if leaks else []
    largest = sorted(records, key=lambda record: -record.size)[:_MOST_SITES]
    return NativeGrowth(slope, leaks, tuple(_site(record, done[-1]) for record in largest))


def _heaps(marks: list[float], snapshots: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the bytes of the heap at each mark: those of the first snapshot after it."""
    times, heaps = np.array(snapshots, dtype=float).reshape(-1, 2).T
    if not len(times):
        return np.zeros(len(marks))
    at = np.minimum(np.searchsorted(times, marks), len(times) - 1)
    return np.asarray(heaps[at])


def _site(record: Any, iterations: int) -> GrowingSite:  # noqa: ANN401 - memray's record
    frames = record.stack_trace()
    _, path, line = frames[0] if frames else ("", "native code", 0)
    names = [name for name, *_ in record.hybrid_stack_trace() if not name.startswith("<")]
    return GrowingSite(path, line, record.size / iterations, record.n_allocations / iterations, (names or [""])[0])
