"""What every recorder needs: names of files and functions, and the files that a process writes."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing typing would slow every process down
if TYPE_CHECKING:
    from typing import Any


class PathNames:
    """Names files alike on both sides: relative in the tree, `<packages>/…` and `<python>/…` outside of it."""

    def __init__(self, root: str) -> None:
        self._root = os.path.join(os.path.realpath(root), "") if root else ""  # noqa: PTH118
        self._names: dict[str, str] = {}
        library = os.path.dirname(os.path.abspath(os.__file__))  # noqa: PTH100, PTH120
        self._library = os.path.join(library, "")  # noqa: PTH118

    def __call__(self, path: str) -> str:
        """Return the name of a file."""
        name = self._names.get(path)
        if name is None:
            name = self._names[path] = self._name(path)
        return name

    def _name(self, path: str) -> str:
        if path.startswith("<"):
            return path.replace(";", ",").replace(" ", "-")
        full = os.path.realpath(path)
        for mark in ("/site-packages/", "/dist-packages/"):
            if mark in full:
                full = "<packages>/" + full.rpartition(mark)[2]
                break
        else:
            if self._root and full.startswith(self._root):
                full = full[len(self._root) :]
            elif full.startswith(self._library):
                full = "<python>/" + full[len(self._library) :]
        return "".join("_" if character in ";\r\n" else character for character in full)


class Files:
    """Writes the files of this process."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.rename()

    def rename(self) -> None:
        """Give the files of a forked process names of their own."""
        self._process = f"{os.getpid()}-{os.urandom(4).hex()}"

    def write(self, kind: str, ending: str, lines: list[str]) -> None:
        """Replace a file in one step; a folder that is gone changes nothing for the suite."""
        path = os.path.join(self._folder, f"{kind}-{self._process}.{ending}")  # noqa: PTH118
        try:
            with open(path + ".part", "w", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                file.writelines(lines)
            os.replace(path + ".part", path)  # noqa: PTH105
        except OSError:
            pass


def name_of(code: Any) -> str:
    """Return the name of a function, without what separates the frames of a stack."""
    name = getattr(code, "co_qualname", None) or code.co_name
    return "".join("_" if character in ";\r\n" else character for character in name)


def write_at_the_end_of_a_worker(recorder: Any) -> None:
    """Let a process of multiprocessing write its profile: it ends without the functions of atexit.

    It forgets what was to be done at the end of its parent, and then calls what was registered for after the fork.
    """
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(recorder, lambda it: util.Finalize(None, it.stop, exitpriority=-1000))
