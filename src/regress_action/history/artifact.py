"""Records in an artifact of the workflow, for repositories that want no branch.

Artifacts cannot be added to: each holds the records before it and the new ones. They expire (after 90 days unless the
repository says otherwise), and of two jobs that end together the later one wins; the branch has neither weakness.
Reading takes the newest artifact that a run of the default branch made in this very repository, because anybody may
upload one of the same name from a pull request. Writing leaves the files in a folder for the workflow's upload step.
"""

from __future__ import annotations

import time
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Final

from regress_action.history.store import Children
from regress_action.model import archives
from regress_action.model.errors import HistoryError, InputError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from github.Artifact import Artifact
    from github.Repository import Repository
    from requests import PreparedRequest

    from regress_action.history.folder import FolderStore
    from regress_action.history.store import CommitRecord

MAX_PACKED: Final = 50_000_000
MAX_UNPACKED: Final = 200_000_000
MAX_FILES: Final = 20_000
_LIMITS: Final = archives.ArchiveLimits(MAX_FILES, MAX_UNPACKED, MAX_UNPACKED)

_LOOKED_AT: Final = 300  # artifacts of one name, newest first
_FOUND: Final = 302
_TIMEOUT_S: Final = 60
_ATTEMPTS: Final = 3
_CHUNK: Final = 1 << 16


class ArtifactStore:
    """The records of the artifact that `fetch` returns (None: none yet), and new ones in the folder `outbox`."""

    def __init__(self, name: str, fetch: Callable[[], bytes | None], outbox: FolderStore) -> None:
        self._name = name
        self._fetch = fetch
        self._outbox = outbox

    @property
    def where(self) -> str:
        """The artifact's name."""
        return f"artifact:{self._name}"

    def exists(self) -> bool:
        """Whether a run of the default branch left an artifact of that name."""
        return bool(self._files)

    def children(self, folders: Sequence[str]) -> dict[str, Children]:
        """List several folders."""
        return {folder: self._children(folder.strip("/")) for folder in folders}

    def read(self, paths: Sequence[str]) -> list[bytes]:
        """Return the contents of `paths`."""
        try:
            return [self._files[path] for path in paths]
        except KeyError as error:
            raise HistoryError(
                f"{self.where}: there is no {error.args[0]}.", meaning="It was never recorded."
            ) from None

    def write(self, files: Mapping[str, bytes], message: str, *, remove: Collection[str] = ()) -> str:
        """Leave all records, old and new, in the folder that the workflow uploads; return that folder."""
        self._files.update(files)
        for path in remove:
            self._files.pop(path, None)
        return self._outbox.write(self._files, message, remove=remove)

    def log(self) -> Iterator[CommitRecord]:
        """Yield nothing: an artifact does not remember who wrote into it."""
        return iter(())

    @cached_property
    def _files(self) -> dict[str, bytes]:
        archive = self._fetch()
        return {} if archive is None else dict(unpack(archive, self.where))

    def _children(self, folder: str) -> Children:
        start = f"{folder}/" if folder else ""
        below = {path[len(start) :].partition("/")[::2] for path in self._files if path.startswith(start)}
        return Children(
            tuple(sorted({name for name, rest in below if rest})),
            tuple(sorted(name for name, rest in below if not rest)),
        )


def unpack(archive: bytes, where: str) -> Iterator[tuple[str, bytes]]:
    """Yield the records and events of an archive, in memory; other names are left out.

    Raises:
        HistoryError: it is damaged, or unpacks to more than any history.
    """
    if not archive.startswith(archives.SIGNATURE):
        raise _unusable(where, "It is no archive.", "Upload the folder, not a single file.")
    try:
        yield from archives.unpack(archive, _LIMITS, lambda name: name.startswith(("runs/", "events/")))
    except InputError as error:
        raise _unusable(
            where, error.what, "Prune it, use a branch, or delete it: the next run makes a new one."
        ) from error


def _unusable(where: str, why: str, remedy: str) -> HistoryError:
    return HistoryError(f"{where} cannot be used. {why}", meaning="Nothing of it is used.", remedy=remedy)


def newest_artifact(name: str, environ: Mapping[str, str]) -> bytes | None:
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
        candidates = islice(ours.get_artifacts(name=name), _LOOKED_AT)
        artifact = next((artifact for artifact in candidates if is_trusted(artifact, ours)), None)
        return _fetch(artifact, ours) if artifact else None
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


def is_trusted(artifact: Artifact, repository: Repository) -> bool:
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
    for attempt in range(1, _ATTEMPTS):
        try:
            return _download(headers["location"], artifact.name)
        except requests.RequestException:
            time.sleep(attempt)
    return _download(headers["location"], artifact.name)


def _download(address: str, name: str) -> bytes:
    """Return what lies at `address`, up to the size that an archive may have."""
    import requests

    if not address.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise HistoryError(f"artifact:{name}: GitHub names an address that is not https.", remedy="Run the job again.")
    content = bytearray()
    with requests.get(address, timeout=_TIMEOUT_S, stream=True, auth=_anonymous) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_content(_CHUNK):
            content += chunk
            if len(content) > MAX_PACKED:
                raise _too_large(name, len(content))
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
