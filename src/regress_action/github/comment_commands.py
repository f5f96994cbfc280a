"""`/regress run`, `accept`, `explain`, `bisect` and `verify`: what a comment asks for.

A comment is data of which one line is read, strictly: its first, outside of quotes and of code. `command_answers` asks
GitHub who wrote it, and does what is asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

LIMIT = 500
CLAIM_LIMIT = 200
_COMMAND = re.compile(r"(?:[ \t]*\r?\n)* {0,3}/regress(?!\S)(?:[ \t]+(?P<verb>[a-z]+)(?!\S))?[ \t]*(?P<rest>[^\r\n]*)")
_NAMED = r"""(?:`(?P<ticks>[^`]+)`|"(?P<quotes>[^"]+)"|(?P<word>\S+))"""
_ACCEPTED = re.compile(rf"{_NAMED}\s*(?P<reason>.*)")
_ONE_NAME = re.compile(_NAMED)
_QUOTED_CLAIM = re.compile(rf"""(?:"(?P<straight>[^"]+)"|“(?P<curly>[^”]+)”)(?:\s+{_NAMED})?""")
_PLAIN_CLAIM = re.compile(r"""[^"“”`]+""")

Kind = Literal["run", "accept", "explain", "bisect", "verify", "help", "refused"]


@dataclass(frozen=True, slots=True)
class CommentCommand:
    """What somebody asked for; `help` when it was not understood, `refused` with a `reason` when it may not be.

    `reason` is otherwise why a change is accepted; `claim` is what shall be verified.
    """

    kind: Kind
    benchmark: str | None = None
    reason: str = ""
    claim: str = ""


def parse(body: str | None) -> CommentCommand | None:
    """Read the first line of a comment; None when it is no command."""
    match = _COMMAND.match(body or "")
    if match is None:
        return None
    readers = {"run": _run, "explain": _explain, "accept": _accept, "bisect": _bisect, "verify": _verify}
    return readers.get(match["verb"] or "", _help)(match["rest"].strip())


def unfit(text: str, limit: int) -> str | None:
    """Return why a text cannot be an argument of a program, as the end of a sentence; None where it can."""
    if text.startswith("-"):
        return "begins with a dash, and a comment sets no options"
    if len(text) > limit:
        return f"is longer than {limit} characters"
    return None if text.isprintable() and text.strip() else "holds characters that cannot be seen"


def _help(_rest: str) -> CommentCommand:
    return CommentCommand("help")


def _run(_rest: str) -> CommentCommand:
    return CommentCommand("run")


def _explain(rest: str) -> CommentCommand:
    named = _ONE_NAME.match(rest[: 2 * LIMIT])
    return CommentCommand("explain", _name(named)[:LIMIT] if named else None)


def _accept(rest: str) -> CommentCommand:
    named = _ACCEPTED.match(rest[: 2 * LIMIT])
    if named is None or not named["reason"].strip():
        return CommentCommand("help")
    return CommentCommand("accept", _name(named)[:LIMIT], named["reason"].strip()[:LIMIT])


def _bisect(rest: str) -> CommentCommand:
    if not rest:
        return CommentCommand("bisect")
    named = _ONE_NAME.fullmatch(rest) if len(rest) <= 2 * LIMIT else None
    if named is None:
        return CommentCommand("refused", reason="One benchmark can be named; put a name with spaces in backticks.")
    if why := unfit(_name(named), LIMIT):
        return CommentCommand("refused", reason=f"The name of the benchmark {why}.")
    return CommentCommand("bisect", _name(named))


def _verify(rest: str) -> CommentCommand:
    if not rest:
        return CommentCommand("help")
    named = _QUOTED_CLAIM.fullmatch(rest) if len(rest) <= 2 * LIMIT else None
    plain = _PLAIN_CLAIM.fullmatch(rest)
    if named is None and plain is None:
        return CommentCommand("refused", reason='Write the claim in quotes, like `/regress verify "1.3x faster"`.')
    claim = (named["straight"] or named["curly"]) if named else rest
    benchmark = _name(named) if named else ""
    if why := unfit(claim, CLAIM_LIMIT):
        return CommentCommand("refused", reason=f"The claim {why}.")
    if benchmark and (why := unfit(benchmark, LIMIT)):
        return CommentCommand("refused", reason=f"The name of the benchmark {why}.")
    return CommentCommand("verify", benchmark or None, claim=claim)


def _name(named: re.Match[str]) -> str:
    return named["ticks"] or named["quotes"] or named["word"] or ""
