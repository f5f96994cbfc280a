"""The kinds of arrays that the judge works on, and the way back to plain Python."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Ints: TypeAlias = npt.NDArray[np.integer[Any]]
Flags: TypeAlias = npt.NDArray[np.bool_]


def plain(array: npt.NDArray[Any]) -> list[Any]:
    """Return a one-dimensional array as a list of Python numbers, whose access is ten times cheaper."""
    return list(array.tolist())
