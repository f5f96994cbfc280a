"""What a trace says about a cache, for a person: the curve, the size, the policies, expiry and stampedes.

The input is the object of `cache --json`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from regress_action.report.chart import BrailleChart, powers
from regress_action.report.numbers import count, duration, quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regress_action.report.terminal import ConsolePage

_WIDEST, _NARROWEST = 72, 24
_KNEE, _CURRENT = "●", "○"
_LITTLE = 0.005
_CLOSE = 0.01
_MOSTLY_THE_SAME = 0.5


def show(content: Mapping[str, Any], page: ConsolePage) -> None:
    """Print the analysis, its recommendation first."""
    for words in headline(content):
        page.sentence(words)
    if content["keys"] < content["requests"]:
        page.line()
        for row in chart(content, page.width, ascii_only=page.console.options.ascii_only):
            page.line((row, ""))
        page.section("What a size misses")
        for row in _steps(content):
            page.line((row, ""))
        page.section("What another policy would miss")
        for row in _policies(content):
            page.line((row, ""))
        page.sentence(_best_policy(content), "dim", indent=2)
    for title, sentences in (("Time to live", _expiry(content)), ("Stampedes", _stampedes(content))):
        if sentences:
            page.section(title)
            for words in sentences:
                page.sentence(words, indent=2)


def show_counters(content: Mapping[str, Any], page: ConsolePage) -> None:
    """Print what the counters of caches say: a table, and below it what to do about each, the most requested first."""
    caches = sorted(content["caches"], key=lambda row: -row["requests"])
    rows = [("cache", "requests", "misses", "holds", "of")]
    for row in caches:
        missed = "" if row["miss_ratio"] is None else share(row["miss_ratio"])
        size = "no limit" if row["size"] is None else f"{row['size']:,}"
        rows.append((row["name"], f"{row['requests']:,}", missed, f"{row['entries']:,}", size))
    for words in _aligned(rows):
        page.line((words, ""))
    for row in caches:
        page.line()
        page.sentence(f"{row['name']}: {counted(row)}")


def counted(row: Mapping[str, Any]) -> str:
    """Return what the counters of one cache say, and what to do."""
    requests, held = count(row["requests"], "request"), entries(row["entries"])
    lost = _lost(row)
    match row["state"]:
        case "unrequested":
            return "nothing was requested of it, so its counters say nothing."
        case "never-hit":
            return f"none of {requests} was a hit. Remove it, or find out why its keys differ each time."
        case "unbounded":
            return (
                f"{share(row['miss_ratio'])} of {requests} missed. It has no limit and holds {held}: give it one, or "
                f"make sure that its keys are few.{lost}"
            )
        case "spare":
            return (
                f"{share(row['miss_ratio'])} of {requests} missed, and it never filled: it holds {row['entries']:,} of "
                f"{entries(row['size'])}, so a larger one would miss no less.{lost}"
            )
        case "full":
            return (
                f"{share(row['miss_ratio'])} of {requests} missed. It is full, and {count(row['not_held'], 'load')} "
                f"brought a value that it no longer holds: a larger one would save at most {share(row['most_saved'])} "
                "of the requests. Record the keys to see which size is worth it."
            )
    return f"{share(row['miss_ratio'])} of {requests} missed, each a first request: it is as large as it needs to be."


def _lost(row: Mapping[str, Any]) -> str:
    """Return what became of loads whose value a cache that never filled does not hold."""
    left = row["not_held"] - row["expired"]
    if left <= 0:
        return ""
    return (
        f" {count(left, 'load')} of {row['misses']:,} left nothing in it: several requests loaded one key at once, "
        "loading failed, or the value was removed."
    )


def headline(content: Mapping[str, Any]) -> list[str]:
    """Return what to do, what it follows from, and what limits it."""
    requests, keys = content["requests"], content["keys"]
    seen = f"{count(requests, 'request')} of {count(keys, 'key')}"
    if keys == requests:
        return [f"{seen}: no key was requested twice, so no cache can help with this trace."]
    best, now = content["recommended"], content["current"]
    words = [
        f"Recommended size: {entries(best['size'])}. It misses {share(best['miss_ratio'])} of the requests; "
        + _beyond(content)
    ]
    if now:
        words.append(_now(now, best))
    how = "" if content["exact"] else ", estimated from samples"
    words.append(
        f"Evidence: {seen}{how}. {share(content['first_request_ratio'])} are first requests, which no cache can hit."
    )
    if content["short"]:
        words.append(
            "More than half of the misses at that size are first requests. A longer trace would show whether those "
            "keys come again."
        )
    if content["observed_miss_ratio"] is not None:
        words.append(f"Recorded: {share(content['observed_miss_ratio'])} of the requests missed.")
    return words


def _beyond(content: Mapping[str, Any]) -> str:
    best = content["recommended"]
    if best["size"] >= content["largest"]:
        return "it holds every key, and each doubling up to it is worth it."
    return f"no larger size saves {share(best['worth'])} of the requests for each doubling."


def _now(now: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    words = f"The current size of {entries(now['size'])} misses {share(now['miss_ratio'])}"
    saved = now["miss_ratio"] - best["miss_ratio"]
    if now["size"] == best["size"]:
        return f"{words}: leave it as it is."
    if now["size"] < best["size"]:
        return f"{words}; doubling it saves {share(now['doubling_saves'])}, the recommended size {share(saved)}."
    memory = f"{now['size'] / best['size']:.3g} times its memory"
    return f"{words}, {share(-saved)} fewer than the recommended size at {memory}."


def chart(content: Mapping[str, Any], width: int, *, ascii_only: bool = False) -> list[str]:
    """Return the miss-ratio curve over the size, with the recommended and the current size."""
    sizes = [row["size"] for row in content["curve"]]
    ratios = [row["miss_ratio"] for row in content["curve"]]
    largest = max(2, sizes[-1])
    drawn = BrailleChart(
        (1, largest), (0.0, 1.0), max(_NARROWEST, min(_WIDEST, width - 8)), log_x=True, ascii_only=ascii_only
    )
    drawn.curve(sizes, ratios)
    best, now = content["recommended"], content["current"]
    if now and now["size"] <= largest:
        drawn.vertical(now["size"])
        drawn.point(now["size"], now["miss_ratio"], _CURRENT)
    drawn.vertical(best["size"])
    drawn.point(best["size"], best["miss_ratio"], _KNEE)
    legend = f"misses by size in entries   {_KNEE} recommended" + (f"   {_CURRENT} current" if now else "")
    if ascii_only:
        legend = legend.replace(_KNEE, "o").replace(_CURRENT, ".")
    return [legend, *drawn.lines(powers(1, largest, short), lambda ratio: f"{100 * ratio:.0f} %")]


def _steps(content: Mapping[str, Any]) -> list[str]:
    rows = [("entries", "misses", "doubling saves", "")]
    named = {content["recommended"]["size"]: "recommended"}
    if content["current"]:
        named.setdefault(content["current"]["size"], "current")
    steps = {row["size"]: row for row in (*content["steps"], *content["sizes"])}
    for size in sorted(steps):
        row = steps[size]
        rows.append((f"{size:,}", share(row["miss_ratio"]), share(row["doubling_saves"]), named.get(size, "")))
    return _aligned(rows)


def _policies(content: Mapping[str, Any]) -> list[str]:
    rows = [("", *(f"{row['size']:,}" for row in content["sizes"]))]
    for row in content["policies"]:
        name = f"{row['policy']} (the bound)" if row["bound"] else row["policy"]
        rows.append((name, *(share(ratio) for ratio in row["miss_ratios"])))
    return _aligned(rows)


def _best_policy(content: Mapping[str, Any]) -> str:
    """Return whether another policy is worth a change, at the recommended size."""
    place = [row["size"] for row in content["sizes"]].index(content["recommended"]["size"])
    ratios = {row["policy"]: row["miss_ratios"][place] for row in content["policies"] if not row["bound"]}
    best = min(ratios, key=lambda name: ratios[name])
    saved = ratios["LRU"] - ratios[best]
    if saved < _CLOSE:
        return "At the recommended size no policy misses noticeably less than LRU."
    return f"At the recommended size {best} saves {share(saved)} of the requests compared with LRU."


def _expiry(content: Mapping[str, Any]) -> list[str]:
    use = content["expiry"]
    if use is None:
        return []
    life = f"{entries(use['size'])} and a time to live of {duration(use['ttl_s'])}"
    words = [
        (
            f"With {life}, {share(use['expired_ratio'])} of the requests miss only because the value expired "
            f"(of {share(use['miss_ratio'])} that miss)."
        ),
        (
            f"Values are unused for {share(use['unused_share'])} of the time for which they are kept; "
            f"{share(use['never_used_share'])} of the loaded values expire without a single hit."
        ),
        *_reloads(content),
    ]
    others = [row for row in use["by_factor"] if row["factor"] != 1]
    listed = ", ".join(
        f"{share(row['miss_ratio'])} "
        + (f"at {duration(use['ttl_s'] * row['factor'])}" if row["factor"] else "without one")
        for row in others
    )
    words.append(f"Misses with another time to live: {listed}.")
    if use["reuse_s"]:
        reuse = use["reuse_s"]
        words.append(
            f"Half of all keys come again within {duration(reuse['p50'])}, 90 % within {duration(reuse['p90'])}, "
            f"99 % within {duration(reuse['p99'])}."
        )
    return words


def _reloads(content: Mapping[str, Any]) -> list[str]:
    """Return what loading an expired value anew brought."""
    seen = content["reloads"]
    if seen is None or not seen["reloads"]:
        return []
    same = seen["unchanged"] / seen["reloads"]
    words = (
        f"{count(seen['reloads'], 'load')} replaced a value that had expired; {seen['unchanged']:,} of them "
        f"({share(same)}) brought the same value again."
    )
    if same < _MOSTLY_THE_SAME:
        return [words]
    return [words, "A longer time to live, or asking the source only whether a value changed, would save most of them."]


def _stampedes(content: Mapping[str, Any]) -> list[str]:
    seen = content["stampedes"]
    if seen is None:
        return []
    if not seen["stampedes"]:
        return [f"None in {count(seen['loads'], 'load')}: no key was loaded twice at the same time."]
    return [
        (
            f"{count(seen['stampedes'], 'time')} a key was loaded by several requests at once; {seen['needless']:,} of "
            f"{count(seen['loads'], 'load')} were needless and took {duration(seen['needless_s'])} of the "
            f"{duration(seen['load_s'])} of all loads. The largest had {seen['largest']} loads at {seen['at_s']:.3f} s "
            "of the trace."
        ),
        "Let one request load a key while the others wait for it (a lock for each key, or a future in the cache).",
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if not place or cell.isalpha() else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def entries(size: int) -> str:
    """Return `1 entry` or `16,384 entries`."""
    return count(size, "entry", "entries")


def share(ratio: float) -> str:
    """Return a share of the requests in per cent, `12.3 %`."""
    per_cent = 100 * ratio
    if per_cent and abs(per_cent) < _LITTLE:
        return "0.00 %"
    return (
        f"{per_cent:.{1 if abs(per_cent) >= 1 else 2}f} %"
        if not math.isclose(per_cent, round(per_cent))
        else f"{per_cent:.0f} %"
    )


def short(size: float) -> str:
    """Return a size on an axis, `16k` for 16,384."""
    for factor, unit in ((2**30, "G"), (2**20, "M"), (2**10, "k")):
        if size >= factor:
            return f"{size / factor:.0f}{unit}"
    return quantity(size, "count")
