#!/usr/bin/env python3
"""Draw what a terminal shows as an SVG.

    python docs/picture.py judgement.json docs/images/demo.svg
    python docs/picture.py --run docs/images/cache.svg -- regress-action cache keys.csv

The first draws a judgement that `regress-action compare --json` wrote, the second what a command prints, so the picture
shows what was really printed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from regress_action.report import terminal
from regress_action.report.structured import as_judgement

THEME = TerminalTheme(
    (13, 17, 23),
    (201, 209, 217),
    [
        (72, 79, 88),
        (255, 123, 114),
        (63, 185, 80),
        (210, 153, 34),
        (88, 166, 255),
        (188, 140, 255),
        (57, 197, 207),
        (177, 186, 196),
    ],
)
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"


def draw(judgement: Path, command: str, width: int) -> str:
    """Return the SVG of what a terminal `width` columns wide shows of a judgement below the command."""
    console = _console(width, command)
    terminal.show(as_judgement(json.loads(judgement.read_bytes())), console)
    return _svg(console)


def draw_run(words: list[str], width: int, lines: int) -> str:
    """Return the SVG of what a command prints on its standard output, at most that many lines of it.

    Raises:
        CalledProcessError: it failed.
    """
    environ = {**os.environ, "COLUMNS": str(width), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    ended = subprocess.run(words, env=environ, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - of whoever draws
    console = _console(width, shlex.join(words))
    rows = ended.stdout.rstrip("\n").split("\n")
    for row in rows[:lines]:
        console.print(Text.from_ansi(row), highlight=False, no_wrap=True, overflow="ignore", crop=False)
    if len(rows) > lines:
        console.print("[…]", style="dim", markup=False)
    return _svg(console)


def _console(width: int, command: str) -> Console:
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(f"[green]$[/] {escape(command)}\n", highlight=False)
    return console


def _svg(console: Console) -> str:
    svg = console.export_svg(title="regress-action", theme=THEME, unique_id="regress")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # an image in a README may load nothing
    return re.sub(r"font-family: [^;]*;", f"font-family: {FONTS};", svg)


def main() -> None:
    """Read the arguments and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("judgement", type=Path, nargs="?")
    parser.add_argument("svg", type=Path, nargs="?")
    parser.add_argument("--command", default="regress-action run --base main", help="what the picture shows as typed")
    parser.add_argument("--width", type=int, default=100)
    parser.add_argument("--run", type=Path, metavar="SVG", help="draw what the command behind -- prints into this file")
    parser.add_argument("--lines", type=int, default=60, help="how many lines of it")
    words: list[str] = []
    own = sys.argv[1:]
    if "--" in own:
        own, words = own[: own.index("--")], own[own.index("--") + 1 :]
    options = parser.parse_args(own)
    if options.run is None and (options.judgement is None or options.svg is None):
        parser.error("give a judgement and an SVG, or --run SVG -- COMMAND")
    target = options.run or options.svg
    target.parent.mkdir(parents=True, exist_ok=True)
    if options.run:
        target.write_text(draw_run(words, options.width, options.lines), encoding="utf-8")
    else:
        target.write_text(draw(options.judgement, options.command, options.width), encoding="utf-8")


if __name__ == "__main__":
    main()
