"""Single files of a commit, as GitHub serves them."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import quote

from github import GithubException, UnknownObjectException

from regress_action.github.idempotency import read
from regress_action.model.errors import SettingsError

if TYPE_CHECKING:
    from regress_action.github.client import Client


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
