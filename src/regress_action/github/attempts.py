"""Doing things exactly once over a line that may lose the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from github import GithubException
from requests import RequestException

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.github.client import Client

T = TypeVar("T")
SERVER_ERROR = 500
UNPROCESSABLE = 422
TRIES = 3
LOOKS = 4


def read(client: Client, operation: Callable[[], T]) -> T:
    """Do something that may be repeated; again when the answer broke off half-way."""
    for attempt in range(1, TRIES):
        try:
            return operation()
        except RequestException:
            client.wait(2**attempt)
    return operation()


def repeat(client: Client, operation: Callable[[], T]) -> T:
    """Do something that may be done twice; again where GitHub failed or the answer was lost."""
    for attempt in range(1, TRIES):
        try:
            return operation()
        except (GithubException, RequestException) as error:
            if not is_uncertain(error):
                raise
            client.wait(2**attempt)
    return operation()


def once(client: Client, look: Callable[[], T | None], make: Callable[[], T]) -> T:
    """Return what `look` finds, or `make` it, without ever making two.

    When an answer is lost the thing may exist all the same, and a listing may show it late; so there are several
    looks before it is made again. When GitHub refuses because somebody else was faster, theirs is returned.
    """
    found = read(client, look)
    return found if found is not None else make_once(client, look, make)


def make_once(client: Client, look: Callable[[], T | None], make: Callable[[], T]) -> T:
    """As `once`, for a caller who has looked already."""
    for _ in range(TRIES):
        try:
            return make()
        except (GithubException, RequestException) as error:
            if not is_uncertain(error) and not _is_refused(error):
                raise
            found = _found_later(client, look) if is_uncertain(error) else read(client, look)
            if found is not None:
                return found
            if not is_uncertain(error):
                raise
    return make()


def is_uncertain(error: Exception) -> bool:
    """Whether the request may have been carried out although it failed."""
    return isinstance(error, RequestException) or (isinstance(error, GithubException) and error.status >= SERVER_ERROR)


def _is_refused(error: Exception) -> bool:
    return isinstance(error, GithubException) and error.status == UNPROCESSABLE


def _found_later(client: Client, look: Callable[[], T | None]) -> T | None:
    for attempt in range(LOOKS):
        client.wait(2**attempt)
        found = read(client, look)
        if found is not None:
            return found
    return None
