"""What is repeated by itself, and after how long."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from urllib3 import HTTPResponse
from urllib3.exceptions import MaxRetryError, ProtocolError

from regress_action.github.client import retry_policy

if TYPE_CHECKING:
    from urllib3 import Retry

SECONDARY = {"message": "You have exceeded a secondary rate limit."}


def answered(method: str, status: int, url: str = "/x", headers: dict[str, str] | None = None) -> Retry:
    """Return the policy after one answer."""
    policy = retry_policy(total=6, backoff_s=1, secondary_s=60)
    body = json.dumps(SECONDARY if status == 403 else {}).encode()
    response = HTTPResponse(io.BytesIO(body), headers=headers or {}, status=status, preload_content=False, reason="x")
    assert policy.is_retry(method, status, has_retry_after=bool(headers))
    return policy.increment(method, url, response=response)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("status", [403, 429])
def test_a_rate_limit_without_a_time_is_waited_for_a_minute(method: str, status: int) -> None:
    """GitHub asks for at least that; it did nothing, so everything may be repeated."""
    assert answered(method, status).get_backoff_time() == 60


def test_a_rate_limit_with_a_time_is_waited_for_as_long() -> None:
    """Retry-After wins; the back-off stays small."""
    assert answered("POST", 429, headers={"Retry-After": "7"}).get_backoff_time() < 60


@pytest.mark.parametrize(("method", "url"), [("GET", "/x"), ("PATCH", "/issues/1"), ("DELETE", "/x"), ("PUT", "/x")])
def test_what_may_be_repeated_is(method: str, url: str) -> None:
    """Reading, editing and deleting twice is once."""
    assert answered(method, 502, url).total == 5


@pytest.mark.parametrize(("method", "url"), [("POST", "/issues"), ("PATCH", "/repos/o/r/check-runs/7")])
def test_requests_that_add_are_not_repeated(method: str, url: str) -> None:
    """After a 502 or a broken connection it may have happened."""
    with pytest.raises(MaxRetryError):
        answered(method, 502, url)
    with pytest.raises(ProtocolError):
        retry_policy(total=6, backoff_s=1, secondary_s=60).increment(method, url, error=ProtocolError("broken"))
