"""The judgement as data, hidden in the check run or the comment, so that a later job can explain it.

A check run has it in a field that holds no foreign text. It is read back only from a check run or a comment of ours,
and is data all the same: whoever unpacks it checks it.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import TYPE_CHECKING

from regress_action.github import comment, hidden_comment
from regress_action.github.idempotency import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.github.client import Client
    from regress_action.github.preferences import Preferences

KIND = "judgement"
LIMIT_BYTES = 16_000
UNPACKED_BYTES = 2_000_000
_OVERHEAD_BYTES = 100
_TRIES = 8


def pack(record: Callable[[int], bytes], limit: int = LIMIT_BYTES) -> str:
    """Return the hidden form of what `record` returns, in at most `limit` bytes; empty where nothing useful fits.

    `record` is called with the number of bytes it may fill before they are compressed.
    """
    allowed = UNPACKED_BYTES
    for _ in range(_TRIES):
        data = record(allowed)
        packed = base64.b64encode(zlib.compress(data, 9)).decode()
        if len(packed) + _OVERHEAD_BYTES <= limit:
            return hidden_comment.mark(KIND, {"z": packed})
        allowed = min(allowed, len(data)) * max(1, limit - _OVERHEAD_BYTES) // len(packed) * 9 // 10
    return ""


def unpack(text: str | None) -> bytes | None:
    """Read the hidden form; None where there is none, or it is damaged or unpacks to more than 2 MB."""
    content = hidden_comment.read(KIND, text)
    try:
        packed = base64.b64decode(str((content or {})["z"]), validate=True)
        inflating = zlib.decompressobj()
        data = inflating.decompress(packed, UNPACKED_BYTES)
    except (KeyError, binascii.Error, zlib.error):
        return None
    return data if inflating.eof else None


def load(client: Client, number: int, preferences: Preferences) -> bytes | None:
    """Return the last judgement of a pull request: from its head's check run, else from the comment of the suite.

    None where there is none, or the token may read neither.
    """
    data = client.permissions.attempt("checks: read", "the check run", lambda: _of_check(client, number, preferences))
    if data is not None:
        return data
    needs = "pull-requests: read"
    return client.permissions.attempt(needs, "the comment", lambda: _of_comment(client, number, preferences))


def texts_of_checks(client: Client, head: str, preferences: Preferences) -> list[str]:
    """Return the hidden texts of our check runs of a suite on a commit, the newest first."""
    commit, name = client.repository.get_commit(head), preferences.check_name
    runs = read(client, lambda: list(commit.get_check_runs(check_name=name, filter="all")))
    ours = [run for run in runs if (run.external_id or "").startswith(f"{name}/") and client.created(run)]
    return [run.output.text or "" for run in sorted(ours, key=lambda run: run.id, reverse=True)]


def _of_check(client: Client, number: int, preferences: Preferences) -> bytes | None:
    head = read(client, lambda: client.repository.get_pull(number).head.sha)
    texts = texts_of_checks(client, head, preferences)
    return next((data for text in texts if (data := unpack(text)) is not None), None)


def _of_comment(client: Client, number: int, preferences: Preferences) -> bytes | None:
    issue = client.repository.get_issue(number)
    suite = preferences.suite_name

    def find() -> bytes | None:
        ours = comment.find_ours(client, issue, comment.REPORT, lambda content: content.get("suite") == suite)
        return unpack(ours.body) if ours else None

    return read(client, find)
