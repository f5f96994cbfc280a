"""The decisions about records, kept beside them as append-only records of their own.

A report's record says what was measured. Whether a measured slowdown is the new normal is somebody's decision, and so
is the removal of old records; each is one line in `events/<yyyy>/<mm>/<time>-<kind>-<digest>.jsonl`, never rewritten.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from regress_action.model.errors import InputError
from regress_action.model.measurements import matches

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA: Final = 1
_PATTERNS_KEY: Final = "marks"  # the name of `patterns` in the stored form, which never changes


class EventKind(StrEnum):
    """What was decided."""

    HELD = "held"  # the record shows a regression: it is kept, and is no reference yet
    ACCEPTED = "accepted"  # somebody takes the new level for normal
    WITHDRAWN = "withdrawn"  # an acceptance is taken back
    ADOPTED = "adopted"  # the new level lasted, so it is normal now
    PRUNED = "pruned"  # old records were removed by rule


@dataclass(frozen=True, slots=True)
class SeriesPattern:
    """One series an event is about: shell patterns for benchmark and metric, and the badness ratio where known."""

    benchmark: str
    metric: str = "*"
    ratio: float | None = None

    def fits(self, key: tuple[str, str]) -> bool:
        """Whether the series of this benchmark and metric is meant."""
        return matches(key[0], self.benchmark) and matches(key[1], self.metric)


@dataclass(frozen=True, slots=True)
class Event:
    """One decision.

    `at` is an ISO 8601 time in UTC. `suite` and `environment` (a fingerprint) narrow it; None means all. `commit` is
    the commit whose records it is about. `records` holds (path, digest) of records that were removed.
    """

    kind: EventKind
    at: str
    who: str = "unknown"
    why: str = ""
    run: str | None = None
    suite: str | None = None
    environment: str | None = None
    commit: str | None = None
    patterns: tuple[SeriesPattern, ...] = ()
    records: tuple[tuple[str, str], ...] = ()

    @property
    def time(self) -> datetime:
        """When it was decided, in UTC."""
        return datetime.fromisoformat(self.at).astimezone(UTC)


def time_after(events: Iterable[Event], now: datetime) -> datetime:
    """Return the time of a decision that is made now, in knowledge of `events`: later than each of them.

    What decides is which of two decisions is the later one, and they come from machines whose clocks differ.
    """
    times = [event.time for event in events]
    return max([now, *(time + timedelta(seconds=1) for time in times if time.year < MAXYEAR)])


_SHAPE: Final = TypeAdapter(Event)


def encode_event(event: Event) -> tuple[str, bytes]:
    """Return where the event belongs, and its line."""
    fields: dict[str, Any] = {"schema": SCHEMA, **_SHAPE.dump_python(event, mode="json", exclude_defaults=True)}
    if "patterns" in fields:
        fields = {_PATTERNS_KEY if name == "patterns" else name: value for name, value in fields.items()}
    data = orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
    name = f"{event.time:%Y%m%dT%H%M%SZ}-{event.kind}-{hashlib.sha256(data).hexdigest()[:12]}.jsonl"
    return str(PurePosixPath("events", f"{event.time:%Y}", f"{event.time:%m}", name)), data


def decode_event(data: bytes, where: str) -> Event:
    """Read an event; `where` names it in errors.

    Raises:
        InputError: it is cut, foreign, or from a newer version.
    """
    try:
        fields = orjson.loads(data)
        schema = fields.pop("schema", None) if type(fields) is dict else None
        if type(schema) is int and schema > SCHEMA:
            raise InputError(
                f"{where}: has schema {schema}, and this version reads up to {SCHEMA}.",
                meaning="It was made by a newer version of regress-action.",
                remedy="Upgrade regress-action.",
            )
        if schema != SCHEMA or not data.endswith(b"\n"):
            raise _unreadable(where, "it is cut, or no event of regress-action")
        if _PATTERNS_KEY in fields:
            fields["patterns"] = fields.pop(_PATTERNS_KEY)
        event = _SHAPE.validate_python(fields, extra="forbid")
        event.time  # noqa: B018 - a time that cannot be read is a flaw of this line
    except (orjson.JSONDecodeError, ValidationError, ValueError, OverflowError) as error:
        raise _unreadable(where, str(error).splitlines()[0]) from None
    return event


def _unreadable(where: str, why: str) -> InputError:
    return InputError(
        f"{where}: {why}.",
        meaning="The file is not a whole event as regress-action writes it.",
        remedy="Restore the file from where it was recorded; `regress-action history verify` says who wrote it.",
    )
