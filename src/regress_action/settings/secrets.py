"""What must never be shown: the secret values among the settings, and the parts of them that others might print.

An address of a chat or a mailbox is made of secrets. A library that fails with one prints another spelling of it: the
web hook behind `slack://`, the login without its host. So its parts are secret, too.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, get_args
from urllib.parse import unquote

from pydantic import SecretStr

from regress_action.settings.model import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SHORTEST_PART = 8
"""Parts below that are words like `hooks` or `alerts`; hiding them would hide half of a log."""

_PARTS = re.compile(r"[/@:?&=#,]+")
_WORDS = re.compile(r"[a-z]{1,20}(?:[._-][a-z]{1,20}){0,3}")
"""A host or a channel, like hooks.example.org or team-performance. A job output that holds a masked word is dropped."""


def in_inputs(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return what is secret in the action's inputs, longest first, before anybody has looked whether they are valid."""
    try:
        inputs = json.loads(environ.get("REGRESS_INPUTS") or "{}")
    except ValueError:
        return ()
    return _pieces(inputs[name] for name in _names() if inputs.get(name)) if isinstance(inputs, dict) else ()


def in_settings(settings: Settings) -> tuple[str, ...]:
    """Return what is secret in the settings, longest first, wherever they came from."""
    return _pieces([settings.github_token, *settings.notify_urls])


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return the text with stars for every secret; give the longest first."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _names() -> Iterator[str]:
    """Yield the kebab-case names of the settings that are declared as secrets."""
    for name, field in Settings.model_fields.items():
        if field.annotation is SecretStr or SecretStr in get_args(field.annotation):
            yield name.replace("_", "-")


def _pieces(values: Iterable[object]) -> tuple[str, ...]:
    pieces: dict[str, None] = {}
    for value in values:
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for word in text.split():
            address = word.partition("://")[2]
            login = re.split(r"[/?#]", address, maxsplit=1)[0].rpartition("@")[0]
            others = _PARTS.split(address[len(login) :])
            parts = [*_PARTS.split(login), *(part for part in others if not _WORDS.fullmatch(part))]
            spellings = (word, unquote(word), *parts, *map(unquote, parts))
            pieces |= dict.fromkeys(piece for piece in spellings if len(piece) >= SHORTEST_PART)
    return tuple(sorted(pieces, key=lambda piece: (-len(piece), piece)))
