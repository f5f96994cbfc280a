"""Which function serves which operation, and what a token must be allowed for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from fake_github.data import GithubData

Json = Any
LEVELS = ["none", "read", "write"]


@dataclass
class Call:
    """One request, taken apart."""

    values: dict[str, str]
    query: dict[str, str]
    body: Json
    login: str


@dataclass
class Answer:
    """What goes back."""

    status: int
    body: Json = None
    headers: dict[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """GitHub says no."""

    def __init__(self, status: int, message: str, /, **error: Json) -> None:
        """Add an entry to `errors` when there are details."""
        super().__init__(message)
        body = {"message": message, "documentation_url": "https://docs.github.com/rest"}
        self.answer = Answer(status, body | ({"errors": [error]} if error else {}))


Handler = Callable[["GithubData", Call], Answer]
ROUTES: dict[str, tuple[Handler, str]] = {}
H = TypeVar("H", bound=Handler)


def route(operation: str, needs: str) -> Callable[[H], H]:
    """Serve an operation to tokens with one of the permissions `needs` names, as in `issues|pull-requests:write`."""

    def register(handler: H) -> H:
        ROUTES[operation] = (handler, needs)
        return handler

    return register


def allowed(data: GithubData, needs: str) -> bool:
    """Whether the token has one of the permissions."""
    scopes, level = needs.split(":")
    return any(LEVELS.index(data.permissions.get(scope, "none")) >= LEVELS.index(level) for scope in scopes.split("|"))


def visible(records: list[Json]) -> list[Json]:
    """Return what a listing shows; what was just made stays hidden for `data.lag` listings."""
    shown = []
    for record in records:
        if record.hidden > 0:
            record.hidden -= 1
        else:
            shown.append(record)
    return shown


def page(call: Call, items: list[Json], key: str | None = None) -> Answer:
    """Return one page of a listing, with the links to the others; under `key` where GitHub counts as well."""
    size, number = int(call.query.get("per_page", 30)), int(call.query.get("page", 1))
    part = items[(number - 1) * size : number * size]
    headers = {"X-Next-Page": str(number + 1)} if number * size < len(items) else {}
    return Answer(200, {"total_count": len(items), key: part} if key else part, headers)
