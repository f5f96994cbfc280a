"""The outputs of the step, for the steps after it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def write(environ: Mapping[str, str], values: Mapping[str, str | int | None]) -> None:
    """Append to the file `GITHUB_OUTPUT` names; nothing outside of Actions. None is the empty string.

    Each value stands between delimiters that nobody can guess, so no value can end early and set another output.
    """
    path = environ.get("GITHUB_OUTPUT")
    if not path:
        return
    with Path(path).open("a", encoding="utf-8", newline="\n") as file:
        for name, value in values.items():
            text = "" if value is None else str(value).encode(errors="replace").decode()
            delimiter = f"ghadelimiter_{secrets.token_hex(16)}"
            file.write(f"{name}<<{delimiter}\n{text}\n{delimiter}\n")
