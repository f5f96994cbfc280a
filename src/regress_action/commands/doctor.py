"""`regress-action doctor`: is everything there, how small a change can be seen here, and can the gate fail?"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.commands import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regress_action.action.judge import JudgingRules
    from regress_action.model.comparisons import Comparison, Judgement
    from regress_action.model.measurements import Report
    from regress_action.settings import Settings

_NAMED = 5


class Level(StrEnum):
    """How much a finding matters."""

    FINE = "ok"
    ADVICE = "note"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check, and what to paste or do about it."""

    level: Level
    what: str
    remedy: str = ""


@click.command(name="doctor")
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
@click.option(
    "--pairs", type=click.IntRange(5, 100), default=5, show_default=True, help="Pairs of the A/A measurement."
)
@click.option("--quick", is_flag=True, help="Look only; measure nothing.")
def command(*, config: str | None, pairs: int, quick: bool) -> None:
    """Check this repository and machine, measure the same commit against itself, and prove that the gate can fail.

    Exits with 3 when something was found that keeps the gate from working.
    """
    if config is None:
        os.chdir(options.project_root())
    settings = options.settings_of(config=config, runs=pairs)
    faults = 0
    for finding in examine(settings, Path.cwd(), measure=not quick):
        faults += finding.level == "fault"
        click.echo(f"{finding.level:<5}  {finding.what}")
        if finding.remedy:
            click.echo(f"       → {finding.remedy}")
    if faults:
        raise click.exceptions.Exit(3)


def examine(settings: Settings, root: Path, *, measure: bool) -> Iterator[CheckResult]:
    """Yield every finding, the cheap ones first; measure only when a command is set."""
    yield from surroundings(root, os.environ)
    yield from configuration(settings, root)
    if not measure or not settings.command:
        return
    from regress_action import formats
    from regress_action.action.judge import load_rules
    from regress_action.action.measure import MeasurementSpec, run

    out = root / ".regress" / "doctor"
    rules = load_rules(settings, root)
    same = settings.model_copy(update={"base": "HEAD"})
    judged = run(same, MeasurementSpec(command=(settings.command,), out=out, adaptive=False), rules)
    measured = formats.read_measurement(out / "measurement")
    if judged is None or measured.base is None:
        return
    yield from noise(judged.judgement, len(measured.head.runs))
    yield planted_slowdown(measured.base, measured.head, rules)


def surroundings(root: Path, environ: Mapping[str, str]) -> Iterator[CheckResult]:
    """Look at git, the checkout's depth, Docker and the token; nothing is run or changed."""
    from regress_action.history import Checkout
    from regress_action.model.errors import HistoryError

    try:
        is_shallow = Checkout(root, environ).is_shallow
    except HistoryError:
        is_shallow = None
    if is_shallow is None:
        yield CheckResult(
            Level.FAULT, f"{root} is not a git repository.", "Without git there is no base to measure against."
        )
    elif is_shallow:
        yield CheckResult(
            Level.FAULT,
            "The checkout is shallow, so the base of a pull request is not here.",
            "Give actions/checkout  fetch-depth: 0",
        )
    else:
        yield CheckResult(Level.FINE, "The checkout holds its whole history.")
    if shutil.which("docker") and _answers("docker", "version"):
        yield CheckResult(Level.FINE, "Docker answers: the analysis runs in its container.")
    else:
        yield CheckResult(
            Level.ADVICE,
            "No Docker answers: the analysis runs in a venv.",
            "That is fine; set  engine: venv  to say so.",
        )
    if environ.get("GITHUB_ACTIONS") == "true" and not environ.get("GITHUB_TOKEN"):
        yield CheckResult(
            Level.ADVICE, "There is no token in this step.", "Give it  env: {GITHUB_TOKEN: ${{ github.token }}}"
        )


def configuration(settings: Settings, root: Path) -> Iterator[CheckResult]:
    """Look at what the settings promise."""
    if not settings.command:
        yield CheckResult(
            Level.FAULT,
            "No command is set, so nothing can be measured.",
            "Put  command:  into regress.yml, or run `regress-action init`.",
        )
    if settings.thresholds and not (root / settings.thresholds).exists():
        yield CheckResult(
            Level.FAULT,
            f"The thresholds file {settings.thresholds} does not exist.",
            "Create it, or remove  thresholds:",
        )
    for path in settings.carry:
        if not (root / path).exists():
            yield CheckResult(
                Level.FAULT, f"carry names {path}, which does not exist.", "Correct  carry:  in regress.yml."
            )
    if settings.fail_on == "none":
        yield CheckResult(
            Level.ADVICE, "fail-on is none: this gate never fails.", "Set  fail-on: critical  when you trust it."
        )


def noise(judgement: Judgement, pairs: int) -> Iterator[CheckResult]:
    """Say what an A/A measurement of `pairs` pairs could have seen, and which benchmarks are too noisy to be useful."""
    visible = sorted(
        comparison.minimum_detectable_ratio
        for comparison in judgement.comparisons
        if comparison.minimum_detectable_ratio is not None
    )
    if not visible:
        yield CheckResult(
            Level.FAULT, "The suite gave nothing to judge.", "Look at .regress/doctor/measurement/runs/*.log"
        )
        return
    typical = visible[len(visible) // 2]
    more = typical ** (1 / math.sqrt(3))
    yield CheckResult(
        Level.FINE,
        f"On this machine you can see {_percent(typical)} in {pairs} pairs, and about {_percent(more)} in {3 * pairs}.",
    )
    alarms = [comparison for comparison in judgement.comparisons if comparison.verdict == "regression"]
    if alarms:
        names = ", ".join(comparison.benchmark.name for comparison in alarms[:3])
        yield CheckResult(
            Level.FAULT,
            f"Identical code was called slower: {names}.",
            "This machine drifts; close other programs or pin with --cpus.",
        )
    blind = [row for row in judgement.comparisons if (row.minimum_detectable_ratio or 0) > row.threshold]
    for row in sorted(blind, key=lambda row: row.minimum_detectable_ratio or 0, reverse=True)[:_NAMED]:
        yield CheckResult(
            Level.ADVICE,
            f"{row.benchmark.name} ({row.metric.name}) shows only changes above "
            f"{_percent(row.minimum_detectable_ratio or 0)}, but its threshold is {_percent(row.threshold)}.",
            "Make its rounds longer, give it more pairs, or raise its threshold.",
        )
    if len(blind) > _NAMED:
        yield CheckResult(Level.ADVICE, f"So do {len(blind) - _NAMED} more of {len(judgement.comparisons)}.")


def planted_slowdown(base: Report, head: Report, rules: JudgingRules) -> CheckResult:
    """Make one benchmark of the head worse by 1.5 times what must fail, and check that the gate fails.

    The benchmark is the one with the smallest detectable ratio.
    """
    from regress_action.action.judge import judge_reports

    chosen = _quietest(judge_reports([base], [head], rules).judgement.comparisons)
    if chosen is None:
        return CheckResult(
            Level.FAULT, "No benchmark was measured well enough to plant a slowdown in.", "Measure at least five pairs."
        )
    factor = 1 + 1.5 * (rules.ratio_that_fails(chosen) - 1)
    again = judge_reports([base], [_slowed(head, chosen, factor)], rules)
    caught = any(
        comparison.verdict == "regression"
        and comparison.benchmark.name == chosen.benchmark.name
        and comparison.metric == chosen.metric
        for comparison in again.judgement.comparisons
    )
    name = f"{chosen.benchmark.name} ({chosen.metric.name})"
    if caught and again.exit_code == 1:
        return CheckResult(Level.FINE, f"The gate fires: {name} made {factor:.2f}× worse is caught and exits with 1.")
    return CheckResult(
        Level.FAULT,
        f"The gate does not fire: {name} made {factor:.2f}× worse gave exit {int(again.exit_code)}.",
        "Look at fail-on, at the thresholds file and at overrides that ignore benchmarks.",
    )


def _quietest(comparisons: Sequence[Comparison]) -> Comparison | None:
    candidates = [row for row in comparisons if row.minimum_detectable_ratio is not None and row.ratio is not None]
    return min(candidates, key=lambda row: row.minimum_detectable_ratio or math.inf, default=None)


def _slowed(report: Report, chosen: Comparison, factor: float) -> Report:
    scale = factor if chosen.metric.direction == "lower" else 1 / factor
    key = (chosen.benchmark.name, chosen.metric.name)
    return replace(
        report,
        series=tuple(
            replace(series, values=tuple(value * scale for value in series.values)) if series.key == key else series
            for series in report.series
        ),
    )


def _percent(ratio: float) -> str:
    return f"{(ratio - 1) * 100:.1f} %"


def _answers(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=20).returncode == 0  # noqa: S603 - fixed arguments
    except (OSError, subprocess.TimeoutExpired):
        return False
