"""`regress-action compare`: result files against result files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from regress_action.commands import options
from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regress_action.action.judge import Judged, JudgingRules

_SIDES = 2


@click.command(name="compare", cls=options.Greedy)
@click.option("--baseline", multiple=True, metavar="GLOB...", help="Result files of the baseline.")
@click.option("--head", multiple=True, metavar="GLOB...", help="Result files of the head.")
@click.option("--format", "hint", metavar="NAME", help="Read every file as this format instead of sniffing.")
@click.option(
    "--mode", type=click.Choice(options.MODES), help="Design of the comparison; default: the strongest possible."
)
@click.option("-k", "pattern", metavar="PATTERN", help="Judge the benchmarks that match; short names count.")
@options.judging
@click.argument("files", nargs=-1, metavar="[OLD NEW]")
def command(
    *,
    files: tuple[str, ...],
    pattern: str | None,
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

    Two files can be given without options: the old one, then the new one.

    Every file is at least one run: a fresh process, the unit of evidence. Give at least five files a side.
    """
    if files:
        baseline, head = _two_files(files, baseline, head)
    if not baseline or not head:
        raise UsageError(
            "Give the files of both sides.", remedy="regress-action compare --baseline OLD... --head NEW..."
        )
    rules = options.project_rules(thresholds=thresholds, config=config, fail_on=fail_on)
    judged = compare_files(baseline, head, rules, hint=hint, mode=mode, pattern=pattern)
    options.finish(judged, json_out=json_out, markdown=markdown, html=html, exports=exports, verbose=verbose)


def _two_files(
    files: tuple[str, ...], baseline: tuple[str, ...], head: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the sides of `compare OLD NEW`.

    Raises:
        UsageError: there are not exactly two files, or options name sides as well.
    """
    if len(files) != _SIDES or baseline or head:
        raise UsageError(
            f"{len(files)} files were given without an option.",
            meaning="Which of them are the baseline and which the head is not clear.",
            remedy="Give two files, OLD and NEW, or name the sides: --baseline OLD... --head NEW...",
        )
    return files[:1], files[1:]


def compare_files(
    baseline: Sequence[str],
    head: Sequence[str],
    rules: JudgingRules,
    *,
    hint: str | None = None,
    mode: str | None = None,
    pattern: str | None = None,
) -> Judged:
    """Judge the files of `head` against the files of `baseline`; `hint` names their format.

    With a `pattern`, only the benchmarks that match it are judged.
    """
    from regress_action import formats
    from regress_action.action.judge import judge_reports, selected, was_looked_at
    from regress_action.model.comparisons import Mode

    before, after = formats.gather(baseline, hint=hint), formats.gather(head, hint=hint)
    if pattern:
        before, after = selected(before, after, pattern)
    return judge_reports(
        before,
        after,
        rules,
        interim=was_looked_at(before, after),
        mode=Mode(mode) if mode else None,
    )
