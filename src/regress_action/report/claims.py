"""A verified claim in a terminal, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regress_action.model.claims import Claim, ClaimEvidence, ClaimVerdict
from regress_action.model.escaping import plain
from regress_action.report.console import ConsolePage
from regress_action.report.numbers import count, transition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

_STYLES = {
    ClaimVerdict.PROVEN: "bold green",
    ClaimVerdict.REFUTED: "bold red",
    ClaimVerdict.UNDECIDED: "bold yellow",
}
_ROWS = 20
_NEXT = {
    ClaimVerdict.PROVEN: "Anybody can check it: regress-action verify-claim --receipt FILE; --replay measures again.",
    ClaimVerdict.REFUTED: "The whole interval lies outside of the claim.",
    ClaimVerdict.UNDECIDED: "The interval holds the bound. Measure more pairs (--pairs), or claim less.",
}


def reading(claim: Claim) -> str:
    """Return how the claim was understood."""
    side = "at most" if claim.at_most else "at least"
    return f"{plain(claim.metric)} of the head {side} {claim.bound:.4g} × that of the base"


def as_object(
    claim: Claim, verdict: ClaimVerdict, evidence: Sequence[ClaimEvidence], receipt: str | None
) -> dict[str, Any]:
    """Return the outcome as one JSON object."""
    return {
        "schema": 1,
        "claim": claim.text,
        "reading": reading(claim),
        "verdict": verdict.value,
        "benchmarks": [
            {
                "benchmark": entry.benchmark,
                "metric": entry.metric.name,
                "pairs": len(entry.pairs),
                "ratio": entry.ratio,
                "ratio_low": entry.ratio_low,
                "ratio_high": entry.ratio_high,
                "verdict": entry.verdict.value,
            }
            for entry in evidence
        ],
        "receipt": receipt,
    }


def show(claim: Claim, verdict: ClaimVerdict, evidence: Sequence[ClaimEvidence], console: Console) -> None:
    """Print the verdict first, how the claim was read, and the evidence."""
    page = ConsolePage(console, verbose=False)
    page.sentence(f"{verdict.value.capitalize()}: {plain(claim.text)}", _STYLES[verdict])
    page.sentence(f"Read as: {reading(claim)}.", "dim")
    page.line()
    for entry in evidence[:_ROWS]:
        page.sentence(_line(entry), _STYLES[entry.verdict].removeprefix("bold "), indent=2)
    if len(evidence) > _ROWS:
        page.line((f"  … and {len(evidence) - _ROWS} more", "dim"))
    page.line()
    page.sentence(_NEXT[verdict])
    needed = max((entry.runs_needed or 0 for entry in evidence), default=0)
    if verdict is ClaimVerdict.UNDECIDED and needed:
        page.sentence(f"About {count(needed, 'pair')} would show a change of the size of the threshold.", "dim")


def _line(entry: ClaimEvidence) -> str:
    middle = sorted(entry.pairs, key=lambda pair: pair.head / pair.base if pair.base else 0.0)[len(entry.pairs) // 2]
    moved = transition(middle.base, middle.head, entry.metric.unit, apart=False)
    if entry.ratio is None or entry.ratio_low is None or entry.ratio_high is None:
        interval = "no interval: too few pairs"
    else:
        interval = f"ratio {entry.ratio:.3f} (95 % interval {entry.ratio_low:.3f} to {entry.ratio_high:.3f})"
    name = f"{plain(entry.benchmark)} ({plain(entry.metric.name)})"
    return f"{entry.verdict.value}: {name}: {moved}, {interval}, {count(len(entry.pairs), 'pair')}"
