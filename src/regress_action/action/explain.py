"""What a later job is asked about a verdict: the judgement as data, and the answer made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from regress_action.model.errors import InputError
from regress_action.report import explanation, structured

if TYPE_CHECKING:
    from regress_action.github.client import Client
    from regress_action.github.preferences import Preferences
    from regress_action.model.comparisons import Judgement

ANSWER_BYTES = 30_000
COMMAND_LIMIT = 2_000


def record(judgement: Judgement, reproduce: str | None, limit: int) -> bytes:
    """Return the judgement as JSON in about `limit` bytes: as many comparisons as fit, worst first."""
    kept = len(judgement.comparisons)
    while True:
        content: dict[str, Any] = {
            "judgement": structured.as_object(replace(judgement, comparisons=judgement.comparisons[:kept])),
            "left_out": len(judgement.comparisons) - kept,
            "reproduce": (reproduce or "").encode(errors="replace").decode()[:COMMAND_LIMIT],  # no lone surrogates
        }
        data = orjson.dumps(content)
        if len(data) <= limit or not kept:
            return data
        kept = min(kept - 1, kept * limit // len(data))


def answer(client: Client, pull_request: int | None, preferences: Preferences, benchmark: str | None) -> str | None:
    """Return why the last verdict about the pull request is what it is, in Markdown; None where none is known."""
    from regress_action.github import hidden_state

    data = hidden_state.load(client, pull_request, preferences) if pull_request is not None else None
    return None if data is None else answer_of(data, benchmark)


def answer_of(data: bytes, benchmark: str | None) -> str | None:
    """Return the answer from a record that anybody may have changed; None where it is no whole record."""
    try:
        content = orjson.loads(data)
        judgement = structured.as_judgement(content["judgement"])
    except (ValueError, KeyError, TypeError, InputError):
        return None
    left_out, reproduce = content.get("left_out"), content.get("reproduce")
    return explanation.render(
        judgement,
        benchmark,
        left_out=left_out if isinstance(left_out, int) else 0,
        reproduce=reproduce[:COMMAND_LIMIT] if isinstance(reproduce, str) else "",
        limit_bytes=ANSWER_BYTES,
    )
