"""Causes in a judgement: which rows get them, where they are annotated, and that they survive as data."""

from __future__ import annotations

from dataclasses import replace

from judgements import MEMORY, judgement, regression, row
from regress_action.action.hotspots import GraphFolder, with_causes, with_reason
from regress_action.action.publish import answer_of, judgement_record
from regress_action.advice import recommend
from regress_action.github.locations import annotate
from regress_action.github.preferences import Texts
from regress_action.model.comparisons import Comparison, Judgement, Mode, Outcome, Severity
from regress_action.model.measurements import Location
from regress_action.report import markdown, structured
from regress_action.report.findings import Context
from unit.report.test_report_causes import CAUSE

SLOW = regression("bench.py::test_check", 2.0, Severity.MODERATE)
LARGE = regression("bench.py::test_check", 2.0, Severity.MODERATE, metric=MEMORY)
OTHER = regression("bench.py::test_other", 3.0, Severity.CRITICAL)


def explained(*rows: Comparison, benchmarks: tuple[str, ...] = ("bench.py::test_check",)) -> Judgement:
    """Return a judgement with the cause, whose flame graph goes nowhere."""
    folder = GraphFolder(lambda _name, _content: None, ".regress")
    judged = judgement(Outcome.FAIL, *rows, row("bench.py::test_same"))
    return with_causes(judged, [replace(CAUSE, benchmarks=benchmarks)], folder)


def test_the_benchmark_that_was_profiled_gets_the_cause() -> None:
    """Other regressions, its memory and what did not regress get none."""
    causes = [comparison.cause for comparison in explained(OTHER, SLOW, LARGE).comparisons]
    assert [cause is not None for cause in causes] == [False, True, False, False]


def test_a_profile_of_the_suite_speaks_for_the_worst_regression() -> None:
    """Where the suite cannot be narrowed, nobody knows which benchmark a function belongs to."""
    causes = [comparison.cause for comparison in explained(OTHER, SLOW, benchmarks=()).comparisons]
    assert [cause is not None for cause in causes] == [True, False, False]


def test_flame_graphs_are_written_and_named() -> None:
    """The page goes where the folder says, and the note says where it is."""
    written: dict[str, bytes] = {}
    folder = GraphFolder(lambda name, content: written.update({name: content}), ".regress")
    (first, *_) = with_causes(judgement(Outcome.FAIL, SLOW), [CAUSE], folder).comparisons
    assert list(written) == ["flame-graph.html"]
    assert first.cause is not None
    assert first.cause.flame_graph == ".regress/flame-graph.html"


def test_the_annotation_is_on_the_changed_line_with_its_share() -> None:
    """The line of the cause wins over the line of the benchmark, and the message says how much it explains."""
    texts = Texts(
        headline="",
        comment=lambda _: "",
        summary=lambda _: "",
        finding=lambda _: "slower",
        reason=lambda _: "reason",
        details=lambda _row, _limit: "",
    )
    changed, defined = annotate(explained(SLOW, OTHER).comparisons[:2], texts)
    assert changed.location == Location("shop.py", 12)
    assert "94 % (88 % to 99 %) of the difference" in changed.message
    assert defined.location == OTHER.benchmark.location


def test_the_cause_is_the_first_advice_and_replaces_the_hint_to_profile() -> None:
    """What profiles showed is said instead of how to find out."""
    sentences = recommend(explained(SLOW))
    assert sentences[0].startswith("bench.py::test_check takes 2.0× the CPU time")
    assert not any("profile both commits" in sentence for sentence in sentences)


def test_the_flame_graph_is_linked_outside_of_what_is_folded() -> None:
    """Comment, summary and issue lead to the artifacts of the run by one click; without a run the file is named."""
    judged = explained(SLOW)
    run = Context(run_url="https://github.com/o/r/actions/runs/7")
    link = "[.regress/flame-graph.html](https://github.com/o/r/actions/runs/7#artifacts)"
    pages = [
        markdown.render(judged, audience="comment", context=run),
        markdown.render(judged, audience="summary", context=run),
        markdown.detail(judged, judged.comparisons[0], context=run),
    ]
    for page in pages:
        before, _, _ = page.partition(f"Flame graph of the difference: {link}, in an artifact of the run\n")
        assert before != page
        assert before.count("<details") == before.count("</details>")
    local = markdown.render(judged, audience="file")
    assert "Flame graph of the difference: `.regress/flame-graph.html`\n" in local
    assert "Flame graph" not in markdown.render(judgement(Outcome.FAIL, SLOW), audience="comment", context=run)


def test_a_cause_that_cannot_be_had_has_a_reason() -> None:
    """One side, a container of the suite, and results of an earlier step are said, once; a cause needs no reason."""
    paired = replace(judgement(Outcome.FAIL, SLOW, OTHER), mode=Mode.PAIRED)
    alone = replace(paired, mode=Mode.HISTORY)

    def notes(judged: Judgement, *, in_container: bool = False, profiled: bool = True) -> str:
        added = with_reason(judged, in_container=in_container, profiled=profiled).notes[len(judged.notes) :]
        assert len(added) <= 1
        return str(*added)

    assert "only one side was measured here" in notes(alone)
    assert "a container of its own" in notes(paired, in_container=True)
    assert "measured by an earlier step" in notes(paired, profiled=False)
    assert "`regress-action hotspots --base " in notes(alone)
    assert notes(paired) == ""
    assert notes(replace(explained(SLOW), mode=Mode.HISTORY)) == ""
    assert notes(replace(judgement(Outcome.FAIL, LARGE), mode=Mode.HISTORY)) == ""


def test_the_cause_survives_as_data_and_answers_the_question_why() -> None:
    """JSON keeps it, and `/regress explain` tells it."""
    judged = explained(SLOW)
    assert structured.as_judgement(structured.as_object(judged)).comparisons[0].cause == judged.comparisons[0].cause
    answer = answer_of(judgement_record(judged, None, 60_000), "test_check")
    assert answer is not None
    assert "takes 94 % (88 % to 99 %) of the difference" in answer
