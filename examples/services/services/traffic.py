"""One request of a visitor, for load tests: `regress-action load services.traffic:visit`."""

from __future__ import annotations

import asyncio

from services.cache import Cache
from services.sessions import Sessions

_SESSIONS = Sessions(100_000, lifetime_s=60, secret=b"not a secret")
_CACHE = Cache(64)


async def visit() -> None:
    """Open a session, ask the cache, wait for a backend, and close the session again."""
    session = _SESSIONS.create("visitor", now=0)
    if _CACHE.get("page") is None:
        _CACHE.set("page", "content")
    await asyncio.sleep(0.002)
    _SESSIONS.close(session.token)
