"""Whether the benchmarks of a service got slower or faster together, though each of them alone is undecided.

The unit of evidence is the pair: the mean log ratio of these benchmarks in one pair is one value, so what moved them
together in that pair (they share its two processes and its moment) counts once and not once per benchmark.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from regress_action.analysis import designs, distributions
from regress_action.model.reasons import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regress_action.analysis.arrays import Floats, Ints
    from regress_action.analysis.grading import Analysis
    from regress_action.analysis.policy import Policy

_FEWEST_BENCHMARKS = 5
_FEWEST_PAIRS = 5
_ALPHA = 0.001  # of one service; a suite with many of them is still wrong once in a hundred times at most
_CONFIDENCE = 0.95


def notes(analysis: Analysis, policy: Policy) -> Iterator[Note]:
    """Yield a note for each service whose times moved together in interleaved pairs.

    Only where they were measured in pairs, of the benchmarks that are not changed by themselves where those are more
    than the others, and by the pairs in which all of them were measured.
    """
    estimates = analysis.estimates
    rows = np.flatnonzero(analysis.matrix.scale.timed & ~analysis.matrix.scale.linear)
    rows = rows[estimates.estimate.design[rows] == designs.PAIRED]
    services: dict[str, list[int]] = {}
    for row in rows:
        if analysis.matrix.rows.metrics[row].name == "time":
            services.setdefault(analysis.matrix.rows.benchmarks[row].service or "", []).append(int(row))
    for service, members in sorted(services.items()):
        yield from _note(service, np.array(members), analysis, policy)


def _note(service: str, rows: Ints, analysis: Analysis, policy: Policy) -> Iterator[Note]:
    estimates = analysis.estimates
    changed = np.abs(estimates.estimate.d[rows]) > _beyond(analysis, rows)
    rows = rows[~changed]  # leaving out what changed most pulls the mean of the rest towards no change
    if len(rows) < max(_FEWEST_BENCHMARKS, changed.sum() + 1):
        return
    means = _means(estimates.head[rows] - estimates.base[rows])
    if means.size < _FEWEST_PAIRS:
        return
    layout = np.array([policy.session_spread.paired])  # of the builds, in full: they may share a part of it
    estimate = designs.paired(means[None, :], layout, policy.minimum_pairs)
    d, se, df = float(estimate.d[0]), float(estimate.se[0]), float(estimate.df[0])
    if not se > 0 or float(distributions.two_sided_p(d / se, df)) >= _ALPHA:
        return
    reach = float(distributions.t_quantile((1 - _CONFIDENCE) / 2, df)) * se
    ratios = (math.exp(d), math.exp(d - reach), math.exp(d + reach))
    yield Note(NoteCode.SERVICE_SHIFT, (*ratios, float(len(rows)), float(means.size)), (service,))


def _beyond(analysis: Analysis, rows: Ints) -> Floats:
    """Return how far each difference must lie from no change to be one by itself beyond doubt."""
    estimate = analysis.estimates.estimate
    return distributions.t_quantile(_ALPHA / 2, estimate.df[rows]) * estimate.se[rows]


def _means(differences: Floats) -> Floats:
    """Return the mean over the rows of each column in which all of them have a value."""
    complete = ~np.isnan(differences).any(axis=0)
    return np.asarray(differences[:, complete].mean(axis=0))
