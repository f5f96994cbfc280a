"""The job summary: the one place where the whole report fits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.model import escaping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LIMIT_BYTES = 1024 * 1024 - 4096


def append(environ: Mapping[str, str], render: Callable[[int], str]) -> int:
    """Append to the file `GITHUB_STEP_SUMMARY` names, within what is left of its limit; return the bytes written.

    GitHub drops a summary above 1 MiB as a whole, so `render` is told how much room there is.
    """
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return 0
    file = Path(path)
    used = file.stat().st_size if file.exists() else 0
    room = LIMIT_BYTES - used - 1
    if room <= 0:
        return 0
    text = escaping.cut_bytes(render(room), room).encode(errors="replace") + b"\n"
    with file.open("ab") as target:
        return target.write(text)
