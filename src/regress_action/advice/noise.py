"""Why a benchmark is noisy: what its slow runs have in common, by what was watched of every run, and what helps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy as np
    import numpy.typing as npt

    Values = npt.NDArray[np.float64]


class Option(NamedTuple):
    """One thing that may help, in words for the middle of a sentence, and how the name of its trial begins."""

    words: str
    trial: str = ""


_CPU_ALONE = Option("time the CPU alone", "CPU time alone")
_IN_MEMORY = Option("put its files into memory (TMPDIR=/dev/shm)", "files in memory")
_RUN_BEFORE = Option("run the suite once before measuring", "a run before")
_LOCAL = Option("replace what it waits for by something local")
_READY = Option("replace what it waits for by something that is ready")

WATCHED: Final[Mapping[str, tuple[str, tuple[Option, ...]]]] = {
    "socket_s": ("it waits for a network", (_LOCAL, _CPU_ALONE)),
    "sleep_s": ("it sleeps", (_READY, _CPU_ALONE)),
    "lock_s": ("it waits for a lock", (Option("let nothing else hold the lock while it is timed"), _CPU_ALONE)),
    "paging_s": ("its memory is swapped or paged in", (Option("give it more memory, or let it use less"),)),
    "disk_s": ("it waits for a disk", (_IN_MEMORY,)),
    "read_bytes": ("files are read from disk in some runs", (_RUN_BEFORE, _IN_MEMORY)),
    "voluntary_switches": ("it waits for a disk or for another program", (_IN_MEMORY, _READY)),
    "steal_s": (
        "other machines on the same host take CPU time",
        (Option("use a runner of your own, or one with dedicated cores"),),
    ),
    "queue_s": (
        "other programs run at the same time",
        (Option("close them"), Option("pin the suite with --cpus", "--cpus"), _CPU_ALONE),
    ),
    "mhz_before": ("the processor's frequency differs between runs", (Option("fix it, or leave turbo off"),)),
}
"""Figures of a run by which slow runs are told from fast ones: what that means, and what helps; the surest first."""

_FILES = ("disk_s", "read_bytes", "voluntary_switches")
_CPU_HELPS = ("socket_s", "sleep_s", "lock_s", "steal_s", "queue_s")
_SURE = 0.96
_FIRST = 5.0
_APART = 4.0
_FEWEST_OF_A_MODE = 0.2
_MAD = 1.4826
_MOST = 0.5
"""Share of what slow runs take longer that a figure has to explain."""
_MANY_MORE = 1.5
"""How many times as often slow runs wait, beside how many times as long they take."""
_SLOWEST_DISK = 5e6
"""Bytes per second below which reading files explains nothing."""


class Explanation(NamedTuple):
    """What explains noise, the figures that show it, what may help, and how the name of the remedy to be tried begins.

    `cpu_helps` says that slow runs only wait longer, so that their CPU time is steady.
    """

    cause: str
    shown_by: str
    options: tuple[Option, ...]
    trial: str = ""
    cpu_helps: bool = False

    def remedy(self, refuted: Collection[str] = ()) -> str:
        """Return what may help as a sentence, without what trials of the names `refuted` showed not to help."""
        left = [
            option.words
            for option in self.options
            if not (option.trial and any(name.startswith(option.trial) for name in refuted))
        ]
        return f"{left[0][0].upper()}{', or '.join(left)[1:]}." if left else ""


def explained_noise(times: Values, figures: Mapping[str, Values], first: Values) -> Explanation | None:
    """Return what explains the times of runs (n,), None where nothing does; `first` marks the first run of each side.

    `figures` holds what was watched of the same runs. A figure is a cause where it orders the runs as their times do:
    the probability that a slow run has the larger value is at least 0.96 (Mann and Whitney 1947). It has to explain at
    least half of what slow runs take longer as well, because a longer run has more of everything.
    """
    import numpy as np

    rest = times[~first.astype(bool)]
    spread = _MAD * float(np.median(np.abs(rest - np.median(rest))))
    limit = max(float(np.max(rest)), float(np.median(rest)) + _FIRST * spread) if len(rest) else math.inf
    if first.any() and spread > 0 and (times[first.astype(bool)] > limit).all():
        more = float(times[first.astype(bool)].mean() / np.median(rest))
        return Explanation(
            "the first run of each side is slow",
            f"it takes {more:.2f}× the others",
            (_RUN_BEFORE,),
            "a run before",
        )
    slow, modes = _slow_runs(times)
    for figure, (cause, options) in WATCHED.items():
        if _explains(figure, figures, times, slow):
            word = "smaller" if figure == "mhz_before" else "larger"
            trial = "files in memory" if figure in _FILES else ""
            shown = f"{figure} is {word} in its slow runs"
            return Explanation(cause, shown, options, trial, cpu_helps=figure in _CPU_HELPS)
    if modes is None:
        return None
    low, high = modes
    return Explanation(
        "it has two levels, and nothing that was watched separates them",
        f"{int((~slow).sum())} runs near {low:.3g} s, {int(slow.sum())} near {high:.3g} s",
        (Option("often it is the hash seed: try --hash-seed 0", "--hash-seed 0"),),
    )


def _explains(figure: str, figures: Mapping[str, Values], times: Values, slow: npt.NDArray[np.bool_]) -> bool:
    """Whether a figure separates slow runs from fast ones, and by as much as they take longer."""
    import numpy as np

    values = figures.get(figure)
    if values is None or not np.isfinite(values).all() or np.ptp(values) == 0:
        return False
    if figure == "mhz_before":
        steps = np.log(np.median(values[~slow]) / np.median(values[slow]))
        longer = np.log(np.median(times[slow]) / np.median(times[~slow]))
        return _larger(-values[slow], -values[~slow]) >= _SURE and bool(steps >= _MOST * longer)
    if _larger(values[slow], values[~slow]) < _SURE:
        return False

    def levels(name: str) -> tuple[float, float]:
        return float(np.median(figures[name][~slow])), float(np.median(figures[name][slow]))

    (low, high), (fast, longest), (idle, busy) = map(levels, (figure, "wall_s", "cpu_s"))
    longer, computing, more = longest - fast, busy - idle, high - low
    if figure == "read_bytes":
        explains = more >= _SLOWEST_DISK * longer
    elif figure == "voluntary_switches":
        explains = high / max(low, 1.0) >= _MANY_MORE * longest / fast and computing <= _MOST * longer
    else:
        explains = more >= _MOST * longer and more > computing
    return longer > 0 and explains


def _slow_runs(times: Values) -> tuple[npt.NDArray[np.bool_], tuple[float, float] | None]:
    """Return which runs are slow, and the two levels where there are two: the widest gap separates them."""
    import numpy as np

    ordered = np.sort(times)
    gaps = np.diff(ordered)
    widest = int(np.argmax(gaps))
    others = np.delete(gaps, widest)
    share = (widest + 1) / len(times)
    inside = max(float(np.std(ordered[: widest + 1])), float(np.std(ordered[widest + 1 :])))
    apart = gaps[widest] > _APART * inside and gaps[widest] > _APART * float(np.median(others))
    if apart and _FEWEST_OF_A_MODE <= share <= 1 - _FEWEST_OF_A_MODE:
        split = (ordered[widest] + ordered[widest + 1]) / 2
        slow = times > split
        return slow, (float(np.median(times[~slow])), float(np.median(times[slow])))
    return times > np.median(times), None


def _larger(slow: Values, fast: Values) -> float:
    """Return the probability that a value of `slow` is larger than one of `fast`; ties count half."""
    import numpy as np

    if not len(slow) or not len(fast):
        return 0.5
    difference = slow[:, None] - fast[None, :]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))
