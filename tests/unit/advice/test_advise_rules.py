"""Advice follows from how metrics moved together, and is silent when nothing did."""

from dataclasses import replace

import pytest

from regress_action.advice import elsewhere, recommend
from regress_action.model.comparisons import (
    Comparison,
    Doubt,
    Judgement,
    Machine,
    Mode,
    Outcome,
    Severity,
    Side,
    Subject,
    Summary,
    Verdict,
)
from regress_action.model.measurements import Benchmark, Metric


def row(
    name: str,
    metric: str = "time",
    *,
    ratio: float = 2.0,
    verdict: Verdict = Verdict.REGRESSION,
    service: str | None = None,
    needed: int | None = None,
) -> Comparison:
    """Return one comparison."""
    return Comparison(
        benchmark=Benchmark(name, service=service),
        metric=Metric(metric, "B" if "memory" in metric else "s"),
        baseline=Side(10, 1.0),
        head=Side(10, ratio),
        ratio=ratio,
        ratio_low=ratio,
        ratio_high=ratio,
        p_value=0.001,
        q_value=0.001,
        threshold=1.2,
        minimum_detectable_ratio=1.03,
        verdict=verdict,
        severity=Severity.MODERATE,
        reason="",
        runs_needed=needed,
    )


def judgement(*rows: Comparison) -> Judgement:
    """Return a judgement over two commits."""
    subject = Subject(commit="b" * 40)
    return Judgement(Mode.PAIRED, Summary(Outcome.FAIL), rows, subject, replace(subject, commit="a" * 40))


def test_nothing_is_said_about_nothing() -> None:
    """Where all is unchanged there is nothing to advise."""
    assert recommend(judgement(row("x", verdict=Verdict.UNCHANGED))) == ()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row("x"), row("x", "cpu_time", verdict=Verdict.UNCHANGED)], "it waits"),
        ([row("x"), row("x", "cpu_time")], "computes more"),
        ([row("x", "peak_memory")], "more memory at the same speed"),
        ([row("x", "peak_memory"), row("x")], "more memory and more time"),
        ([row("sort[100]", ratio=1.2), row("sort[10000]", ratio=12)], "the cost grows"),
        ([row(f"{name}", service="cache") for name in "abc"], "3 benchmarks of cache moved alike"),
        ([row("x", verdict=Verdict.INCONCLUSIVE, needed=40)], "40 pairs would decide"),
        ([row("x")], "git log --oneline bbbbbbbbbbbb..aaaaaaaaaaaa"),
    ],
)
def test_a_pattern_gives_its_advice(rows: list[Comparison], said: str) -> None:
    """Each pattern of metrics is recognised by its own rule."""
    assert any(said in sentence for sentence in recommend(judgement(*rows)))


def test_advice_about_time_cites_what_was_measured() -> None:
    """Both metrics stand there with their medians, intervals and runs, and what computing explains of the slowdown."""
    slower, mostly = row("x", ratio=3.0), row("x", "cpu_time", ratio=1.5)
    first = recommend(judgement(slower, mostly))[0]
    assert "most of the added time is waiting" in first
    assert "time 1 → 3 s (3 to 3×, 10 and 10 runs)" in first
    assert "CPU time 1 → 1.5 s (1.5 to 1.5×, 10 and 10 runs), which is 25 % of the added time" in first
    memory = replace(row("x", "peak_memory"), baseline=Side(5, 2.0**20), head=Side(5, 3 * 2.0**20))
    assert "peak memory 1 → 3 MiB (2 to 2×, 5 and 5 runs)" in recommend(judgement(memory))[0]


def test_time_and_cpu_time_that_grow_alike_are_computing() -> None:
    """On a busy machine the clock runs on while a process waits for a CPU, in proportion to what it computes."""
    cpu = replace(row("x", "cpu_time", ratio=2.9), baseline=Side(10, 0.1), head=Side(10, 0.3))
    said = recommend(judgement(row("x", ratio=3.0), cpu))[0]
    assert "profile both commits" in said
    assert "which is 10 % of the added time" in said


def test_nothing_is_concluded_from_undecided_cpu_time() -> None:
    """CPU time that is neither proven worse nor shown to be unchanged says nothing about waiting."""
    said = recommend(judgement(row("x"), row("x", "cpu_time", verdict=Verdict.INCONCLUSIVE)))
    assert not any("waits" in sentence or "computes" in sentence for sentence in said)


def test_ratios_that_do_not_grow_with_size_give_no_advice_about_complexity() -> None:
    """The same slowdown at every size is a constant, not an order."""
    sentences = recommend(judgement(row("sort[100]", ratio=2), row("sort[10000]", ratio=2)))
    assert not any("grows" in sentence for sentence in sentences)


def test_what_did_not_repeat_is_no_reason_for_advice() -> None:
    """A suspect that was not confirmed is left alone."""
    assert recommend(judgement(replace(row("x"), confirmed=False))) == ()


def test_advice_is_capped() -> None:
    """A hundred slow benchmarks do not make a hundred sentences."""
    assert len(recommend(judgement(*(row(f"b{n}", "peak_memory") for n in range(100))))) == 5


def doubtful(
    *doubts: Doubt,
    mode: Mode = Mode.HISTORY,
    outcome: Outcome = Outcome.INCONCLUSIVE,
    verdict: Verdict = Verdict.INCONCLUSIVE,
    shift: float | None = None,
    confirmed: bool | None = None,
) -> Judgement:
    """Return a judgement over one row, measured on a machine with these doubts."""
    made = judgement(replace(row("x", verdict=verdict), confirmed=confirmed))
    undecided = int(verdict in {Verdict.INCONCLUSIVE, Verdict.INCOMPARABLE})
    summary = Summary(outcome, inconclusive=undecided, environment_shift=shift)
    return replace(made, mode=mode, summary=summary, machine=Machine(1.3, 1.4, 0.1, doubts))


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (doubtful(shift=1.3, verdict=Verdict.UNCHANGED), "the whole suite moved together"),
        (doubtful(Doubt.FOREIGN, verdict=Verdict.INCOMPARABLE), "no run from this kind of machine"),
        (doubtful(Doubt.SPEED), "this machine is slower than those of the baseline"),
        (doubtful(Doubt.SWING, mode=Mode.PAIRED), "its speed varies"),
        (doubtful(Doubt.STEAL, mode=Mode.PAIRED), "other machines on its host take CPU time"),
        (doubtful(Doubt.STEAL, outcome=Outcome.FAIL, verdict=Verdict.REGRESSION), "take CPU time"),
        (doubtful(Doubt.STEAL, Doubt.SWING, shift=1.3), "moved together and its speed varies and other machines"),
    ],
)
def test_another_runner_is_suggested_for_what_the_machine_may_have_done(made: Judgement, reason: str) -> None:
    """One sentence, with every reason for it."""
    said = elsewhere(made) or ""
    assert said.startswith("Measure again on another runner before you act on this: ")
    assert reason in said
    assert said.count(".") == 1


@pytest.mark.parametrize(
    "made",
    [
        doubtful(),
        doubtful(Doubt.FOREIGN),
        doubtful(*Doubt, outcome=Outcome.PASS, verdict=Verdict.REGRESSION),
        doubtful(*Doubt, verdict=Verdict.UNCHANGED),
        doubtful(Doubt.STEAL, mode=Mode.PAIRED, outcome=Outcome.FAIL, verdict=Verdict.REGRESSION),
        doubtful(Doubt.SPEED, outcome=Outcome.FAIL, verdict=Verdict.REGRESSION, confirmed=True),
    ],
    ids=["calm", "foreign, yet comparable", "a pass", "all unchanged", "proven in pairs", "confirmed in pairs"],
)
def test_no_other_runner_is_suggested_where_nothing_hangs_on_this_one(made: Judgement) -> None:
    """What pairs have proven, what passed and what was decided stays so on any machine."""
    assert elsewhere(made) is None
