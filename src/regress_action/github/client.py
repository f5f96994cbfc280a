"""The client of GitHub's API: one repository, one retry policy, paced below the secondary rate limits.

Also here: single files of a commit, as GitHub serves them.
"""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import quote

from github import Auth, Github, GithubException, GithubRetry, UnknownObjectException
from requests import RequestException
from urllib3 import Retry
from urllib3.exceptions import MaxRetryError, ResponseError

from regress_action.github.idempotency import read, repeat
from regress_action.github.permissions import Permissions
from regress_action.model.errors import InfrastructureError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from github.CheckRun import CheckRun
    from github.NamedUser import NamedUser
    from github.Organization import Organization
    from github.Repository import Repository
    from urllib3.connectionpool import ConnectionPool
    from urllib3.response import BaseHTTPResponse


VIEWER = "query { viewer { login } }"
PAGE = 100
WRITERS = frozenset({"admin", "maintain", "write"})
TOO_MANY = 429
SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast requests are sent, in seconds.

    GitHub allows 80 writes of content a minute; one a second stays below that.
    """

    between_requests_s: float = 0.25
    between_writes_s: float = 1.0
    backoff_s: float = 1.0
    secondary_s: float = 60.0
    timeout_s: int = 30
    repetitions: int = 6


@dataclass
class Client:
    """A repository, our own login in it, and what the token turned out not to be allowed.

    `labels` caches the labels of pull requests by number, `writers` whether a login may write.
    """

    repository: Repository
    github: Github
    pace: Pace = field(default_factory=Pace)
    permissions: Permissions = field(default_factory=Permissions)
    login: str | None = None
    labels: dict[int, frozenset[str]] = field(default_factory=dict)
    writers: dict[str, bool] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.github.close()

    def wait(self, steps: float) -> None:
        """Sleep for a multiple of the back-off."""
        self.sleep(steps * self.pace.backoff_s)

    def wrote(self, author: NamedUser | Organization | None) -> bool:
        """Whether an author is us; nobody is while our own login is not known. Who left GitHub is None."""
        login = self.own_login()
        return bool(login) and author is not None and author.login == login

    def created(self, run: CheckRun) -> bool:
        """Whether a check run was created by us: by the app whose token we have."""
        return run.app is not None and bool(run.app.slug) and f"{run.app.slug}[bot]" == self.own_login()

    def own_login(self) -> str:
        """Return the login that belongs to the token; empty where GitHub does not tell.

        An app may not ask the REST API for its login. It may ask GraphQL, and a check run that it makes names it, too.
        """
        if self.login is None:
            try:
                _, answer = repeat(self, lambda: self.github.requester.graphql_query(VIEWER, {}))
                self.login = str(answer["data"]["viewer"]["login"])
            except (GithubException, RequestException, KeyError, TypeError):
                self.login = ""
        return self.login

    def may_write(self, login: str) -> bool:
        """Whether somebody has write access to the repository; setting labels, for one, needs less.

        False where GitHub does not tell. The answer is requested once.
        """
        if login not in self.writers:
            try:
                permission = read(self, lambda: self.repository.get_collaborator_permission(login))
            except GithubException:
                permission = ""
            self.writers[login] = permission in WRITERS
        return self.writers[login]


class RetryPolicy(GithubRetry):
    """Repeat requests that may be repeated; wait as long as GitHub asks, and a minute where it names no time.

    PyGithub repeats POST, although a 502 may come after the work was done, and never PATCH, although most edits may be
    repeated safely. Here it is the other way round: a request that adds something is repeated only when GitHub said
    that it did nothing (a rate limit), and is otherwise left to `idempotency.once`, which reads before it writes again.
    """

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


def retry_policy(*, total: int, backoff_s: float, secondary_s: float) -> RetryPolicy:
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
    return RetryPolicy(**settings)


def connect(
    token: str,
    environ: Mapping[str, str],
    *,
    actor: str = "",
    pace: Pace | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Client:
    """Return a client of `GITHUB_REPOSITORY` at `GITHUB_API_URL`; no request is sent yet.

    Raises:
        InfrastructureError: the token or the name of the repository is missing.
    """
    name = environ.get("GITHUB_REPOSITORY", "")
    if not token or "/" not in name:
        raise InfrastructureError(
            "There is no token or no GITHUB_REPOSITORY.",
            meaning="GitHub cannot be asked and nothing can be published.",
            remedy="Run inside GitHub Actions with `github-token: ${{ github.token }}`, or work locally without it.",
        )
    pace = pace or Pace()
    github = Github(
        auth=Auth.Token(token),
        base_url=environ.get("GITHUB_API_URL") or "https://api.github.com",
        per_page=PAGE,
        timeout=pace.timeout_s,
        retry=retry_policy(total=pace.repetitions, backoff_s=pace.backoff_s, secondary_s=pace.secondary_s),
        seconds_between_requests=pace.between_requests_s,
        seconds_between_writes=pace.between_writes_s,
        user_agent="regress-action",
        lazy=True,  # one request less for each object of which only the address is needed
    )
    return Client(github.get_repo(name), github, pace, Permissions(actor), sleep=sleep)


def _adds(method: str | None, url: str | None) -> bool:
    """Whether doing it twice makes two: every POST, and edits of check runs, which append annotations."""
    return method == "POST" or (method == "PATCH" and "/check-runs/" in (url or ""))


def file_of(client: Client, path: str, revision: str, limit: int) -> bytes | None:
    """Return the content of a regular file of at most `limit` bytes in a commit; None where there is none.

    Raises:
        SettingsError: it is no regular file, too large, or GitHub does not show it to this token.
    """
    url = f"{client.repository.url}/contents/{quote(path)}"

    def request() -> object:
        return client.repository.requester.requestJsonAndCheck("GET", url, parameters={"ref": revision})[1]

    try:
        answer = read(client, request)
    except UnknownObjectException:
        return None
    except GithubException as error:
        raise SettingsError(
            f"{path} of {revision[:40]} cannot be read from GitHub: status {error.status}.",
            meaning="A change must not decide how it is judged, so the file of its base is needed.",
            remedy="Give the job  permissions: contents: read, or give actions/checkout  fetch-depth: 0",
        ) from error
    try:
        if isinstance(answer, dict) and answer["type"] == "file" and answer["size"] <= limit:
            return base64.b64decode(answer["content"])
    except (KeyError, TypeError, ValueError, binascii.Error):
        pass
    raise SettingsError(
        f"{path} of {revision[:40]} is no regular file of at most {limit:,} bytes.", remedy="Put a smaller file there."
    )
