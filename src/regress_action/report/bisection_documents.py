"""A bisection as JSON, read back where another job wrote it, and as Markdown for a comment."""

from __future__ import annotations

import math
import re
from typing import Any

from regress_action.model import escaping
from regress_action.model.bisections import KEPT, BisectionResult, Ending, PackageChange, Suspect
from regress_action.model.errors import InputError
from regress_action.model.escaping import plain
from regress_action.report.bisections import basis, first_commit_words, package_words, probability
from regress_action.report.numbers import change, count, interval

_CANDIDATES = 6
_FILES = 8
_PACKAGES = 12
_SUBJECT, _AUTHOR = 60, 60


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
    return "\n\n".join([*parts, f"<sub>{basis(result)}</sub>"])


def _commit_line(suspect: Suspect) -> str:
    paths = ", ".join(escaping.code_span(path) for path in suspect.files[:_FILES])
    author = f" by {escaping.code_span(suspect.author, _AUTHOR)}" if suspect.author else ""
    return f"{escaping.code_span(suspect.subject, _SUBJECT)}{author}{f', changes {paths}' if paths else ''}"


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
