"""Looking at a running measurement: what is decided stops, and looking often costs no false alarm."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regress_action import analysis
from regress_action.analysis import sequential
from regress_action.analysis.comparison import analyse
from regress_action.analysis.policy import SamplingPlan
from unit.analysis.compared_sides import NAN, number, only_row, pairs, runs, session

if TYPE_CHECKING:
    from regress_action.model.measurements import Report

PLAN = SamplingPlan()


def sides(values: dict[str, tuple[list[float], list[float]]]) -> tuple[list[Report], list[Report]]:
    """Make both sides from base and head values."""
    base, head = ({name: both[n] for name, both in values.items()} for n in (0, 1))
    return [pairs(base)], [pairs(head)]


def steady(count: int, ratio: float = 1.0) -> tuple[list[float], list[float]]:
    """Return both sides of a benchmark whose ratio is clear after five pairs."""
    values = [1 + 0.001 * (n % 3) for n in range(count)]
    return values, [value * ratio for value in values[::-1]]


def torn(count: int) -> tuple[list[float], list[float]]:
    """Return both sides of a benchmark that may or may not have changed by 3 %."""
    return [1.0] * count, [1.03 + 0.02 * (-1) ** n for n in range(count)]


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(1, 60), min_size=1))
def test_the_shares_of_all_looks_add_up_to_one(looks: set[int]) -> None:
    """The union bound: however the looks depend on each other, alpha is kept."""
    plan = SamplingPlan(tuple(sorted(looks)))

    shares = 1 / plan.penalty(np.array(plan.looks, dtype=float))

    assert shares.sum() == pytest.approx(1)


def test_a_decided_suite_stops() -> None:
    """A clear regression, a clear improvement and no change at all need no sixth pair."""
    look = analysis.analyse_interim(
        *sides({"a": steady(5), "b": steady(5, 1.5), "c": steady(5, 0.5)}), analysis.Policy(), PLAN
    )

    assert not look.proceed
    assert (look.pairs, look.decided) == (5, look.benchmarks)


def test_only_the_undecided_go_on() -> None:
    """The rest of the budget is theirs."""
    look = analysis.analyse_interim(*sides({"clear": steady(5), "torn": torn(5)}), analysis.Policy(), PLAN)

    assert look.proceed
    assert look.undecided == ("torn",)


def test_what_was_decided_earlier_is_not_measured_again() -> None:
    """A benchmark that is absent from the latest pair was let go and stays decided."""
    base, head = torn(5)
    clear = base + [NAN] * 2, head + [NAN] * 2

    look = analysis.analyse_interim(*sides({"gone": clear, "torn": torn(7)}), analysis.Policy(), PLAN)

    assert look.undecided == ("torn",)


@pytest.mark.parametrize(
    ("of_rounds", "share"),
    [({"torn": 0.0001}, 0.25), ({"torn": 0.005}, 0.77), ({"torn": 0.05}, 0.95), ({}, 1.0)],
    ids=["processes differ", "both", "rounds differ", "unknown"],
)
def test_rounds_that_say_little_are_dropped(of_rounds: dict[str, float], share: float) -> None:
    """Only of the undecided: `clear` has noisy rounds, and takes no part any more."""

    def with_rounds(reports: list[Report]) -> list[Report]:
        """Return them with a thousand rounds in each run, whose mean has this standard error."""
        known = {"clear": 1.0, **of_rounds}
        series = [
            replace(row, spreads=(known[name] * 1000**0.5,) * 5, rounds=(1000,) * 5) if name in known else row
            for row in reports[0].series
            for name in [row.benchmark.name]
        ]
        return [replace(reports[0], series=tuple(series))]

    base, head = sides({"clear": steady(5), "torn": torn(5)})
    look = analysis.analyse_interim(with_rounds(base), with_rounds(head), analysis.Policy(), PLAN)

    assert look.undecided == ("torn",)
    assert look.rounds == pytest.approx(share, abs=0.02)


def test_a_hopeless_benchmark_is_given_up() -> None:
    """Noise so large that the pairs that are left will hardly decide it."""
    wild = ([1.0] * 6, [1.0, 1.8, 0.6, 1.6, 0.7, 1.2])

    look = analysis.analyse_interim(*sides({"wild": wild}), analysis.Policy(), PLAN)

    assert not look.proceed
    assert (look.benchmarks, look.decided, look.given_up) == (1, 0, 1)


def test_half_of_the_pairs_do_not_speak_for_all() -> None:
    """The median lies below 3 %, the mean that the end will judge above it: no reason to give up."""
    wandering = ([1.0] * 9, [1.027, 1.018, 1.011, 0.977, 1.025, 1.061, 1.059, 1.066, 1.064])

    assert analysis.analyse_interim(*sides({"b": wandering}), analysis.Policy(), PLAN).undecided == ("b",)


def two_speeds(count: int, slow: set[int]) -> tuple[list[float], list[float]]:
    """Return both sides of a benchmark that has not changed, of which the head met a busy neighbour in some pairs."""
    return [1.0 + 0.004 * (n % 3) for n in range(count)], [
        1.6 if n in slow else 1.0 + 0.004 * (n % 2) for n in range(count)
    ]


def test_a_machine_of_two_speeds_is_no_reason_to_give_up() -> None:
    """The interval is hopeless, and yet so few pairs lie beyond that counting them will decide it."""
    look = analysis.analyse_interim(*sides({"b": two_speeds(8, {2, 5})}), analysis.Policy(), SamplingPlan((5, 30)))

    assert look.undecided == ("b",)


def test_pairs_that_cannot_be_counted_out_any_more_are_given_up() -> None:
    """Half of the pairs lie beyond, and with fourteen pairs only two may."""
    wild = ([1.0] * 10, [1.0, 1.9, 0.6, 1.6, 0.7, 1.8, 0.5, 1.4, 1.7, 0.6])

    assert not analysis.analyse_interim(
        *sides({"b": wild}), analysis.Policy(), SamplingPlan(tuple(range(5, 15)))
    ).proceed


def test_what_was_asked_is_decided_when_it_is_ruled_out_and_nothing_smaller_can_be() -> None:
    """Five per cent of noise: the threshold of 30 % is ruled out, 3 % never will be; that is decided, not given up."""
    noisy = ([1.0] * 8, [1.05, 0.95, 1.06, 0.94, 1.05, 0.95, 1.06, 0.94])
    policy = analysis.Policy(limits=(analysis.Limit(regression_threshold=1.3),))

    look = analysis.analyse_interim(*sides({"b": noisy}), policy, PLAN)

    assert not look.proceed
    assert (look.pairs, look.decided, look.given_up) == (8, look.benchmarks, 0)


def test_a_threshold_that_is_ruled_out_does_not_end_the_search_for_less() -> None:
    """It leans to 6 % slower, and will likely be told; whether it is 3 % slower or not is a coin's toss."""
    policy = analysis.Policy(limits=(analysis.Limit(regression_threshold=1.3),))
    leaning = ([1.0] * 5, [1.06 + 0.03 * (-1) ** n for n in range(5)])

    assert analysis.analyse_interim(*sides({"leaning": leaning, "torn": torn(5)}), policy, PLAN).undecided == (
        "leaning",
    )


def test_one_stalled_process_is_not_noise() -> None:
    """The median deviation sees through it, so the benchmark is measured on."""
    base, head = steady(6, 1.05)
    head[2] = 3.0

    assert analysis.analyse_interim(*sides({"b": (base, head)}), analysis.Policy(), PLAN).proceed


@pytest.mark.parametrize("count", [1, 4])
def test_before_the_fifth_pair_everything_goes_on(count: int) -> None:
    """No verdict rests on less."""
    assert analysis.analyse_interim(*sides({"b": steady(count, 3.0)}), analysis.Policy(), PLAN).proceed


def test_the_last_pair_ends_it() -> None:
    """Whatever is still open is inconclusive then."""
    assert not analysis.analyse_interim(*sides({"b": torn(10)}), analysis.Policy(), PLAN).proceed


def test_without_pairs_there_is_nothing_to_decide() -> None:
    """Each side measured alone goes on as planned, and of no benchmark anything is said."""
    look = analysis.analyse_interim(
        [session({"b": [1.0] * 6})], [session({"b": [1.0] * 6}, name="t")], analysis.Policy(), PLAN
    )

    assert (look.proceed, look.minimum, look.rounds) == (True, 5, 1.0)
    assert (look.undecided, look.pairs, look.benchmarks, look.decided, look.given_up) == ((), 0, 0, 0, 0)


def test_p_values_pay_for_the_looks() -> None:
    """The same pairs: stopped at the fifth of six looks, ten times as dear; at the end, what the other looks leave."""
    plain = only_row(analysis.compare(*sides({"b": torn(9)}))).p_value
    looked = only_row(analysis.compare(*sides({"b": torn(9)}), analysis.Policy(plan=PLAN))).p_value
    at_the_end = only_row(analysis.compare(*sides({"b": torn(10)}), analysis.Policy(plan=PLAN))).p_value

    assert looked == pytest.approx(min(10 * number(plain), 1))
    assert 1 <= number(at_the_end) / number(only_row(analysis.compare(*sides({"b": torn(10)}))).p_value) < 1.25


def test_a_history_was_not_looked_at_and_pays_nothing() -> None:
    """The plan is one of pairs."""
    base, head = runs({"b": [1.0, 1.02, 0.98, 1.01, 0.99]}), runs({"b": [1.05]})

    assert only_row(analysis.compare(base, head, analysis.Policy(plan=PLAN))) == only_row(analysis.compare(base, head))


def test_looking_after_every_pair_keeps_the_error_rate() -> None:
    """A/A with no floor to help: at most 5 % of 2000 benchmarks ever look changed at any of the six looks."""
    random = np.random.default_rng(2)
    base, head = (np.exp(random.normal(0, 0.02, (2000, 10))) for _ in range(2))
    policy = analysis.Policy(session_spread=analysis.SessionSpread(paired=0.0), plan=PLAN)
    alarmed: set[str] = set()
    for count in PLAN.looks:
        values = {f"b{n}": (base[n, :count].tolist(), head[n, :count].tolist()) for n in range(2000)}
        rows = analysis.compare(*sides(values), policy).comparisons
        alarmed |= {row.benchmark.name for row in rows if number(row.p_value) <= 0.05}

    assert 0.01 <= len(alarmed) / 2000 <= 0.05


def test_fewer_rounds_cost_five_per_cent_of_the_variance_of_a_pair() -> None:
    """By hand: what rounds explain divided by their share, with the rest; what needs most counts."""
    random = np.random.default_rng(1)
    seen = analyse(*sides({f"b{n}": torn(5) for n in range(6)}), analysis.Policy(plan=PLAN))
    results = set()
    for _ in range(80):
        spread = random.choice([0.01, 0.02, 0.0], 6, p=[0.5, 0.4, 0.1])
        within = spread**2 * random.choice([0.0, 0.001, 0.02, 0.3, 0.6, 1.5, NAN], 6, p=[0.2, 0.2, 0.2, *[0.1] * 4])
        rows = random.random(6) < 0.4
        seen.estimates.estimate.spread, seen.estimates.of_rounds = spread, within
        shares = [0.0]
        for of_pair, of_rounds in zip(spread[rows] ** 2, np.minimum(within, spread**2)[rows], strict=True):
            if of_rounds > 0:
                of_processes = of_pair - of_rounds
                shares.append(of_rounds / (1.05 * of_pair - of_processes))
        wanted = round(max(0.25, *shares), 2) if len(shares) > 1 else 1.0
        assert sequential._rounds(seen, rows) == wanted
        results.add(wanted)
    assert len(results) >= 4
    seen.estimates.of_rounds = None
    assert sequential._rounds(seen, np.ones(6, bool)) == 1


def test_a_row_is_settled_when_nothing_more_is_to_be_learned_of_it() -> None:
    """It is not compared, or a change is proven, or the smallest one is ruled out; by enough pairs."""
    seen = analyse(*sides({"b": torn(5)}), analysis.Policy(plan=PLAN))
    estimate, results = seen.estimates.estimate, seen.results
    for d, regression, improvement, unchanged, weak, ruled_out in product(
        [0.1, NAN], *[[False, True]] * 4, [0.03, 0.05, NAN]
    ):
        estimate.d, estimate.weak, results.smallest = np.array([d]), np.array([weak]), np.array([0.03])
        results.regression, results.improvement = np.array([regression]), np.array([improvement])
        results.unchanged, results.ruled_out = np.array([unchanged]), np.array([ruled_out])
        is_proven = regression or improvement or (unchanged and ruled_out == 0.03)
        assert sequential._settled(seen).tolist() == [d != 0.1 or (is_proven and not weak)]


@pytest.mark.parametrize("pairs_done", [None, 8])
def test_every_benchmark_of_a_look_is_decided_given_up_or_goes_on(pairs_done: int | None) -> None:
    """Three are clear, one is unchanged for the asked threshold alone, two hopeless, one may go either way."""
    noisy = [1.05, 0.95, 1.06, 0.94, 1.05, 0.95, 1.06, 0.94]
    wild = [3.0, 0.2, 1.5, 0.9, 4.0, 0.3, 2.0, 0.6]
    values = {f"clear {n}": steady(8, 1.0 + n) for n in range(3)} | {f"wild {n}": ([1.0] * 8, wild) for n in range(2)}
    values |= {"asked": ([1.0] * 8, noisy), "torn": torn(8)}
    limits = (analysis.Limit(benchmark="asked", regression_threshold=1.3),)

    look = analysis.analyse_interim(*sides(values), analysis.Policy(limits=limits), PLAN, pairs_done)

    assert (look.proceed, look.minimum, look.undecided, look.pairs) == (True, 5, ("torn",), 8)
    assert (look.benchmarks, look.decided, look.given_up) == (7, 4, 2)


def test_a_failed_measurement_has_no_pairs() -> None:
    """Nothing was compared, so nothing is left to be measured, and no pair is made up."""
    look = analysis.analyse_interim(*sides({"b": ([NAN] * 2, [NAN] * 2)}), analysis.Policy(), PLAN)

    assert (look.proceed, look.pairs, look.benchmarks, look.decided) == (True, 0, 1, 1)
