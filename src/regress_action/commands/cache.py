"""`regress-action cache`: how large a cache should be, from the keys that were requested of it."""

from __future__ import annotations

from pathlib import Path

import click

from regress_action.commands import options


@click.command(name="cache", cls=options.Greedy)
@click.argument("trace", metavar="TRACE")
@click.option("--current", type=click.IntRange(1), metavar="N", help="Entries that the cache holds now.")
@click.option("--sizes", multiple=True, metavar="N...", help="Further sizes to compare, in entries.")
@click.option(
    "--worth",
    type=click.FloatRange(0, 100, min_open=True),
    default=1.0,
    show_default=True,
    help="Per cent of the requests that doubling the size must save.",
)
@click.option("--ttl", metavar="TIME", help="Time to live of values for which the trace names none: 30s, 5m.")
@click.option("--load-time", metavar="TIME", help="What loading a value takes, where the trace does not say.")
@click.option("--exact", is_flag=True, help="Look at every request, however long the trace is.")
@click.option("--json", "json_out", metavar="FILE", help="Write the result as JSON; - is standard output.")
def command(
    *,
    trace: str,
    current: int | None,
    sizes: tuple[str, ...],
    worth: float,
    ttl: str | None,
    load_time: str | None,
    exact: bool,
    json_out: str | None,
) -> None:
    """Say how large a cache should be: TRACE has the keys that were requested, in their order.

    \b
      regress-action cache keys.csv --current 1024
      regress-action cache keys.txt --sizes 500 1000 2000 --json -

    TRACE has one key a line, or is CSV whose header names the columns time, key, hit, ttl, load and value;
    CacheRecorder writes such files. A CSV with the columns name, hits, misses, size and entries has the counters of
    caches instead, as CacheWatch writes them.
    """
    from regress_action.advice.caching import analyse
    from regress_action.advice.caching.counters import SCHEMA
    from regress_action.instruments.cache_traces import read_cache_file
    from regress_action.instruments.load.scenario import seconds

    file = read_cache_file(Path(trace))
    if file.trace is None:
        content = {"schema": SCHEMA, "caches": [counters.as_dict() for counters in file.counters]}
    else:
        content = analyse(
            file.trace,
            current=current or file.size,
            sizes=_sizes(sizes),
            worth=worth / 100,
            ttl_s=seconds(ttl) if ttl else None,
            load_s=seconds(load_time) if load_time else None,
            **({"exact_up_to": len(file.trace)} if exact else {}),
        ).as_dict()
    if json_out:
        import orjson

        from regress_action.commands import output

        output.write(json_out, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if json_out != "-":
        from rich.console import Console

        from regress_action.report import caching
        from regress_action.report.terminal import ConsolePage

        page = ConsolePage(Console(highlight=False), verbose=False)
        if file.trace is None:
            caching.show_counters(content, page)
        else:
            caching.show(content, page)


def _sizes(texts: tuple[str, ...]) -> list[int]:
    """Return sizes that may be separated by commas.

    Raises:
        UsageError: one is not a whole number above zero.
    """
    from regress_action.model.errors import UsageError

    sizes = []
    for text in ",".join(texts).split(","):
        if text and not (text.strip().isdecimal() and int(text) > 0):
            raise UsageError(f"{text!r} is no size of a cache.", remedy="Give whole numbers above zero.")
        if text:
            sizes.append(int(text))
    return sizes
