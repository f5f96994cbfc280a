"""Which requests are repeated by themselves, and after how long.

PyGithub repeats POST, although a 502 may come after the work was done, and never PATCH, although most edits may be
repeated safely. Here it is the other way round: whatever adds something is repeated only when GitHub said that it did
nothing (a rate limit), and is otherwise left to `attempts.once`, which looks before it does it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast

from github import GithubRetry
from urllib3 import Retry
from urllib3.exceptions import MaxRetryError, ResponseError

if TYPE_CHECKING:
    from types import TracebackType

    from urllib3.connectionpool import ConnectionPool
    from urllib3.response import BaseHTTPResponse

TOO_MANY = 429
SERVER_ERROR = 500


class CarefulRetry(GithubRetry):
    """Repeat what may be repeated; wait as long as GitHub asks, and a minute where it forgets to."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Count an attempt; raise when there shall be no other."""
        if _adds(method, url):
            if response is not None and response.status >= SERVER_ERROR:
                raise MaxRetryError(_pool, url or "", ResponseError(f"status {response.status}"))  # type: ignore[arg-type]
            if error is not None and self._is_read_error(error):
                raise error
        following = super().increment(method, url, response, error, _pool, _stacktrace)  # type: ignore[arg-type]
        if response is not None and response.status == TOO_MANY and "Retry-After" not in response.headers:
            pause = max(float(self.secondary_rate_wait), following.get_backoff_time())
            following.get_backoff_time = lambda: pause  # type: ignore[method-assign]
        return cast("Self", following)


def careful(*, total: int, backoff_s: float, secondary_s: float) -> CarefulRetry:
    """Return the policy: `total` repetitions, `backoff_s` doubling, `secondary_s` where GitHub names no time."""
    settings: dict[str, Any] = {
        "total": total,
        "backoff_factor": backoff_s,
        "secondary_rate_wait": secondary_s,
        "max_rate_limit_wait": 300,
        "status_forcelist": [TOO_MANY, *range(SERVER_ERROR, 600)],
        "allowed_methods": Retry.DEFAULT_ALLOWED_METHODS | {"POST", "PATCH"},
        "raise_on_status": False,
    }
    return CarefulRetry(**settings)


def _adds(method: str | None, url: str | None) -> bool:
    """Whether doing it twice makes two: every POST, and edits of check runs, which append annotations."""
    return method == "POST" or (method == "PATCH" and "/check-runs/" in (url or ""))
