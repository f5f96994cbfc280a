"""`regress-action config check`: regress.yml, thresholds, waivers and aliases, before anything is measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.commands import options
from regress_action.model import escaping

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regress_action.model.measurements import Aliases
    from regress_action.settings.gate import ProvenRenaming


_OWN_FILES = {"regress-aliases.yml", "regress-waivers.yml", "regress-thresholds.yml"}


@click.group(name="config")
def command() -> None:
    """Check regress.yml, the thresholds file, the waivers and the aliases."""


@command.command()
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
def check(*, config: str | None) -> None:
    """Read every file and show what counts; a mistake is named with its file, and exits with 2."""
    from regress_action.settings.gate import read_gate_files, read_proofs
    from regress_action.settings.model import Settings
    from regress_action.settings.sources import FolderFiles

    settings, root = options.settings_of(config=config), options.project_root()
    files = read_gate_files(settings, FolderFiles(Path.cwd()))
    given = settings.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"github_token", "notify_urls"})
    name = config or str(Settings.model_fields["config"].default)
    if (root / name).is_file():
        click.echo(f"{name} in {root}: {len(given)} settings")
    else:
        click.echo(f"There is no {name} in {root}: the defaults count. `regress-action init` writes one.")
    for name, value in given.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        click.echo(f"  {name}: {escaping.plain(shown, 200)}")
    for service, ratio in files.thresholds.ratios:
        click.echo(f"threshold of {escaping.plain(service)}: {ratio:g}×")
    for service, ratio in files.thresholds.service_ratios:
        click.echo(f"threshold of {escaping.plain(service)} as a whole: {ratio:g}×")
    for service, quorum in files.thresholds.quorums:
        share = f"{quorum * 100:g} % of its benchmarks" if quorum <= 1 else f"{quorum:g} benchmarks"
        click.echo(f"quorum of {escaping.plain(service)}: {share}")
    for entry in files.thresholds.trade_offs:
        whose = f"{escaping.plain(entry.service)} ({escaping.plain(entry.benchmark)})"
        click.echo(f"trade-off of {whose}: {escaping.plain(entry.rule)}")
    for budget in files.thresholds.budgets:
        click.echo(
            f"budget of {escaping.plain(budget.service)}: {escaping.plain(budget.name)} {budget.limit:g} {budget.unit}"
        )
    for waiver in files.waivers:
        click.echo(f"waiver until {waiver.expires}: {escaping.plain(waiver.benchmark)} up to {waiver.ceiling:g}×")
    _names_over_time(files.aliases, read_proofs(FolderFiles(Path.cwd())))
    others = sorted(path.name for path in root.glob("regress-*.yml")) if config is None else []
    for other in (file for file in others if file not in _OWN_FILES):
        click.echo(f"{other} holds another suite: regress-action config check --config {other}")


def _names_over_time(aliases: Aliases, proofs: Iterable[ProvenRenaming]) -> None:
    from regress_action.report import numbers

    for old, new in aliases.renamed:
        click.echo(f"renamed: {escaping.plain(old)} is {escaping.plain(new)}")
    for proof in proofs:
        names = f"{escaping.plain(proof.old)} is {escaping.plain(proof.new)}"
        commits = f"{escaping.plain(proof.base)[:12] or '?'} and {escaping.plain(proof.head)[:12] or '?'}"
        change = numbers.interval(proof.low, proof.high, like=1.0)
        click.echo(f"proven: {names}; {change} in {numbers.count(proof.pairs, 'pair')} of {commits}")
    for name in aliases.removed:
        click.echo(f"removed on purpose: {escaping.plain(name)}")
