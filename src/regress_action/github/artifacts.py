"""The artifact of a measuring run, taken as bytes that somebody else wrote."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from regress_action.github.attempts import read
from regress_action.model.errors import InfrastructureError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.github.client import Client

MAX_ARCHIVE_BYTES = 50_000_000
MAX_FILE_BYTES = 50_000_000
MAX_TOTAL_BYTES = 200_000_000
MAX_FILES = 2_000
CHUNK = 1 << 16
FOUND = 302
ZIP_SIGNATURE = b"PK\x03\x04"


def download(client: Client, run_id: int, name: str) -> bytes:
    """Return the archive that a workflow run uploaded under a name.

    The run comes from the event, so a stranger's artifact of the same name elsewhere is never taken.

    Raises:
        InputError: the run has no such artifact, it has expired, or it is larger than 50 MB.
        InfrastructureError: it cannot be fetched.
    """
    found = read(client, lambda: _find(client, run_id, name))
    if found is None or found["expired"]:
        state = "has expired" if found else "does not exist"
        raise InputError(
            f"The artifact {name} of run {run_id} {state}.",
            meaning="There is nothing to publish.",
            remedy="Let the measuring workflow upload it with actions/upload-artifact, also when it fails.",
        )
    if found["size_in_bytes"] > MAX_ARCHIVE_BYTES:
        size = found["size_in_bytes"]
        raise InputError(f"The artifact {name} has {size} bytes; {MAX_ARCHIVE_BYTES} are read at most.")
    return read(client, lambda: _fetch(client, found))


def files(archive: bytes, single_name: str = "report.jsonl") -> Iterator[tuple[str, bytes]]:
    """Yield the files in an archive, in memory: nothing is written, no path is followed.

    An artifact may also be a single file that was not zipped; it goes by `single_name`.

    Raises:
        InputError: it is damaged, or unpacks to more than is read.
    """
    if not archive.startswith(ZIP_SIGNATURE):
        yield single_name, archive
        return
    room = MAX_TOTAL_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            members = [member for member in packed.infolist() if _is_plain(member)]
            if len(members) > MAX_FILES:
                raise InputError(f"The artifact holds {len(members)} files; {MAX_FILES} are read at most.")
            for member in members:
                with packed.open(member) as file:
                    content = file.read(min(MAX_FILE_BYTES, room) + 1)
                room -= len(content)
                if len(content) > MAX_FILE_BYTES or room < 0:
                    raise InputError(
                        f"The artifact unpacks to more than {MAX_TOTAL_BYTES} bytes.",
                        meaning="It is no set of benchmark results.",
                    )
                yield member.filename, content
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"The artifact is damaged: {error}.") from error


def _find(client: Client, run_id: int, name: str) -> dict[str, Any] | None:
    """Return the entry of the artifact; names are unique within a run."""
    url = f"{client.repository.url}/actions/runs/{run_id}/artifacts"
    _, listed = client.repository.requester.requestJsonAndCheck("GET", url, parameters={"name": name})
    return next((each for each in listed["artifacts"] if each["name"] == name), None)


def _fetch(client: Client, artifact: dict[str, Any]) -> bytes:
    """Ask for the address, then fetch from there without the token, which the store must not see."""
    status, headers, _ = client.repository.requester.requestJson("GET", artifact["archive_download_url"])
    location = str(headers.get("location", ""))
    allowed = {"https", urlsplit(client.github.requester.base_url).scheme}
    if status != FOUND or urlsplit(location).scheme not in allowed:
        raise InfrastructureError(
            f"GitHub answered {status} for the artifact {artifact['name']}.",
            meaning="It cannot be read.",
            remedy="The job needs `actions: read` under `permissions:`.",
        )
    content = bytearray()
    with requests.get(location, timeout=client.pace.timeout_s, stream=True, auth=_anonymous) as answer:
        if not answer.ok:
            raise InfrastructureError(f"The artifact store answered {answer.status_code}.", remedy="Run the job again.")
        for chunk in answer.iter_content(CHUNK):
            content += chunk
            if len(content) > MAX_ARCHIVE_BYTES:
                raise InputError(f"The artifact has more than {MAX_ARCHIVE_BYTES} bytes.")
    return bytes(content)


def _anonymous(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send no credentials, not even those a .netrc file holds."""
    return request


def _is_plain(member: zipfile.ZipInfo) -> bool:
    """Whether it is a file with a harmless name; archives of others hold what they like."""
    parts = member.filename.replace("\\", "/").split("/")
    return not member.is_dir() and ".." not in parts and parts[0] != "" and ":" not in parts[0]
