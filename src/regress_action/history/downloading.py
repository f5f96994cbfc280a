"""The newest artifact that may be believed, from GitHub."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from regress_action.history.artifact import MAX_PACKED
from regress_action.model.errors import HistoryError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from github.Artifact import Artifact
    from github.Repository import Repository
    from requests import PreparedRequest

_LOOKED_AT: Final = 300  # artifacts of one name, newest first
_FOUND: Final = 302
_TIMEOUT_S: Final = 60
_CHUNK: Final = 1 << 16


def newest(name: str, environ: Mapping[str, str]) -> bytes | None:
    """Return the archive of the newest artifact `name` of the default branch, or None where there is none.

    `environ` is that of a workflow: `GITHUB_REPOSITORY`, `GITHUB_TOKEN`, and `GITHUB_API_URL` for other servers.

    Raises:
        SettingsError: the environment names no repository or token.
        HistoryError: GitHub refuses or cannot be reached, or the artifact is too large.
    """
    from github import Auth, Github, GithubException
    from requests import RequestException

    repository, token = environ.get("GITHUB_REPOSITORY"), environ.get("GITHUB_TOKEN")
    if not repository or not token:
        raise SettingsError(
            f"artifact:{name} needs GITHUB_REPOSITORY and GITHUB_TOKEN.",
            meaning="Artifacts are kept by GitHub, for one repository.",
            remedy="Use it in a workflow, or give a folder: the downloaded artifact, unpacked.",
        )
    api = Github(
        auth=Auth.Token(token), base_url=environ.get("GITHUB_API_URL", "https://api.github.com"), timeout=_TIMEOUT_S
    )
    try:
        ours = api.get_repo(repository)
        found = next((one for one in islice(ours.get_artifacts(name=name), _LOOKED_AT) if suitable(one, ours)), None)
        return _fetch(found, ours) if found else None
    except GithubException as error:
        raise HistoryError(
            f"artifact:{name}: GitHub answered {error.status}.",
            meaning="The history cannot be read.",
            remedy="Give the job `permissions: actions: read`.",
        ) from error
    except RequestException as error:
        raise HistoryError(
            f"artifact:{name}: GitHub could not be reached ({type(error).__name__}).", remedy="Run the job again."
        ) from error
    finally:
        api.close()


def suitable(artifact: Artifact, repository: Repository) -> bool:
    """Whether the artifact is there, and was made by a run of this repository's default branch."""
    run = artifact.workflow_run
    return (
        not artifact.expired
        and run is not None
        and run.head_branch == repository.default_branch
        and run.head_repository_id == repository.id
        and run.repository_id == repository.id
    )


def _fetch(artifact: Artifact, repository: Repository) -> bytes:
    """Ask GitHub where the archive lies, and fetch it from there without showing our token to that place."""
    import requests

    if artifact.size_in_bytes > MAX_PACKED:
        raise _too_large(artifact.name, artifact.size_in_bytes)
    status, headers, _ = repository.requester.requestJson("GET", artifact.archive_download_url)
    if status != _FOUND or "location" not in headers:
        raise HistoryError(
            f"artifact:{artifact.name}: GitHub answered {status} instead of an address.",
            meaning="The history cannot be read.",
            remedy="Give the job `permissions: actions: read`, and run it again.",
        )
    content = bytearray()
    with requests.get(headers["location"], timeout=_TIMEOUT_S, stream=True, auth=_anonymous) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_content(_CHUNK):
            content += chunk
            if len(content) > MAX_PACKED:
                raise _too_large(artifact.name, len(content))
    return bytes(content)


def _anonymous(request: PreparedRequest) -> PreparedRequest:
    """Add nothing, not even what a .netrc file holds for that host."""
    return request


def _too_large(name: str, size: int) -> HistoryError:
    return HistoryError(
        f"artifact:{name} has {size} bytes or more, and at most {MAX_PACKED} are read.",
        meaning="Nothing of it is used.",
        remedy="Prune the history, or keep it on a branch.",
    )
