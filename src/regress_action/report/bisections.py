"""A bisection in a terminal: the first bad commit, how sure that is, and what to do next.

Also here: a bisection as JSON, read back where another job wrote it, and as Markdown for a comment.
"""

from __future__ import annotations

import math
import re
import shlex
from typing import TYPE_CHECKING, Any

from regress_action.model import escaping
from regress_action.model.changes import KEPT, BisectionResult, Ending, OtherChange, PackageChange, Suspect
from regress_action.model.errors import InputError
from regress_action.model.escaping import plain
from regress_action.report.numbers import change, count, interval
from regress_action.report.terminal import ConsolePage

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
    if result.others:
        page.section("Changed as well, and not bisected")
        for other in result.others[:_ROWS]:
            page.sentence(f"{plain(other.benchmark)} ({plain(other.metric)}): {change(other.ratio)}", indent=2)
        if len(result.others) > _ROWS:
            page.line((f"  … and {len(result.others) - _ROWS} more", "dim"))
    if first := result.first_bad:
        _culprit(page, first, result)
    page.line()
    for words in _next(result):
        page.sentence(words)
    if result.others:
        page.sentence(f"Of another benchmark: {plain(other_command(result))}")


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


_CANDIDATES = 6
_OTHERS = 5
_DOCUMENT_SUBJECT, _AUTHOR = 60, 60


def as_object(result: BisectionResult) -> dict[str, Any]:
    """Return the result as one JSON object."""
    first = result.first_bad
    best = result.suspects[0] if result.suspects else None
    return {
        "schema": 1,
        "first_bad": first.commit if first else None,
        "probability": _rounded_down(best.probability) if best else None,
        "builds": result.builds,
        "ratio": result.ratio,
        "ratio_low": result.ratio_low,
        "ratio_high": result.ratio_high,
        "ending": result.ending.value,
        "benchmark": result.benchmark,
        "metric": result.metric,
        "good": result.good,
        "bad": result.bad,
        "commits": result.commits,
        "pairs": result.pairs,
        "unchanged": None if math.isnan(result.unchanged) else result.unchanged,
        "candidates": [_suspect_object(suspect) for suspect in result.candidates],
        "skipped": [{"commit": commit, "reason": reason} for commit, reason in result.skipped],
        "others": [{"benchmark": o.benchmark, "metric": o.metric, "ratio": o.ratio} for o in result.others],
        "packages": [{"name": p.name, "before": p.before, "after": p.after} for p in result.packages],
        "of_packages": as_object(result.of_packages) if result.of_packages else None,
    }


def _rounded_down(value: float) -> float:
    return math.floor(min(value, 0.9999) * 1e4) / 1e4


def _suspect_object(suspect: Suspect) -> dict[str, Any]:
    return {
        "commit": suspect.commit,
        "subject": suspect.subject,
        "author": suspect.author,
        "date": suspect.date,
        "files": list(suspect.files),
        "probability": _rounded_down(suspect.probability),
        "ratio": suspect.ratio,
        "pairs": suspect.pairs,
    }


def markdown(result: BisectionResult) -> str:
    """Return the answer for a comment on GitHub; names, subjects and paths are foreign text."""
    what = f"{escaping.code_span(result.benchmark or '')} ({escaping.inline(plain(result.metric or ''))})"
    size = f"{change(result.ratio)} (95 % interval {interval(result.ratio_low, result.ratio_high, like=result.ratio)})"
    parts = []
    if first := result.first_bad:
        sure = probability(first.probability)
        heading = f"{first_commit_words(result)}: {first.commit}"
        parts += [f"**{heading}** (probability {sure})", _commit_line(first), f"{what}: {size}"]
        if result.packages:
            names = ", ".join(escaping.code_span(package_words(package)) for package in result.packages[:_PACKAGES])
            parts.append(f"It changes {count(len(result.packages), 'package')}: {names}")
        if result.of_packages and (package := result.of_packages.first_bad):
            sure = probability(package.probability)
            parts.append(f"The package: {escaping.code_span(package.subject)} (probability {sure})")
    elif result.ending is Ending.NO_CHANGE:
        parts.append(f"A bisection of {result.good}..{result.bad} found no change of {what}: {size}")
    else:
        names = "".join(
            f"\n- {entry.commit} ({probability(entry.probability)}): {_commit_line(entry)}"
            for entry in result.candidates[:_CANDIDATES]
        )
        parts.append(f"A bisection did not decide which commit changed {what}. Most probable are:{names}")
    if result.others:
        parts.append(_others_line(result))
    return "\n\n".join([*parts, f"<sub>{basis(result)}</sub>"])


def _others_line(result: BisectionResult) -> str:
    """Return what changed as well and was not searched, and the command that searches for it."""
    names = ", ".join(
        f"{escaping.code_span(other.benchmark)} ({change(other.ratio)})" for other in result.others[:_OTHERS]
    )
    more = f" and {len(result.others) - _OTHERS} more" if len(result.others) > _OTHERS else ""
    return (
        f"Changed between the same commits, and not bisected: {names}{more}. To search for one of them: "
        f"{escaping.code_span(other_command(result))}"
    )


def other_command(result: BisectionResult) -> str:
    """Return the command that searches the same commits for the clearest of the other changes."""
    return shlex.join(
        ["regress-action", "bisect", f"{result.good[:_SHORT]}..{result.bad[:_SHORT]}", "-k", result.others[0].benchmark]
    )


def _commit_line(suspect: Suspect) -> str:
    paths = ", ".join(escaping.code_span(path) for path in suspect.files[:_FILES])
    author = f" by {escaping.code_span(suspect.author, _AUTHOR)}" if suspect.author else ""
    return f"{escaping.code_span(suspect.subject, _DOCUMENT_SUBJECT)}{author}{f', changes {paths}' if paths else ''}"


def from_object(content: object) -> BisectionResult:
    """Return the result that `as_object` wrote, of which only the form is trusted.

    Raises:
        InputError: it is none.
    """
    try:
        return _result_of(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            "This is no answer of a bisection.",
            meaning="A field is missing or of another type.",
            remedy="Give the file that `regress-action bisect … --json FILE` wrote.",
        ) from error


def _result_of(content: Any) -> BisectionResult:  # noqa: ANN401 - JSON of another job
    if content["schema"] != 1:
        raise ValueError("another schema")
    inner, ratios = content["of_packages"], [_optional(content[name]) for name in ("ratio", "ratio_low", "ratio_high")]
    return BisectionResult(
        good=_commit_id(content["good"]),
        bad=_commit_id(content["bad"]),
        commits=int(content["commits"]),
        ending=Ending(content["ending"]),
        target=_likely(sum(_likely(entry["probability"]) for entry in content["candidates"][:KEPT]) or 0.0),
        suspects=tuple(_suspect_of(entry) for entry in content["candidates"][:KEPT]),
        unchanged=_optional(content["unchanged"]) or 0.0,
        builds=int(content["builds"]),
        pairs=int(content["pairs"]),
        ratio=ratios[0],
        ratio_low=ratios[1],
        ratio_high=ratios[2],
        benchmark=None if content["benchmark"] is None else str(content["benchmark"]),
        metric=None if content["metric"] is None else str(content["metric"]),
        packages=tuple(
            PackageChange(str(entry["name"]), _text(entry["before"]), _text(entry["after"]))
            for entry in content["packages"][:KEPT]
        ),
        of_packages=_result_of(inner) if inner is not None else None,
        others=tuple(
            OtherChange(str(entry["benchmark"]), str(entry["metric"]), float(entry["ratio"]))
            for entry in content.get("others", ())[:KEPT]
        ),
    )


def _suspect_of(entry: Any) -> Suspect:  # noqa: ANN401 - JSON of another job
    return Suspect(
        commit=_commit_id(entry["commit"]),
        subject=str(entry["subject"]),
        author=str(entry["author"]),
        date=str(entry["date"]),
        files=tuple(str(path) for path in entry["files"][:_FILES]),
        probability=_likely(entry["probability"]),
        ratio=_optional(entry["ratio"]),
        pairs=int(entry["pairs"]),
    )


def _commit_id(value: object) -> str:
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", str(value)):
        raise ValueError("no commit")
    return str(value)


def _likely(value: object) -> float:
    return min(max(float(str(value)), 0.0), 1.0)


def _optional(value: object) -> float | None:
    return None if value is None else float(str(value))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
