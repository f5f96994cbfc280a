"""Planted causes: small git repositories with a base and a head; is the right function first, and the right line?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diagnosis.figures import Figure


def figures(*, quick: bool) -> list[Figure]:
    """Return how many causes came out right."""
    del quick
    return []
