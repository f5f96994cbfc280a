"""What load is put on a target: how much, in which shape, for how long. Unlike scenarios are never compared.

Also here: what a load is put on: a function of a module, or an address that is requested by HTTP.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import json
import math
import re
import sys
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Request = Callable[[], Awaitable[object]]


_DURATION = re.compile(r"([0-9]*\.?[0-9]+)\s*(ms|s|m|h)?")
_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_GRID_S = 0.001
_CHUNK_S = 10.0
_SPIKE_BASE = 0.2


class Shape(StrEnum):
    """How the load grows to its full size: evenly, in steps, at once, or at a fifth with a spike in the middle."""

    LINEAR = "linear"
    STEPS = "steps"
    SOAK = "soak"
    SPIKE = "spike"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load: `users` who each wait for the answer (closed loop), or `rate` arrivals a second whatever happens (open).

    All times are seconds. After `ramp_up_s` the load has its full size; `warmup_s` more are not measured, then
    `duration_s` are. `think_s` is what a user waits between two requests. Beyond `in_flight` open requests an arrival
    of an open loop is dropped and counted. `poisson` arrivals are random by `seed` instead of evenly spaced.
    """

    users: int = 1
    rate: float | None = None
    duration_s: float = 10.0
    ramp_up_s: float = 0.0
    warmup_s: float = 0.0
    shape: Shape = Shape.LINEAR
    steps: int = 5
    think_s: float = 0.0
    timeout_s: float = 30.0
    in_flight: int = 1000
    poisson: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = [
            name
            for name, bad in (
                ("users", self.users < 1),
                ("rate", self.rate is not None and not 0 < self.rate < float("inf")),
                ("duration", not 0 < self.duration_s < float("inf")),
                ("ramp-up, warm-up or think time", min(self.ramp_up_s, self.warmup_s, self.think_s) < 0),
                ("timeout", self.timeout_s <= 0),
                ("in-flight", self.in_flight < 1),
                ("steps", self.steps < 1),
            )
            if bad
        ]
        if wrong:
            raise UsageError(f"The {wrong[0]} of the load is out of range.", remedy="Give a number above zero.")

    @property
    def is_open(self) -> bool:
        """Whether arrivals come at a rate of their own."""
        return self.rate is not None

    @property
    def measured_from_s(self) -> float:
        """The second from which requests count."""
        return self.ramp_up_s + self.warmup_s

    @property
    def ends_s(self) -> float:
        """The second at which no further request is started."""
        return self.measured_from_s + self.duration_s

    def digest(self, target: str, engine: str = "") -> str:
        """Return twelve hexadecimal digits over the target and everything that shapes the load.

        The length of the measurement, of the warm-up and of a limit do not change what is measured. `engine` names
        another load generator than ours, because each adds something of its own to the latencies.
        """
        fields = asdict(self)
        for name in ("duration_s", "warmup_s", "seed"):
            del fields[name]
        return hashlib.sha256(
            json.dumps([target, fields, *filter(None, [engine])], sort_keys=True).encode()
        ).hexdigest()[:12]

    def level(self, seconds: Floats) -> Floats:
        """Return the share of the full load at each time, between 0 and 1."""
        if self.shape is Shape.SOAK:
            return np.ones_like(seconds)
        if self.shape is Shape.SPIKE:
            third = self.duration_s / 3
            begins = self.measured_from_s + third
            return np.where((seconds >= begins) & (seconds < begins + third), 1.0, _SPIKE_BASE)
        if not self.ramp_up_s:
            return np.ones_like(seconds)
        share = np.clip(seconds / self.ramp_up_s, 0.0, 1.0)
        return np.ceil(share * self.steps) / self.steps if self.shape is Shape.STEPS else share

    def users_at(self, second: float) -> int:
        """Return how many users a closed loop has at `second`, one at least."""
        share = float(self.level(np.array([second]))[0])
        return max(1, math.floor(share * self.users + 1e-9))

    def has_user(self, number: int, second: float) -> bool:
        """Whether the user of this number, from 0, is there at `second`: after a spike most of them leave again."""
        return self.shape is not Shape.SPIKE or number < self.users_at(second)

    def user_starts(self) -> list[float]:
        """Return the second at which each user of a closed loop begins."""
        grid = np.arange(0.0, self.ends_s, min(_GRID_S, self.ends_s / 1000))
        highest = np.maximum.accumulate(self.level(grid)) * self.users
        starts = [float(grid[np.argmax(highest >= number - 1e-9)]) for number in range(1, self.users + 1)]
        return starts if self.ramp_up_s or self.shape is Shape.SPIKE else [0.0] * self.users

    def arrivals(self) -> Iterator[Floats]:
        """Yield the seconds at which the requests of an open loop are due, in parts of ten seconds."""
        rate, chance = self.rate or 0.0, np.random.default_rng(self.seed)
        due, reached, first = self._gap(chance), 0.0, 0.0
        while first < self.ends_s:
            last = min(first + _CHUNK_S, self.ends_s)
            grid = np.linspace(first, last, max(2, round((last - first) / _GRID_S) + 1))
            middle = self.level((grid[1:] + grid[:-1]) / 2)
            cumulative = reached + np.concatenate(([0.0], np.cumsum(middle * rate * np.diff(grid))))
            counts = []
            while due < cumulative[-1]:
                counts.append(due)
                due += self._gap(chance)
            if counts:
                yield np.interp(counts, cumulative, grid)
            reached, first = float(cumulative[-1]), last

    def _gap(self, chance: np.random.Generator) -> float:
        return float(chance.exponential()) if self.poisson else 1.0


def seconds(text: str | float) -> float:
    """Return a duration such as `500ms`, `10s`, `2m`, `1h` or a plain number of seconds.

    Raises:
        UsageError: it is none of these.
    """
    parts = _DURATION.fullmatch(str(text).strip())
    if not parts:
        raise UsageError(f"{text!r} is not a duration.", remedy="Write it like 500ms, 10s, 2m or 1h.")
    return float(parts[1]) * _UNITS[parts[2]]


_WORST_GOOD_STATUS = 399
_CLIENTS = ("aiohttp", "httpx")


class ResponseStatusError(Exception):
    """The target answered with an HTTP status that means an error."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.load_error_class = f"HTTP {status}"


@dataclass(frozen=True, slots=True)
class Target:
    """The thing under load: a `function` (of a coroutine or blocking), or the address in `url`."""

    name: str
    function: Callable[[], Any] | None = None
    url: str | None = None

    @property
    def is_blocking(self) -> bool:
        """Whether a request blocks its thread."""
        if self.function is None:
            return False
        called = (self.function, type(self.function).__call__)
        return not any(map(inspect.iscoroutinefunction, called))

    @asynccontextmanager
    async def requests(self, users: int, timeout_s: float) -> AsyncIterator[list[Request]]:
        """Give a function for every user, each with a connection of its own where the target is an address.

        With `users` 0 there is one function, whose connections are shared and not limited.

        Raises:
            UsageError: no HTTP client is installed.
        """
        if self.url is None:
            assert self.function is not None  # noqa: S101 - one of the two is always given
            yield [self.function] * max(users, 1)
            return
        opened = _aiohttp if _client() == "aiohttp" else _httpx
        async with opened(self.url, users, timeout_s) as requests:
            yield requests


def resolve(text: str) -> Target:
    """Return the target that `module:function` or an address names; modules are also found in the current folder.

    Raises:
        UsageError: there is no such module or function, or it is not callable.
    """
    if text.startswith(("http://", "https://")):
        return Target(text, url=text)
    module, colon, name = text.partition(":")
    if not colon or not name:
        raise UsageError(
            f"{text!r} is no target.",
            remedy="Name a function like module:function, or an address like http://host/path.",
        )
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        target: Any = importlib.import_module(module)
        for part in name.split("."):
            target = getattr(target, part)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"The target {text} cannot be imported: {error}.", remedy="Check the names, and the folder you are in."
        ) from error
    if not callable(target):
        raise UsageError(f"The target {text} is not a function.", remedy="Name a function without required arguments.")
    return Target(text, target)


def _client() -> str:
    for name in _CLIENTS:
        if importlib.util.find_spec(name):
            return name
    raise UsageError(
        "No HTTP client is installed.",
        meaning="Addresses are requested with aiohttp or httpx, which are optional.",
        remedy="Install one: pip install aiohttp",
    )


@asynccontextmanager
async def _aiohttp(url: str, users: int, timeout_s: float) -> AsyncIterator[list[Request]]:
    import aiohttp

    limit = aiohttp.ClientTimeout(total=timeout_s)
    sessions = [
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1 if users else 0), timeout=limit)
        for _ in range(max(users, 1))
    ]

    async def get(session: aiohttp.ClientSession) -> None:
        async with session.get(url) as response:
            await response.read()
            _check(response.status)

    try:
        yield [partial(get, session) for session in sessions]
    finally:
        for session in sessions:
            await session.close()


@asynccontextmanager
async def _httpx(url: str, users: int, timeout_s: float) -> AsyncIterator[list[Request]]:
    import httpx

    limits = httpx.Limits(max_connections=1 if users else None)
    clients = [httpx.AsyncClient(limits=limits, timeout=timeout_s) for _ in range(max(users, 1))]

    async def get(client: httpx.AsyncClient) -> None:
        response = await client.get(url)
        _check(response.status_code)

    try:
        yield [partial(get, client) for client in clients]
    finally:
        for client in clients:
            await client.aclose()


def _check(status: int) -> None:
    if status > _WORST_GOOD_STATUS:
        raise ResponseStatusError(status)
