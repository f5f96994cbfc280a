#!/usr/bin/env python3
"""Draw the terminal's view of a judgement as an SVG: python docs/picture.py judgement.json docs/images/demo.svg.

The judgement is what `regress-action compare --json` wrote, so the picture shows what was really printed.
"""

from __future__ import annotations

import argparse
import io
import json
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

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
    """Return the SVG of what a terminal `width` columns wide shows below the command."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(f"[green]$[/] {command}\n", highlight=False)
    terminal.show(as_judgement(json.loads(judgement.read_bytes())), console)
    svg = console.export_svg(title="regress-action", theme=THEME, unique_id="regress")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # an image in a README may load nothing
    return re.sub(r"font-family: [^;]*;", f"font-family: {FONTS};", svg)


def main() -> None:
    """Read the arguments and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("judgement", type=Path)
    parser.add_argument("svg", type=Path)
    parser.add_argument("--command", default="regress-action run --base main", help="what the picture shows as typed")
    parser.add_argument("--width", type=int, default=100)
    options = parser.parse_args()
    options.svg.parent.mkdir(parents=True, exist_ok=True)
    options.svg.write_text(draw(options.judgement, options.command, options.width), encoding="utf-8")


if __name__ == "__main__":
    main()
