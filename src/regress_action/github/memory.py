"""The judgement as data, hidden in what we wrote on a pull request, so that a later job can explain it.

It is read back only from a check run or a comment of ours, and is data all the same: whoever unpacks it checks it.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import TYPE_CHECKING

from regress_action.github import comments, markers
from regress_action.github.attempts import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.github.client import Client
    from regress_action.github.preferences import Preferences

KIND = "judgement"
LIMIT_BYTES = 16_000
LARGEST = 2_000_000
_OVERHEAD = 100
_TRIES = 8


def remembered(record: Callable[[int], bytes], limit: int = LIMIT_BYTES) -> str:
    """Return the hidden form of what `record` makes, in at most `limit` bytes; empty where nothing useful fits.

    `record` is told how many bytes it may fill before they are compressed.
    """
    room = LARGEST
    for _ in range(_TRIES):
        data = record(room)
        packed = base64.b64encode(zlib.compress(data, 9)).decode()
        if len(packed) + _OVERHEAD <= limit:
            return markers.mark(KIND, {"z": packed})
        room = min(room, len(data)) * max(1, limit - _OVERHEAD) // len(packed) * 9 // 10
    return ""


def recalled(client: Client, number: int, preferences: Preferences) -> bytes | None:
    """Return what was remembered of a pull request last: of its head, else by the comment of the suite.

    None where nothing was, or the token may read neither.
    """
    found = client.access.attempt("checks: read", "the check run", lambda: _by_check(client, number, preferences))
    if found is not None:
        return found
    needs = "pull-requests: read"
    return client.access.attempt(needs, "the comment", lambda: _by_comment(client, number, preferences))


def unpacked(text: str | None) -> bytes | None:
    """Read the hidden form; None where there is none, or it is damaged or grows beyond every measure."""
    content = markers.found(KIND, text)
    try:
        packed = base64.b64decode(str((content or {})["z"]), validate=True)
        inflating = zlib.decompressobj()
        data = inflating.decompress(packed, LARGEST)
    except (KeyError, binascii.Error, zlib.error):
        return None
    return data if inflating.eof else None


def _by_check(client: Client, number: int, preferences: Preferences) -> bytes | None:
    head = read(client, lambda: client.repository.get_pull(number).head.sha)
    commit = client.repository.get_commit(head)
    name = preferences.check_name
    runs = read(client, lambda: list(commit.get_check_runs(check_name=name, filter="all")))
    ours = [run for run in runs if (run.external_id or "").startswith(f"{name}/")]
    ours.sort(key=lambda run: run.id, reverse=True)
    return next((data for run in ours if (data := unpacked(run.output.summary)) is not None), None)


def _by_comment(client: Client, number: int, preferences: Preferences) -> bytes | None:
    issue = client.repository.get_issue(number)
    suite = preferences.suite_name

    def look() -> bytes | None:
        found = comments.mine(client, issue, comments.STICKY, lambda content: content.get("suite") == suite)
        return unpacked(found.body) if found else None

    return read(client, look)
