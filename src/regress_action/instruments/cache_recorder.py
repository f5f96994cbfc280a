"""`CacheRecorder`: note which keys a cache is asked for, as numbers, so that its size can be chosen from them."""

from __future__ import annotations

import atexit
import functools
import hashlib
import math
import pickle
import secrets
import struct
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from regress_action.advice.caching import KeyTrace
from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from types import TracebackType
    from typing import Self

    F = TypeVar("F", bound=Callable[..., Any])

_ROW = np.dtype([("time", "=f8"), ("key", "=u4"), ("hit", "=i1"), ("ttl", "=f4"), ("load", "=f4"), ("value", "=u8")])
_PACK = struct.Struct("=dIbffQ").pack
_UNKNOWN = -1
_ODD = 0x9E3779B97F4A7C15
_BITS = (1 << 64) - 1


class CacheRecorder:
    """Record the keys that caches are asked for, and write them when the program ends.

    recorder = CacheRecorder("keys.csv")

    @recorder
    @functools.lru_cache(maxsize=1024)
    def profile_of(user): ...

    Nothing of a key is kept: it becomes a number, in the order in which keys were seen first. With `rate` below 1 only
    that share of the keys is recorded, with all of their requests. After `most` requests recording ends. One recorder
    is for one cache. Any number of threads may use it; every process needs a file of its own.

    `ttl_s` are the seconds for which the cache keeps a value. With `values` it is recorded whether a load brought the
    same value as the load before it: of each value its pickle is hashed with a key that is forgotten.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        rate: float = 1.0,
        most: int = 1_000_000,
        ttl_s: float = math.nan,
        values: bool = False,
    ) -> None:
        if not 0 < rate <= 1 or most < 1:
            raise UsageError("A share of the keys lies above 0 and is at most 1, and at least one request is recorded.")
        self.path = Path(path) if path is not None else None
        self.rate = rate
        self.size: int | None = None
        self.ttl_s = ttl_s
        self._secret = secrets.token_bytes(16) if values else None
        self._observes = False
        self._left = most
        self._limit = int(rate * 2.0**64)
        self._rows = bytearray()
        self._numbers: dict[int, int] = {}
        self._lock = threading.Lock()
        self._last = threading.local()
        self._began = time.perf_counter()
        if self.path is not None:
            atexit.register(self.write)

    def __call__(self, cached: F) -> F:
        """Return the cached function, recorded. Of `functools.lru_cache` hits and loading times are recorded too.

        An `lru_cache` is made anew with its parameters, so that it can be seen when the function behind it is called;
        it therefore begins empty. Below a decorator of another library, `loads` tells when that is.
        """
        function, loads = self._observed(cached)
        noted, last = self._noted, self._last

        @functools.wraps(cached)
        def recorded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - those of the function
            number = noted((args, *kwargs.items()) if kwargs else args)
            if number < 0:
                return function(*args, **kwargs)
            began, last.load_s, last.value = time.perf_counter(), math.nan, 0
            try:
                return function(*args, **kwargs)
            finally:
                load = last.load_s
                hit = (load != load) if loads else _UNKNOWN  # noqa: PLR0124 - NaN, where nothing was loaded
                self._rows.extend(_PACK(began - self._began, number, hit, self.ttl_s, load, last.value))

        for name in ("cache_info", "cache_clear", "cache_parameters"):
            if hasattr(function, name):
                setattr(recorded, name, getattr(function, name))
        return cast("F", recorded)

    def loads(self, function: F) -> F:
        """Return the function behind a cache such that its calls are recorded as loads, with what they take."""
        last, digest = self._last, self._digest
        self._observes = True

        @functools.wraps(function)
        def load(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - those of the function
            began = time.perf_counter()
            try:
                result = function(*args, **kwargs)
            finally:
                last.load_s, last.value = time.perf_counter() - began, 0
            last.value = digest(result)
            return result

        return cast("F", load)

    def note(
        self,
        key: Hashable,
        *,
        hit: bool | None = None,
        ttl_s: float = math.nan,
        load_s: float = math.nan,
        value: object = None,
    ) -> None:
        """Record one request of a cache that is not a decorator, such as a dictionary or a server.

        `value` is what was loaded; it counts where the recorder records values.
        """
        number = self._noted((key,))
        if number >= 0:
            now, state = time.perf_counter() - self._began, _UNKNOWN if hit is None else hit
            ttl = self.ttl_s if math.isnan(ttl_s) else ttl_s
            loaded = 0 if value is None else self._digest(value)
            self._rows.extend(_PACK(now, number, state, ttl, load_s, loaded))

    def trace(self) -> KeyTrace:
        """Return what was recorded so far; columns that no request has are None."""
        rows = np.frombuffer(bytes(self._rows), _ROW)
        rows = rows[np.argsort(rows["time"], kind="stable")]
        hits = rows["hit"] == 1 if len(rows) and (rows["hit"] != _UNKNOWN).all() else None
        ttl, load = (column.astype(np.float64) for column in (rows["ttl"], rows["load"]))
        return KeyTrace(
            rows["key"].astype(np.uint64),
            times_s=rows["time"].astype(np.float64),
            hits=hits,
            ttl_s=ttl if np.isfinite(ttl).any() else None,
            load_s=load if np.isfinite(load).any() else None,
            rate=self.rate,
            values=rows["value"].astype(np.uint64) if rows["value"].any() else None,
        )

    def write(self) -> None:
        """Write what was recorded so far to the file; the program's end does that as well.

        Raises:
            InfrastructureError: the file cannot be written.
        """
        from regress_action.instruments.cache_traces import write_cache_trace

        if self.path is not None:
            write_cache_trace(self.path, self.trace(), size=self.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.write()
        atexit.unregister(self.write)

    def _noted(self, key: tuple[Hashable, ...]) -> int:
        """Return the number of a key, -1 where it is not recorded."""
        value = hash(key)
        if ((value * _ODD) & _BITS) >= self._limit or self._left <= 0:
            return -1
        self._left -= 1
        number = self._numbers.get(value)
        if number is None:
            with self._lock:
                number = self._numbers.setdefault(value, len(self._numbers))
        return number

    def _digest(self, value: object) -> int:
        """Return a number for a value, the same for values whose pickles are the same; 0 where it cannot be told."""
        if self._secret is None:
            return 0
        try:
            content = pickle.dumps(value)
        except Exception:  # noqa: BLE001 - whatever an object of the user raises, its value stays unknown
            return 0
        return int.from_bytes(hashlib.blake2b(content, digest_size=8, key=self._secret).digest()) or 1

    def _observed(self, cached: Callable[..., Any]) -> tuple[Callable[..., Any], bool]:
        """Return the function to call, and whether it tells when a value is loaded."""
        parameters, inner = getattr(cached, "cache_parameters", None), getattr(cached, "__wrapped__", None)
        if parameters is not None:
            self.size = parameters()["maxsize"]
        if self._observes or parameters is None or inner is None:
            return cached, self._observes
        return functools.lru_cache(**parameters())(self.loads(inner)), True
