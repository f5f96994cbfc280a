"""What the token may not do: one notice for each permission, with the line that grants it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from github import GithubException, RateLimitExceededException
from requests import RequestException

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
FORBIDDEN, NOT_FOUND, GONE = 403, 404, 410
READ_ONLY_BOT = "dependabot[bot]"


@dataclass
class Permissions:
    """Try operations, and keep which permissions were refused.

    `notices` are sentences for the user; `missing` are the refused permissions, like `checks: write`.
    """

    actor: str = ""
    notices: list[str] = field(default_factory=list)
    missing: dict[str, None] = field(default_factory=dict)

    def attempt(self, needs: str, purpose: str, operation: Callable[[], T]) -> T | None:
        """Do something that needs a permission; None, and a notice, where it cannot be done.

        A permission that was refused once is not asked for again.
        """
        if needs in self.missing:
            return None
        try:
            return operation()
        except RateLimitExceededException:
            self.note(f"Left out {purpose}: GitHub's rate limit for this repository is used up.")
        except GithubException as error:
            self._refused(needs, purpose, error)
        except RequestException as error:
            self.note(f"Left out {purpose}: GitHub did not answer ({type(error).__name__}).")
        return None

    def note(self, sentence: str) -> None:
        """Keep a sentence for the user, once."""
        if sentence not in self.notices:
            self.notices.append(sentence)

    def _refused(self, needs: str, purpose: str, error: GithubException) -> None:
        """Turn a refusal into a notice, and remember the permission where that was the cause."""
        message = str(error.message or error.data or "no reason given")[:300]
        if error.status == GONE:
            self.note(f"Left out {purpose}: GitHub says “{message}”.")
        elif error.status == FORBIDDEN and "GitHub App" in message:
            self.missing[needs] = None
            self.note(
                f"Left out {purpose}: only an app's token may do that. Use `github-token: ${{{{ github.token }}}}`."
            )
        elif error.status == NOT_FOUND or (error.status == FORBIDDEN and "not accessible" in message):
            self.missing[needs] = None
            self.note(self._missing(needs, purpose))
        else:
            self.note(f"Left out {purpose}: GitHub answered {error.status}, “{message}”.")

    def _missing(self, needs: str, purpose: str) -> str:
        if self.actor == READ_ONLY_BOT:
            why = "workflows started by Dependabot get a token that can only read; publish from workflow_run instead"
        else:
            why = f"the token lacks a permission. Add this line under `permissions:` of the job: `{needs}`"
        return f"Left out {purpose}: {why}. The verdict is not affected."
