"""The cause of a regression in words: what got slower, by how much, where, and what was ruled out.

Also here: base and head as one flame graph on a page that needs nothing else: no network, and one script of its own.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.model import escaping
from regress_action.model.escaping import plain
from regress_action.model.profiles import CostMode, Evidence
from regress_action.report import numbers
from regress_action.report.html import sentence
from regress_action.report.numbers import count, quantity
from regress_action.report.phrases import Name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regress_action.model.profiles import (
        Cause,
        CostChange,
        Culprit,
        FunctionChange,
        FunctionKey,
        MemoryCause,
        MemorySite,
        StackNode,
    )
    from regress_action.report.phrases import Sentence


NAME_LIMIT = 80
TEXT_LIMIT = 120
_MOST_CALLS = 3
_MOST_FILES = 3
_MOST_SITES = 3
_ALL = 0.995
_MOSTLY = 0.8
_HARDLY = 0.3
_UNSURE = 0.8
_KINDS = {
    CostMode.CPU: "CPU time",
    CostMode.WALL: "time",
    CostMode.SAMPLES: "samples",
    CostMode.INSTRUCTIONS: "instructions",
}

WIDTH = 1200.0
ROW = 18
MOST_BOXES = 6_000
_LEAST_WIDTH = 1.5
_LETTER = 6.6
_NO_CHANGE = 0.004


def paragraph(cause: Cause) -> Sentence:
    """Return the explanation as one paragraph; foreign parts are `Name`s."""
    sentences = [_amount(cause), _place(cause), *_calls(cause), *_moved(cause), _ruled_out(cause)]
    parts: list[str] = []
    for words in filter(None, sentences):
        parts += [" "] * bool(parts)
        parts += words
    return tuple(parts)


def memory_paragraph(cause: MemoryCause) -> Sentence:
    """Return where the additional memory was allocated as one paragraph; foreign parts are `Name`s."""
    total = cause.total
    who: Sentence = (Name(cause.benchmarks[0]),) if len(cause.benchmarks) == 1 else ("A run",)
    moved = numbers.transition(total.base, total.head, "B")
    parts: list[str] = [*who, f" holds {moved} at most{_interval(total, 'B')}, {count(cause.pairs, 'recorded pair')}."]
    for site in cause.sites[:_MOST_SITES]:
        parts += [" ", *_of_site(site, total)]
    if not cause.sites:
        parts += [" No line of the project explains it: the memory is that of libraries in other languages."]
    return tuple(parts)


def no_cause(*, in_container: bool, paired: bool, base: str | None) -> str:
    """Return why regressions have no cause although one was asked for, and how to get one."""
    if in_container:
        why = "the suite runs in a container of its own, which the profiler does not enter"
    elif not paired:
        why = "only one side was measured here, and a cause is what differs between the profiles of both"
    else:
        why = "the results were measured by an earlier step, without a profiler"
    command = f"regress-action hotspots --base {(base or 'COMMIT')[:12]} -- COMMAND"
    return f"No cause of the regression is named: {why}. On a machine with both commits, `{command}` names it."


def _of_site(site: MemorySite, total: CostChange) -> Sentence:
    """Return what one line allocated more."""
    where = Name(f"{site.location.path}:{site.location.line}")
    share_of = site.change.difference / total.difference if total.difference > 0 else 0.0
    inside: Sentence = (" in ", Name(site.function)) if site.function else ()
    part = f"{quantity(site.change.difference, 'B')} more{_interval(site.change, 'B')}"
    blocks = f"{site.number.base:,.0f} → {site.number.head:,.0f} blocks"
    growing = " It grows all along the run and is never released: look for what keeps it." if site.is_growing else ""
    kind_of = "The changed line " if site.is_changed else "The line "
    return (kind_of, where, *inside, f" holds {part}, {percent(min(1.0, share_of))} of it, {blocks}.", growing)


def as_plain(sentence: Sequence[str]) -> str:
    """Return a sentence as plain text, what is foreign made inert."""
    return "".join(plain(part, TEXT_LIMIT) if isinstance(part, Name) else part for part in sentence)


def subject(cause: Cause) -> Sentence:
    """Return the benchmark, or what stands for all of them."""
    if len(cause.benchmarks) == 1:
        return (Name(cause.benchmarks[0]),)
    return ("The suite",) if not cause.benchmarks else (count(len(cause.benchmarks), "benchmark"),)


def annotation(culprit: Culprit) -> str:
    """Return what is said about the changed line, in one line."""
    return as_plain(_of_culprit(culprit))


def share(culprit: Culprit) -> str:
    """Return the share that a line explains, with its interval where there is one."""
    text = percent(culprit.share)
    if culprit.share_low is None or culprit.share_high is None:
        return text
    if percent(culprit.share_low) == percent(culprit.share_high) == text:
        return text
    unsure = ": too few pairs to be sure" if culprit.share_high - culprit.share_low > _UNSURE else ""
    return f"{text} ({percent(culprit.share_low)} to {percent(culprit.share_high)}{unsure})"


def percent(part: float) -> str:
    """Return a part as a whole percentage, never 100 % of what is less."""
    return f"{min(99, round(100 * part)) if part < _ALL else 100} %"


def place(key: FunctionKey, line: int = 0) -> str:
    """Return a function with its file, for a table."""
    where = f"{key.path}:{line}" if key.path and line else key.path
    return plain(f"{key.function} ({where})" if where else key.function, NAME_LIMIT)


def kind(mode: CostMode) -> str:
    """Return what the costs of a mode are called."""
    return _KINDS[mode]


def _amount(cause: Cause) -> Sentence:
    total, what = cause.total, kind(cause.mode)
    pairs = f"{count(cause.pairs, 'profiled pair')}"
    moved = numbers.transition(total.base, total.head, cause.unit)
    per = "an iteration" if cause.is_scaled else "a run"
    if total.low is not None and not total.is_more:
        interval = _interval(total, cause.unit)
        return (*subject(cause), f" shows no more {what} than chance explains: {moved} {per}{interval}, {pairs}.")
    ratio = f"{numbers.change(cause.ratio)} {what}" if cause.ratio else f"more {what}"
    return (*subject(cause), f" takes {_in_words(ratio)}: {moved} {per}{_interval(total, cause.unit)}, {pairs}.")


def _in_words(ratio: str) -> str:
    """Return `42 % more CPU time` for `+42 % CPU time`, and `3.1× the CPU time` for `3.1× CPU time`."""
    if ratio.startswith("+"):
        return ratio[1:].replace(" %", " % more", 1)
    return ratio.replace("× ", "× the ", 1)


def _interval(change: CostChange, unit: str) -> str:
    if change.low is None or change.high is None:
        return ""
    low, high = (f"{'+' if bound >= 0 else '−'}{quantity(abs(bound), unit)}" for bound in (change.low, change.high))
    return f" ({low} to {high} with 95 % confidence)"


def _place(cause: Cause) -> Sentence:
    if cause.culprit is not None:
        return _of_culprit(cause.culprit)
    rows = [row for row in cause.functions if row.own.difference > 0]
    if cause.total.low is not None and not cause.total.is_more:
        return ()
    if not rows:
        return ("No function explains it.",)
    first = max(rows, key=lambda row: row.own.difference)
    return (
        "Most of it is spent in ",
        Name(place(first.key, first.line)),
        f", which explains {percent(min(1.0, first.share))} of the difference; no changed line could be named.",
    )


def _of_culprit(culprit: Culprit) -> Sentence:
    where = Name(f"{culprit.location.path}:{culprit.location.line}")
    function = Name(culprit.function.function) if culprit.function else Name("the module")
    part = f"{share(culprit)} of the difference"
    if culprit.removed:
        removed = Name(culprit.removed)
        return ("The line ", removed, ", removed before ", where, ", belonged to ", function, f", which takes {part}.")
    match culprit.evidence:
        case Evidence.EXECUTED:
            return ("The changed line ", where, " in ", function, f" takes {part}.")
        case Evidence.ENCLOSING:
            return ("The change at ", where, " is in ", function, f", which takes {part}.")
        case Evidence.DEFINES:
            return ("The changed line ", where, " gives a value that ", function, f" uses, which takes {part}.")
        case Evidence.DEPENDENCY:
            return ("The changed line ", where, f" brings another version of a package, which takes {part}.")


def _calls(cause: Cause) -> Iterator[Sentence]:
    """Yield what is called more often, is new or has vanished, the costliest first."""
    rows = sorted(cause.functions, key=lambda row: -abs(row.total.difference))
    named = 0
    for row in rows:
        if named == _MOST_CALLS or not row.key.is_own:
            continue
        sentence = _of_calls(row)
        if sentence and row.total.difference > 0:
            named += 1
            yield sentence


def _of_calls(row: FunctionChange) -> Sentence:
    name = Name(row.key.function)
    if row.is_new:
        return (name, f" is new: {round(row.calls_head or 0):,} calls a run.")
    if row.is_called_more:
        before, after = round(row.calls_base or 0), round(row.calls_head or 0)
        return (name, f" is called {after:,} times a run, {before:,} times before.")
    return ()


def _moved(cause: Cause) -> Iterator[Sentence]:
    for moved in cause.moved[:2]:
        amount = quantity(moved.amount, cause.unit)
        yield (
            f"{amount} only moved from ",
            Name(moved.source.function),
            " to ",
            Name(moved.target.function),
            ": that is no regression.",
        )


def _ruled_out(cause: Cause) -> Sentence:
    """Return what the figures exclude, each with its reason."""
    if cause.total.low is not None and not cause.total.is_more:
        return ()
    facts: list[tuple[str, ...]] = []
    if cause.cpu_share is not None and cause.mode is CostMode.CPU and cause.cpu_share >= _MOSTLY:
        facts.append(("waiting, since the CPU time grew as the elapsed time did",))
    if cause.cpu_share is not None and cause.mode is CostMode.WALL and cause.cpu_share <= _HARDLY:
        facts.append(("more computing, since the CPU time did not grow with the elapsed time",))
    own = [row for row in cause.functions if row.key.is_own and row.calls_head is not None]
    if cause.counted and own and not any(row.is_called_more or row.is_new for row in own):
        facts.append(("more calls, since no function of the project is called more often",))
    culprit = cause.culprit.location.path if cause.culprit else ""
    files = [path for path in cause.unexecuted if path != culprit]
    if files:
        more = f" and {len(files) - _MOST_FILES} more" if len(files) > _MOST_FILES else ""
        names = [part for path in files[:_MOST_FILES] for part in (", ", Name(path))][1:]
        facts.append(("the changes in ", *names, f"{more}, of which no line was seen running"))
    if not facts:
        return ()
    parts: list[str] = ["Ruled out: "]
    for index, fact in enumerate(facts):
        parts += ["; "] * bool(index)
        parts += fact
    return (*parts, ".")


def flame_graph(cause: Cause) -> str:
    """Return the page: widths are the cost at the head, red is what got more expensive, blue what got cheaper.

    A second graph has the widths of the base, so that what the head no longer does can be seen too.
    """
    tree = cause.tree
    graphs = ""
    if tree is not None:
        for side, title in (("head", "Head"), ("base", "Base")):
            graphs += _graph(tree, cause, side, title)
    script = _file("flame_graph.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _file("flame_graph.html").format_map(
        {
            "policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
            "title": escaping.html(f"{as_plain(_title(cause))}: where the {kind(cause.mode)} went"),
            "paragraph": sentence(paragraph(cause), 200),
            "culprit": _culprit(cause),
            "graphs": graphs,
            "script": script,
        }
    )


def _title(cause: Cause) -> tuple[str, ...]:

    return subject(cause)


def _culprit(cause: Cause) -> str:
    if cause.culprit is None:
        return ""
    where = escaping.html(f"{cause.culprit.location.path}:{cause.culprit.location.line}")
    return f"<pre><b>{where}</b>  {escaping.html(cause.culprit.text, 300)}</pre>"


@cache
def _file(name: str) -> str:
    return (Path(__file__).with_name("templates") / name).read_text(encoding="utf-8")


def _graph(tree: StackNode, cause: Cause, side: str, title: str) -> str:
    total = tree.head if side == "head" else tree.base
    if total <= 0:
        return ""
    boxes = list(_boxes(tree, cause, side, WIDTH / total))[:MOST_BOXES]
    depth = max((row for row, _ in boxes), default=0) + 1
    height = depth * ROW
    what = f"{title}: {numbers.quantity(total, cause.unit)} of {kind(cause.mode)} a run"
    return (
        f"<h2>{escaping.html(what)}</h2>"
        f'<svg class="flames" viewBox="0 0 {WIDTH:.0f} {height}" role="img" aria-label="{escaping.html(what)}">'
        + "".join(box for _, box in boxes)
        + "</svg>"
    )


def _boxes(tree: StackNode, cause: Cause, side: str, scale: float) -> Iterator[tuple[int, str]]:
    """Yield row and SVG of every function that is wide enough to be seen, the root on top."""
    culprit = cause.culprit.function if cause.culprit else None
    waiting: list[tuple[StackNode, float, int]] = [(tree, 0.0, 0)]
    while waiting:
        node, left, row = waiting.pop()
        width = (node.head if side == "head" else node.base) * scale
        if width < _LEAST_WIDTH:
            continue
        yield row, _box(node, cause, (left, row * ROW, width), culprit)
        for child in node.children:
            waiting.append((child, left, row + 1))
            left += (child.head if side == "head" else child.base) * scale


def _box(node: StackNode, cause: Cause, box: tuple[float, float, float], culprit: FunctionKey | None) -> str:
    left, top, width = box
    difference = node.head - node.base
    sign = "+" if difference >= 0 else "−"
    tip = (
        f"{place(node.key, node.line)}: {numbers.quantity(node.base, cause.unit)} → "
        f"{numbers.quantity(node.head, cause.unit)} ({sign}{numbers.quantity(abs(difference), cause.unit)})"
    )
    mark = ' class="culprit"' if node.key == culprit else ""
    letters = int((width - 6) / _LETTER)
    name = escaping.html(escaping.shorten(escaping.plain(node.key.function, 200), letters)) if letters > 2 else ""  # noqa: PLR2004 - fewer say nothing
    return (
        f'<g{mark}><title>{escaping.html(tip)}</title><rect x="{left:.2f}" y="{top:.0f}" width="{width:.2f}" '
        f'height="{ROW - 1}" fill="{_colour(difference, cause)}"/>'
        f'<text x="{left + 3:.2f}" y="{top + ROW - 5:.0f}">{name}</text></g>'
    )


def _colour(difference: float, cause: Cause) -> str:
    """Return red for more and blue for less, the stronger the more of the whole difference it is."""
    span = max(abs(cause.total.difference), 0.02 * cause.total.base)
    part = max(-1.0, min(1.0, difference / span)) if span else 0.0
    if abs(part) < _NO_CHANGE:
        return "#e8e4da"
    strength = abs(part) ** 0.5
    weak = round(232 - 150 * strength)
    return f"#{240:02x}{weak:02x}{weak:02x}" if part > 0 else f"#{weak:02x}{weak + 10:02x}{245:02x}"
