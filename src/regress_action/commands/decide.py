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
@click.option("--pairs", type=click.IntRange(1))
@click.option("--planned", is_flag=True, help="Follow what `plan` wrote beside the folder of the measurement.")
@click.option("--regressions", is_flag=True, help="Say whether anything regressed, and what, once all is measured.")
def command(
    *,
    measurement: Path,
    thresholds: str | None,
    config: str | None,
    pairs: int | None,
    planned: bool,
    regressions: bool,
) -> None:
    """Print one JSON object: continue or stop, with which benchmarks, and why."""
    from regress_action.action.judge import rules_of

    if planned:
        from regress_action.action.job import LARGEST_PLAN, PLANNED, decode_plan
        from regress_action.model.files import read_bounded

        folder = _folder(measurement).resolve().parent
        trusted = decode_plan(
            read_bounded(folder / PLANNED.name, LARGEST_PLAN).decode("ascii", "replace"), {}, os.environ
        )
        rules = rules_of(trusted.settings, trusted.files)
    else:
        rules = options.project_rules(thresholds=thresholds, config=config, runs=pairs)
    click.echo(regressed(measurement, rules) if regressions else decide(measurement, rules))


def decide(measurement: Path, rules: JudgingRules) -> str:
    """Analyse what was measured so far and return the answer to the measurer as JSON.

    The answer is `{"continue": bool, "select": [names] | null, "rounds": share of the rounds, "why": sentence}`.
    """
    import orjson

    from regress_action import analysis, formats
    from regress_action.action.judge import overridden
    from regress_action.report.reasons import interim_words

    measured = formats.read_measurement(_folder(measurement))
    if measured.base is None:
        return orjson.dumps({"continue": True, "select": None, "why": "There is no base to compare with."}).decode()
    if not any(series.measured for report in (measured.base, measured.head) for series in report.series):
        return orjson.dumps({"continue": False, "select": None, "why": "Not one result can be read."}).decode()
    base, head = overridden([measured.base, measured.head], rules.overrides)
    interim = analysis.analyse_interim([base], [head], rules.policy, rules.plan_of([head]))
    why = interim_words(
        interim.pairs,
        interim.minimum,
        benchmarks=interim.benchmarks,
        decided=interim.decided,
        given_up=interim.given_up,
    )
    select = list(interim.undecided) or None
    answer = {"continue": interim.proceed, "select": select, "rounds": interim.rounds, "why": why}
    return orjson.dumps(answer).decode()


def regressed(measurement: Path, rules: JudgingRules) -> str:
    """Judge what was measured and return as JSON whether anything regressed, and the benchmarks, worst first.

    Those that need more memory stand in a list of their own, because other profiles say why.
    """
    import orjson

    from regress_action import formats
    from regress_action.action.judge import judge_reports

    measured = formats.read_measurement(_folder(measurement))
    names: dict[str, None] = {}
    memory: dict[str, None] = {}
    if measured.base is not None:
        judged = judge_reports([measured.base], [measured.head], rules)
        worse = [row for row in judged.judgement.comparisons if row.alarms]
        names = {row.benchmark.name: None for row in worse if row.metric.unit != "B"}
        memory = {row.benchmark.name: None for row in worse if row.metric.unit == "B"}
    regressions = [*dict.fromkeys([*names, *memory])]
    answer = {
        "continue": bool(regressions),
        "select": list(names) or None,
        "why": "regressed: " + ", ".join(regressions) if regressions else "nothing regressed",
        "memory": list(memory),
    }
    return orjson.dumps(answer).decode()


def _folder(measurement: Path) -> Path:
    """Return the folder of a measurement that is named by its folder or its index."""
    return measurement if measurement.is_dir() else measurement.parent
