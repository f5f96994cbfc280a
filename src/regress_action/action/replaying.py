"""Judge a history again under another policy, and say which alarms appear and which vanish."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from regress_action.action.output import write
from regress_action.action.policies import policy_of
from regress_action.analysis import replay as replays
from regress_action.history import Selection, open_history
from regress_action.model import escaping
from regress_action.model.errors import IncompleteError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis import Policy
    from regress_action.analysis.replay import Alarm, Record, Replay
    from regress_action.settings import Settings

SETTABLE = {
    "threshold": "regression_threshold",
    "minimum-ratio": "minimum_ratio_history",
    "alpha": "alpha",
    "maximum-spread": "maximum_spread",
    "minimum-runs": "minimum_runs",
}
_SHOWN = 20


def replay(
    where: str,
    changes: Sequence[str],
    settings: Settings,
    *,
    suite: str | None,
    branch: str | None,
    last: int,
    json_out: str | None,
) -> None:
    """Replay the newest `last` reports under today's policy and the changed one, and show the difference."""
    old = policy_of(settings)
    new = changed(old, changes)
    history = open_history(where, repository=Path.cwd(), environ=os.environ)
    reports = history.load(Selection(suite=suite, branch=branch, last=last))
    if not reports:
        raise IncompleteError(f"The history {where} holds no report to replay.", remedy="Record some first.")
    found = replays.replay(reports, old, new)
    if json_out:
        content = orjson.dumps(asdict(found), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=str)
        write(json_out, content)
    if json_out != "-":
        sys.stdout.write(_text(found, len(reports), changes))


def changed(policy: Policy, changes: Sequence[str]) -> Policy:
    """Return the policy with every `name=value` laid over it.

    Raises:
        SettingsError: a name is unknown, or a value is no number.
    """
    values: dict[str, Any] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        field = SETTABLE.get(name.strip().replace("_", "-"))
        if not equals or field is None:
            raise SettingsError(
                f"--set {change} names nothing that can be replayed.",
                remedy=f"Give one of {', '.join(SETTABLE)} with a value, like threshold=1.1.",
            )
        try:
            values[field] = type(getattr(policy, field))(text)
        except ValueError as error:
            raise SettingsError(f"--set {change}: {text!r} is no number.") from error
    limits = policy.limits
    if "regression_threshold" in values:  # asked for everywhere, whatever the thresholds file says
        limits = tuple(replace(limit, regression_threshold=None) for limit in limits)
    return replace(policy, limits=limits, **values)


def _text(found: Replay, reports: int, changes: Sequence[str]) -> str:
    lines = [
        f"{reports} reports replayed with {', '.join(changes)}:",
        f"  now   {_tally(found.old)}",
        f"  then  {_tally(found.new)}",
        "",
        f"{len(found.appeared)} alarms appear, {len(found.vanished)} vanish.",
        *_alarms("appears", found.appeared),
        *_alarms("vanishes", found.vanished),
    ]
    return "\n".join(lines) + "\n"


def _tally(record: Record) -> str:
    rate = "" if record.false_rate is None else f" ({record.false_rate * 100:.2g} % of the comparisons)"
    return (
        f"{len(record.alarms)} alarms in {record.comparisons} comparisons, {record.false} of which did not last{rate}; "
        f"{len(record.missed)} of {record.worsenings} lasting changes for the worse missed"
    )


def _alarms(word: str, alarms: Sequence[Alarm]) -> list[str]:
    shown = [
        f"  {word:<8} {escaping.plain(alarm.place.benchmark)} · {escaping.plain(alarm.place.metric)} at "
        f"{(alarm.commit or 'an unknown commit')[:12]}: {alarm.severity}, "
        + {True: "it lasted", False: "it did not last", None: "too new to tell"}[alarm.sustained]
        for alarm in alarms[:_SHOWN]
    ]
    return [*shown, f"  … and {len(alarms) - _SHOWN} more"] if len(alarms) > _SHOWN else shown
