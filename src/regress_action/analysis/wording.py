"""The sentence of reason: what was seen, how sure it is, and what could have been seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regress_action.analysis.designs import HISTORY, PAIRED

if TYPE_CHECKING:
    from regress_action.model.measurements import Metric

_WORSE = {"s": ("slower", "faster"), "B": ("larger", "smaller")}


@dataclass(slots=True)
class Case:
    """What a sentence is made of; ratios are badness ratios, `difference` is in the metric's unit.

    `beyond` is the number of pairs beyond `ruled_out` where counting them decided, else None.
    """

    metric: Metric
    design: int
    base_runs: float
    head_runs: float
    ratio: float | None
    low: float | None
    high: float | None
    q: float
    margin: float
    ruled_out: float
    beyond: int | None
    detectable: float | None
    runs_needed: int | None
    difference: float


def regression(case: Case, *, alarms: bool, threshold: float) -> str:
    """Say that it is worse, by how much and how sure."""
    tail = (
        "" if alarms or case.ratio is None else f"; below its threshold of {percent(threshold)}, so it does not alarm"
    )
    return f"{_size(case, 0)}, {_evidence(case)}; {_sureness(case.q)}{tail}."


def improvement(case: Case) -> str:
    """Say that it is better, by how much and how sure."""
    return f"{_size(case, 1)}, {_evidence(case)}; {_sureness(case.q)}."


def suspected(case: Case, *, better: bool) -> str:
    """Say what is only suspected, and why."""
    return (
        f"Suspected only: {_size(case, int(better))}, {_evidence(case)}. So few runs cannot show how far runs of the "
        "same code lie apart; measure again, best interleaved with the base."
    )


def unchanged(case: Case) -> str:
    """Say what change is ruled out."""
    if case.low is None or case.high is None:
        return f"No change: the difference is {case.difference:.4g} {case.metric.unit}, {_evidence(case)}."
    ruled_out = f"A change of {percent(case.ruled_out)} or more for the worse is ruled out"
    if case.beyond is not None:
        few = "none" if case.beyond == 0 else f"only {case.beyond}"
        differ = "differs" if case.beyond <= 1 else "differ"
        return f"{ruled_out}: {few} of {case.base_runs:.0f} interleaved pairs {differ} so much."
    return f"{ruled_out}: it lies between {signed(case.low)} and {signed(case.high)}, {_evidence(case)}."


def inconclusive(case: Case, *, weak: bool) -> str:
    """Say what is open, what could have been seen, and how many runs would decide it."""
    if case.low is None or case.high is None or case.detectable is None:
        wanted = "too few" if weak else "too noisy"
        return f"A metric without a ratio, {_evidence(case)}: {wanted} to tell; give it more runs on either side."
    if weak and case.design not in (PAIRED, HISTORY):
        return (
            f"It lies between {signed(case.low)} and {signed(case.high)}, {_evidence(case)}; one session cannot show "
            "how far runs of the same code lie apart, so nothing smaller can be ruled out."
        )
    more = "no number of further runs would show" if case.runs_needed is None else _more(case)
    return (
        f"It lies between {signed(case.low)} and {signed(case.high)}, {_evidence(case)}: a change of "
        f"{percent(case.detectable)} would have been found, {more} {percent(case.margin)}."
    )


def undirected(case: Case) -> str:
    """Say that it changed, and that nobody knows whether for better or worse."""
    change = "" if case.ratio is None else f" by {signed(case.ratio)}"
    return (
        f"It changed{change}, {_evidence(case)}; whether more of it is better is not known. Declare it under "
        "`benchmarks:` in regress.yml: `match`, `metric` and `direction: higher` or `lower`."
    )


def unstable(spread: float, runs: int, *, cut: bool) -> str:
    """Say why nothing is said against this baseline."""
    if cut:
        return f"Its level changed {runs} stored runs ago; at least 5 runs of the new level are needed."
    return (
        f"Stored runs of it differ by {spread * 100:.0f} % (robust), more than a baseline may; measure it interleaved "
        "with the base, or make its rounds longer."
    )


def incomparable(clash: str | None, cpu: str) -> str:
    """Say why the two sides have nothing to do with each other."""
    if clash:
        return f"It cannot be compared with its baseline: {clash}."
    return (
        f"No stored run comes from this kind of machine ({cpu}); other machines differ by 10 % and more on the same "
        "code. Measure both sides on one machine."
    )


def percent(ratio: float) -> str:
    """Return how far a ratio lies above one, or the factor itself when it is large."""
    if not math.isfinite(ratio):
        return "any size"
    return f"{ratio:.1f}×" if ratio >= 3 else f"{(ratio - 1) * 100:.1f} %"  # noqa: PLR2004 - from threefold on


def signed(ratio: float) -> str:
    """Return a ratio as a change with its sign."""
    if ratio >= 3:  # noqa: PLR2004 - from threefold on the factor says more
        return f"{ratio:.1f}×"
    return f"{(ratio - 1) * 100:+.1f} %"


def _more(case: Case) -> str:
    unit = "pairs" if case.design == PAIRED else "runs per side"
    return f"and about {case.runs_needed} {unit} would show"


def _size(case: Case, better: int) -> str:
    word = _WORSE.get(case.metric.unit, ("worse", "better"))[better]
    if case.ratio is None or case.low is None or case.high is None:
        return f"{abs(case.difference):.4g} {case.metric.unit} {word}"
    if case.ratio >= 3:  # noqa: PLR2004 - as above
        return f"{case.ratio:.1f} times the baseline ({case.low:.1f} to {case.high:.1f})"
    if better:
        return f"{(1 - case.ratio) * 100:.1f} % {word} ({signed(case.low)} to {signed(case.high)})"
    return f"{(case.ratio - 1) * 100:.1f} % {word} ({signed(case.low)} to {signed(case.high)})"


def _evidence(case: Case) -> str:
    if case.design == PAIRED:
        return f"from {case.base_runs:.0f} interleaved pairs"
    if case.design == HISTORY:
        return f"{case.head_runs:.0f} against {case.base_runs:.0f} stored runs"
    return "one session on each side"


def _sureness(q: float) -> str:
    return "q < 0.001" if q < 0.001 else f"q = {q:.3f}"  # noqa: PLR2004 - more digits mean nothing
