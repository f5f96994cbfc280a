"""People are told outside of GitHub when something changed, and a messenger that fails is a warning."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from judgements import HOSTILE
from regress_action import notifications
from regress_action.history import open_history
from unit.site.site_reports import report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # Apprise's, on Python 3.11 and 3.12


class Hook(HTTPServer):
    """A web hook on loopback."""

    def __init__(self, status: int = 200) -> None:
        """Answer everything with one status."""
        self.received: list[dict[str, Any]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Take a message."""
                hook.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """The address in Apprise's words, with something secret in it."""
        return f"json://user:secret@127.0.0.1:{self.server_address[1]}/token"


@pytest.fixture
def hooks() -> Iterator[list[Hook]]:
    """One web hook that takes messages and one that does not."""
    hooks = [Hook(), Hook(500)]
    threads = [threading.Thread(target=hook.serve_forever, kwargs={"poll_interval": 0.01}) for hook in hooks]
    for thread in threads:
        thread.start()
    yield hooks
    for hook, thread in zip(hooks, threads, strict=True):
        hook.shutdown()
        hook.server_close()
        thread.join()


def test_changes_are_sent_to_every_address(hooks: list[Hook]) -> None:
    """Title and lines arrive as text; the service that failed is named, its secrets are not."""
    lines = [("cache.get is 2.5× slower", "https://github.com/octo/widgets/issues/1"), ("two\n::error::x", "")]

    failed = notifications.send([hook.url for hook in hooks], "Performance of octo/widgets", lines)

    (message,) = hooks[0].received
    assert message["title"] == "Performance of octo/widgets"
    first = "cache.get is 2.5× slower https://github.com/octo/widgets/issues/1"
    assert message["message"] == f"{first}\ntwo ∷error::x"
    assert failed == ("notify-urls: entry 2 (json) did not take the message.",)
    assert "secret" not in "".join(failed)


@pytest.mark.parametrize("name", [*HOSTILE, "<!channel> <@U123> <at>x</at>", "**[b](https://x.example)**"], ids=ascii)
def test_a_hostile_name_calls_nobody_and_links_nowhere(hooks: list[Hook], name: str) -> None:
    """Chats obey @everyone, <!channel> and addresses in plain text; a message stays as many lines as it has."""
    assert notifications.send([hooks[0].url], name, [(f"{name} is slower", "https://github.com/o/r/1")]) == ()

    (message,) = hooks[0].received
    said = message["message"].removesuffix(" https://github.com/o/r/1")
    assert not re.search(r"@\w|<[!@\w/]|https?:/|www\.|\]\(", f"{said} {message['title']}")
    assert "\n" not in said
    assert "::" not in said.split(" ")[0]


def test_without_a_change_nobody_is_notified(hooks: list[Hook]) -> None:
    """No lines, no message."""
    assert notifications.send([hooks[0].url], "title", []) == ()
    assert hooks[0].received == []


def test_an_address_that_is_none_is_a_warning() -> None:
    """The others would still be told."""
    assert notifications.send(["nonsense"], "title", [("x", "")]) == (
        "notify-urls: entry 1 is no address that Apprise knows.",
    )


def test_a_service_that_is_not_there_is_a_warning() -> None:
    """Nobody listens on that port."""
    assert "did not take" in notifications.send(["json://127.0.0.1:9/x"], "title", [("x", "")])[0]


def test_many_changes_are_counted(hooks: list[Hook]) -> None:
    """A message has twenty lines and the number of the rest."""
    notifications.send([hooks[0].url], "title", [(f"line {number}", "") for number in range(50)])

    lines = hooks[0].received[0]["message"].split("\n")
    assert (len(lines), lines[-1]) == (21, "… and 30 more")


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apprise is optional."""
    monkeypatch.setitem(sys.modules, "apprise", None)

    assert "pip install apprise" in notifications.send(["json://127.0.0.1"], "title", [("x", "")])[0]


def test_the_weekly_summary_is_sent_as_a_page(hooks: list[Hook], tmp_path: Path) -> None:
    """One service takes it, the other costs a line without its address; names stay text."""
    name = "<img src=x onerror=alert(1)>"
    reports = [replace(report(n, {name: [1.0 if n < 20 else 2.0]}), created=_days_ago(30 - n)) for n in range(30)]
    open_history("history", repository=tmp_path, environ={}).extend(reports)

    result = _send_summary(tmp_path, REGRESS_NOTIFY_URLS="\n".join(hook.url for hook in hooks))

    assert result.returncode == 0, result.stderr
    assert "sent to 1 of 2" in result.stdout
    assert "REGRESS_NOTIFY_URLS: entry 2 (json) did not take the message." in result.stderr
    assert "secret" not in result.stdout + result.stderr
    (message,) = hooks[0].received
    assert message["title"] == "Performance: performance of the week"
    assert "1 regressed" in message["message"]
    assert "<img" not in message["message"]


def test_a_summary_for_nobody_is_an_error(tmp_path: Path) -> None:
    """It says which variable names the addresses."""
    open_history("history", repository=tmp_path, environ={}).append(report(1, {"a": [1.0]}))

    result = _send_summary(tmp_path)

    assert result.returncode == 2
    assert "--send-summary needs addresses in REGRESS_NOTIFY_URLS" in result.stderr


def _send_summary(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Write the dashboard of the history in a folder, and send its summary."""
    command = [sys.executable, "-m", "regress_action", "dashboard", "--history", "history", "--send-summary"]
    kept = {name: value for name, value in os.environ.items() if name != "REGRESS_NOTIFY_URLS"}
    return subprocess.run(command, cwd=folder, env=kept | environ, capture_output=True, text=True, check=False)


def _days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
