"""A judgement as one JSON object, described by `schema.json` beside this module.

Numbers that JSON cannot hold become null. Later releases may add keys and never change the meaning of one.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regress_action.model.comparisons import Budget, Comparison, Judgement, Machine, Side, Subject
    from regress_action.model.measurements import Location, Noise

SCHEMA = 1


def as_object(judgement: Judgement, *, suite: str | None = None, elsewhere: str | None = None) -> dict[str, Any]:
    """Return the judgement as plain dictionaries, lists, strings and finite numbers, ready for any JSON writer.

    `elsewhere` is the sentence that suggests another machine.
    """
    summary = judgement.summary
    return {
        "schema": SCHEMA,
        "suite": suite,
        "mode": judgement.mode.value,
        "summary": {
            "verdict": summary.verdict.value,
            "regressions": summary.regressions,
            "improvements": summary.improvements,
            "inconclusive": summary.inconclusive,
            "missing": summary.missing,
            "geomean_ratio": _finite(summary.geomean_ratio),
            "environment_shift": _finite(summary.environment_shift),
        },
        "baseline": _subject(judgement.baseline),
        "head": _subject(judgement.head),
        "machine": _machine(judgement.machine),
        "minutes_saved": _finite(judgement.minutes_saved),
        "notes": [_text(note) for note in judgement.notes],
        "elsewhere": _optional(elsewhere),
        "comparisons": [_comparison(comparison) for comparison in judgement.comparisons],
    }


def _machine(machine: Machine) -> dict[str, Any]:
    return {
        "probe_ratio": _finite(machine.probe_ratio),
        "probe_swing": _finite(machine.probe_swing),
        "steal": _finite(machine.steal),
        "doubts": [doubt.value for doubt in machine.doubts],
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    benchmark, metric = comparison.benchmark, comparison.metric
    return {
        "benchmark": _text(benchmark.name),
        "service": _optional(benchmark.service),
        "parameters": {_text(name): _text(value) for name, value in benchmark.parameters},
        "metric": _text(metric.name),
        "unit": _text(metric.unit),
        "direction": metric.direction.value,
        "exact": metric.exact,
        "signed": metric.signed,
        "baseline": _side(comparison.baseline),
        "head": _side(comparison.head),
        "ratio": _finite(comparison.ratio),
        "ratio_low": _finite(comparison.ratio_low),
        "ratio_high": _finite(comparison.ratio_high),
        "difference": _finite(comparison.difference),
        "p_value": _finite(comparison.p_value),
        "q_value": _finite(comparison.q_value),
        "threshold": _finite(comparison.threshold),
        "minimum_detectable_ratio": _finite(comparison.minimum_detectable_ratio),
        "verdict": comparison.verdict.value,
        "severity": comparison.severity.value,
        "confirmed": comparison.confirmed,
        "runs_needed": comparison.runs_needed,
        "noise": _noise(comparison.noise),
        "reason": _text(comparison.reason),
        "budget": _budget(comparison.budget),
        "location": _location(benchmark.location),
    }


def _side(side: Side) -> dict[str, Any]:
    return {"runs": side.runs, "median": _finite(side.median)}


def _noise(noise: Noise | None) -> dict[str, Any] | None:
    return None if noise is None else {"spread": _finite(noise.spread), "runs": noise.runs}


def _budget(budget: Budget | None) -> dict[str, Any] | None:
    if budget is None:
        return None
    return {
        "key": _text(budget.key),
        "limit": _finite(budget.limit),
        "low": _finite(budget.low),
        "high": _finite(budget.high),
        "state": budget.state.value,
    }


def _location(location: Location | None) -> dict[str, Any] | None:
    return None if location is None else {"path": _text(location.path), "line": location.line}


def _subject(subject: Subject) -> dict[str, Any]:
    environment = subject.environment
    return {
        "commit": _optional(subject.commit),
        "branch": _optional(subject.branch),
        "label": _optional(subject.label),
        "environment": environment and {key: _json(value) for key, value in asdict(environment).items()},
    }


def _json(value: str | int) -> str | int:
    return _text(value) if isinstance(value, str) else value


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _optional(text: str | None) -> str | None:
    return None if text is None else _text(text)


def _text(text: str) -> str:
    """Keep every character but lone surrogates, which no UTF-8 writer accepts."""
    return text if text.isascii() else text.encode(errors="replace").decode()
