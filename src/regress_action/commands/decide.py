"""`regress-action decide`: a running measurement asks which benchmarks still need pairs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.commands import options

if TYPE_CHECKING:
    from regress_action.action.judge import JudgingRules


@click.command(name="decide")
@click.argument("measurement", type=click.Path(exists=True, path_type=Path))
@click.option("--thresholds", metavar="FILE")
@click.option("--config", metavar="FILE")
@click.option("--pairs", type=click.IntRange(1), default=10)
@click.option("--planned", type=click.Path(path_type=Path), help="File with what `plan` decided, instead.")
def command(*, measurement: Path, thresholds: str | None, config: str | None, pairs: int, planned: Path | None) -> None:
    """Print one JSON object: continue or stop, with which benchmarks, and why."""
    from regress_action.action.judge import load_rules, rules_of

    if planned is not None:
        from regress_action.action.planned import decode

        trusted = decode(planned.read_text(encoding="ascii"), {}, os.environ)
        rules = rules_of(trusted.settings, trusted.files)
    else:
        rules = load_rules(options.settings_of(thresholds=thresholds, config=config, runs=pairs), Path.cwd())
    click.echo(decide(measurement, rules))


def decide(measurement: Path, rules: JudgingRules) -> str:
    """Analyse what was measured so far and return the answer to the measurer as JSON.

    The answer is `{"continue": bool, "select": [names] | null, "why": sentence}`.
    """
    import orjson

    from regress_action import analysis, formats
    from regress_action.action.judge import overridden
    from regress_action.report.reasons import interim_words

    folder = measurement if measurement.is_dir() else measurement.parent
    measured = formats.read_measurement(folder)
    if measured.base is None:
        return orjson.dumps({"continue": True, "select": None, "why": "There is no base to compare with."}).decode()
    base, head = overridden([measured.base, measured.head], rules.overrides)
    interim = analysis.analyse_interim([base], [head], rules.policy, rules.schedule)
    why = interim_words(
        interim.pairs,
        interim.minimum,
        benchmarks=interim.benchmarks,
        decided=interim.decided,
        given_up=interim.given_up,
    )
    answer = {"continue": interim.proceed, "select": list(interim.undecided) or None, "why": why}
    return orjson.dumps(answer).decode()
