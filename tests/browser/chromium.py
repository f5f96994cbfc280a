"""A real Chromium, and GitHub's dialect of Markdown as a page."""

from __future__ import annotations

import html
import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import cmarkgfm
from cmarkgfm.cmark import Options

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
# The measures that decide whether a page fits: GitHub's fonts, and tables that may scroll inside of the text.
STYLE = """
body { font: 16px/1.5 "Liberation Sans", sans-serif; margin: 0 auto; padding: 16px; overflow-wrap: break-word }
code { font: 85% "Liberation Mono", monospace; padding: .2em .4em } pre { overflow: auto }
table { display: block; width: max-content; max-width: 100%; overflow: auto; border-spacing: 0 }
td, th { padding: 6px 13px; border: 1px solid }
"""
ASK = "<script>document.documentElement.dataset.answer = JSON.stringify((() => {%s})())</script>"


class Browser:
    """Opens pages in a fresh Chromium each, without a network."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program, self.folder = program, folder

    def ask(self, page: str, question: str, *, width: int = 900, flags: tuple[str, ...] = ()) -> Any:
        """Open a page and return what the body of a JavaScript function returns at its end."""
        file = self.folder / "page.html"
        file.write_text(page + ASK % question, encoding="utf-8")
        done = subprocess.run(
            [
                self.program,
                *FLAGS,
                *flags,
                f"--user-data-dir={self.folder / 'profile'}",
                f"--window-size={width},900",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                "--dump-dom",
                file.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=100,
        )
        answer = re.search(r'data-answer="([^"]*)"', done.stdout.decode())
        assert answer, done.stderr.decode()[-2000:]
        return json.loads(html.unescape(answer[1]))


def github_page(markdown: str) -> str:
    """Return Markdown as a page in GitHub's dialect, raw HTML included, as it is before GitHub sanitises it."""
    body = cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE)
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{body}"
