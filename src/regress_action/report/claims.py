"""A verified claim in a terminal, as JSON, and as Markdown for a comment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from regress_action.model import escaping
from regress_action.model.changes import Claim, ClaimEvidence, ClaimVerdict
from regress_action.model.escaping import plain
from regress_action.report.numbers import count, transition
from regress_action.report.terminal import ConsolePage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from regress_action.model.changes import ClaimPair

_MOST_TIMES_AS_MANY = 100
_STYLES = {
    ClaimVerdict.PROVEN: "bold green",
    ClaimVerdict.REFUTED: "bold red",
    ClaimVerdict.UNDECIDED: "bold yellow",
}
_ROWS = 20
_RECEIPT_BYTES = 40_000
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


def markdown(
    claim: Claim,
    verdict: ClaimVerdict,
    evidence: Sequence[ClaimEvidence],
    receipt: str,
    *,
    commits: tuple[str, str],
    run_url: str | None = None,
) -> str:
    """Return the outcome for a comment on GitHub, with the receipt where it is short; claim and names are foreign text.

    `commits` are base and head.
    """
    base, head = commits
    heading = f"**{verdict.value.capitalize()}: {escaping.markdown(claim.text)}**"
    rows = [
        f"| {escaping.code_span(entry.benchmark)} ({escaping.inline(plain(entry.metric.name))}) "
        f"| {_ratio(entry)} | {_interval(entry)} | {len(entry.pairs)} | {entry.verdict.value} |"
        for entry in evidence[:_ROWS]
    ]
    more = f"\n\n… and {len(evidence) - _ROWS} more in the receipt." if len(evidence) > _ROWS else ""
    table = "| benchmark | head ÷ base | 95 % interval | pairs | verdict |\n|---|--:|--:|--:|---|\n" + "\n".join(rows)
    where = escaping.link("this run", run_url)
    check = (
        "Save it as `claim.json`, and `regress-action verify-claim --receipt claim.json --replay` measures again. "
        "The check fails when one byte of it was changed."
    )
    if len(receipt) <= _RECEIPT_BYTES:
        block = escaping.code_block(receipt.rstrip("\n"), "json", limit=_RECEIPT_BYTES)
        kept = f"<details><summary>The receipt</summary>\n\n{check}\n\n{block}\n\n</details>"
    else:
        kept = f"The receipt is too long for a comment; it is in the artifact `claim` of {where}. {check}"
    basis = f"<sub>{head} against {base}, measured in {where}.</sub>"
    return "\n\n".join([heading, f"Read as: {escaping.inline(reading(claim))}.", table + more, kept, basis])


def _ratio(entry: ClaimEvidence) -> str:
    return "–" if entry.ratio is None else f"{entry.ratio:.3f}"


def _interval(entry: ClaimEvidence) -> str:
    if entry.ratio_low is None or entry.ratio_high is None:
        return "too few pairs"
    return f"{entry.ratio_low:.3f} to {entry.ratio_high:.3f}"


def show(
    claim: Claim, verdict: ClaimVerdict, evidence: Sequence[ClaimEvidence], console: Console, *, basis: str
) -> None:
    """Print the verdict first, how the claim was read, the evidence, and what it rests on: commits, time, machine."""
    page = ConsolePage(console, verbose=False)
    page.sentence(f"{verdict.value.capitalize()}: {plain(claim.text)}", _STYLES[verdict])
    page.sentence(f"Read as: {reading(claim)}.", "dim")
    page.line()
    for entry in evidence[:_ROWS]:
        page.sentence(_line(entry), _STYLES[entry.verdict].removeprefix("bold "), indent=2)
    if len(evidence) > _ROWS:
        page.line((f"  … and {len(evidence) - _ROWS} more", "dim"))
    page.line()
    page.sentence(plain(basis), "dim")
    page.sentence(_NEXT[verdict])
    needed = [pairs for entry in evidence if (pairs := _pairs_needed(claim, entry)) is not None]
    if verdict is ClaimVerdict.UNDECIDED and needed:
        page.sentence(f"About {count(max(needed), 'pair')} would decide it if the ratio stays as it is.", "dim")


def _pairs_needed(claim: Claim, entry: ClaimEvidence) -> int | None:
    """Return after how many pairs the interval, which narrows with their root, would leave out the bound.

    None where it does already, and where the ratio is so close to the bound that a hundred times as many would not.
    """
    ends = (entry.ratio, entry.ratio_low, entry.ratio_high, claim.bound)
    if entry.verdict is not ClaimVerdict.UNDECIDED or any(end is None or end <= 0 for end in ends):
        return None
    ratio, low, high, bound = (math.log(end) for end in ends if end)
    side = high - ratio if ratio < bound else ratio - low
    growth = (side / (bound - ratio)) ** 2 if bound != ratio else math.inf
    return math.ceil(len(entry.pairs) * growth) if growth <= _MOST_TIMES_AS_MANY else None


def _typical(pairs: Sequence[ClaimPair]) -> tuple[float, float]:
    """Return base and head of the pair in the middle; of two, their geometric mean, whose ratio lies between."""
    ordered = sorted(pairs, key=lambda pair: pair.head / pair.base if pair.base else 0.0)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    if min(low.base, low.head, high.base, high.head) <= 0:
        return high.base, high.head
    return math.sqrt(low.base * high.base), math.sqrt(low.head * high.head)


def _line(entry: ClaimEvidence) -> str:
    moved = transition(*_typical(entry.pairs), entry.metric.unit, apart=False)
    if entry.ratio is None or entry.ratio_low is None or entry.ratio_high is None:
        interval = "no interval: too few pairs"
    else:
        interval = f"ratio {entry.ratio:.3f} (95 % interval {entry.ratio_low:.3f} to {entry.ratio_high:.3f})"
    name = f"{plain(entry.benchmark)} ({plain(entry.metric.name)})"
    return f"{entry.verdict.value}: {name}: {moved}, {interval}, {count(len(entry.pairs), 'pair')}"
