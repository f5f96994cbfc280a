"""A page for a console: nothing is parsed as markup, and nothing starts a workflow command."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from regress_action.model.escaping import NAME_LIMIT
from regress_action.report import phrases

if TYPE_CHECKING:
    from rich.console import Console

    from regress_action.report.phrases import Sentence

_HELD_TOGETHER = re.compile(r"\d %|q [<=] \d")
_ASCII = str.maketrans(
    {"→": "->", "×": "x", "−": "-", "…": "~", "–": "-", "±": "+-", "µ": "u", "·": "-", "∷": ": :", "∞": "inf"}
    | dict(zip("├┤●─│┊", "[]o-|:", strict=True))
)


@dataclass(frozen=True, slots=True)
class Page:
    """Where lines go, whether every name and row is shown in full, and the beginning that tables leave out of names."""

    console: Console
    verbose: bool
    left_out: str = ""

    @property
    def width(self) -> int:
        """The columns to fill."""
        return max(40, self.console.width)

    def line(self, *parts: tuple[str, str]) -> None:
        """Print one line of words with their styles."""
        if self.console.options.ascii_only:
            parts = tuple((part.translate(_ASCII), style) for part, style in parts)
        line = Text.assemble(*parts, no_wrap=True, end="")
        line.rstrip()
        self.console.print(line, soft_wrap=True)

    def sentence(self, words: str, style: str = "", indent: int = 0) -> None:
        """Print words over as many lines as they need; a number stays beside its unit."""
        margin = " " * indent
        words = _HELD_TOGETHER.sub(lambda match: match[0].replace(" ", "\xa0"), words)
        for wrapped in textwrap.wrap(
            words, self.width - 1, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
        ):
            start = wrapped.replace("\xa0", " ").lstrip()
            self.line((f"{margin}{'∷' + start[2:] if start.startswith('::') else start}", style))

    def section(self, title: str) -> None:
        """Print a heading."""
        self.line()
        self.line((title, "bold"))

    def as_text(self, words: Sentence) -> str:
        """Join a sentence, its names in full when verbose."""
        return phrases.as_text(words, NAME_LIMIT if self.verbose else phrases.NAME_LIMIT)
