"""What a release changed: its levels against the releases before it, as the object of `release-report --json`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from regress_action.analysis import cumulative_drift, histories
from regress_action.analysis.series_state import badness, limits_of
from regress_action.history import Checkout
from regress_action.model.errors import HistoryError, IncompleteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from regress_action.analysis import Policy
    from regress_action.analysis.cumulative_drift import DriftSince, ReleaseDrifts
    from regress_action.analysis.series_state import SeriesLimits
    from regress_action.model.measurements import Report

    Content = dict[str, Any]

SCHEMA = 1

COMPARED = 3
"""Earlier releases that a release is compared with, at most."""

MOVED = 1.03
"""Badness ratio from which a difference whose interval leaves 1 out counts as slower, or its inverse as faster."""

_RECENT = 40


def of_release(
    reports: Sequence[Report], release: str, policy: Policy, *, root: Path, environ: Mapping[str, str]
) -> Content:
    """Compare a release, by its tag, with up to three before it.

    A release is judged by its newest commit that was measured.

    Raises:
        UsageError: the checkout at `root` does not hold the tag.
        IncompleteError: no commit of the release was measured, or of none before it.
    """
    ordered = histories.in_order(reports)
    measured = _measured_releases(Checkout(root, environ), release, {report.commit for report in ordered})
    head, earlier = measured[0], measured[1 : 1 + COMPARED]
    if not earlier:
        raise IncompleteError(
            f"No release before {release} was measured.",
            meaning="There is nothing to compare the release with.",
            remedy="Record reports on the default branch, and run it again after the next release.",
        )
    newest = max(number for number, report in enumerate(ordered) if report.commit == head[1])
    until = ordered[: newest + 1]
    drifts = cumulative_drift.since_releases(until, [commit for _, commit in earlier])
    authors = {report.commit: dict(report.provenance).get("actor", "") for report in until if report.commit}
    limits = limits_of([d.history.benchmark for d in drifts], [d.history.metric for d in drifts], policy)
    names = [name for name, _ in earlier]
    series = [_series(drift, names, limit, authors) for drift, limit in zip(drifts, limits, strict=True)]
    return {
        "schema": SCHEMA,
        "release": release,
        "commit": head[1],
        "time": until[-1].created,
        "against": [
            {"release": name, "commit": commit, **_overall(series, number)}
            for number, (name, commit) in enumerate(earlier)
        ],
        "series": sorted(series, key=_worst_first),
    }


def _measured_releases(checkout: Checkout, release: str, commits: set[str | None]) -> list[tuple[str, str]]:
    """Return the release and those before it, newest first, each with the measured commit that stands for it.

    Raises:
        IncompleteError: none stands for the release.
        UsageError: there is no such tag.
    """
    try:
        ancestors = checkout.ancestors(f"refs/tags/{release}^{{commit}}")
    except HistoryError as error:
        raise UsageError(
            f"This checkout has no tag {release!r:.200}.",
            remedy="Fetch the tags (fetch-depth: 0 in actions/checkout), or check the name.",
        ) from error
    tags = checkout.tags()
    results: list[tuple[str, str]] = []
    waiting: str | None = release
    for number, commit in enumerate(ancestors):
        if number and commit in tags:
            if not results:
                break  # what comes is the release before
            waiting = tags[commit]
        if commit in commits and waiting:
            results.append((waiting, commit))
            waiting = None
    if not results:
        raise IncompleteError(
            f"No commit of {release} was measured.",
            meaning="The history holds no report of the tag's commit, nor of one before it.",
            remedy="Name the branch and the suite that were recorded: --branch, --suite.",
        )
    return results


def _series(drift: ReleaseDrifts, names: Sequence[str], limit: SeriesLimits, authors: Mapping[str, str]) -> Content:
    history = drift.history
    against = [
        _against(name, since, authors) if since else {"release": name}
        for name, since in zip(names, drift.since, strict=True)
    ]
    used = None if limit.budget is None else badness(limit.budget, drift.level, history.metric.direction)
    return {
        **history.identity,
        "level": drift.level,
        "change": _change(drift.since[0]),
        "against": against,
        "budget": None if used is None else {"key": limit.budget_key, "limit": limit.budget, "used": used},
        "recent": history.values[-_RECENT:].tolist(),
    }


def _against(name: str, since: DriftSince, authors: Mapping[str, str]) -> Content:
    return {
        "release": name,
        "level": since.start_level,
        "ratio": since.ratio,
        "ratio_low": since.low,
        "ratio_high": since.high,
        "unexplained": since.unexplained,
        "changes": [
            {"commit": change.point.commit, "author": authors.get(change.point.commit or "", ""), "ratio": change.ratio}
            for change in since.changes
        ],
    }


def _change(since: DriftSince | None) -> str:
    """Return `slower`, `faster`, `unchanged`, or `new` where the release before did not measure it."""
    if since is None:
        return "new"
    if since.low > 1 and since.ratio >= MOVED:
        return "slower"
    return "faster" if since.high < 1 and since.ratio <= 1 / MOVED else "unchanged"


def _overall(series: Sequence[Content], number: int) -> Content:
    """Return the geometric mean of the series that both releases have."""
    ratios = [entry["against"][number]["ratio"] for entry in series if "ratio" in entry["against"][number]]
    mean = math.exp(math.fsum(map(math.log, ratios)) / len(ratios)) if ratios else None
    return {"series": len(ratios), "geomean_ratio": mean}


def _worst_first(entry: Content) -> tuple[int, float]:
    order = ("slower", "faster", "unchanged", "new").index(entry["change"])
    ratio = entry["against"][0].get("ratio", 1.0)
    return order, ratio if entry["change"] == "faster" else -ratio
