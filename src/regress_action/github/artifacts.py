"""Artifacts of workflow runs: bytes that somebody else wrote; and the pull request that a measuring run belongs to."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from regress_action.github.event import Stage
from regress_action.github.idempotency import read
from regress_action.model import archives
from regress_action.model.errors import InfrastructureError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github.Artifact import Artifact
    from github.PullRequest import PullRequest
    from github.Repository import Repository

    from regress_action.github.client import Client
    from regress_action.github.event import Plan

MAX_ARCHIVE_BYTES = 50_000_000
LISTED = 300
MOST_PULLS = 1000
CHUNK = 1 << 16
REDIRECT = 302
ZIP_SIGNATURE = b"PK\x03\x04"
EMPTY_ZIP_SIGNATURE = b"PK\x05\x06"
LIMITS = archives.ArchiveLimits(files=20_000, file_bytes=50_000_000, total_bytes=200_000_000)


def download(client: Client, run_id: int, name: str) -> bytes:
    """Return the archive that a workflow run uploaded under a name.

    The run comes from the event, so an artifact of the same name from another run is never taken.

    Raises:
        InputError: the run has no such artifact, it has expired, or it is larger than 50 MB.
        InfrastructureError: it cannot be fetched.
    """
    artifact = read(client, lambda: _find_artifact(client, run_id, name))
    if artifact is None or artifact["expired"]:
        state = "has expired" if artifact else "does not exist"
        raise InputError(
            f"The artifact {name} of run {run_id} {state}.",
            meaning="There is nothing to publish.",
            remedy="Let the measuring workflow upload it with actions/upload-artifact, also when it fails.",
        )
    return _fetch(client, name, artifact["archive_download_url"], artifact["size_in_bytes"])


def download_newest(client: Client, name: str) -> bytes | None:
    """Return the newest archive of a name that a run of the default branch uploaded, or None where there is none.

    Anybody may upload one of the same name from a pull request; those are skipped.

    Raises:
        InputError: it is larger than 50 MB.
        InfrastructureError: it cannot be fetched.
        github.GithubException: GitHub refuses to list artifacts.
    """
    repository = client.repository
    listed = repository.get_artifacts(name=name)

    def find() -> Artifact | None:
        return next(
            (artifact for artifact in islice(listed, LISTED) if _is_of_default_branch(artifact, repository)), None
        )

    artifact = read(client, find)
    if artifact is None:
        return None
    return _fetch(client, name, artifact.archive_download_url, artifact.size_in_bytes)


def files(archive: bytes, single_name: str = "report.jsonl") -> Iterator[tuple[str, bytes]]:
    """Yield the files in an archive, in memory: nothing is written, no path is followed.

    An artifact may also be a single file that was not zipped; it is yielded as `single_name`.

    Raises:
        InputError: it is damaged, or unpacks to more than 200 MB, or holds more than 20 000 files.
    """
    if not archive.startswith((ZIP_SIGNATURE, EMPTY_ZIP_SIGNATURE)):
        yield single_name, archive
        return
    try:
        yield from archives.unpack(archive, LIMITS, lambda _: True)
    except InputError as error:
        raise InputError(
            f"The artifact cannot be used. {error.what}",
            meaning="Nothing of it is used.",
            remedy="Delete it, and run the workflow that uploads it again.",
        ) from error


def with_pull_request(client: Client, plan: Plan) -> Plan:
    """Return the plan with its pull request, found by the head's repository, branch and commit.

    The event names these three itself; what the artifact claims is never asked. Without an open pull request whose head
    is still that commit, nothing is published: the stage of the plan is then `none`.

    Raises:
        InputError: the head is a fork's, and another open pull request has the same commit as its head.
    """
    if plan.pull_request is not None or not (plan.is_fork or plan.may_comment):
        return plan
    pull = client.permissions.attempt(
        "pull-requests: read", "the pull request", lambda: read(client, lambda: _find_pull_request(client, plan))
    )
    if pull is None:
        why = f"no open pull request of {plan.head_repository} has {plan.head_sha} as its head; nothing is published"
        return replace(plan, mode=Stage.NONE, why=why)
    if plan.is_fork:
        _refuse_shared_head(client, pull)
    return replace(
        plan,
        pull_request=pull.number,
        pull_request_author=pull.user.login if pull.user is not None else None,
        is_draft=bool(pull.draft),
        base_sha=pull.base.sha,
        base_ref=pull.base.ref,
        labels=tuple(label.name for label in pull.labels),
    )


def _find_artifact(client: Client, run_id: int, name: str) -> dict[str, Any] | None:
    """Return the entry of the artifact; names are unique within a run."""
    url = f"{client.repository.url}/actions/runs/{run_id}/artifacts"
    _, answer = client.repository.requester.requestJsonAndCheck("GET", url, parameters={"name": name})
    return next((artifact for artifact in answer["artifacts"] if artifact["name"] == name), None)


def _is_of_default_branch(artifact: Artifact, repository: Repository) -> bool:
    """Whether the artifact is there, and was made by a run of this repository's default branch."""
    run = artifact.workflow_run
    return (
        not artifact.expired
        and run is not None
        and run.head_branch == repository.default_branch
        and run.head_repository_id == repository.id
        and run.repository_id == repository.id
    )


def _fetch(client: Client, name: str, url: str, size: int) -> bytes:
    """Return the archive; each attempt asks for a new address, for one is valid for a minute."""
    if size > MAX_ARCHIVE_BYTES:
        raise InputError(f"The artifact {name} has {size} bytes; {MAX_ARCHIVE_BYTES} are read at most.")
    return read(client, lambda: _from_store(client, name, _address(client, name, url)))


def _address(client: Client, name: str, url: str) -> str:
    """Return where the archive is stored.

    Raises:
        InfrastructureError: GitHub answers with anything but a redirect to https (or to the API's own scheme).
    """
    status, headers, _ = client.repository.requester.requestJson("GET", url)
    location = str(headers.get("location", ""))
    target, api = urlsplit(location), urlsplit(client.github.requester.base_url)
    if status != REDIRECT or target.scheme not in {"https", api.scheme} or not target.hostname:
        raise InfrastructureError(
            f"GitHub answered {status} for the artifact {name}.",
            meaning="It cannot be read.",
            remedy="The job needs `actions: read` under `permissions:`.",
        )
    return location


def _from_store(client: Client, name: str, location: str) -> bytes:
    """Fetch from the artifact store without the token, which the store must not see; it may not redirect again."""
    content = bytearray()
    with requests.get(
        location, timeout=client.pace.timeout_s, stream=True, auth=_no_credentials, allow_redirects=False
    ) as answer:
        if answer.status_code != requests.codes.ok:
            raise InfrastructureError(f"The artifact store answered {answer.status_code}.", remedy="Run the job again.")
        for chunk in answer.iter_content(CHUNK):
            content += chunk
            if len(content) > MAX_ARCHIVE_BYTES:
                raise InputError(f"The artifact {name} has more than {MAX_ARCHIVE_BYTES} bytes.")
    return bytes(content)


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send no credentials, not even those a .netrc file holds."""
    return request


def _refuse_shared_head(client: Client, pull: PullRequest) -> None:
    """Refuse a commit that is the head of two pull requests: its check runs are shown at both, and decide both.

    Otherwise somebody could open a pull request with the commit of another one, have it measured under conditions of
    their choice (another base, a branch name that the workflow executes), and publish the verdict at the other one.
    """
    listed = client.repository.get_pulls(state="open", sort="updated", direction="desc")
    same = read(client, lambda: [other for other in islice(listed, MOST_PULLS) if other.head.sha == pull.head.sha])
    if numbers := sorted(other.number for other in same if other.number != pull.number):
        raise InputError(
            f"The pull requests #{pull.number} and #{numbers[0]} have the same commit as their head.",
            meaning="A check run belongs to a commit, so the verdict about one of them would count for both.",
            remedy="Push another commit to one of them, an empty one will do, or close one.",
        )


def _find_pull_request(client: Client, plan: Plan) -> PullRequest | None:
    if not (plan.head_repository and plan.head_ref and plan.head_sha):
        return None
    owner = plan.head_repository.split("/")[0]
    for pull in client.repository.get_pulls(state="open", head=f"{owner}:{plan.head_ref}"):
        repository = pull.head.repo
        if pull.head.sha == plan.head_sha and repository is not None and repository.full_name == plan.head_repository:
            return pull
    return None
