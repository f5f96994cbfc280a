"""A judgement as one JSON object, and read back from one, in the shapes of `json_objects`.

Writing loses nothing but what JSON cannot hold. Reading checks every field, since anybody may have edited the file.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from regress_action.model.comparisons import (
    Budget,
    CauseNote,
    Comparison,
    Judgement,
    Machine,
    PairNoise,
    ResourceNote,
    ServiceComparison,
    Side,
    Subject,
    Summary,
    TradeOff,
)
from regress_action.model.errors import InputError
from regress_action.model.measurements import Benchmark, Environment, Location, Metric, Noise
from regress_action.report import notes, reasons
from regress_action.report.json_objects import (
    SCHEMA,
    BudgetObject,
    CauseObject,
    ComparisonObject,
    EnvironmentObject,
    JudgementObject,
    LocationObject,
    MachineObject,
    NoiseObject,
    PairNoiseObject,
    ServiceObject,
    SideObject,
    SubjectObject,
    TradeOffObject,
)

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError


def as_object(judgement: Judgement, *, suite: str | None = None, elsewhere: str | None = None) -> JudgementObject:
    """Return the judgement as plain dictionaries, lists, strings and finite numbers, ready for any JSON writer.

    `elsewhere` is the sentence that suggests another machine.
    """
    summary = judgement.summary
    return {
        "schema": SCHEMA,
        "suite": suite,
        "mode": judgement.mode,
        "summary": {
            "verdict": summary.verdict,
            "regressions": summary.regressions,
            "suspected": summary.suspected,
            "improvements": summary.improvements,
            "inconclusive": summary.inconclusive,
            "missing": summary.missing,
            "geomean_ratio": _finite(summary.geomean_ratio),
            "environment_shift": _finite(summary.environment_shift),
        },
        "baseline": _subject_object(judgement.baseline),
        "head": _subject_object(judgement.head),
        "machine": _machine_object(judgement.machine),
        "minutes_saved": _finite(judgement.minutes_saved),
        "notes": [_text(note) for note in notes.note_sentences(judgement)],
        "elsewhere": _optional(elsewhere),
        "services": [_service_object(service) for service in judgement.services],
        "resources": [{"kind": _text(note.kind), "paragraph": _text(note.paragraph)} for note in judgement.resources],
        "comparisons": [_comparison_object(comparison) for comparison in judgement.comparisons],
    }


def _machine_object(machine: Machine) -> MachineObject:
    return {
        "probe_ratio": _finite(machine.probe_ratio),
        "probe_swing": _finite(machine.probe_swing),
        "steal": _finite(machine.steal),
        "doubts": list(machine.doubts),
    }


def _comparison_object(comparison: Comparison) -> ComparisonObject:
    benchmark, metric = comparison.benchmark, comparison.metric
    return {
        "benchmark": _text(benchmark.name),
        "service": _optional(benchmark.service),
        "parameters": {_text(name): _text(value) for name, value in benchmark.parameters},
        "metric": _text(metric.name),
        "unit": _text(metric.unit),
        "direction": metric.direction,
        "exact": metric.exact,
        "signed": metric.signed,
        "baseline": _side_object(comparison.baseline),
        "head": _side_object(comparison.head),
        "ratio": _finite(comparison.ratio),
        "ratio_low": _finite(comparison.ratio_low),
        "ratio_high": _finite(comparison.ratio_high),
        "difference": _finite(comparison.difference),
        "p_value": _finite(comparison.p_value),
        "q_value": _finite(comparison.q_value),
        "threshold": _finite(comparison.threshold),
        "minimum_detectable_ratio": _finite(comparison.minimum_detectable_ratio),
        "verdict": comparison.verdict,
        "severity": comparison.severity,
        "confirmed": comparison.confirmed,
        "runs_needed": comparison.runs_needed,
        "noise": _noise_object(comparison.noise),
        "pair_noise": _pair_noise_object(comparison.pair_noise),
        "reason": _text(reasons.sentence(comparison)),
        "budget": _budget_object(comparison.budget),
        "location": _location_object(benchmark.location),
        "cause": _cause_object(comparison.cause),
        "unreachable": comparison.unreachable,
        "trade_off": _trade_off_object(comparison.trade_off),
        "skipped": comparison.skipped,
    }


def _trade_off_object(trade_off: TradeOff | None) -> TradeOffObject | None:
    if trade_off is None:
        return None
    return {
        "rule": _text(trade_off.rule),
        "ceiling": trade_off.ceiling,
        "metric": _text(trade_off.metric.name),
        "unit": _text(trade_off.metric.unit),
        "direction": trade_off.metric.direction,
        "of_service": trade_off.of_service,
        "needed": trade_off.needed,
        "ratio": _finite(trade_off.ratio),
        "ratio_low": _finite(trade_off.ratio_low),
        "ratio_high": _finite(trade_off.ratio_high),
        "state": trade_off.state,
    }


def _service_object(service: ServiceComparison) -> ServiceObject:
    return {
        "service": _optional(service.service),
        "mode": service.mode,
        "benchmarks": service.benchmarks,
        "runs": service.runs,
        "ratio": service.ratio,
        "ratio_low": service.ratio_low,
        "ratio_high": service.ratio_high,
        "p_value": service.p_value,
        "threshold": service.threshold,
        "verdict": service.verdict,
        "severity": service.severity,
        "confirmed": service.confirmed,
        "leaning": service.leaning,
        "quorum": service.quorum,
    }


def _side_object(side: Side) -> SideObject:
    return {"runs": side.runs, "median": _finite(side.median)}


def _noise_object(noise: Noise | None) -> NoiseObject | None:
    return None if noise is None or not math.isfinite(noise.spread) else {"spread": noise.spread, "runs": noise.runs}


def _pair_noise_object(noise: PairNoise | None) -> PairNoiseObject | None:
    return None if noise is None else {"between": noise.between, "within": noise.within}


def _budget_object(budget: Budget | None) -> BudgetObject | None:
    if budget is None:
        return None
    return {
        "key": _text(budget.key),
        "limit": _finite(budget.limit),
        "low": _finite(budget.low),
        "high": _finite(budget.high),
        "state": budget.state,
    }


def _cause_object(cause: CauseNote | None) -> CauseObject | None:
    if cause is None:
        return None
    return {
        "paragraph": _text(cause.paragraph),
        "location": _location_object(cause.location),
        "function": _optional(cause.function),
        "share": _finite(cause.share),
        "flame_graph": _optional(cause.flame_graph),
    }


def _location_object(location: Location | None) -> LocationObject | None:
    return None if location is None else {"path": _text(location.path), "line": location.line}


def _subject_object(subject: Subject) -> SubjectObject:
    environment = subject.environment
    return {
        "commit": _optional(subject.commit),
        "branch": _optional(subject.branch),
        "label": _optional(subject.label),
        "environment": None if environment is None else _environment_object(environment),
    }


def _environment_object(environment: Environment) -> EnvironmentObject:
    fields: EnvironmentObject = {
        "runner": _text(environment.runner),
        "os": _text(environment.os),
        "cpu": _text(environment.cpu),
        "cores": environment.cores,
        "memory": _text(environment.memory),
        "runtime": _text(environment.runtime),
    }
    if environment.toolchain != "unknown":
        fields["toolchain"] = _text(environment.toolchain)
    return fields


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _optional(text: str | None) -> str | None:
    return None if text is None else _text(text)


def _text(text: str) -> str:
    """Keep every character but lone surrogates, which no UTF-8 writer accepts and every sentence shows as U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def as_judgement(content: object) -> Judgement:
    """Return the judgement that `as_object` wrote, with its suite left out.

    Raises:
        InputError: naming the first field that is not what the shape says.
    """
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        schema = content.get("schema") if isinstance(content, dict) else None
        raise InputError(
            f"The judgement has schema {str(schema)[:20]!r}, not {SCHEMA}.",
            meaning="It was written by another version, or it is no judgement.",
            remedy="Write it again with: regress-action compare --json FILE",
        )
    fields = _checked(content)
    summary, machine = fields["summary"], fields.get("machine", {})
    return Judgement(
        mode=fields["mode"],
        summary=Summary(**summary),
        comparisons=tuple(map(_comparison, fields["comparisons"])),
        baseline=_subject(fields["baseline"]),
        head=_subject(fields["head"]),
        notes=tuple(fields["notes"]),
        machine=Machine(
            probe_ratio=machine.get("probe_ratio"),
            probe_swing=machine.get("probe_swing"),
            steal=machine.get("steal"),
            doubts=tuple(machine.get("doubts", ())),
        ),
        minutes_saved=fields.get("minutes_saved"),
        services=tuple(ServiceComparison(**service) for service in fields.get("services", [])),
        resources=tuple(ResourceNote(note["kind"], note["paragraph"]) for note in fields.get("resources", ())),
    )


@cache
def _adapter() -> TypeAdapter[JudgementObject]:
    from pydantic import TypeAdapter

    return TypeAdapter(JudgementObject)


def _checked(content: dict[Any, Any]) -> JudgementObject:
    """Return the content with every field checked and cut.

    Raises:
        InputError: naming the first field that is missing or wrong.
    """
    from pydantic import ValidationError

    try:
        return _adapter().validate_python(content)
    except ValidationError as error:
        raise InputError(
            _first_fault(error),
            meaning="The file was cut short, edited, or is no judgement.",
            remedy="Write it again with: regress-action compare --json FILE",
        ) from None


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part)[:40] for part in fault["loc"])
    if fault["type"] == "missing":
        return f"The judgement's field {field!r} is not present."
    return f"The judgement's field {field!r} is wrong: {fault['msg'][0].lower()}{fault['msg'][1:]}."


def _comparison(fields: ComparisonObject) -> Comparison:
    """Return the comparison; a threshold or a budget's end that JSON could not hold becomes NaN."""
    budget, noise, location = fields["budget"], fields.get("noise"), fields["location"]
    return Comparison(
        benchmark=Benchmark(
            name=fields["benchmark"],
            service=fields["service"],
            parameters=tuple(fields["parameters"].items()),
            location=None if location is None else Location(**location),
        ),
        metric=Metric(fields["metric"], fields["unit"], fields["direction"], fields["exact"], fields["signed"]),
        baseline=Side(**fields["baseline"]),
        head=Side(**fields["head"]),
        ratio=fields["ratio"],
        ratio_low=fields["ratio_low"],
        ratio_high=fields["ratio_high"],
        p_value=fields["p_value"],
        q_value=fields["q_value"],
        threshold=_or_nan(fields["threshold"]),
        minimum_detectable_ratio=fields["minimum_detectable_ratio"],
        verdict=fields["verdict"],
        severity=fields["severity"],
        reason=fields["reason"],
        confirmed=fields["confirmed"],
        runs_needed=fields["runs_needed"],
        difference=fields["difference"],
        budget=None if budget is None else _budget(budget),
        noise=None if noise is None else Noise(**noise),
        cause=_cause(fields.get("cause")),
        pair_noise=None if (parts := fields.get("pair_noise")) is None else PairNoise(**parts),
        unreachable=fields.get("unreachable", False),
        trade_off=_trade_off(fields.get("trade_off")),
        skipped=fields.get("skipped", False),
    )


def _trade_off(fields: TradeOffObject | None) -> TradeOff | None:
    if fields is None:
        return None
    return TradeOff(
        rule=fields["rule"],
        ceiling=fields["ceiling"],
        metric=Metric(fields["metric"], fields["unit"], fields["direction"]),
        needed=fields["needed"],
        state=fields["state"],
        ratio=fields["ratio"],
        ratio_low=fields["ratio_low"],
        ratio_high=fields["ratio_high"],
        of_service=fields["of_service"],
    )


def _cause(fields: CauseObject | None) -> CauseNote | None:
    if fields is None:
        return None
    location = fields["location"]
    return CauseNote(
        fields["paragraph"],
        None if location is None else Location(**location),
        fields["function"],
        fields["share"],
        fields["flame_graph"],
    )


def _budget(fields: BudgetObject) -> Budget:
    limit, low, high = (_or_nan(fields[end]) for end in ("limit", "low", "high"))
    return Budget(fields["key"], limit, low, high, fields["state"])


def _subject(fields: SubjectObject) -> Subject:
    environment = fields["environment"]
    return Subject(
        fields["commit"], fields["branch"], fields["label"], None if environment is None else Environment(**environment)
    )


def _or_nan(number: float | None) -> float:
    return math.nan if number is None else number
