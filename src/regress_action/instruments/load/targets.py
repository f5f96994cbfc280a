"""What a load is put on: a function of a module, or an address that is requested by HTTP."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Request = Callable[[], Awaitable[object]]

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
        remedy="Install one: pip install 'regress-action[load]'",
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
