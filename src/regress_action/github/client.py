"""The line to GitHub: one repository, paced below the secondary limits, patient with bad days."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from github import Auth, Github, GithubException

from regress_action.github.access import Access
from regress_action.github.retrying import careful
from regress_action.model.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from github.NamedUser import NamedUser
    from github.Organization import Organization
    from github.Repository import Repository

APP_TOKEN = "ghs_"  # noqa: S105 - how the tokens of apps begin
BOT = "Bot"
PAGE = 100


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast to talk, in seconds. GitHub allows 80 writes of content a minute; one a second leaves room."""

    between_requests_s: float = 0.25
    between_writes_s: float = 1.0
    backoff_s: float = 1.0
    secondary_s: float = 60.0
    timeout_s: int = 30
    repetitions: int = 6


@dataclass
class Client:
    """A repository, who we are in it, and what the token turned out not to be allowed.

    `labels` remembers those of pull requests, once asked for.
    """

    repository: Repository
    github: Github
    is_app: bool
    pace: Pace = field(default_factory=Pace)
    access: Access = field(default_factory=Access)
    login: str | None = None
    labels: dict[int, frozenset[str]] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.github.close()

    def wait(self, turns: float) -> None:
        """Pause for some turns of the back-off."""
        self.sleep(turns * self.pace.backoff_s)

    def is_mine(self, author: NamedUser | Organization) -> bool:
        """Whether we wrote that.

        Where we do not know our own name, any bot's comment with our marker is taken for ours: people cannot write as
        bots.
        """
        me = self.whoami()
        return author.login == me if me else author.type == BOT

    def whoami(self) -> str | None:
        """Return our own login; None for an app that has made no check run.

        An app may not ask who it is; its name is learnt from the check run it makes.
        """
        if self.login is None and not self.is_app:
            try:
                self.login = self.github.get_user().login
            except GithubException:
                self.is_app = True
        return self.login


def connect(
    token: str,
    environ: Mapping[str, str],
    *,
    actor: str = "",
    pace: Pace | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Client:
    """Open the line to `GITHUB_REPOSITORY` at `GITHUB_API_URL`; nothing is asked yet.

    Raises:
        InfrastructureError: there is no token or no repository to talk about.
    """
    name = environ.get("GITHUB_REPOSITORY", "")
    if not token or "/" not in name:
        raise InfrastructureError(
            "There is no token or no GITHUB_REPOSITORY.",
            meaning="Nothing can be told to GitHub.",
            remedy="Run inside GitHub Actions with `github-token: ${{ github.token }}`, or work locally without it.",
        )
    pace = pace or Pace()
    github = Github(
        auth=Auth.Token(token),
        base_url=environ.get("GITHUB_API_URL") or "https://api.github.com",
        per_page=PAGE,
        timeout=pace.timeout_s,
        retry=careful(total=pace.repetitions, backoff_s=pace.backoff_s, secondary_s=pace.secondary_s),
        seconds_between_requests=pace.between_requests_s,
        seconds_between_writes=pace.between_writes_s,
        user_agent="regress-action",
        lazy=True,  # one request less for each thing whose address is all we need
    )
    is_app = token.startswith(APP_TOKEN)
    return Client(github.get_repo(name), github, is_app, pace, Access(actor), sleep=sleep)
