"""Histories that may lie on GitHub: the history asks for what it needs, and the one client of GitHub answers."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.history import open_history
from regress_action.model.errors import HistoryError, InfrastructureError, InputError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from github.Repository import Repository

    from regress_action.history import History
    from regress_action.model.measurements import Aliases


def connected_history(
    where: str, *, repository: Path | None = None, environ: Mapping[str, str], aliases: Aliases | None = None
) -> History:
    """Return the history that `where` names, as `open_history` does, with access to GitHub by the tokens of `environ`.

    Reports are read under the newest names of `aliases`.

    Raises:
        SettingsError: `where` names no place we know.
    """
    history = open_history(where, repository=repository, environ=environ, github=_Access(environ))
    return replace(history, aliases=aliases) if aliases else history


def local_history(where: str) -> History:
    """Return the history that `where` names, seen from the current folder, with the aliases of that folder.

    Raises:
        SettingsError: `where` names no place we know, or the aliases are wrong.
    """
    from regress_action.settings.gate import read_aliases
    from regress_action.settings.sources import FolderFiles

    root = Path.cwd()
    return connected_history(where, repository=root, environ=os.environ, aliases=read_aliases(FolderFiles(root)))


@dataclass(frozen=True, slots=True)
class _Access:
    """What a history needs of GitHub; nothing is imported or sent before it asks."""

    environ: Mapping[str, str]

    def newest_artifact(self, name: str) -> bytes | None:
        """Return the newest archive of a name that a run of the default branch uploaded, or None."""
        from github import GithubException
        from requests import RequestException

        from regress_action.github.artifacts import download_newest
        from regress_action.github.client import Pace, connect

        token = self.environ.get("GITHUB_TOKEN")
        if not token or not self.environ.get("GITHUB_REPOSITORY"):
            raise SettingsError(
                f"artifact:{name} needs GITHUB_REPOSITORY and GITHUB_TOKEN.",
                meaning="Artifacts are kept by GitHub, for one repository.",
                remedy="Use it in a workflow, or give a folder: the downloaded artifact, unpacked.",
            )
        try:
            with connect(token, self.environ, pace=Pace(backoff_s=0.5, repetitions=2)) as client:
                return download_newest(client, name)
        except GithubException as error:
            raise HistoryError(
                f"artifact:{name}: GitHub answered {error.status}.",
                meaning="The history cannot be read.",
                remedy="Give the job `permissions: actions: read`.",
            ) from error
        except (InputError, InfrastructureError) as error:
            raise HistoryError(f"artifact:{name}: {error.what}", meaning=error.meaning, remedy=error.remedy) from error
        except RequestException as error:
            raise HistoryError(
                f"artifact:{name}: GitHub could not be reached ({type(error).__name__}).", remedy="Run the job again."
            ) from error

    def repository(self, name: str) -> Repository:
        """Return the repository `owner/name`, for commits through the API."""
        from regress_action.github.client import connect

        token = self.environ.get("REGRESS_HISTORY_TOKEN") or self.environ.get("GITHUB_TOKEN") or ""
        return connect(token, {**self.environ, "GITHUB_REPOSITORY": name}).repository
