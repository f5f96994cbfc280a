"""The files of a repository, as far as `init` looks: names without what is generated or vendored, and bounded text."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from regress_action.model.errors import InputError
from regress_action.model.files import read_optional

if TYPE_CHECKING:
    from collections.abc import Iterator

_SKIPPED = frozenset(
    {
        *("node_modules", "site-packages", "venv", "env", "__pycache__"),
        *("build", "dist", "target", "out"),
        *("vendor", "third_party", "thirdparty", "external", "deps"),
        *("testdata", "fixtures"),
    }
)
_MOST_FILES = 50_000
_LARGEST = 1_000_000


class Repository:
    """A folder with a project in it; nothing of it is executed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def files(self) -> tuple[PurePosixPath, ...]:
        """The paths of the files relative to the root, sorted; hidden, generated and vendored folders are left out."""
        return tuple(sorted(self._walk()))

    def _walk(self) -> Iterator[PurePosixPath]:
        count = 0
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
            below = PurePosixPath(Path(folder).relative_to(self.root).as_posix())
            for name in names:
                count += 1
                if count > _MOST_FILES:
                    return
                yield below / name

    def exists(self, path: str) -> bool:
        """Whether there is a file or a folder."""
        return (self.root / path).exists()

    def text(self, path: str | PurePosixPath) -> str:
        """Return the text of a file; empty where there is none, or it is no regular file of at most a megabyte."""
        try:
            return (read_optional(self.root / path, _LARGEST) or b"").decode("utf-8", errors="replace")
        except InputError:
            return ""

    def matching(self, pattern: str) -> tuple[PurePosixPath, ...]:
        """Return the files whose whole path fits a regular expression."""
        compiled = re.compile(pattern)
        return tuple(path for path in self.files if compiled.fullmatch(str(path)))

    def json(self, path: str) -> dict[str, Any]:
        """Return the object in a JSON file that may hold comments, as asv and TypeScript allow; empty without one."""
        import json

        text = self.text(path)
        for attempt in (text, re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)):
            try:
                value = json.loads(re.sub(r",(\s*[}\]])", r"\1", attempt))
            except ValueError:
                continue
            return value if isinstance(value, dict) else {}
        return {}

    def toml(self, path: str) -> dict[str, Any]:
        """Return the content of a TOML file; empty where there is none or it cannot be read."""
        import tomllib

        try:
            return tomllib.loads(self.text(path))
        except tomllib.TOMLDecodeError:
            return {}
