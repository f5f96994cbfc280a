"""The same surroundings in every run: variables, time zone, locale, random numbers, the garbage collector."""

from __future__ import annotations

import gc
import locale
import os
import random
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEPT = ("PATH", "HOME", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "SYSTEMROOT", "LD_LIBRARY_PATH")
FIXED = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "COLUMNS": "80"}


@contextmanager
def frozen_environment(seed: int = 0, variables: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """Fix what a result may depend on, give what was set, and put everything back.

    Only a few variables of the environment stay, beside the fixed ones and `variables`; the random numbers of the
    standard library (and of NumPy, where it is imported) start from `seed`; garbage is collected before. The hash seed
    holds for processes that are started inside, because that of this one was chosen when it began.
    """
    before, state, zone = dict(os.environ), random.getstate(), locale.setlocale(locale.LC_ALL)
    numpy: Any = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy else None
    fixed = FIXED | dict(variables or {})
    _set({name: before[name] for name in KEPT if name in before} | fixed)
    random.seed(seed)
    if numpy:
        numpy.random.seed(seed % 2**32)
    gc.collect()
    try:
        yield {**fixed, "seed": str(seed)}
    finally:
        _set(before)
        random.setstate(state)
        if numpy:
            numpy.random.set_state(numpy_state)
        locale.setlocale(locale.LC_ALL, zone)


def _set(variables: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)
    if hasattr(time, "tzset"):
        time.tzset()
