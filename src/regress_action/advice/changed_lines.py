"""What a change changed: the hunks of `git diff --unified=0`, with their lines on both sides."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_HUNK = re.compile(r"@@ -(\d{1,8})(?:,(\d{1,8}))? \+(\d{1,8})(?:,(\d{1,8}))? @@")
_MOST_HUNKS = 50_000
_LONGEST_LINE = 2_000
DIFF_OPTIONS = (
    *("--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames", "--no-relative"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules"),
)
"""The options of `git diff` whose output `parse` reads."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that were replaced: `removed` began at line `base_start`, `added` begins at `head_start`.

    Where nothing was added, `head_start` is the line before the place from which lines were removed.
    """

    base_start: int
    head_start: int
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    @property
    def base_lines(self) -> range:
        """The numbers of the removed lines."""
        return range(self.base_start, self.base_start + len(self.removed))

    @property
    def head_lines(self) -> range:
        """The numbers of the added lines."""
        return range(self.head_start, self.head_start + len(self.added))


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that differs; a path is empty on the side that does not have it."""

    base_path: str
    head_path: str
    hunks: tuple[Hunk, ...] = ()

    def line_of_head(self, line: int) -> int:
        """Return the number in the head of a line of the base; of one that was removed, that of what came instead."""
        shift = 0
        for hunk in self.hunks:
            if line in hunk.base_lines:
                place = min(line - hunk.base_start, max(0, len(hunk.added) - 1))
                return hunk.head_start + place
            if (hunk.base_lines.stop if hunk.removed else hunk.base_start + 1) > line:
                break
            shift += len(hunk.added) - len(hunk.removed)
        return line + shift


@dataclass(slots=True)
class _OpenFile:
    base_path: str = ""
    head_path: str = ""
    hunks: list[Hunk] = field(default_factory=list)


def parse(diff: str) -> tuple[ChangedFile, ...]:
    """Return the files of a diff that was made with `DIFF_OPTIONS`; what it says of binary files is left out."""
    files: list[_OpenFile] = []
    hunks, lines = 0, iter(diff.split("\n"))
    for line in lines:
        if line.startswith("diff --git "):
            files.append(_OpenFile())
        elif files and line.startswith("--- "):
            files[-1].base_path = _path(line[4:], "a/")
        elif files and line.startswith("+++ "):
            files[-1].head_path = _path(line[4:], "b/")
        elif files and (match := _HUNK.match(line)):
            hunks += 1
            if hunks > _MOST_HUNKS:
                break
            before, after = (int(match[2] or 1), int(match[4] or 1))
            body = [next(lines, "") for _ in range(before + after)]
            removed = tuple(text[1:_LONGEST_LINE] for text in body[:before])
            if body[before:] and body[before].startswith("\\"):  # "\ No newline at end of file" between both
                body = [*body[:before], *body[before + 1 :], next(lines, "")]
            added = tuple(text[1:_LONGEST_LINE] for text in body[before:])
            files[-1].hunks.append(Hunk(int(match[1]), int(match[3]), removed, added))
    return tuple(ChangedFile(file.base_path, file.head_path, tuple(file.hunks)) for file in files if file.hunks)


def _path(text: str, prefix: str) -> str:
    """Return the path in a line of a diff, empty for /dev/null; git quotes unusual names as C does."""
    text = text.rstrip("\t\r")
    if text.startswith('"') and text.endswith('"'):
        text = text[1:-1].encode("latin-1", "replace").decode("unicode_escape", "replace")
        text = text.encode("latin-1", "replace").decode("utf-8", "replace")
    return "" if text == "/dev/null" else text.removeprefix(prefix)
