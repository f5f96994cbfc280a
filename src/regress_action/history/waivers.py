"""Exceptions that the project grants itself, in the repository where they are reviewed: `regress-waivers.yml`.

    waivers:
      - benchmark: cache_get*       # a name, a short name or a shell pattern
        metric: time
        ceiling: 1.3                # allowed up to 1.3 times the baseline, and not beyond
        reason: "The new checksum is worth it, see #412."   # in quotes, because " #" starts a comment in YAML
        expires: 2027-03-01

An exception that nobody remembers is a gate that cannot fire: each has an end, a ceiling and a reason, and names
what it is about.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from regress_action.model.errors import SettingsError
from regress_action.model.measurements import matches
from regress_action.model.yaml_text import parse_yaml

LONGEST: Final = timedelta(days=366)
STALE: Final = timedelta(days=30)
_LETTERS: Final = 3  # that a pattern must quarantine, so that it names something …
_EVERY_NAME: Final = re.compile(r"(?i)tests?|bench(?:mark)?s?|\.py")  # … besides what the name of every benchmark holds
_CUT_REASON: Final = re.compile(r"(?m)^[ \t-]*reason:[ \t]+[^\s\"'|>#][^\n]*?[ \t](#\d[^\n]*)")
_WILD: Final = frozenset("*?[")


class Waiver(BaseModel):
    """One exception. `ceiling` is a badness ratio: 1.3 is 30 % worse."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    benchmark: str = Field(min_length=1, max_length=500)
    metric: str = Field(min_length=1, max_length=100)
    ceiling: float = Field(gt=1, le=10)
    reason: str = Field(min_length=10, max_length=1000)
    expires: date

    def covers(self, benchmark: str, metric: str, ratio: float) -> bool:
        """Whether it excuses this regression."""
        return ratio <= self.ceiling and matches(benchmark, self.benchmark) and matches(metric, self.metric)


class WaiversFile(BaseModel):
    """The reviewed exceptions of a repository: each with a ceiling, a reason and an end."""

    model_config = ConfigDict(extra="forbid")

    waivers: tuple[Waiver, ...] = ()


def parse_waivers(text: str, where: str, today: date) -> tuple[Waiver, ...]:
    """Read the file `where` with the content `text`; expired waivers are kept for `in_force` to leave out.

    Raises:
        SettingsError: the file cannot be read, or a waiver is too broad, too long, or expired for more than 30 days.
    """
    content = parse_yaml(text.encode(), where)
    try:
        waivers = WaiversFile.model_validate(content).waivers
    except ValidationError as error:
        raise SettingsError(
            f"{where} cannot be read: {_first_line(error)}.",
            meaning="No waiver is in force while the file is wrong, because nobody could say which.",
            remedy="Each waiver has a benchmark, a metric, a ceiling, a reason of a sentence and a date `expires`.",
        ) from error
    if cut := _CUT_REASON.search(text):
        raise SettingsError(
            f"{where}: a reason is cut at {cut[1]!r:.60}.",
            meaning="In YAML, a number sign after a space starts a comment.",
            remedy='Put the reason in quotes: reason: "… see #412"',
        )
    for number, waiver in enumerate(waivers, 1):
        _check(waiver, f"{where}, waiver {number} ({waiver.benchmark})", today)
    return waivers


def in_force(waivers: tuple[Waiver, ...], today: date) -> tuple[Waiver, ...]:
    """Return those that have not expired; the day of expiry is the last."""
    return tuple(waiver for waiver in waivers if waiver.expires >= today)


def _check(waiver: Waiver, where: str, today: date) -> None:
    """Refuse a waiver that is too broad, expired for long, or valid for more than a year."""
    named = _EVERY_NAME.sub("", waiver.benchmark)
    if set(waiver.benchmark) & _WILD and len(re.findall(r"\w", named)) < _LETTERS:
        raise SettingsError(
            f"{where} is too broad: it would excuse almost every benchmark.",
            meaning="A waiver is an exception; with this one the gate could not fire.",
            remedy="Name the benchmark, or raise its threshold in the thresholds file.",
        )
    if waiver.expires < today - STALE:
        raise SettingsError(
            f"{where} is stale: it expired on {waiver.expires}.",
            meaning="It excuses nothing any more, and hides what is in force.",
            remedy="Remove it; renew it with a new date and reason where it is still true.",
        )
    if waiver.expires > today + LONGEST:
        raise SettingsError(
            f"{where} lasts until {waiver.expires}, which is more than a year.",
            meaning="By then nobody remembers it.",
            remedy="Choose an earlier date, or accept the new level: it becomes the reference.",
        )


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).splitlines()[0]
