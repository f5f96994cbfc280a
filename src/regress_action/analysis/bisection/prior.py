"""How likely a commit is to change the speed of a program before anything is measured: by the files it changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regress_action.analysis.arrays import Flags, Floats

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


def weight(files: Iterable[str], *, is_merge: bool = False) -> float:
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


def of_levels(contains: Flags, by_files: Floats, levels: Sequence[tuple[int, float]]) -> Floats:
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
