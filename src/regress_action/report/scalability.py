"""What levels of load say about concurrency, for a person: what to use, what limits, the curve and the measurements.

The input is the object of `scalability --json`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from regress_action.report.chart import BrailleChart
from regress_action.report.numbers import duration, quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regress_action.report.terminal import ConsolePage

_WIDEST, _NARROWEST = 72, 24
_MEASURED, _OPTIMAL = "●", "┊"
_DRAWN = 300
_ODD = 0.1


def show(content: Mapping[str, Any], page: ConsolePage) -> None:
    """Print the analysis, its recommendation first."""
    for words in headline(content):
        page.sentence(words)
    if content["usl"]:
        page.line()
        for row in chart(content, page.width, ascii_only=page.console.options.ascii_only):
            page.line((row, ""))
    page.section("Levels")
    for row in _levels(content):
        page.line((row, ""))
    if content["usl"]:
        page.section("Why")
        for words in _why(content):
            page.sentence(words, indent=2)
    doubts = [_DOUBTS[doubt] for doubt in content["doubts"]]
    if doubts:
        page.section("What is not certain")
        for words in doubts:
            page.sentence(words, indent=2)
        if content["suggested_levels"]:
            levels = ",".join(map(str, content["suggested_levels"]))
            page.sentence(f"Measure these levels as well: {levels}", indent=2)


_DOUBTS = {
    "few levels": "There are few levels: four different ones are needed, six or more make the answer certain.",
    "still rising": "Not enough levels: the throughput still rises at the highest one, so that the best concurrency "
    "lies beyond what was measured.",
    "uncertain": "The best concurrency is known to a factor of two at most.",
    "poor fit": "Neither model describes the measurements well (they scatter by more than 10 % around it), so take the "
    "best level that was measured.",
    "errors": "More than 1 % of the requests failed at some level, and failing early makes the others faster.",
    "little's law": "At some levels throughput × latency is not the concurrency (Little's law, column users by law). "
    "Either the load generator did not keep up, or the latency is not the mean of the same requests.",
}


def headline(content: Mapping[str, Any]) -> list[str]:
    """Return the concurrency to use and what it follows from."""
    best, count = content["optimal"], len(content["levels"])
    measured = f"{count} measurement{'s' if count > 1 else ''}"
    if best is None:
        return [f"Not enough levels: {measured} of fewer than four different levels of concurrency."]
    if "still rising" in content["doubts"]:
        highest = max(row["concurrency"] for row in content["levels"])
        words = [f"No best concurrency was reached up to {highest:g}: the throughput still rises there."]
        if content["limited_by"] == "nothing seen":
            words.append("It grows in proportion to the concurrency, and nothing limits it yet.")
        return words
    there, most = (quantity(best[name], "1/s") for name in ("throughput_there", "throughput"))
    high = f"{best['high']:.3g}" if best["high"] is not None else "∞"
    reached = "The limit is reached" if content["limited_by"] == "fixed limit" else "The throughput is highest"
    return [
        (
            f"Use a concurrency of about {best['use']}: it gives {there}, within 5 % of the most, and a "
            f"request takes {duration(best['latency_there'])}."
        ),
        (
            f"{reached} at {best['concurrency']:.3g} (95 % interval {best['low']:.3g} to {high}), with {most}. "
            f"From {best['flat_from']:.3g} to {best['flat_to']:.3g} it is within 5 % of that."
        ),
    ]


def chart(content: Mapping[str, Any], width: int, *, ascii_only: bool = False) -> list[str]:
    """Return throughput over concurrency: the measurements, the model that describes them, the optimum."""
    rows = content["levels"]
    best = content["optimal"]
    rising = "still rising" in content["doubts"]
    highest = rows[-1]["concurrency"] if rising else max(rows[-1]["concurrency"], best["concurrency"])
    step = _step(max(*(row["throughput"] for row in rows), 0 if rising else best["throughput"]) / 4)
    most = 4 * step
    drawn = BrailleChart((0, highest), (0, most), max(_NARROWEST, min(_WIDEST, width - 14)), ascii_only=ascii_only)
    users = [highest * (place + 1) / _DRAWN for place in range(_DRAWN)]
    drawn.curve(users, [_model(content, level) for level in users])
    if not rising:
        drawn.vertical(best["concurrency"])
    for row in rows:
        drawn.point(row["concurrency"], row["throughput"], _MEASURED)
    width_of_tick = _step(highest / 6)
    ticks = [(part * width_of_tick, f"{part * width_of_tick:g}") for part in range(int(highest / width_of_tick) + 1)]
    legend = f"throughput by concurrency   {_MEASURED} measured   {_OPTIMAL} best"
    if ascii_only:
        legend = legend.replace(_MEASURED, "o").replace(_OPTIMAL, ":")
    return [legend, *drawn.lines(ticks, lambda rate: quantity(rate, "1/s") if rate else "0")]


def _step(least: float) -> float:
    """Return the smallest of 1, 1.25, 1.5, 2, 2.5, 3, 4, 5 or 8, times a power of ten, that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(size * power for size in (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 8, 10) if size * power >= least * (1 - 1e-9))


def _model(content: Mapping[str, Any], users: float) -> float:
    if content["limited_by"] in ("fixed limit", "nothing seen"):
        limit = content["fixed_limit"]
        return float(limit["rate"] * min(users, limit["knee"]["value"]))
    law = content["usl"]
    rate, sigma, kappa = (law[name]["value"] for name in ("rate", "contention", "coherence"))
    return float(rate * users / max(1 + sigma * (users - 1) + kappa * users * (users - 1), 1e-9))


def _levels(content: Mapping[str, Any]) -> list[str]:
    timed = any(row["latency"] is not None for row in content["levels"])
    rows = [("users", "throughput", "model", *(("latency", "users by law") if timed else ()))]
    for row in content["levels"]:
        line = (
            f"{row['concurrency']:g}",
            quantity(row["throughput"], "1/s"),
            quantity(row["fitted"], "1/s"),
        )
        if timed:
            little = row["little"]
            odd = "" if little is None or abs(little - 1) <= _ODD else " !"
            predicted = "–" if little is None else f"{little * row['concurrency']:.3g}{odd}"
            line = (*line, quantity(row["latency"], "s"), predicted)  # type: ignore[assignment]
        rows.append(line)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _why(content: Mapping[str, Any]) -> list[str]:
    law, limit = content["usl"], content["fixed_limit"]
    if content["limited_by"] == "fixed limit":
        knee = limit["knee"]
        size = f"{knee['value']:.3g} at a time ({knee['low']:.3g} to {knee['high']:.3g})"
        scatter = f"{100 * limit['residual']:.2g} % of the most"
        return [
            (
                f"A fixed limit of about {size}: up to it the throughput grows in proportion, beyond it requests "
                "wait and only the latency grows. Look for a pool of connections, a semaphore, a number of workers or "
                "of CPUs of that size or a little less."
            ),
            (
                f"Evidence: two straight lines describe the measurements to {scatter}, the Universal Scalability Law "
                f"to {100 * law['residual']:.2g} %."
            ),
        ]
    if content["limited_by"] == "nothing seen":
        return [f"One straight line describes the measurements to {100 * limit['residual']:.2g} % of the most."]
    return [*_contention(law["contention"]), *_coherence(law), _evidence(law)]


def _contention(sigma: Mapping[str, float]) -> list[str]:
    if sigma["value"] < 1e-4:  # noqa: PLR2004 - a ten-thousandth is none
        return ["Contention: none was seen; no part of the work is done by one request at a time."]
    return [
        (
            f"Contention σ = {_percent(sigma)}: that share of a request's work is done by one request at a time (a "
            "lock, one thread, one connection). It alone limits the throughput to "
            f"{1 / sigma['value']:.3g} times that of one user."
        )
    ]


def _coherence(law: Mapping[str, Any]) -> list[str]:
    kappa, peak = law["coherence"], law["peak"]
    if peak["value"] is None or kappa["value"] * peak["value"] < 1e-3:  # noqa: PLR2004 - a thousandth at the peak is none
        return ["Coherence: none was seen; more users do not make each other's requests slower."]
    users = peak["value"]
    high = f"{peak['high']:.3g}" if peak["high"] is not None else "∞"
    added = 100 * kappa["value"] * users * (users - 1)
    return [
        (
            f"Coherence κ = {_percent(kappa)}: what each pair of users costs, because they keep shared data in "
            f"agreement (counters, cached objects, rows that all of them write). At {users:.3g} users "
            f"({peak['low']:.3g} to {high}) it adds {added:.3g} % to the work of a request; with more of them the "
            "throughput falls."
        )
    ]


def _evidence(law: Mapping[str, Any]) -> str:
    return (
        f"Evidence: the Universal Scalability Law describes the measurements to {100 * law['residual']:.2g} % of the "
        f"most (R² = {law['r_squared']:.4f})."
    )


def _percent(estimate: Mapping[str, float]) -> str:
    values: Sequence[float] = [100 * estimate[name] for name in ("value", "low", "high")]
    value, low, high = (f"{number:.3g}" for number in values)
    return f"{value} % ({low} to {high})"
