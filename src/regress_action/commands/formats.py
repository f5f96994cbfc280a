"""`regress-action formats`: what can be read, and how each tool writes it."""

from __future__ import annotations

import click


@click.command(name="formats")
@click.option("--markdown", is_flag=True, help="Print the page of the documentation instead of a list.")
def command(*, markdown: bool) -> None:
    """List the formats that can be read, and how each tool writes them.

    A format is recognised by the content of a file, never by its name. `--format NAME` of other commands forces one.
    """
    from regress_action.commands.output import wrapped
    from regress_action.formats.registry import READERS, reader

    formats = [(name.replace("_", "-"), reader(name).TITLE, reader(name).WRITTEN_BY) for name in READERS]
    if markdown:
        click.echo(_page(formats), nl=False)
        return
    width = max(len(title) for _, title, _ in formats)
    for name, title, written_by in formats:
        click.echo("\n".join([f"{title:<{width}}  --format {name}", *wrapped(written_by, "    ", "      ")]))


def _page(formats: list[tuple[str, str, str]]) -> str:
    rows = "".join(f"| {title} | `{_cell(written_by)}` | `{name}` |\n" for name, title, written_by in formats)
    return (
        "# Formats\n\n"
        "Result files are recognised by their content, whatever their names are. They may be packed with gzip.\n"
        "The last column is what `--format` takes where a file has to be read in one format.\n"
        "`regress-action show FILE` prints what was understood of a file.\n\n"
        "| Tool | How it writes the file | `--format` |\n|---|---|---|\n"
        f"{rows}\n"
        "`history import` also reads what other tools keep as a series: `data.js` of github-action-benchmark, the\n"
        "answer of `bencher perf`, and CSV with a row for every commit.\n\n"
        "This page is written by `regress-action formats --markdown`.\n"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
