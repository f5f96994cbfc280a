"""A bisection in a terminal: the first bad commit, how sure that is, and what to do next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from regress_action.model.bisections import BisectionResult, Ending, PackageChange, Suspect
from regress_action.model.escaping import plain
from regress_action.report.console import ConsolePage
from regress_action.report.numbers import change, count, interval

if TYPE_CHECKING:
    from rich.console import Console

_ROWS = 6
_BAR = 20
_FILES = 8
_PACKAGES = 12
_SUBJECT = 60
_SHORT = 10
_LEAST_SHOWN = 0.001


def probability(value: float) -> str:
    """Return a probability as `99.4 %`, rounded down, so that it never reads as certain."""
    return f"{math.floor(min(value, 0.9999) * 1000) / 10:.1f} %"


def show(result: BisectionResult, console: Console) -> None:
    """Print the answer first, then what it rests on, then what to do next."""
    page = ConsolePage(console, verbose=False)
    for words, style in _headline(result):
        page.sentence(words, style)
    page.sentence(basis(result), "dim")
    if result.ending not in (Ending.NO_CHANGE, Ending.UNDECIDED):
        _table(page, result)
    _skipped(page, result)
    if first := result.first_bad:
        _culprit(page, first, result)
    page.line()
    for words in _next(result):
        page.sentence(words)


def _headline(result: BisectionResult) -> list[tuple[str, str]]:
    what = f"{plain(result.benchmark or '')} ({plain(result.metric or '')})"
    moved = f"{change(result.ratio)} (95 % interval {interval(result.ratio_low, result.ratio_high, like=result.ratio)})"
    match result.ending:
        case Ending.FOUND if first := result.first_bad:
            words = f"{first_commit_words(result)}: {first.commit[:_SHORT]} {plain(first.subject, _SUBJECT)}"
            return [(words, "bold"), (f"Probability {probability(first.probability)}. {what}: {moved}.", "bold")]
        case Ending.NO_CHANGE:
            words = f"No change found: {what} at {result.bad[:_SHORT]} is {moved} of {result.good[:_SHORT]}."
            return [(words, "bold yellow")]
        case Ending.UNDECIDED:
            words = f"Not decided whether {what} changed: {moved}, and {result.pairs} pairs are too few for this noise."
            return [(words, "bold yellow")]
        case Ending.INDISTINGUISHABLE:
            words = f"The change is in one of {count(len(result.candidates), 'commit')} that cannot be distinguished."
            return [(words, "bold yellow"), (f"{what}: {moved}.", "bold")]
    best = f"; most probable is {result.suspects[0].commit[:_SHORT]}" if result.suspects else ""
    return [(f"Not finished: the limit was reached before {probability(result.target)}{best}.", "bold yellow")]


def first_commit_words(result: BisectionResult) -> str:
    """Return what the commit that was found is called: bad where it made the benchmark worse."""
    return "First bad commit" if (result.ratio or 1) >= 1 else "First commit with the improvement"


def basis(result: BisectionResult) -> str:
    """Return what was searched and what that cost."""
    return (
        f"{count(result.commits, 'commit')} in {result.good[:_SHORT]}..{result.bad[:_SHORT]}, "
        f"{count(result.builds, 'build')} between them, {count(result.pairs, 'pair')} measured."
    )


def _table(page: ConsolePage, result: BisectionResult) -> None:
    rows = [suspect for suspect in result.suspects[:_ROWS] if suspect.probability >= _LEAST_SHOWN]
    if not rows:
        return
    page.section("Where the change is")
    for suspect in rows:
        bar = "█" * max(1, round(suspect.probability * _BAR))
        page.line(
            (f"  {probability(suspect.probability):>7}  ", "bold"),
            (f"{bar:<{_BAR}}  ", "cyan"),
            (f"{suspect.commit[:_SHORT]}  ", ""),
            (f"{_measured(suspect):<18}  ", "dim"),
            (plain(suspect.subject, _SUBJECT), ""),
        )


def _measured(suspect: Suspect) -> str:
    if suspect.skipped:
        return "cannot be built"
    return "not measured" if suspect.ratio is None else f"{change(suspect.ratio)}, {count(suspect.pairs, 'pair')}"


def _skipped(page: ConsolePage, result: BisectionResult) -> None:
    if not result.skipped:
        return
    page.section("Skipped")
    for commit, reason in result.skipped[:_ROWS]:
        page.sentence(f"{commit[:_SHORT]}: {plain(reason)}", "dim", indent=2)
    if len(result.skipped) > _ROWS:
        page.line((f"  … and {len(result.skipped) - _ROWS} more", "dim"))


def _culprit(page: ConsolePage, first: Suspect, result: BisectionResult) -> None:
    page.section(f"Commit {first.commit[:_SHORT]}")
    page.sentence(f"{plain(first.subject)}", indent=2)
    if first.author:
        page.sentence(f"{plain(first.author, 80)}, {plain(first.date, 20)}", "dim", indent=2)
    for path in first.files[:_FILES]:
        page.line((f"  {plain(path)}", ""))
    if len(first.files) > _FILES:
        page.line((f"  … and {len(first.files) - _FILES} more files", "dim"))
    if result.packages:
        page.section("Packages that it changed")
        for package in result.packages[:_PACKAGES]:
            page.sentence(package_words(package), indent=2)
        if len(result.packages) > _PACKAGES:
            page.line((f"  … and {len(result.packages) - _PACKAGES} more", "dim"))
    if inner := result.of_packages:
        _package_answer(page, inner)


def _package_answer(page: ConsolePage, inner: BisectionResult) -> None:
    page.line()
    if first := inner.first_bad:
        words = f"The package: {plain(first.subject)}, probability {probability(first.probability)}"
        page.sentence(f"{words}, {change(inner.ratio)} ({count(inner.builds, 'build')} of mixed lock files).", "bold")
        return
    names = ", ".join(plain(suspect.subject) for suspect in inner.candidates[:_PACKAGES])
    page.sentence(f"Which package it was is not decided: {names}.", "yellow")


def package_words(package: PackageChange) -> str:
    """Return `numpy 1.26.4 → 2.0.0`, or that the package is new or gone."""
    name = plain(package.name, 80)
    if package.before is None:
        return f"{name} {plain(package.after or '', 80)} (new)"
    return f"{name} {plain(package.before, 80)} → {plain(package.after or 'gone', 80)}"


def _next(result: BisectionResult) -> list[str]:
    if first := result.first_bad:
        return [f"Next: git show {first.commit[:_SHORT]}"]
    match result.ending:
        case Ending.NO_CHANGE:
            return ["Next: name a good commit that is older, another benchmark (-k) or another metric (--metric)."]
        case Ending.UNDECIDED:
            return ["Next: measure on a quieter machine, or a metric with less noise (--metric)."]
        case Ending.INDISTINGUISHABLE:
            return [
                "Next: look at these commits together"
                + (", or correct --setup so that more of them can be built." if result.skipped else ".")
            ]
    return ["Next: run the same command again; what was measured is kept, and it goes on from there."]


def step_line(
    commit: str,
    *,
    place: tuple[int, int],
    pairs: int,
    level: float | None,
    skipped: str | None,
    best: tuple[str, float] | None,
) -> str:
    """Return what a log says of one step; `level` is the mean log ratio of the commit to the good one."""
    where = f"{commit[:_SHORT]} ({place[0]} of {place[1]})"
    if skipped is not None:
        return f"{where}: skipped. {plain(skipped)}"
    words = f"{where}: {change(math.exp(level)) if level is not None else '–'} over {count(pairs, 'pair')}"
    return f"{words}; most probable {best[0][:_SHORT]}, {probability(best[1])}" if best else words
