"""`regress-action replay`: judge a history again under another policy, and show which alarms appear and vanish."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from regress_action.commands import options
from regress_action.commands.output import write
from regress_action.model import escaping
from regress_action.model.errors import IncompleteError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.analysis import Policy
    from regress_action.analysis.replay import Alarm, Record, Replay

SETTABLE = {
    "threshold": "regression_threshold",
    "minimum-ratio": "minimum_ratio_history",
    "alpha": "alpha",
    "maximum-spread": "maximum_spread",
    "minimum-runs": "minimum_runs",
}
_SHOWN = 20


@click.command(name="replay", cls=options.Greedy)
@click.option("--history", "where", required=True, metavar="WHERE", help="A folder, or branch:NAME.")
@click.option(
    "--set", "changes", multiple=True, required=True, metavar="K=V", help="threshold, minimum-ratio, alpha, …"
)
@click.option("--suite", metavar="NAME", help="Suite to replay; default: every suite.")
@click.option("--branch", metavar="NAME", help="Branch to replay; default: any.")
@click.option("--last", type=click.IntRange(1), default=500, show_default=True, help="Reports to replay at most.")
@click.option("--thresholds", metavar="FILE", help="YAML file of thresholds and budgets per service.")
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
@click.option("--json", "json_out", metavar="FILE", help="Write the result as JSON; - is standard output.")
def command(
    *,
    where: str,
    changes: tuple[str, ...],
    suite: str | None,
    branch: str | None,
    last: int,
    thresholds: str | None,
    config: str | None,
    json_out: str | None,
) -> None:
    """Show which past alarms appear or vanish when a setting changes, before it is changed.

    \b
      regress-action replay --history branch:regress-data --set threshold=1.1
    """
    policy = options.project_rules(thresholds=thresholds, config=config).policy
    replay(where, changes, policy, suite=suite, branch=branch, last=last, json_out=json_out)


def replay(
    where: str,
    changes: Sequence[str],
    policy: Policy,
    *,
    suite: str | None,
    branch: str | None,
    last: int,
    json_out: str | None,
) -> None:
    """Replay the newest `last` reports under `policy` and under the changed one, and show the difference."""
    import orjson

    from regress_action.analysis import replay as replays
    from regress_action.history import Selection

    new = changed(policy, changes)
    from regress_action.stores import local_history

    history = local_history(where)
    reports = history.load(Selection(suite=suite, branch=branch, last=last))
    if not reports:
        raise IncompleteError(f"The history {where} holds no report to replay.", remedy="Record some first.")
    difference = replays.replay(reports, policy, new)
    if json_out:
        content = orjson.dumps(asdict(difference), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=str)
        write(json_out, content)
    if json_out != "-":
        sys.stdout.write(_text(difference, len(reports), changes))


def changed(policy: Policy, changes: Sequence[str]) -> Policy:
    """Return the policy with every `name=value` applied.

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


def _text(difference: Replay, reports: int, changes: Sequence[str]) -> str:
    from regress_action.report.numbers import count

    lines = [
        f"{count(reports, 'report')} replayed with {', '.join(changes)}:",
        f"  now   {_tally(difference.old)}",
        f"  then  {_tally(difference.new)}",
        "",
        f"{count(len(difference.appeared), 'alarm appears', 'alarms appear')}, {len(difference.vanished)} vanish.",
        *_alarms("appears", difference.appeared),
        *_alarms("vanishes", difference.vanished),
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
