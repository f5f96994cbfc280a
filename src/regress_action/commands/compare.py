"""`regress-action compare`: result files against result files."""

from __future__ import annotations

import click

from regress_action.commands import options


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
    verbose: bool,
) -> None:
    """Judge result files against result files, in any known format.

    Every file is at least one run: a fresh process, the unit of evidence. Give at least five files a side.
    """
    from regress_action.action import comparing

    settings = options.settings_of(thresholds=thresholds, config=config, fail_on=fail_on)
    judged = comparing.compare_files(baseline, head, settings, hint=hint, mode=mode)
    options.finish(judged, json_out=json_out, markdown=markdown, html=html, verbose=verbose)
