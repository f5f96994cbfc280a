"""Write a judgement to the terminal, and to files in the formats that were asked for."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.advice import causes, elsewhere
from regress_action.model import escaping
from regress_action.model.files import unwritable, write_replace
from regress_action.report.findings import Context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.action.judge import Judged


_NO_TERMINAL = 100_000


def deliver(
    judged: Judged,
    *,
    json_out: str | None = None,
    markdown: str | None = None,
    html: str | None = None,
    exports: Sequence[tuple[str, str]] = (),
    verbose: bool = False,
) -> None:
    """Show the judgement unless standard output was asked for something else, and write the files."""
    context = Context(
        suite=judged.suite,
        elsewhere=elsewhere(judged.judgement),
        waivers=judged.waivers,
        advice=causes(judged.judgement),
        looks=judged.looks,
    )
    if json_out:
        import orjson

        from regress_action.report import structured

        content = structured.as_object(judged.judgement, suite=judged.suite, elsewhere=context.elsewhere)
        write(json_out, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if markdown:
        from regress_action.report import markdown as pages

        write(markdown, pages.render(judged.judgement, audience="file", context=context).encode())
    if html:
        from regress_action.report import html as page

        context = replace(context, folder=str(Path(html).parent))
        rendered = page.render(judged.judgement, context=context, baseline=judged.baseline, head=judged.head)
        write(html, rendered.encode())
    for name, where in exports:
        from regress_action.report.ci_formats import WRITERS

        write(where, WRITERS[name](judged.judgement))
    if "-" not in (json_out, markdown, html, *(where for _, where in exports)):
        show(judged, verbose=verbose)


def show(judged: Judged, *, verbose: bool) -> None:
    """Print the judgement for a person."""
    from rich.console import Console

    from regress_action.report import terminal

    judgement, console = judged.judgement, Console(highlight=False)
    terminal.show(judgement, console, verbose=verbose, elsewhere=elsewhere(judgement))
    for waiver in judged.waivers:
        console.print(f"Waiver in force: {escaping.plain(waiver)}", markup=False)


def wrapped(text: str, first: str, rest: str) -> list[str]:
    """Return lines as wide as the terminal; no word is broken, and where there is no terminal no line is.

    The first line begins with `first`, the others with `rest`.
    """
    import shutil
    import textwrap

    width = shutil.get_terminal_size((_NO_TERMINAL, 24)).columns
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def write(where: str, content: bytes) -> None:
    """Write `content` to the file `where`, or to standard output for `-`."""
    if where == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    path = Path(where)
    try:
        if path.exists() and not path.is_file():  # a pipe or a terminal that the shell made
            path.write_bytes(content)
        else:
            write_replace(path, content)
    except OSError as error:
        raise unwritable(path, error) from error
