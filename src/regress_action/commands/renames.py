"""`regress-action renames`: prove in pairs, the old name at the base and the new one at the head, that it goes on."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regress_action.commands import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regress_action.action.judge import JudgingRules
    from regress_action.formats import Measurement
    from regress_action.model.comparisons import Comparison

CONTINUES, CHANGED, OPEN = "continues", "changed", "undecided"
_FILE = "regress-aliases.yml"


@dataclass(frozen=True, slots=True)
class Continuity:
    """What one run in pairs says of a renaming: `row` is the old name at the base against the new one at the head."""

    old: str
    new: str
    row: Comparison
    answer: str

    @property
    def line(self) -> str:
        """The sentence for a person."""
        from regress_action.report import numbers, phrases

        ends = numbers.interval(self.row.ratio_low, self.row.ratio_high, like=self.row.ratio)
        how = f"95 % interval {ends}, {numbers.count(self.row.baseline.runs, 'pair')}"
        names = f"{phrases.as_text((phrases.Name(self.old),))} → {phrases.as_text((phrases.Name(self.new),))}"
        match self.answer:
            case "continues":
                return f"{names}: it continues ({how})."
            case "changed":
                return f"{names}: it is {phrases.comparative(self.row)} ({how}); its history does not simply go on."
        return f"{names}: undecided ({how}); measure more pairs."

    def entry(self, base: str, head: str) -> dict[str, object]:
        """Return the entry of `proven` in regress-aliases.yml."""
        low, high = self.row.ratio_low or 0.0, self.row.ratio_high or 0.0
        commits = {"base": base, "head": head, "pairs": self.row.baseline.runs}
        return {"old": self.old, "new": self.new, **commits, "low": round(low, 4), "high": round(high, 4)}


@click.command(name="renames")
@click.option("--base", required=True, metavar="REF", help="Commit that has the old names.")
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
@click.option("--pairs", type=click.IntRange(5, 1000), default=10, show_default=True, help="Pairs to measure.")
@click.option(
    "--within",
    type=click.FloatRange(0, 100, min_open=True),
    default=5.0,
    show_default=True,
    metavar="PERCENT",
    help="Change that the whole interval must lie within.",
)
@click.option("--write", is_flag=True, help=f"Put what is proven into {_FILE}; comments stay.")
def command(*, base: str, config: str | None, pairs: int, within: float, write: bool) -> None:
    """Measure both commits in turn, the old name at the base and the new one at the head, and say what continues.

    Renamed is what regress-aliases.yml says, and what has the same body, or a like name at a like level. Nothing is
    carried over the base. Exits with 3 where a renaming is not proven to continue.
    """
    from regress_action.action.judge import load_rules
    from regress_action.action.measure import MeasurementSpec, measure_pairs
    from regress_action.model.errors import UsageError

    if config is None:
        os.chdir(options.project_root())
    settings = options.settings_of(config=config, runs=pairs)
    if not settings.command:
        raise UsageError("No command is set.", remedy="Put  command:  into regress.yml, or run `regress-action init`.")
    rules = load_rules(settings, Path.cwd())
    plain = settings.model_copy(update={"base": base, "carry": ()})
    spec = MeasurementSpec(command=(settings.command,), out=Path(".regress/renames"), adaptive=False)
    measured = measure_pairs(plain, spec)
    answers = continuities(measured, rules, within=within / 100)
    if not answers:
        click.echo("No benchmark of the base has another name at the head.")
        return
    for answer in answers:
        click.echo(answer.line)
    proven = [answer for answer in answers if answer.answer == CONTINUES]
    if write and proven and measured.base:
        commits = measured.base.commit or "", measured.head.commit or ""
        for line in write_proof(Path(_FILE), proven, *commits):
            click.echo(line)
    if len(proven) < len(answers):
        raise click.exceptions.Exit(3)


def continuities(measured: Measurement, rules: JudgingRules, *, within: float) -> list[Continuity]:
    """Return what a measurement in pairs says of every renaming between its sides, by the worst metric of each.

    A renaming continues where the whole interval of every metric lies within the share `within` of no change, and has
    changed where a regression or an improvement of a metric is proven.
    """
    from regress_action.action.judge import judge_reports
    from regress_action.advice.renames import probable_renamings
    from regress_action.model.measurements import Aliases

    if measured.base is None:
        return []
    before, after = ({row.benchmark.name for row in side.series} for side in (measured.base, measured.head))
    named = {old: new for old, new in rules.aliases.renamed if old in before - after and new in after - before}
    rest = [
        [row for row in side.series if row.benchmark.name not in {*named, *named.values()}]
        for side in (measured.base, measured.head)
    ]
    named |= {pair.old: pair.new for pair in probable_renamings(*rest)}
    if not named:
        return []
    renamed = replace(rules, aliases=Aliases(tuple(named.items())))
    judged = judge_reports([measured.base], [measured.head], renamed).judgement
    return [
        Continuity(old, new, *worst)
        for old, new in named.items()
        if (worst := _worst([row for row in judged.comparisons if row.benchmark.name == new], within))
    ]


def _worst(rows: Sequence[Comparison], within: float) -> tuple[Comparison, str] | None:
    """Return the metric that decides and its answer, None where no metric has a ratio."""
    from regress_action.model.comparisons import Verdict

    def answer(row: Comparison) -> str:
        low, high = row.ratio_low, row.ratio_high
        if row.verdict in {Verdict.REGRESSION, Verdict.IMPROVEMENT}:
            return CHANGED
        if low is not None and high is not None and 1 / (1 + within) <= low and high <= 1 + within:
            return CONTINUES
        return OPEN

    order = (CHANGED, OPEN, CONTINUES)
    answered = [(row, answer(row)) for row in rows if row.ratio is not None and row.ratio_low is not None]
    return min(answered, key=lambda entry: order.index(entry[1]), default=None)


def write_proof(path: Path, proven: Sequence[Continuity], base: str, head: str) -> list[str]:
    """Write renamings and their proof into the aliases file; return a line for each change. Comments stay.

    Raises:
        UsageError: the file has a form in which this cannot be done without losing something.
    """
    import yaml

    from regress_action.model.errors import UsageError
    from regress_action.model.files import write_replace

    text = path.read_text(encoding="utf-8") if path.exists() else ""
    before: dict[str, Any] = yaml.safe_load(text) or {}
    listed = {(entry.get("old"), entry.get("new")) for entry in before.get("aliases") or ()}
    aliases = [
        {"old": renaming.old, "new": renaming.new} for renaming in proven if (renaming.old, renaming.new) not in listed
    ]
    proofs = [renaming.entry(base, head) for renaming in proven]
    edited = _with_entries(_with_entries(text, "aliases", aliases), "proven", proofs)
    after = yaml.safe_load(edited) or {}
    wanted = {
        **before,
        **({"aliases": [*aliases, *(before.get("aliases") or [])]} if aliases else {}),
        "proven": [*proofs, *(before.get("proven") or [])],
    }
    if after != wanted:
        raise UsageError(
            f"{path} cannot be edited without changing its form.",
            remedy="Write its lists with an entry a line, or add by hand: " + json.dumps({"proven": proofs}),
        )
    write_replace(path, edited.encode())
    return [
        f"Wrote into {path}: {renaming.old} → {renaming.new}, proven with {renaming.row.baseline.runs} pairs."
        for renaming in proven
    ]


def _with_entries(text: str, key: str, entries: Sequence[Mapping[str, object]]) -> str:
    """Return the text with the entries at the beginning of a list, which is made where there is none."""
    if not entries:
        return text
    lines = "".join(f"  - {json.dumps(entry, ensure_ascii=False)}\n" for entry in entries)
    head, separator, tail = f"\n{text}".partition(f"\n{key}:\n")
    if separator:
        return f"{head}{separator}{lines}{tail}".removeprefix("\n")
    ended = text if not text or text.endswith("\n") else f"{text}\n"
    return f"{ended}{key}:\n{lines}"
