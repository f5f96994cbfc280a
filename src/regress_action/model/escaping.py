"""Foreign text made inert, once for each place it may appear in.

Names, units and reasons come from results files that a pull request can write. Each function returns text that
shows what was there and does nothing: no markup, no mention, no link, no terminal sequence, no workflow command.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape as _html_escape

NAME_LIMIT = 200
TEXT_LIMIT = 1_000
CODE_LIMIT = 4_000
ANNOTATION_TITLE_LIMIT = 255
_GENEROUS = 64 * 1024

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[@-_])")
_PRINTABLE_ASCII = re.compile(r"[ -~]*\Z")
_COMMAND = re.compile(r"(^|\s)::")
_LEGACY_COMMAND = re.compile(r"##(?=\[)")
_MARKDOWN_ACTIVE = re.compile(r"[\\`*_{}\[\]~^]")
_MARKDOWN_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "$": "&#36;", '"': "&quot;"})
_LINKS_ITSELF = re.compile(r"@(?=\w)|#(?=\d)|\b[Gg][Hh]-(?=\d)|\b(?:https?|ftp|mailto|xmpp):(?=\S)|\bwww(?=\.)")
_CALLS_SOMEBODY = re.compile(r"<(?=[!@#\w/])|\](?=\()")  # Slack's <!channel>, Teams' <at>, [a](link)
_BLOCK_START = re.compile(r"\A(\d{0,9})([-+=#.)])(?=[-+=#]*(?:\s|\Z))")
_WEB_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&*+,;=%-]{1,2000}\Z")
_ZERO_WIDTH_SPACE = "\u200b"
_AT = "&#64;"  # decoded before GitHub looks for mail addresses


def plain(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return one visible line of at most `limit` characters, cut in the middle.

    Terminal sequences, control and format characters (bidirectional overrides, zero-width joiners) are dropped, white
    space is collapsed, lone surrogates become U+FFFD, and what the runner would obey as a command no longer starts one.
    """
    text = str(text)
    if len(text) > _GENEROUS:
        text = text[:_GENEROUS] + text[-_GENEROUS:]
    if not _PRINTABLE_ASCII.match(text):
        text = "".join(_visible(character) for character in _ANSI.sub("", text))
    text = _COMMAND.sub(r"\1∷", " ".join(text.split()))
    return shorten(_LEGACY_COMMAND.sub("# #", text), limit)


def shorten(text: str, limit: int) -> str:
    """Cut out the middle, where benchmark names differ least."""
    if len(text) <= limit:
        return text
    if limit < 2:  # noqa: PLR2004 - one character and the ellipsis
        return "…"[:limit]
    tail = (limit - 1) * 3 // 5
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :]}"


def markdown(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return running text for GitHub's Markdown, for any place in a line.

    It holds no markup, HTML, mention, reference, link or formula. Words between backticks become code, which is as
    inert. Nothing becomes a dash, since an empty list item would make a heading of the line above.
    """
    pieces = (plain(text, limit) or "–").split("`")
    if len(pieces) % 2 == 0 or not all(pieces[1::2]):
        pieces = ["`".join(pieces)]
    escaped = "".join(code_span(piece) if index % 2 else inline(piece) for index, piece in enumerate(pieces))
    return _BLOCK_START.sub(r"\1\\\2", escaped)


def inline(text: str) -> str:
    """Return text that is plain already, and not the beginning of a line, for GitHub's Markdown."""
    text = _LINKS_ITSELF.sub(lambda match: match[0] + _ZERO_WIDTH_SPACE, text)
    return _MARKDOWN_ACTIVE.sub(r"\\\g<0>", text.translate(_MARKDOWN_ENTITIES))


def code_span(text: str, limit: int = NAME_LIMIT) -> str:
    """Return a name as inline code, inside and outside of tables.

    GitHub links no mention and no reference inside code. A pipe ends a table's cell even there, and what begins an HTML
    comment could be taken for a mark of ours, so names with either are spelled in character references.
    """
    text = plain(text, limit) or "(empty)"
    if "|" in text or "<!" in text:
        spelled = "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in text)
        return f"<code>{spelled.replace(_AT, _AT + _ZERO_WIDTH_SPACE)}</code>"
    if "`" not in text:
        return f"`{text}`"
    fence = "`" * (_longest_run(text) + 1)
    return f"{fence} {text} {fence}"


def code_block(text: str, language: str = "", limit: int = CODE_LIMIT) -> str:
    """Return a fenced block whose fence the text cannot close; lines are kept, long text is cut at its end."""
    lines = "".join(
        "\n" if c in "\r\n" else _visible(c) for c in _ANSI.sub("", str(text)[:_GENEROUS].replace("\r\n", "\n"))
    )
    lines = lines[:limit].replace("<!", f"<{_ZERO_WIDTH_SPACE}!")
    fence = "`" * max(3, _longest_run(lines) + 1)
    return f"{fence}{language}\n{lines}\n{fence}"


def link(words: str, url: str | None) -> str:
    """Return a Markdown link on words that are inert already, the words alone unless `url` is a plain web address."""
    return f"[{words}]({url})" if url and _WEB_ADDRESS.match(url) else words


def message(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return one line for a chat or a mail: it calls nobody and links nowhere, whatever dialect the service speaks."""
    text = _LINKS_ITSELF.sub(lambda match: match[0] + _ZERO_WIDTH_SPACE, plain(text, limit))
    return _CALLS_SOMEBODY.sub(rf"\g<0>{_ZERO_WIDTH_SPACE}", text)


def html(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return text for an HTML element or a quoted attribute."""
    return _html_escape(plain(text, limit))


def annotation(text: str, limit_bytes: int = 60_000) -> str:
    """Return text for a check run's annotation.

    Lines are kept; characters above U+FFFF, which GitHub refuses, are spelled out.
    """
    lines = (plain(line, limit_bytes) for line in str(text).splitlines())
    inert = "\n".join("".join(c if c <= "\uffff" else f"\\U{ord(c):08x}" for c in line) for line in lines)
    return cut_bytes(inert, limit_bytes)


def workflow_data(text: str) -> str:
    """Return the message of a workflow command; line breaks are kept, encoded."""
    inert = "\n".join(plain(line) for line in str(text).splitlines())
    return inert.replace("%", "%25").replace("\n", "%0A")


def workflow_property(text: str) -> str:
    """Return the value of a workflow command's property, such as its title."""
    return workflow_data(text).replace(":", "%3A").replace(",", "%2C")


def cut_bytes(text: str, limit: int) -> str:
    """Return the longest beginning of `text` that fits `limit` bytes of UTF-8, ending in an ellipsis when cut."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    ellipsis = "…" if limit >= len("…".encode()) else ""
    return encoded[: max(0, limit - len(ellipsis.encode()))].decode(errors="ignore") + ellipsis


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if character.isspace() or category in {"Zl", "Zp"}:
        return " "
    if category == "Cs":
        return "\ufffd"
    return "" if category in {"Cc", "Cf", "Cn"} else character


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
