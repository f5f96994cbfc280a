"""`regress-action doctor`: is everything there, how small a change can be seen here, and can the gate fail?"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.commands import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regress_action.action.judge import JudgingRules
    from regress_action.commands.doctor_plan import Duration
    from regress_action.commands.doctor_remedies import RemedyResult
    from regress_action.formats import Measurement
    from regress_action.model.comparisons import Judgement
    from regress_action.model.measurements import Report
    from regress_action.settings import Settings

_NAMED = 5
_LISTED = 20
_BUDGET_MINUTES = 30.0


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
    details: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield the lines for a terminal."""
        from regress_action.commands.output import wrapped

        yield from wrapped(self.what, f"{self.level:<5}  ", " " * 7)
        for detail in self.details:
            yield from wrapped(detail, " " * 9, " " * 11)
        if self.remedy:
            yield from wrapped(self.remedy, " " * 7 + "→ ", " " * 9)


@click.command(name="doctor")
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
@click.option(
    "--pairs", type=click.IntRange(5, 100), default=5, show_default=True, help="Pairs of the A/A measurement."
)
@click.option("--remedies/--no-remedies", default=True, help="Try what makes noisy benchmarks steadier.")
@click.option("--quick", is_flag=True, help="Look only; measure nothing.")
@click.option("--write", is_flag=True, help="Put the proposed runs and thresholds into regress.yml; comments stay.")
@click.option("--json", "json_out", metavar="FILE", help="Write the findings as JSON; - for standard output.")
def command(*, config: str | None, pairs: int, remedies: bool, quick: bool, write: bool, json_out: str | None) -> None:
    """Check this repository and machine, measure the same commit against itself, and prove that the gate can fail.

    Says how long a pull request takes, what can be seen in that time, and which settings fit. Each benchmark and metric
    is made worse in turn, and must be caught. Exits with 3 when something keeps the gate from working.
    """
    if config is None:
        os.chdir(options.project_root())
    settings = options.settings_of(config=config, runs=pairs)
    results = []
    for finding in examine(settings, Path.cwd(), measure=not quick, write=write, remedies=remedies):
        results.append(finding)
        if json_out != "-":
            for line in finding.lines():
                click.echo(line)
    if json_out:
        _write_json(json_out, results)
    if any(finding.level == Level.FAULT for finding in results):
        raise click.exceptions.Exit(3)


def _write_json(target: str, results: Sequence[CheckResult]) -> None:
    import json

    text = json.dumps({"schema": 1, "findings": [asdict(finding) for finding in results]}, indent=1, ensure_ascii=False)
    if target == "-":
        click.echo(text)
    else:
        Path(target).write_text(f"{text}\n", encoding="utf-8")


def examine(
    settings: Settings, root: Path, *, measure: bool, write: bool = False, remedies: bool = True
) -> Iterator[CheckResult]:
    """Yield every finding, the cheap ones first; measure only when a command is set.

    Raises:
        UsageError: `write` is asked for, and regress.yml cannot be edited without losing something.
    """
    yield from surroundings(root, os.environ)
    yield from configuration(settings, root)
    if not measure or not settings.command:
        return
    from regress_action import formats
    from regress_action.action.judge import load_rules
    from regress_action.action.measure import MeasurementSpec, run
    from regress_action.commands import doctor_plan

    out = root / ".regress" / "doctor"
    rules = load_rules(settings, root)
    same = settings.model_copy(update={"base": "HEAD"})
    began = time.monotonic()
    judged = run(same, MeasurementSpec(command=(settings.command,), out=out, adaptive=False), rules)
    elapsed = time.monotonic() - began
    measured = formats.read_measurement(out / "measurement")
    if judged is None or measured.base is None:
        return
    base, head = measured.base, measured.head
    yield from names(settings, root, head)
    took = doctor_plan.duration(base, head, elapsed)
    yield from noise(judged.judgement, len(head.runs), rules, took)
    noisy = noisy_names(judged.judgement, rules)
    attempts: list[RemedyResult] = []
    if remedies and noisy:
        from regress_action.commands import doctor_remedies

        spec = MeasurementSpec(command=(settings.command,), out=out / "remedies", adaptive=False)
        attempts, untried = doctor_remedies.tried(same, spec, measured, noisy, elapsed_s=elapsed)
        if untried:
            minutes = elapsed * (untried + 2) / 60
            yield CheckResult(
                Level.ADVICE,
                f"{untried} remedies for noise were not tried: they would take {minutes:.0f} minutes.",
                "Let doctor run a shorter suite, or fewer pairs.",
            )
    yield from causes(measured, noisy, attempts)
    budget = settings.budget_minutes or _BUDGET_MINUTES
    yield from plan(judged.judgement, base, head, took, budget, rules)
    if any(row.minimum_detectable_ratio for row in judged.judgement.comparisons):
        yield from gate(base, head, rules)
        if write:
            proposed = doctor_plan.proposal(judged.judgement, len(head.runs), took, budget, rules)
            changes = doctor_plan.write_proposal(root / settings.config, proposed)
            said = "Wrote into" if changes else "Nothing to write into"
            yield CheckResult(Level.FINE, f"{said} {settings.config}.", details=tuple(changes))


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


def noise(judgement: Judgement, pairs: int, rules: JudgingRules, took: Duration) -> Iterator[CheckResult]:
    """Say what an A/A measurement of `pairs` pairs could have seen, and which benchmarks are too noisy to be useful."""
    from regress_action.commands.doctor_plan import percent, typical_changes

    visible = typical_changes(judgement)
    if not visible:
        yield CheckResult(
            Level.FAULT, "The suite gave nothing to judge.", "Look at .regress/doctor/measurement/runs/*.log"
        )
        return
    shown = [f"{percent(ratio)}{f' of {name}' if len(visible) > 1 else ''}" for name, ratio in visible[:_NAMED]]
    yield CheckResult(
        Level.FINE,
        f"On this machine you can see {', '.join(shown)} in {pairs} pairs ({pairs * took.pair_s:.0f} s).",
    )
    alarms = [comparison for comparison in judgement.comparisons if comparison.verdict == "regression"]
    if alarms:
        names = ", ".join(comparison.benchmark.name for comparison in alarms[:3])
        yield CheckResult(
            Level.FAULT,
            f"Identical code was called slower: {names}.",
            "This machine drifts: close other programs, and measure again.",
        )
    blind = [row for row in judgement.comparisons if (row.minimum_detectable_ratio or 0) > rules.asked_threshold(row)]
    for row in sorted(blind, key=lambda row: row.minimum_detectable_ratio or 0, reverse=True)[:_NAMED]:
        seen, asked = percent(row.minimum_detectable_ratio or 0), percent(rules.asked_threshold(row))
        yield CheckResult(
            Level.ADVICE,
            f"{row.benchmark.name} ({row.metric.name}) shows only changes above {seen}, but its threshold is {asked}.",
            "Make its rounds longer, give it more pairs, or raise its threshold.",
        )
    if len(blind) > _NAMED:
        yield CheckResult(Level.ADVICE, f"So do {len(blind) - _NAMED} more of {len(judgement.comparisons)}.")


def names(settings: Settings, root: Path, head: Report) -> Iterator[CheckResult]:
    """Look for benchmarks that the newest record of the history has and this commit does not, under another name."""
    from regress_action.advice.renames import probable_renamings
    from regress_action.history import Selection
    from regress_action.model.errors import RegressError
    from regress_action.stores import local_history

    folder = root / ".regress" / "history"
    where = (
        f"branch:{settings.history_branch}" if settings.baseline == "branch" and not folder.exists() else str(folder)
    )
    try:
        records = local_history(where).load(Selection(suite=settings.suite, last=1))
    except RegressError:
        return  # there is no history yet, or it cannot be reached from here
    before = [series for report in records for series in report.series]
    pairs = probable_renamings(before, head.series)
    if pairs:
        yield CheckResult(
            Level.ADVICE,
            f"{len(pairs)} benchmark{'s were' if len(pairs) > 1 else ' was'} probably renamed since the newest record.",
            "Where that is so, put the line under  aliases:  in regress-aliases.yml; the history then goes on.",
            tuple(f"{pair.line}  # {pair.why}" for pair in pairs[:_LISTED]),
        )
    present = {series.benchmark.name for series in head.series} | {pair.old for pair in pairs}
    gone = sorted({series.benchmark.name for series in before} - present)
    if gone:
        yield CheckResult(
            Level.ADVICE,
            f"{len(gone)} of the newest record are not here any more.",
            "Where one was removed on purpose, put  - {benchmark: NAME}  under  removed:  in regress-aliases.yml.",
            tuple(gone[:_LISTED]),
        )


def noisy_names(judgement: Judgement, rules: JudgingRules) -> list[str]:
    """Return the benchmarks whose noise hides changes of half of their threshold, the noisiest first."""
    rows = [
        row
        for row in judgement.comparisons
        if row.metric.name == "time" and (row.minimum_detectable_ratio or 1) ** 2 > rules.asked_threshold(row)
    ]
    ordered = sorted(rows, key=lambda row: -(row.minimum_detectable_ratio or 1))
    return [row.benchmark.name for row in ordered[:_NAMED]]


def causes(measured: Measurement, noisy: Sequence[str], attempts: Sequence[RemedyResult]) -> Iterator[CheckResult]:
    """Say of the noisy benchmarks what their slow runs have in common, and which remedy made them steadier."""
    from regress_action.commands.doctor_checks import noise_causes
    from regress_action.commands.doctor_remedies import percent

    tried = {attempt.benchmark: attempt for attempt in attempts}
    watched = noise_causes(measured, noisy)
    for name in noisy:
        attempt, cause = tried.get(name), watched.get(name)
        lines = tuple(attempt.lines) if attempt else ()
        if attempt and attempt.best:
            spread = percent(max(attempt.best.spread, attempt.best.again or 0.0))
            yield CheckResult(
                Level.ADVICE,
                f"{name} is noisy: {attempt.cause}. With {attempt.best.remedy.name} its runs spread by {spread} "
                f"instead of {percent(attempt.before)}. Tried:",
                attempt.best.remedy.advice,
                lines,
            )
        elif cause:
            rest = " No remedy that was tried halves its spread:" if lines else ""
            helps = cause.remedy(attempt.refuted if attempt else ())
            yield CheckResult(Level.ADVICE, f"{name} is noisy: {cause.cause} ({cause.shown_by}).{rest}", helps, lines)
        elif lines:
            yield CheckResult(
                Level.ADVICE, f"{name} is noisy, and no remedy that was tried halves its spread:", "", lines
            )


def gate(base: Report, head: Report, rules: JudgingRules) -> Iterator[CheckResult]:
    """Make each benchmark × metric of the head worse in turn, and say which of them make the gate fail."""
    from regress_action.commands.doctor_checks import planted_changes, summarised

    done, untried = planted_changes(base, head, rules)
    works, said, silent = summarised(done, untried)
    if not done:
        yield CheckResult(
            Level.FAULT, "Nothing was measured well enough to plant a slowdown in.", "Measure more pairs."
        )
        return
    remedy = "" if works else "Look at fail-on, at the thresholds file and at overrides that ignore benchmarks."
    yield CheckResult(Level.FINE if works else Level.FAULT, said, remedy, tuple(silent[:_LISTED]))
    if len(silent) > _LISTED:
        yield CheckResult(Level.ADVICE, f"{len(silent) - _LISTED} more could not fire: --json lists them.")


def plan(
    judgement: Judgement, base: Report, head: Report, took: Duration, budget_minutes: float, rules: JudgingRules
) -> Iterator[CheckResult]:
    """Say how long a pull request takes, what can be seen in that time, and which settings would fit."""
    from regress_action.commands import doctor_plan

    measured = len(head.runs)
    table = doctor_plan.forecast(judgement, measured, took)
    if not table:
        return
    yield CheckResult(
        Level.FINE,
        f"A pair takes {took.pair_s:.1f} s here, all beside the runs {took.setup_s:.0f} s. A pull request takes:",
        details=tuple(table),
    )
    proposed = doctor_plan.proposal(judgement, measured, took, budget_minutes, rules)
    yield CheckResult(
        Level.ADVICE,
        f"These settings fit what was measured: runs: {proposed.runs} ({took.minutes(proposed.runs):.1f} minutes)"
        + (f", and thresholds for {len(proposed.thresholds)} that stay noisy:" if proposed.thresholds else "."),
        "regress-action doctor --write puts them into regress.yml.",
        tuple(doctor_plan.named(proposed.thresholds)[:_LISTED]),
    )
    if parts := doctor_plan.noise_of_pairs(judgement):
        yield CheckResult(Level.FINE, "What pairs of the same code differ by:", details=tuple(parts))
    blamed = doctor_plan.short_rounds(base, head)
    if blamed:
        names = ", ".join(f"{name} ({share * 100:.0f} %)" for name, share in blamed[:_NAMED])
        yield CheckResult(
            Level.ADVICE,
            f"The rounds explain most of the noise of {len(blamed)}: {names}.",
            "Give these more or longer rounds; for the others only more runs help.",
        )


def _answers(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=20).returncode == 0  # noqa: S603 - fixed arguments
    except (OSError, subprocess.TimeoutExpired):
        return False
