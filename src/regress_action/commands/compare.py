"""`regress-action compare`: result files against result files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action.commands import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.action.judge import Judged, JudgingRules


@click.command(name="compare", cls=options.Greedy)
@click.option("--baseline", multiple=True, required=True, metavar="GLOB...", help="Result files of the baseline.")
@click.option("--head", multiple=True, required=True, metavar="GLOB...", help="Result files of the head.")
@click.option("--format", "hint", metavar="NAME", help="Read every file as this format instead of sniffing.")
@click.option(
    "--mode", type=click.Choice(options.MODES), help="Design of the comparison; default: the strongest possible."
)
@options.judging
def command(
    *,
    baseline: tuple[str, ...],
    head: tuple[str, ...],
    hint: str | None,
    mode: str | None,
    thresholds: str | None,
    config: str | None,
    fail_on: str | None,
    json_out: str | None,
    markdown: str | None,
    html: str | None,
    exports: tuple[tuple[str, str], ...],
    verbose: bool,
) -> None:
    """Judge result files against result files, in any known format.

    Every file is at least one run: a fresh process, the unit of evidence. Give at least five files a side.
    """
    from regress_action.action.judge import load_rules

    rules = load_rules(options.settings_of(thresholds=thresholds, config=config, fail_on=fail_on), Path.cwd())
    judged = compare_files(baseline, head, rules, hint=hint, mode=mode)
    options.finish(judged, json_out=json_out, markdown=markdown, html=html, exports=exports, verbose=verbose)


def compare_files(
    baseline: Sequence[str],
    head: Sequence[str],
    rules: JudgingRules,
    *,
    hint: str | None = None,
    mode: str | None = None,
) -> Judged:
    """Judge the files of `head` against the files of `baseline`; `hint` names their format."""
    from regress_action import formats
    from regress_action.action.judge import judge_reports
    from regress_action.model.comparisons import Mode

    return judge_reports(
        formats.gather(baseline, hint=hint),
        formats.gather(head, hint=hint),
        rules,
        mode=Mode(mode) if mode else None,
    )
