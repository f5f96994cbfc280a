"""Tell people outside of GitHub, through Apprise: chat, mail, web hooks. Only ever about changes.

Apprise is the optional extra `notify`. A notifier that fails costs a warning, never the verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regress_action import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TITLE_LIMIT = 200
LINES = 20


def send(urls: Iterable[str], title: str, lines: Sequence[str]) -> tuple[str, ...]:
    """Send one message to every URL; return a warning for each that did not take it.

    Nothing is sent without `lines`: each says one thing that changed. A warning names the service, never the URL,
    which holds secrets.
    """
    targets = tuple(urls)
    if not targets or not lines:
        return ()
    try:
        import apprise
    except ImportError:
        return (
            "Nobody was notified: Apprise is not installed. Install regress-action[notify], or remove notify-urls.",
        )
    shown = [escape.plain(line) for line in lines[:LINES]]
    more = [f"… and {len(lines) - LINES} more"] if len(lines) > LINES else []
    body = "\n".join([*shown, *more])
    failed = []
    for number, url in enumerate(targets, 1):
        service = apprise.Apprise()
        if not service.add(url):
            failed.append(f"notify-urls: entry {number} is no address that Apprise knows.")
        elif not service.notify(
            title=escape.plain(title, TITLE_LIMIT), body=body, body_format=apprise.NotifyFormat.TEXT
        ):
            failed.append(f"notify-urls: entry {number} ({_scheme(url)}) did not take the message.")
    return tuple(failed)


def _scheme(url: str) -> str:
    return escape.plain(url.partition("://")[0], 20)
