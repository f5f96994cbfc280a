"""Benchmarks that a change cannot reach fail no check, and set a floor for the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from judgements import judgement, regression, row
from regress_action.analysis import Policy, with_controls
from regress_action.github.alarms import alarming, conclusion
from regress_action.github.preferences import Preferences
from regress_action.model.comparisons import (
    Judgement,
    Mode,
    Note,
    NoteCode,
    Outcome,
    ServiceComparison,
    Severity,
    Verdict,
)
from regress_action.model.measurements import Benchmark, Metric
from regress_action.report import notes, reasons, structured

POLICY = Policy()


def judged(*ratios: tuple[str, float, Severity]) -> Judgement:
    """Return a judgement with proven regressions."""
    return judgement(Outcome.FAIL, *(regression(name, ratio, severity) for name, ratio, severity in ratios))


def test_a_control_alone_cannot_fail_the_check() -> None:
    """It is shown with its label, as slight, and the verdict is a pass."""
    labelled = with_controls(judged(("far.away", 2.5, Severity.CRITICAL)), {"far.away"}, POLICY)

    (control,) = labelled.comparisons
    assert (control.severity, control.unreachable, control.alarms) == (Severity.SLIGHT, True, False)
    assert labelled.summary.verdict is Outcome.PASS
    assert alarming(labelled) == []
    assert conclusion(labelled, Preferences()) == "success"
    assert "cannot be caused by this diff" in " ".join(notes.note_sentences(labelled))


def test_what_the_change_reaches_still_fails() -> None:
    """A larger regression than any of the controls stands."""
    labelled = with_controls(
        judged(("near.by", 2.5, Severity.CRITICAL), ("far.away", 1.3, Severity.MINOR)), {"far.away"}, POLICY
    )

    assert labelled.summary.verdict is Outcome.FAIL
    assert [alarm.benchmark.name for alarm in alarming(labelled)] == ["near.by"]


@pytest.mark.parametrize(("ratio", "alarms"), [(1.3, False), (1.35, False), (1.5, True)])
def test_controls_that_moved_set_a_floor(ratio: float, *, alarms: bool) -> None:
    """A regression up to what a control moved by, in either direction, is what this machine moves by itself."""
    faster = row("far.away", Verdict.IMPROVEMENT, 1 / 1.4)
    near = regression("near.by", ratio, Severity.MINOR)

    labelled = with_controls(judgement(Outcome.WARN, near, faster), {"far.away"}, POLICY)

    assert bool(alarming(labelled)) == alarms
    assert "moved all the same" in " ".join(notes.note_sentences(labelled))


def test_the_largest_floor_of_all_metrics_is_stated() -> None:
    """Each metric has its own; the note names the one that hides most, and how much else it hid."""
    slower = regression("far.away", 1.4, Severity.MINOR)
    larger = replace(regression("far.away", 1.9, Severity.MINOR), metric=Metric("peak_memory", "B"))

    labelled = with_controls(judgement(Outcome.WARN, slower, larger), {"far.away"}, POLICY)

    hidden = with_controls(
        judgement(Outcome.WARN, slower, larger, regression("near.by", 1.3, Severity.MINOR)), {"far.away"}, POLICY
    )
    floors = [note for note in labelled.notes if isinstance(note, Note) and note.code is NoteCode.CONTROL_FLOOR]
    assert [note.numbers[1:] for note in floors] == [(1.9, 0.0)]
    (stated,) = (note for note in hidden.notes if isinstance(note, Note) and note.code is NoteCode.CONTROL_FLOOR)
    assert stated.numbers[1:] == (1.9, 1.0)


def test_quiet_controls_change_nothing_for_the_others() -> None:
    """Unchanged ones set no floor; metrics have floors of their own."""
    before = judgement(Outcome.WARN, regression("near.by", 1.3, Severity.MINOR), row("far.away", ratio=1.01))

    labelled = with_controls(before, {"far.away"}, POLICY)

    assert labelled.comparisons[0] == before.comparisons[0]
    assert labelled.summary.verdict is before.summary.verdict


def test_without_traces_nothing_changes() -> None:
    """What is not known counts as reachable."""
    before = judged(("near.by", 2.5, Severity.CRITICAL))
    assert with_controls(before, set(), POLICY) is before


def test_the_label_is_in_the_reason_and_in_the_json() -> None:
    """And it survives being read back."""
    labelled = with_controls(judged(("far.away", 2.5, Severity.CRITICAL)), {"far.away"}, POLICY)
    control = labelled.comparisons[0]

    content = structured.as_object(labelled)
    assert "annot be caused by this diff" in reasons.sentence(control)
    assert structured.as_judgement(content).comparisons[0].unreachable


def test_a_service_out_of_reach_does_not_alarm() -> None:
    """Where the change reaches one of its benchmarks, it does."""
    from regress_action.model.comparisons import Mode, ServiceComparison

    members = [replace(row(name), benchmark=Benchmark(name, service="far")) for name in ("far.a", "far.b")]
    service = ServiceComparison(
        "far", Mode.PAIRED, 2, 10, 1.3, 1.2, 1.4, 0.001, 1.1, Verdict.REGRESSION, Severity.MINOR
    )
    before = replace(judgement(Outcome.WARN, *members), services=(service,))

    assert with_controls(before, {"far.a", "far.b"}, POLICY).services[0].severity is Severity.SLIGHT
    assert with_controls(before, {"far.a"}, POLICY).services[0].severity is Severity.MINOR


def test_of_random_judgements_controls_and_what_they_moved_by_do_not_alarm() -> None:
    """A floor is the largest proven change of a control, up or down, of the same metric; the notes count them all."""
    random = np.random.default_rng(1)
    floors_seen = 0
    for _ in range(120):
        rows = []
        for number in range(random.integers(1, 9)):
            metric = Metric(("time", "memory")[random.integers(2)], "s")
            verdict = (Verdict.REGRESSION, Verdict.REGRESSION, Verdict.IMPROVEMENT, Verdict.UNCHANGED)[
                random.integers(4)
            ]
            ratio = (None, 1.1, 1.3, 0.6, 2.0)[random.integers(5)]
            worse = verdict is Verdict.REGRESSION
            severity = (
                (Severity.SLIGHT, Severity.MINOR, Severity.CRITICAL)[random.integers(3)] if worse else Severity.NONE
            )
            benchmark = Benchmark(f"b{number // 2}", ("one", "two")[number // 4])
            rows.append(replace(row("b", verdict, ratio), benchmark=benchmark, metric=metric, severity=severity))
        services = [
            ServiceComparison(
                name, Mode.PAIRED, 5, 5, 1.5, 1.4, 1.6, 0.001, 1.2, Verdict.REGRESSION,
                (Severity.SLIGHT, Severity.MODERATE)[random.integers(2)],
            )
            for name in ("one", "two", "three")
        ]  # fmt: skip
        names = sorted({each.benchmark.name for each in rows})
        reached = {name for name in names if random.random() < 0.5}
        controls = set(names) - reached
        before = judgement(Outcome.FAIL, *rows, services=tuple(services), notes=("first",))

        after = with_controls(before, controls, POLICY)

        if not controls:
            assert after is before
            continue
        of_controls = [each for each in rows if each.benchmark.name in controls]
        moved = [each for each in of_controls if each.verdict in {Verdict.REGRESSION, Verdict.IMPROVEMENT}]
        floors: dict[str, float] = {}
        for each in moved:
            size = max(each.ratio, 1 / each.ratio) if each.ratio else 1.0
            if each.ratio:
                floors[each.metric.name] = max(size, floors.get(each.metric.name, 1.0))
        lowered = 0
        for each, found in zip(rows, after.comparisons, strict=True):
            is_control, floor = each.benchmark.name in controls, floors.get(each.metric.name, 1.0)
            within = is_control or (each.ratio is not None and each.ratio <= floor)
            is_lowered = within and each.severity > Severity.SLIGHT
            assert found == replace(
                each, unreachable=is_control, severity=Severity.SLIGHT if is_lowered else each.severity
            )
            lowered += is_lowered and not is_control
        for service, found_service in zip(services, after.services, strict=True):
            members = {each.benchmark.name for each in rows if each.benchmark.service == service.service}
            alone = members and members <= controls
            assert found_service.severity is (Severity.SLIGHT if alone else service.severity)
        expected = [Note(NoteCode.UNREACHABLE, (len(controls), len(names)))]
        if floors:
            numbers = len({each.benchmark.name for each in moved}), max(floors.values()), lowered
            expected.append(Note(NoteCode.CONTROL_FLOOR, numbers))
        assert after.notes == (*expected, "first")
        floors_seen += bool(floors)
    assert floors_seen > 40
