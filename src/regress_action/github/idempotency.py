"""Requests that are carried out exactly once, although an answer may be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from github import GithubException
from requests import RequestException

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
SERVER_ERROR = 500
UNPROCESSABLE = 422
TRIES = 3
READS_AFTER_FAILURE = 4


class Waiter(Protocol):
    """Who waits between two attempts: the client, which knows how long a step is."""

    def wait(self, steps: float) -> None:
        """Sleep for a multiple of the back-off."""


def read(client: Waiter, operation: Callable[[], T]) -> T:
    """Return what a reading operation returns; repeat it when the connection broke."""
    for attempt in range(1, TRIES):
        try:
            return operation()
        except RequestException:
            client.wait(2**attempt)
    return operation()


def repeat(client: Waiter, operation: Callable[[], T]) -> T:
    """Do something that may be done twice; repeat it where GitHub failed or the answer was lost."""
    for attempt in range(1, TRIES):
        try:
            return operation()
        except (GithubException, RequestException) as error:
            if not is_uncertain(error):
                raise
            client.wait(2**attempt)
    return operation()


def once(client: Waiter, find: Callable[[], T | None], make: Callable[[], T]) -> T:
    """Return what `find` returns, or what `make` makes where that is None, without ever making two.

    When an answer is lost the object may exist all the same, and a listing may show it late; so `find` is called
    several times before it is made again. When GitHub refuses because somebody else was faster, theirs is returned.
    """
    existing = read(client, find)
    return existing if existing is not None else make_once(client, find, make)


def make_once(client: Waiter, find: Callable[[], T | None], make: Callable[[], T]) -> T:
    """As `once`, for a caller who has called `find` already."""
    for _ in range(TRIES):
        try:
            return make()
        except (GithubException, RequestException) as error:
            if not is_uncertain(error) and not _is_refused(error):
                raise
            existing = _find_later(client, find) if is_uncertain(error) else read(client, find)
            if existing is not None:
                return existing
            if not is_uncertain(error):
                raise
    return make()


def is_uncertain(error: Exception) -> bool:
    """Whether the request may have been carried out although it failed."""
    return isinstance(error, RequestException) or (isinstance(error, GithubException) and error.status >= SERVER_ERROR)


def _is_refused(error: Exception) -> bool:
    return isinstance(error, GithubException) and error.status == UNPROCESSABLE


def _find_later(client: Waiter, find: Callable[[], T | None]) -> T | None:
    for attempt in range(READS_AFTER_FAILURE):
        client.wait(2**attempt)
        existing = read(client, find)
        if existing is not None:
            return existing
    return None
