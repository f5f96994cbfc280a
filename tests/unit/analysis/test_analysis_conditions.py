"""How the machines behaved is told beside the verdicts, and never makes one."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from regress_action import analysis
from regress_action.analysis import conditions
from regress_action.model.comparisons import Doubt, Judgement, Machine, Mode, NoteCode, Verdict
from regress_action.model.measurements import Conditions, Environment, Report
from regress_action.report.notes import note_sentences
from unit.analysis.compared_sides import HOSTED, NAN, OTHER, OWN, pairs, runs, session

STEADY = [1.0, 1.001, 0.999, 1.0, 1.001, 1.0]
WILD = [1.0, 1.8, 0.6, 1.6, 0.7, 1.2]
SUITE = {f"b{number}": STEADY for number in range(12)}


def probed(typical_s: float, swing: float = 1.02, *, work: str = "1 CPython", steal: float | None = 0.0) -> Conditions:
    """Return what a machine of this speed told of itself."""
    return Conditions(work, typical_s, typical_s / swing**0.5, typical_s * swing**0.5, 0.01, steal)


def against_history(
    head: Conditions, *stored: Conditions, ratio: float = 1.0, environment: Environment = OWN, past: Environment = OWN
) -> Judgement:
    """Judge a suite against six stored reports whose machines were like `stored`, in turns."""
    base = [
        replace(report, conditions=(stored[at % len(stored)],) if stored else ())
        for at, report in enumerate(runs(SUITE, environment=past))
    ]
    new = session({name: [ratio, ratio] for name in SUITE}, environment=environment)
    return analysis.compare(base, [replace(new, conditions=(head,))])


def in_pairs(values: list[float], conditions: Conditions) -> Judgement:
    """Judge one benchmark in pairs on a machine that behaved so."""
    sides = (replace(pairs({"b": side}), conditions=(conditions,)) for side in (STEADY, values))
    base, head = sides
    return analysis.compare([base], [head])


@pytest.mark.parametrize(
    ("ratio", "said"), [(1.3, "took 30 % longer on the head's machine"), (0.7, "took 30 % less time on the head's")]
)
def test_a_machine_of_another_speed_is_reported(ratio: float, said: str) -> None:
    """Slower or faster than the machines of the baseline: in one note, as a number and as a doubt."""
    judgement = against_history(probed(0.002 * ratio), probed(0.002), probed(0.00201), probed(0.00199))

    (note,) = note_sentences(judgement)
    assert said in note
    assert judgement.machine.probe_ratio == pytest.approx(ratio, rel=0.01)
    assert judgement.machine.doubts == (Doubt.SPEED,)


@pytest.mark.parametrize(
    ("head", "stored"),
    [
        (probed(0.00216), [probed(0.002)]),
        (probed(0.0026), [probed(0.002), probed(0.0024), probed(0.0017), probed(0.0028)]),
        (probed(0.0026, swing=1.4), [probed(0.002)]),
        (probed(0.0026), [probed(0.002, swing=1.4)]),
    ],
    ids=["below ten percent", "as far apart as the baseline's own", "a restless head", "a restless baseline"],
)
def test_what_spread_explains_is_no_other_speed(head: Conditions, stored: list[Conditions]) -> None:
    """The ratio is still there for programs, and nobody is told of a difference that means nothing."""
    judgement = against_history(head, *stored)

    assert judgement.machine.probe_ratio is not None
    assert Doubt.SPEED not in judgement.machine.doubts
    assert not any("fixed piece of work" in note and "head's machine" in note for note in note_sentences(judgement))


def test_a_machine_that_did_not_say_how_far_it_swung_explains_nothing() -> None:
    """A third more time is another speed, whether or not the fastest and the slowest probe are known."""
    typical = Conditions("1 CPython", 0.0026)

    assert against_history(typical, Conditions("1 CPython", 0.002)).machine.doubts == (Doubt.SPEED,)


@pytest.mark.parametrize(
    ("head", "stored", "past"),
    [
        (probed(0.004), [probed(0.002, work="1 CPython 3.9")], OWN),
        (probed(0.004), [], OWN),
        (Conditions(steal=0.0), [probed(0.002)], OWN),
        (probed(0.004), [probed(0.002)], OTHER),
    ],
    ids=["another probe", "stored before there was one", "measured without", "another CPU model"],
)
def test_only_equal_probes_on_equal_models_are_compared(
    head: Conditions, stored: list[Conditions], past: Environment
) -> None:
    """Another interpreter or CPU model has another speed, and that says nothing about this machine."""
    assert against_history(head, *stored, past=past).machine.probe_ratio is None


def test_a_hosted_machine_may_differ_more() -> None:
    """Three times the usual spread between two hosted machines of one model is still ordinary."""
    tau = replace(analysis.Policy().session_spread, hosted=0.06)
    base = [replace(report, conditions=(probed(0.002),)) for report in runs({"b": STEADY}, environment=HOSTED)]
    head = replace(session({"b": [1.0]}, environment=HOSTED), conditions=(probed(0.0023),))

    strict, lenient = (
        analysis.compare(base, [head], policy) for policy in (analysis.Policy(), analysis.Policy(session_spread=tau))
    )

    assert strict.machine.doubts == (Doubt.SPEED,)
    assert lenient.machine.doubts == ()


def test_a_shift_that_the_probe_did_not_see_points_elsewhere() -> None:
    """Where the whole suite moved and the fixed work did not, the cause is something that the benchmarks share."""
    same, slower = (against_history(probed(time), probed(0.002), ratio=1.3) for time in (0.00201, 0.0026))

    assert same.summary.environment_shift == slower.summary.environment_shift == pytest.approx(1.3, rel=0.01)
    assert any("what all benchmarks share" in note for note in note_sentences(same))
    assert any("may be the machine's" in note for note in note_sentences(slower))


def test_pairs_on_a_restless_machine_explain_what_is_undecided() -> None:
    """How far it swings, what was taken from it, and how many rows that leaves open."""
    judgement = in_pairs(WILD, probed(0.002, swing=1.45, steal=0.12))

    assert judgement.comparisons[0].verdict is Verdict.INCONCLUSIVE
    assert judgement.machine.probe_swing == pytest.approx(1.45)
    assert replace(judgement.machine, probe_swing=None) == Machine(None, None, 0.12, (Doubt.SWING, Doubt.STEAL))
    swing, steal = note_sentences(judgement)
    assert "took up to 45 % longer at one moment than at another, which explains 1 undecided comparison." in swing
    assert "took 12 % of the CPU time that the suite wanted, which explains 1 undecided comparison." in steal


def test_pairs_that_decide_everything_do_not_report_a_noisy_machine() -> None:
    """Both sides met the same machine: what was proven needs no excuse; the number is there for programs."""
    judgement = in_pairs(STEADY, probed(0.002, swing=1.45, steal=0.12))

    assert judgement.notes == ()
    assert judgement.machine.probe_swing == pytest.approx(1.45)


@pytest.mark.parametrize(
    ("values", "ratio", "time"), list(product([STEADY, WILD, [3 * v for v in STEADY]], [1.0, 1.3, 3.0], [0.001, 0.02]))
)
def test_no_probe_ever_changes_a_verdict(values: list[float], ratio: float, time: float) -> None:
    """It is a check and no divisor: every comparison and the summary are those without any probe."""
    wild = probed(time, swing=2.0, steal=0.5)
    base, head = (pairs({"b": side}) for side in (STEADY, values))
    stored = runs({name: of[:6] for name, of in SUITE.items()})
    new = session({name: [ratio, ratio] for name in SUITE})

    for before, after in (([base], head), (stored, new)):
        without = analysis.compare(before, [after])
        with_it = analysis.compare([marked(report, probed(0.002)) for report in before], [marked(after, wild)])
        assert with_it.machine != without.machine
        assert (with_it.comparisons, with_it.summary) == (without.comparisons, without.summary)


def marked(report: Report, conditions: Conditions) -> Report:
    """Return the report of a machine that behaved so."""
    return replace(report, conditions=(conditions,))


def test_the_shards_of_a_matrix_are_judged_by_their_worst() -> None:
    """Each leg ran on a machine of its own; one that swings is enough to say so."""
    calm, restless = probed(0.002, steal=0.01), probed(0.002, swing=1.5, steal=0.09)
    base, head = (pairs({"b": side}) for side in (STEADY, WILD))

    judgement = analysis.compare([base], [replace(head, conditions=(calm, restless))])

    assert judgement.machine.probe_swing == pytest.approx(1.5)
    assert judgement.machine.steal == 0.09


def test_seconds_saved_become_minutes_of_the_judgement() -> None:
    """What the measurer spared is said in the unit of a CI bill; nothing was spared where nobody said so."""
    base, head = pairs({"b": STEADY}), pairs({"b": STEADY})

    assert analysis.compare([base], [replace(head, saved_s=90.0)]).minutes_saved == pytest.approx(1.5)
    assert analysis.compare([base], [head]).minutes_saved is None


def test_a_machine_is_doubted_beyond_its_limits_and_not_at_them() -> None:
    """A fifth of swing, a twentieth of stolen time, ten per cent of speed; the worst of all reports counts."""
    stored = [replace(report, conditions=(probed(1.0, 1.0),)) for report in runs(SUITE)]

    def observed(*machines: Conditions, mode: Mode = Mode.HISTORY, foreign: bool = False) -> Machine:
        head = [replace(report, conditions=(one,)) for report, one in zip(runs(SUITE), machines, strict=False)]
        return conditions.observed(stored, head, mode, analysis.SessionSpread(dedicated=0.0), foreign=foreign)

    at_its_limits = Conditions("1 CPython", 1.0, 1.0, 1.2, 0.01, 0.05)
    beyond = Conditions("1 CPython", 1.0, 1.0, 1.2001, 0.01, 0.0501)
    assert observed(at_its_limits) == Machine(1.0, 1.2, 0.05, ())
    assert observed(beyond, at_its_limits) == Machine(1.0, 1.2001, 0.0501, (Doubt.SWING, Doubt.STEAL))
    assert observed(probed(1.0999, 1.0)).doubts == observed(probed(0.9092, 1.0)).doubts == ()
    assert observed(probed(1.1001, 1.0)).doubts == observed(probed(0.909, 1.0)).doubts == (Doubt.SPEED,)
    assert observed(probed(3.0, 1.0), mode=Mode.PAIRED) == Machine(None, 1.0, 0.0, ())
    assert observed(Conditions(), foreign=True) == Machine(None, None, None, (Doubt.FOREIGN,))


@pytest.mark.parametrize("mode", [Mode.PAIRED, Mode.HISTORY])
@pytest.mark.parametrize("undecided", [0, 1])
@pytest.mark.parametrize("moved", [None, 0.1])
def test_notes_of_the_machines_say_what_explains_the_verdicts(mode: Mode, undecided: int, moved: float | None) -> None:
    """Speed always; what varies only where something is undecided, or nothing was paired."""
    template = in_pairs(STEADY, probed(1.0)).comparisons[0]
    rows = [replace(template, verdict=Verdict.UNCHANGED)]
    rows += [replace(template, verdict=Verdict.UNSTABLE_BASELINE)] * undecided
    varies = [] if mode is Mode.PAIRED and not undecided else [NoteCode.SPEED_VARIES, NoteCode.CPU_STOLEN]
    doubts = (Doubt.SPEED, Doubt.SWING, Doubt.STEAL)

    def codes(machine: Machine) -> list[NoteCode]:
        return [note.code for note in conditions.notes(machine, mode, rows, moved)]

    every = list(conditions.notes(Machine(1.3, 1.4, 0.2, doubts), mode, rows, moved))
    assert [note.code for note in every] == [NoteCode.OTHER_SPEED, *varies]
    assert [note.numbers for note in every] == [(1.3,), (1.4, undecided), (0.2, undecided)][: len(every)]
    assert codes(Machine(1.0, 1.4, 0.2, ())) == ([NoteCode.SAME_SPEED] if moved else [])
    assert codes(Machine(None, 1.4, 0.2, doubts)) == varies


def test_failed_runs_count_where_they_were_measured_with_the_head() -> None:
    """All of the head, and those of the baseline that share a session with it; some have values nevertheless."""
    base = pairs({"a": [1.0, 2.0, 3.0], "b": [1.0, NAN, NAN]})
    head = pairs({"a": [1.0, NAN, 3.0], "b": [1.0, NAN, NAN]})
    fails = [replace(run, failure=f"{at}") for at, run in enumerate(base.runs)]
    older = replace(base, runs=tuple(replace(run, session="another") for run in fails))
    notes = conditions.failed_runs(
        [replace(base, runs=(base.runs[0], *fails[1:])), older], [replace(head, runs=(*base.runs[:1], *fails[1:]))]
    )

    assert [(note.code, note.numbers, note.names) for note in notes] == [
        (NoteCode.FAILED_RUNS, (2, 3, 2), ("base", "1")),
        (NoteCode.FAILED_RUNS, (2, 3, 1), ("head", "1")),
    ]
    assert list(conditions.failed_runs([base], [head])) == []


def test_sides_differ_in_a_field_that_both_state_and_share_no_value_of() -> None:
    """Three values of each at most are named."""

    def stating(*models: str) -> list[Report]:
        return [
            replace(report, environment=replace(OWN, cpu=model))
            for report, model in zip(runs(SUITE), models, strict=False)
        ]

    def said(before: list[Report], after: list[Report]) -> list[tuple[str, ...]]:
        return [tuple(map(str, note.names)) for note in conditions.differences(before, after)]

    assert said(stating("b", "a", "d", "c", "a"), stating("e", "unknown")) == [("cpu", "a, b, c", "e")]
    assert said(stating("a", "b"), stating("b", "c")) == said(stating("unknown"), stating("c")) == []
