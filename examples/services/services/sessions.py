"""Sessions: who asked, what is remembered for them, and until when."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from typing import Any


class SessionError(Exception):
    """There is no room for another session."""


@dataclass(slots=True)
class Session:
    """What is remembered for a user until the moment `expires`, in seconds."""

    token: str
    user: str
    expires: float
    data: dict[str, Any] = field(default_factory=dict)


class Sessions:
    """The open sessions: at most `capacity` at a time, each for `lifetime_s` seconds after it was last used."""

    def __init__(self, capacity: int, lifetime_s: float, secret: bytes) -> None:
        self._capacity = capacity
        self._lifetime_s = lifetime_s
        self._secret = secret
        self._open: dict[str, Session] = {}
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._open)

    def create(self, user: str, now: float) -> Session:
        """Open a session for `user`.

        Raises:
            SessionError: As many as allowed are open, and none of them has expired.
        """
        if len(self._open) >= self._capacity:
            self.expire(now)
        if len(self._open) >= self._capacity:
            raise SessionError(f"{self._capacity} sessions are open already")
        session = Session(self._token(user), user, now + self._lifetime_s)
        self._open[session.token] = session
        return session

    def find(self, token: str, now: float) -> Session | None:
        """Return the open session of `token` and prolong it, or None."""
        session = self._open.get(token)
        if session is None or session.expires <= now:
            return None
        session.expires = now + self._lifetime_s
        return session

    def close(self, token: str) -> None:
        """End a session; one that is not open stays so."""
        self._open.pop(token, None)

    def expire(self, now: float) -> int:
        """End what has expired and return how many sessions that were."""
        gone = [token for token, session in self._open.items() if session.expires <= now]
        for token in gone:
            del self._open[token]
        return len(gone)

    def _token(self, user: str) -> str:
        return hashlib.blake2b(f"{next(self._numbers)}:{user}".encode(), key=self._secret, digest_size=16).hexdigest()
