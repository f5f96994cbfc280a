"""Notify people outside of GitHub through Apprise (chat, mail, web hooks), and only of changes.

Apprise is the optional extra `notify`. A notifier that fails costs a warning, never the verdict.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regress_action.model import escaping

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TITLE_LIMIT = 200
LINES = 20
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,19})://", re.IGNORECASE)


def send(urls: Iterable[str], title: str, lines: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Send one message to every URL; return a warning for each that did not take it.

    Nothing is sent without `lines`: each is a sentence about one change, which may quote foreign text, and our address
    with the details. A warning names the service, never the URL, which holds secrets.
    """
    if not lines:
        return ()
    shown = [f"{escaping.message(sentence)} {escaping.plain(link)}".rstrip() for sentence, link in lines[:LINES]]
    more = [f"… and {len(lines) - LINES} more"] if len(lines) > LINES else []
    return _deliver(urls, title, "\n".join([*shown, *more]))


def send_page(urls: Iterable[str], title: str, page: str) -> tuple[str, ...]:
    """Send one HTML page, such as the weekly summary, to every URL; return a warning for each that did not take it.

    Services without HTML get its text, as Apprise makes it.
    """
    return _deliver(urls, title, page, html=True)


def _deliver(urls: Iterable[str], title: str, body: str, *, html: bool = False) -> tuple[str, ...]:
    """Hand one message to every URL, and return what went wrong as sentences without an address."""
    targets = tuple(urls)
    if not targets:
        return ()
    try:
        import apprise
    except ImportError:
        return (
            "Nobody was notified: Apprise is not installed. Install it (pip install apprise), or remove notify-urls.",
        )
    form = apprise.NotifyFormat.HTML if html else apprise.NotifyFormat.TEXT
    failed = []
    for number, url in enumerate(targets, 1):
        entry = f"notify-urls: entry {number}"
        service = apprise.Apprise()
        try:
            if not service.add(url):
                failed.append(f"{entry} is no address that Apprise knows.")
            elif not service.notify(title=escaping.message(title, TITLE_LIMIT), body=body, body_format=form):
                failed.append(f"{entry}{_scheme(url)} did not take the message.")
        except Exception as error:  # noqa: BLE001 - any of a hundred services, whose message may hold the address
            failed.append(f"{entry}{_scheme(url)} failed with {type(error).__name__}.")
    return tuple(failed)


def _scheme(url: str) -> str:
    """Return the service of an address in brackets; nothing where it is not sure to be only that."""
    match = _SCHEME.match(url)
    return f" ({match[1]})" if match else ""
