"""Which design a row gets, and what is known of it beside its estimate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from regress_action import analysis
from regress_action.analysis import LayoutBound, designs, estimate, exact_tests, noise, pair_order, resolution
from regress_action.analysis.comparison import analyse
from regress_action.analysis.run_matrix import by_session
from regress_action.analysis.stability import settle
from regress_action.model.comparisons import Mode
from unit.analysis.compared_sides import COUNT, EXACT, HOSTED, NAN, OTHER, OWN, RATE, SIGNED, TIME, pairs, runs, session

if TYPE_CHECKING:
    from regress_action.model.measurements import Environment, Metric, Report

KINDS = (TIME, RATE, COUNT, EXACT, SIGNED)


def drawn(seed: int, sizes: tuple[int, ...], metric: Metric) -> dict[str, np.ndarray]:
    """Draw benchmarks of so many runs each, of 1 to 30 % noise, or of whole numbers."""
    random = np.random.default_rng(seed)
    values = {f"b{size}": np.exp(random.normal(0, random.choice([0.01, 0.3]), size)) for size in sizes}
    values["stepped"] = np.exp(0.01 * random.standard_normal(12) + 0.5 * (np.arange(12) >= 12 - sizes[0]))
    whole = metric in (COUNT, EXACT)
    return {name: np.round(9 * of) if whole else of for name, of in values.items()}


def stored_sides(seed: int) -> tuple[list[Report], list[Report]]:
    """Return stored and new runs of every kind of metric, of one and of several sessions, some of another machine."""
    random = np.random.default_rng(seed)
    base: list[Report] = []
    head: list[Report] = []
    for number, metric in enumerate(KINDS):
        sizes = (int(random.integers(3, 8)), 12, 9, 2, 1)
        base += runs(drawn(seed + number, sizes, metric), metric=metric)
        base.append(
            session({"away": [1.0, 2.0], "b1": [1.0, 1.0]}, metric=metric, environment=OTHER, name=f"o{number}")
        )
        values = {name: of[:1] for name, of in drawn(seed + 50 + number, (1, 2, 9), metric).items()}
        head.append(session(values | {"b12": [1.0], "away": [2.0]}, metric=metric, name=f"h{number}"))
        many = {f"many{n}": np.exp(random.normal(0, 0.02, 10)) for n in range(12)}
        base += runs({name: of[:9] for name, of in many.items()}, metric=metric)
        head.append(session({name: of[9:] for name, of in many.items()}, metric=metric, name=f"m{number}"))
        head.append(session({"b9": [1.0, 3.0], "b12": [2.0, NAN]}, metric=metric, name=f"g{number}"))
    return base, head


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("mode", [None, Mode.HISTORY, Mode.SINGLE])
def test_stored_runs_of_one_machine_are_a_history_where_either_side_has_several(mode: Mode | None, seed: int) -> None:
    """Else what separates sessions is borrowed; each row says what makes its baseline unfit, and on what it rests."""
    policy = analysis.Policy(
        maximum_spread=0.2,
        noise={("b9", "time"): analysis.Noise(0.02, 30), ("b12", "time"): analysis.Noise(0.01, 30)},
    )
    matrix = analyse(*stored_sides(seed), policy).matrix
    scale = matrix.scale
    found = estimate._stored(matrix, policy, mode)

    near, foreign = estimate._same_machine(matrix)
    sessions, new = by_session(near, matrix.base), by_session(matrix.head_values, matrix.head)
    settled = settle(np.where(scale.linear[:, None], np.nan, sessions))
    level = np.where(scale.linear[:, None], sessions, settled.values)
    prior, moderated = estimate._prior(matrix, level, new, policy)
    as_history = designs.history(level, new, prior, 5)
    rounding = resolution.rounding_error(level, new, scale.linear, scale.seconds)
    ranked = exact_tests.order_p_values(level, new, scale.timed & ~scale.linear & ~scale.exact)
    widened = designs.widened(level, prior)
    designs_used = set()
    for row, design in enumerate(found.estimate.design):
        b, h = ((~np.isnan(side[row])).sum() for side in (level, new))
        alone = mode is Mode.SINGLE or (b <= 1 and h <= 1) or foreign[row]
        designs_used.add(int(design))
        exact, linear = scale.exact[row], scale.linear[row]
        if alone and mode is not Mode.HISTORY:
            assert design in (designs.SINGLE, designs.NONE)
            assert found.widened[row] == 1
        else:
            se = np.hypot(as_history.se[row], rounding[row])
            assert found.estimate.se[row] == pytest.approx(se, nan_ok=True)
            assert found.estimate.irreducible[row] == pytest.approx(rounding[row])
            assert found.estimate.weak[row] == (b < 5 and not moderated[row])
            assert found.widened[row] == (1 if alone else widened[row])
        spread_out = not alone and not exact and settled.spread[row] > 0.2
        runs_b = found.estimate.base_runs[row]
        assert found.unstable[row] == (spread_out or (settled.cut[row] and runs_b < 5))
        assert (found.foreign[row], found.cut[row], found.coarse[row]) == (
            foreign[row],
            settled.cut[row],
            rounding[row] > 0,
        )
        learned = prior.learned[row] and not alone and np.isfinite(found.estimate.d[row])
        assert (row in found.learned) == learned
        ranks = ranked[row] if design == designs.HISTORY and not exact and not linear else np.nan
        assert found.p_order[row] == pytest.approx(ranks, nan_ok=True)
        assert np.isnan(found.p_counts[row])
        assert found.correlation[row] == 0
    assert designs_used >= ({designs.HISTORY} if mode is Mode.HISTORY else {designs.SINGLE})
    assert found.learned or mode is Mode.SINGLE
    assert found.layout == {}
    assert found.latest is None


def test_runs_are_matched_by_session_and_number_and_stand_in_that_order() -> None:
    """Whatever the order in which they were written; what has no partner is left out."""
    base, head = pairs({"b": [1.0, 2.0, 3.0, 4.0]}), pairs({"b": [4.0, 3.0, 2.0, 1.0]})
    base = replace(base, runs=tuple(replace(run, pair=of) for run, of in zip(base.runs, (7, 2, 5, 9), strict=True)))
    head = replace(head, runs=tuple(replace(run, pair=of) for run, of in zip(head.runs, (5, 9, None, 7), strict=True)))
    matrix = analyse([base], [head], analysis.Policy()).matrix

    assert estimate._matched(matrix.base, matrix.head) == [(2, 0), (0, 3), (3, 1)]


@pytest.mark.parametrize("compiled", [True, False])
def test_layout_bounds_the_rows_of_compiled_code_and_what_history_learned(*, compiled: bool) -> None:
    """The learned bound of this kind of machine goes before the assumed one, which compiled code alone has."""
    values = {"a": [1.0] * 5, "b": [1.0] * 5}
    matrix = replace(analyse([pairs(values)], [pairs(values)], analysis.Policy()).matrix, compiled=compiled)
    learned, elsewhere = LayoutBound(1.3, 20), LayoutBound(1.4, 20)
    known = {(OWN.fingerprint, "a", "time"): learned, (OTHER.fingerprint, "b", "time"): elsewhere}

    assert estimate._layout(matrix, analysis.Policy(layout=known, layout_bound=1.25)) == (
        {0: learned, 1: LayoutBound(1.25)} if compiled else {0: learned}
    )
    assert estimate._layout(matrix, analysis.Policy()) == (
        dict.fromkeys((0, 1), LayoutBound(analysis.Policy().layout_bound)) if compiled else {}
    )


@pytest.mark.parametrize("environment", [OWN, HOSTED])
def test_what_separates_sessions_is_that_of_the_machine_or_of_any(environment: Environment) -> None:
    """Of rows whose stored runs are of other machines it is unknown which."""
    base = session({"near": [1.0, 1.0]}, environment=environment)
    seen = analyse([base], [base], analysis.Policy())
    tau = analysis.SessionSpread(dedicated=0.01, hosted=0.02, unknown=0.3)
    policy = analysis.Policy(session_spread=tau)

    here = estimate._borrowed_spread(seen.matrix, np.array([False]), policy)
    elsewhere = estimate._borrowed_spread(seen.matrix, np.array([True]), policy)

    assert (here.tolist(), elsewhere.tolist()) == ([0.01 if environment is OWN else 0.02], [0.3])


def fields_of(found: designs.Estimate, rows: np.ndarray) -> np.ndarray:
    """Return the fields of some rows of an estimate, fields × rows."""
    return np.array([getattr(found, name)[rows] for name in found.__slots__], float)


def sides_in_pairs(seed: int) -> list[Report]:
    """Draw both sides of twelve pairs, of which the second run is often slower, and of which some have gaps."""
    random = np.random.default_rng(seed)
    places = [int(place) for place in random.permutation([0, 1] * 6)]
    order = 0.05 * np.array([-1.0, 1.0])[places]
    reports = []
    for sign, positions in ((1, places), (-1, [1 - place for place in places])):
        of_side = []
        for metric in (TIME, EXACT, SIGNED):
            logs = {
                f"b{n}": random.normal(0, 0.01, 12) + sign * order * (n % 2) + random.normal(0, 0.03) for n in range(25)
            }
            values = {name: np.round(100 * np.exp(of)) if metric is EXACT else np.exp(of) for name, of in logs.items()}
            values["coarse"] = np.where(np.arange(12) == 5, 1.25, 1.0)
            values["gone"] = np.where(np.arange(12) % 2 == (sign > 0), 1.0, NAN)
            values["half"] = np.where(np.arange(12) < 7 + sign, 1.1, NAN)
            of_side.append(pairs(values, metric=metric, positions=positions))
        every = [
            replace(series, spreads=(0.1 + 0.1 * (sign > 0),) * 12, rounds=(4,) * 12)
            for report in of_side
            for series in report.series
        ]
        reports.append(replace(of_side[0], series=tuple(every)))
    return reports


@pytest.mark.parametrize("seed", range(3))
def test_pairs_are_estimated_without_the_effect_of_their_order(seed: int) -> None:
    """Half of it is taken off either side; what has no pair at all is compared as one session with another."""
    base_report, head_report = sides_in_pairs(seed)
    policy = analysis.Policy()
    matrix = analyse([base_report], [head_report], policy).matrix
    columns = list(range(12))
    base, head = matrix.base_values, matrix.head_values
    second = estimate._second(matrix, columns, columns)
    found_order = pair_order.of(matrix.scale, base, head, second)
    half = second * found_order.effect[:, None] / 2
    difference = (head - half) - (base + half)
    prior = estimate._suite_prior(matrix.scale, difference, found_order)
    tau = noise.per_row(matrix.scale, 0.0075, policy.session_spread)
    tau = estimate._spread_of_builds(matrix.scale, difference, tau, prior, found_order)
    rounding = resolution.rounding_error(base, head, matrix.scale.linear, matrix.scale.seconds)

    found = estimate._paired(matrix, policy, [(n, n) for n in columns])

    assert (found_order.effect > 0.04).sum() >= 10
    error = np.hypot(tau, rounding)
    paired = designs.paired(difference, error, 5, prior, found_order)
    unpaired = paired.design == designs.NONE
    names = np.array([benchmark.name for benchmark in matrix.rows.benchmarks])
    assert set(names[unpaired]) == {"gone"}
    assert fields_of(found.estimate, ~unpaired) == pytest.approx(fields_of(paired, ~unpaired))
    single = estimate._single(matrix, base + half, head - half, policy, tau)
    assert fields_of(found.estimate, unpaired) == pytest.approx(fields_of(single, unpaired), nan_ok=True)
    assert found.cautious is not None
    cautious = designs.paired(difference, error, 5, prior, found_order.taken_cautiously())
    assert fields_of(found.cautious, ~unpaired) == pytest.approx(fields_of(cautious, ~unpaired))
    together = ~np.isnan(base) & ~np.isnan(head)
    assert found.base == pytest.approx(np.where(together, base + half, NAN), nan_ok=True)
    assert found.head == pytest.approx(np.where(together, head - half, NAN), nan_ok=True)
    assert found.coarse.tolist() == (rounding > 0).tolist()
    assert {*names[found.coarse]} >= {"coarse"}
    assert (tau > 0.0075).any()
    of_rounds = [estimate._of_rounds_in_pairs(side, columns) for side in (matrix.base, matrix.head)]
    assert found.of_rounds == pytest.approx(of_rounds[0] + of_rounds[1], nan_ok=True)
    assert not (found.foreign | found.unstable | found.cut).any()
    assert not found.spread.any()
    assert (found.widened == 1).all()
    assert np.isnan([found.p_counts, found.p_order]).all()
    assert (found.base_columns, found.head_columns) == (columns, columns)


def test_no_ratio_is_surer_than_one_in_ten_thousand_and_differences_may_be() -> None:
    """Of rows whose runs never vary; what has no estimate has no error."""
    of_kind = [
        (pairs(values, metric=metric), pairs(values, metric=metric))
        for metric in (TIME, SIGNED)
        for values in ({"steady": [2.0] * 6, "noisy": [1.0, 1.1, 0.9, 1.2, 0.8, 1.0]},)
    ]
    sides = [
        replace(side[0], series=tuple(row for of in side for row in of.series)) for side in zip(*of_kind, strict=True)
    ]
    policy = analysis.Policy(session_spread=analysis.SessionSpread(paired=0.0))
    seen = analyse([sides[0]], [sides[1]], policy)

    error = seen.estimates.estimate.se
    names = [
        (of.name, metric.name) for of, metric in zip(seen.matrix.rows.benchmarks, seen.matrix.rows.metrics, strict=True)
    ]
    by_name = dict(zip(names, error.tolist(), strict=True))
    assert by_name["steady", "time"] == 1e-4
    assert by_name["steady", "leak"] == 0
