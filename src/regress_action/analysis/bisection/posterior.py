"""The probability of every candidate to be the first commit with the change.

Also here: how likely a commit is to change the speed of a program before anything is measured: by the files it
changes.

The model of the mean log ratio of commit i to the good commit, for the candidate c that made the change:

    mean[i] = offset + step · (c is an ancestor of i, or i itself) + build[i] + noise / √pairs[i]

`step` ~ N(0, scale²), `offset` and `build[i]` ~ N(0, build²) because a build moves a program by its layout alone, and
`noise` ~ N(0, pair²). Step and offset are integrated out in closed form; `pair`, `build` and `scale` are unknown and
summed over a grid with weights, which gives tails like Student's t. One more hypothesis says that nothing changed.
A Gaussian linear model with unknown variances is textbook matter (Gelman et al., Bayesian Data Analysis, chapter 14).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regress_action.analysis.arrays import Flags, Floats
    from regress_action.analysis.bisection.observations import Observations


PRIOR_UNCHANGED = 0.2
_TYPICAL_PAIR_SPREAD, _PAIR_SPREAD_DECADES = 0.015, 1.6
_PAIR_SPREADS = np.geomspace(1e-5, 0.6, 40)
_BUILD_SPREADS = np.array([0.0, 0.001, 0.003, 0.01])
_BUILD_WEIGHTS = np.array([0.55, 0.25, 0.15, 0.05])
_STEP_SCALES = np.array([0.02, 0.06, 0.2, 0.6, 1.8])


@dataclass(frozen=True, slots=True)
class Posterior:
    """What the measurements say.

    `first` has shape (candidates,): the probability that this candidate made the change. `unchanged` is the probability
    that none did; together they add up to one. `step` is the log ratio after the change to before it with its standard
    deviation `step_error`, `pair_spread` and `build_spread` are the standard deviations of one pair's log ratio and of
    one build.
    """

    first: Floats
    unchanged: float
    step: float
    step_error: float
    pair_spread: float
    build_spread: float

    @property
    def best(self) -> int:
        """The most probable candidate."""
        return int(np.argmax(self.first))


@dataclass(frozen=True, slots=True)
class _Grid:
    """The unknown spreads: one cell for each combination, all of shape (cells,)."""

    pair: Floats
    build: Floats
    scale: Floats
    log_weight: Floats


@lru_cache(maxsize=1)
def _grid() -> _Grid:
    pair, build, scale = (
        axis.ravel() for axis in np.meshgrid(_PAIR_SPREADS, _BUILD_SPREADS, _STEP_SCALES, indexing="ij")
    )
    decades = np.log(pair / _TYPICAL_PAIR_SPREAD) / _PAIR_SPREAD_DECADES
    of_build = np.log(_BUILD_WEIGHTS)[np.searchsorted(_BUILD_SPREADS, build)]
    return _Grid(pair, build, scale, -0.5 * decades**2 + of_build)


def posterior(contains: Flags, prior: Floats, seen: Observations, unchanged: float = PRIOR_UNCHANGED) -> Posterior:
    """Return the posterior over the candidates.

    `contains[i, c]` says whether commit i contains candidate c, shape (commits, candidates). `prior` are the weights of
    the candidates before anything was measured; they need not add up to one. `unchanged` is the prior probability that
    no candidate changed anything.
    """
    grid = _grid()
    weights = (prior / prior.sum()) * (1 - unchanged)
    log_prior = np.log(np.append(weights, unchanged))
    after = np.column_stack([contains[seen.commits], np.zeros(len(seen.commits), dtype=bool)]).astype(float)
    patterns, members = np.unique(after, axis=1, return_inverse=True)  # candidates that no measurement distinguishes
    members = members.reshape(-1)
    log_evidence, step, step_variance = _marginal(grid, patterns, seen)
    of_pattern = np.bincount(members, weights=np.exp(log_prior), minlength=patterns.shape[1])
    joint = log_evidence + np.log(np.maximum(of_pattern, 1e-300)) + grid.log_weight[:, None]
    mass = np.exp(joint - joint.max())
    mass /= mass.sum()
    probability = mass.sum(axis=0)[members] * np.exp(log_prior) / of_pattern[members]
    changed = mass * patterns.any(axis=0)
    total = max(changed.sum(), 1e-300)
    mean = float((changed * step).sum() / total)
    variance = float((changed * (step_variance + (step - mean) ** 2)).sum() / total)
    of_cell = mass.sum(axis=1)
    return Posterior(
        first=probability[:-1],
        unchanged=float(probability[-1]),
        step=mean,
        step_error=variance**0.5,
        pair_spread=float(np.exp(of_cell @ np.log(grid.pair))),
        build_spread=float(of_cell @ grid.build),
    )


def _marginal(grid: _Grid, after: Floats, seen: Observations) -> tuple[Floats, Floats, Floats]:
    """Return log evidence, mean and variance of the step for each cell and pattern, shape (cells, patterns).

    `after[i, h]` is 1 where measured commit i has the change under pattern h.
    """
    pair, build = grid.pair[:, None] ** 2, grid.build[:, None] ** 2
    variance = pair / seen.pairs + build
    precision = 1 / variance
    common = -0.5 * (
        (seen.pairs - 1) * np.log(pair) + np.log(variance) + seen.scatter / pair + precision * seen.means**2
    ).sum(axis=1)
    # Offset and step are a linear model of two unknowns with independent priors of deviations b and s.
    b, s = grid.build[:, None], grid.scale[:, None]
    weight_all, sum_all = precision.sum(axis=1)[:, None], (precision * seen.means).sum(axis=1)[:, None]
    weight_after, sum_after = precision @ after, (precision * seen.means) @ after
    offset_part, step_part, cross = 1 + b**2 * weight_all, 1 + s**2 * weight_after, b * s * weight_after
    determinant = offset_part * step_part - cross**2
    u, v = b * sum_all, s * sum_after
    quadratic = (step_part * u**2 - 2 * cross * u * v + offset_part * v**2) / determinant
    evidence = common[:, None] - 0.5 * np.log(determinant) + 0.5 * quadratic
    step = s * (offset_part * v - cross * u) / determinant
    return evidence, step, s**2 * offset_part / determinant


EMPTY, DOCUMENTS, PERIPHERY, MERGE, CODE = 0.03, 0.05, 0.15, 0.2, 1.0
"""Weights relative to a commit that changes code. None is zero: a text may be read by the program."""

_DOCUMENT = re.compile(
    r"(^|/)(docs?/|licen[cs]e|notice|authors|changelog)|\.(md|rst|adoc|txt|png|jpe?g|gif|svg)$", re.IGNORECASE
)
_READ_BY_TOOLS = re.compile(r"(^|/)([\w.-]*(requirements|constraints)[\w.-]*|CMakeLists)\.txt$", re.IGNORECASE)
_PERIPHERY = re.compile(
    r"(^|/)(\.github|\.gitlab|\.circleci|\.vscode|\.idea)/|(^|/)(tests?|testing|spec)/|(^|/)test_[^/]*\.py$"
    r"|_test\.(go|py)$|\.(test|spec)\.[jt]sx?$|(^|/)\.(gitlab-ci|travis|pre-commit-config|editorconfig|gitignore)",
    re.IGNORECASE,
)


def prior_weight(files: Iterable[str], *, is_merge: bool = False) -> float:
    """Return the weight of a commit that changes these files; a merge whose branch is searched too adds little."""
    return min(_weight_of_files(files), MERGE if is_merge else CODE)


def _weight_of_files(files: Iterable[str]) -> float:
    return max((_weight_of_file(path) for path in files), default=EMPTY)


def _weight_of_file(path: str) -> float:
    if _READ_BY_TOOLS.search(path):
        return CODE
    if _DOCUMENT.search(path):
        return DOCUMENTS
    return PERIPHERY if _PERIPHERY.search(path) and "bench" not in path.lower() else CODE


_LEAST_OF_HISTORY = 0.05
_SMALLEST_VARIANCE = 1e-8


def prior_of_levels(contains: Flags, by_files: Floats, levels: Sequence[tuple[int, float]]) -> Floats:
    """Return the weights of the candidates by values that were stored before.

    `levels` are (commit, log value); the commit −1 stands before all. Each candidate splits them in two groups with a
    mean each; with unknown means and variance the likelihood of the split is its sum of squares to the power
    −(n − 1) / 2. No weight falls below a twentieth of that by files alone, since values of other days carry the noise
    of those days.
    """
    commits = np.array([commit for commit, _ in levels], dtype=np.intp)
    values = np.array([value for _, value in levels], dtype=float)
    after = contains[commits] & (commits[:, None] >= 0)
    squares = np.array([_within(values, column) for column in after.T]) + _SMALLEST_VARIANCE * len(values)
    likelihood = np.exp(-0.5 * (len(values) - 1) * np.log(squares / squares.min()))
    weights: Floats = by_files * (_LEAST_OF_HISTORY + likelihood)
    return weights


def _within(values: Floats, after: Flags) -> float:
    """Return the sum of squares around the means of the two groups."""
    groups = (values[after], values[~after])
    return float(sum(np.square(group - group.mean()).sum() for group in groups if len(group)))
