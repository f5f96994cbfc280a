"""The fields that functions of tests pass on by name to what they build, with their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from regress_action.model.comparisons import Budget, PairNoise, Reason, Severity, Side
    from regress_action.model.measurements import (
        Benchmark,
        Conditions,
        Environment,
        Failure,
        Metric,
        Noise,
        Run,
        Series,
    )


class ReportFields(TypedDict, total=False):
    """Fields of a `Report`."""

    series: tuple[Series, ...]
    runs: tuple[Run, ...]
    suite: str
    commit: str | None
    branch: str | None
    created: str | None
    environment: Environment
    failures: tuple[Failure, ...]
    source: str
    origin: str | None
    warnings: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]
    conditions: tuple[Conditions, ...]
    saved_s: float | None


class ProvenFields(TypedDict, total=False):
    """Fields of a `Comparison` that a function with an own parameter for the severity passes on."""

    benchmark: Benchmark
    metric: Metric
    baseline: Side
    head: Side
    ratio_low: float | None
    ratio_high: float | None
    p_value: float | None
    q_value: float | None
    threshold: float
    minimum_detectable_ratio: float | None
    reason: Reason | str
    confirmed: bool | None
    runs_needed: int | None
    difference: float | None
    budget: Budget | None
    noise: Noise | None


class ComparisonFields(ProvenFields, total=False):
    """Fields of a `Comparison`, apart from its verdict and its ratio."""

    severity: Severity
    pair_noise: PairNoise | None
