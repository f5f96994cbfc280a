"""How another room starts a measurement: the argv of the process, from keywords."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Option = str | float | bool | Path | None


def command(
    suite: Sequence[str], /, *, out: Path, python: str = sys.executable, **options: Option | Iterable[str]
) -> list[str]:
    """Return the argv that measures `suite`, one shell line or several words.

    `options` are those of `python -m regress_action.measure --help` with underscores: True gives a lone flag, a
    list repeats the option, None and False leave it out. The interpreter needs psutil and this package's parent
    folder, `sources()`, on its path; the suite will not see that folder.
    """
    words = [python, "-m", __package__, "--out", str(out)]
    for name, value in options.items():
        words += _words("--" + name.replace("_", "-"), value)
    return [*words, "--", *suite]


def sources() -> Path:
    """Return the folder to put on PYTHONPATH where this package is not installed."""
    return Path(__file__).resolve().parents[2]


def _words(flag: str, value: Option | Iterable[str]) -> list[str]:
    match value:
        case None | False:
            return []
        case True:
            return [flag]
        case str() | int() | float() | Path():
            # One word, so that a value which begins with a dash is no option.
            return [f"{flag}={value}"]
    return [f"{flag}={item}" for item in value]
