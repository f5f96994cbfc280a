"""Benchmarks that lean the same way are one change of their service, counted by pairs or runs and not by benchmarks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from regress_action import analysis
from regress_action.analysis import Limit, Policy, SessionSpread, WaiverRule, designs, suite
from regress_action.analysis.policy import quorum_of
from regress_action.model.comparisons import Mode, NoteCode, Outcome, Severity, Verdict
from regress_action.model.measurements import Metric
from unit.analysis.compared_sides import OWN, TIME, number, pairs, session
from unit.analysis.stored_reports import day

if TYPE_CHECKING:
    from regress_action.model.comparisons import Judgement, ServiceComparison
    from regress_action.model.measurements import Report


def judged(
    effect: float,
    *,
    seed: int,
    common: float = 0.0,
    own: float = 0.08,
    benchmarks: int = 23,
    policy: Policy | None = None,
) -> Judgement:
    """Judge a suite of which each head is slower by `effect`, with noise of each value and noise common to a pair."""
    random = np.random.default_rng(seed)
    shared = random.normal(0, common, 10)
    base = {f"b{n}": np.exp(random.normal(0, own, 10)) for n in range(benchmarks)}
    head = {name: np.exp(effect + shared + random.normal(0, own, 10)) for name in base}
    return analysis.compare([pairs(base, service="cache")], [pairs(head, service="cache")], policy or Policy())


def against_history(
    effect: float, *, seed: int, apart: float, own: float = 0.03, benchmarks: int = 12, moved: int = 12
) -> Judgement:
    """Judge one run against ten stored ones; a run has noise of its own, and every run lies `apart` from the others.

    The first `moved` benchmarks are slower by `effect`; all belong to one service.
    """
    random = np.random.default_rng(seed)
    values = random.normal(0, own, (benchmarks, 11)) + random.normal(0, apart, 11)
    values[:moved, -1] += effect
    runs = [
        session({f"b{n}": [np.exp(value)] for n, value in enumerate(column)},
                service="cache", name=f"s{at}", created=day(at), environment=OWN)
        for at, column in enumerate(values.T)
    ]  # fmt: skip
    return analysis.compare(runs[:-1], runs[-1:])


def the_service(judgement: Judgement) -> ServiceComparison:
    """Return the only one."""
    (service,) = judgement.services
    return service


def test_small_change_of_many_benchmarks_is_one_proven_change() -> None:
    """6 % more on 23 benchmarks whose pairs spread by 11 %: hardly one is decided alone, the service is."""
    service = the_service(judged(0.06, seed=1))
    assert (service.service, service.mode, service.benchmarks, service.runs) == ("cache", Mode.PAIRED, 23, 10)
    assert (service.verdict, service.severity) == (Verdict.REGRESSION, Severity.SLIGHT)
    assert 1 < service.ratio_low < np.exp(0.06) < service.ratio_high


@pytest.mark.parametrize("common", [0.0, 0.03])
def test_identical_code_is_no_change(common: float) -> None:
    """Nor is what all benchmarks of a pair have in common: it is evidence once, not once per benchmark."""
    verdicts = [the_service(judged(0.0, seed=seed, common=common)).verdict for seed in range(40)]
    assert not {Verdict.REGRESSION, Verdict.IMPROVEMENT} & set(verdicts)


def test_few_benchmarks_are_no_service() -> None:
    """Four benchmarks speak for themselves."""
    assert judged(0.06, seed=1, benchmarks=4).services == ()


def test_large_changes_of_a_few_are_no_change_of_all() -> None:
    """Four benchmarks four times as slow, nineteen unchanged: the typical one did not move."""
    random = np.random.default_rng(5)
    base = {f"b{n}": np.exp(random.normal(0, 0.03, 10)) for n in range(23)}
    head = {name: np.exp((n < 4) * 1.4 + random.normal(0, 0.03, 10)) for n, name in enumerate(base)}
    service = the_service(analysis.compare([pairs(base, service="cache")], [pairs(head, service="cache")]))
    assert service.verdict not in {Verdict.REGRESSION, Verdict.IMPROVEMENT}


@pytest.mark.parametrize(
    ("effect", "limit", "fail_on", "severity", "outcome"),
    [
        (0.15, None, Severity.CRITICAL, Severity.MINOR, Outcome.WARN),
        (0.15, 1.3, Severity.CRITICAL, Severity.SLIGHT, Outcome.PASS),
        (0.5, None, Severity.MODERATE, Severity.MODERATE, Outcome.FAIL),
    ],
)
def test_service_has_its_own_threshold_and_severity(
    effect: float, limit: float | None, fail_on: Severity, severity: Severity, outcome: Outcome
) -> None:
    """It alarms from its own threshold, 10 % unless another one is written down, and may fail the run by itself."""
    policy = Policy(fail_on=fail_on, limits=(Limit("cache", service_threshold=limit, regression_threshold=9.0),))
    judgement = judged(effect, seed=2, own=0.35 if effect < 0.4 else 0.6, common=0.01, benchmarks=40, policy=policy)
    assert the_service(judgement).severity is severity
    assert judgement.summary.verdict is outcome


def test_waiver_of_every_benchmark_covers_the_service() -> None:
    """What was accepted of each of them is accepted of all."""
    policy = Policy(waivers=(WaiverRule("*", "time", 1.5, "known"),))
    assert the_service(judged(0.2, seed=1, policy=policy)).severity is Severity.SLIGHT


def test_history_makes_a_service_suspected_and_every_benchmark_a_suspect() -> None:
    """The machine may have done it, so it warns, and is measured again in pairs."""
    judgement = against_history(0.15, seed=3, apart=0.005, benchmarks=20, moved=12)
    service = the_service(judgement)
    assert (service.mode, service.verdict, service.confirmed) == (Mode.HISTORY, Verdict.REGRESSION, False)
    assert service.is_suspected
    assert service.ratio_low * service.ratio_high == pytest.approx(service.ratio**2)
    assert service.ratio_low < service.ratio
    assert set(analysis.suspects(judgement)) == {f"b{n}" for n in range(20)}


def test_second_measurement_decides_a_suspected_service() -> None:
    """Pairs that show it confirm it; pairs that do not leave it open."""
    first = against_history(0.15, seed=3, apart=0.005, benchmarks=20, moved=12)
    repeated, vanished = (judged(effect, seed=4, own=0.02, benchmarks=20) for effect in (0.15, 0.0))
    assert the_service(analysis.confirm(first, repeated)).confirmed is True
    assert the_service(analysis.confirm(first, vanished)).verdict is Verdict.INCONCLUSIVE


def test_suite_that_moved_as_one_against_a_history_is_no_service() -> None:
    """Every benchmark slower by 15 %, measured apart: that is the machine, the build or the code, and said so."""
    judgement = against_history(0.15, seed=3, apart=0.005)
    assert judgement.summary.environment_shift is not None
    assert judgement.services == ()


def test_service_whose_stored_runs_drift_goes_on_with_them() -> None:
    """Twelve benchmarks half a per cent slower a run: five new runs are where their line leads."""
    random = np.random.default_rng(3)
    values = np.exp(random.normal(0, 0.01, (25, 12)) + 0.005 * np.arange(25)[:, None])
    runs = [
        session({f"b{n}": [value] for n, value in enumerate(row)},
                service="cache", name=f"s{at}", created=day(at), environment=OWN)
        for at, row in enumerate(values)
    ]  # fmt: skip

    service = the_service(analysis.compare(runs[:20], runs[20:]))

    assert service.verdict is Verdict.INCONCLUSIVE
    assert service.ratio < 1.05  # the mean of all stored runs lies 7 % away


def test_sessions_that_lie_apart_are_no_change() -> None:
    """A machine that is another one each time: of 60 suites hardly one is suspected."""
    found = [the_service(judgement).verdict for seed in range(60)
             if (judgement := against_history(0.0, seed=seed, apart=0.03)).services]  # fmt: skip
    assert found.count(Verdict.REGRESSION) <= 1


def with_quorum(quorum: float | None, effect: float = 0.06) -> ServiceComparison:
    """Judge 23 benchmarks that are slower by `effect`, whose service alarms from 20 % on without a quorum."""
    limit = Limit(service="cache", service_threshold=1.2, quorum=quorum)
    return the_service(judged(effect, seed=1, policy=Policy(limits=(limit,))))


@pytest.mark.parametrize(("quorum", "needed"), [(0.2, 5), (0.6, 14), (5, 5), (23, 23), (1.0, 23)])
def test_quorum_is_a_share_or_a_number(quorum: float, needed: int) -> None:
    """A proven regression of a service below its threshold alarms where as many benchmarks lean to the worse."""
    service = with_quorum(quorum)
    assert (service.verdict, service.quorum) == (Verdict.REGRESSION, needed)
    assert service.leaning is not None
    assert 5 <= service.leaning < 23
    assert service.alarms is (service.leaning >= needed)
    assert service.severity is (Severity.MINOR if service.leaning >= needed else Severity.SLIGHT)


@pytest.mark.parametrize(
    ("benchmarks", "quorum", "needed"),
    [(5, 0.6, 3), (4, 0.5, 2), (50, 0.03, 2), (7, 1.0, 7), (7, 2, 2), (9, 0.01, 1)],
)
def test_a_share_is_rounded_up_to_whole_benchmarks(benchmarks: int, quorum: float, needed: int) -> None:
    """Three of five are 0.6 of them, though 0.6 × 5 is a little more than 3; the last limit that names one counts."""
    limits = Limit("*", quorum=3), Limit("cache", quorum=quorum), Limit("cache"), Limit("http", quorum=4)
    assert quorum_of("cache", benchmarks, Policy(limits=limits)) == needed
    assert quorum_of(None, benchmarks, Policy(limits=limits)) == 3
    assert quorum_of(None, benchmarks, Policy(limits=limits[1:])) is None


def test_without_a_quorum_only_the_threshold_counts() -> None:
    """Nobody asked for one: a small proven change of a service is slight."""
    service = with_quorum(None)
    assert (service.severity, service.quorum, service.alarms) == (Severity.SLIGHT, None, False)


def test_quorum_alone_proves_nothing() -> None:
    """Benchmarks that lean by chance make no alarm, and neither does a service that got faster."""
    for seed in range(20):
        limit = Limit(quorum=0.01)
        service = the_service(judged(0.0, seed=seed, policy=Policy(limits=(limit,))))
        assert not service.alarms
    assert not with_quorum(0.01, effect=-0.06).alarms


def test_waiver_covers_a_service_with_a_quorum() -> None:
    """As it does one beyond its threshold."""
    policy = Policy(limits=(Limit(quorum=0.1),), waivers=(WaiverRule("cache", "time", 1.2),))
    assert the_service(judged(0.06, seed=1, policy=policy)).severity is Severity.SLIGHT


def test_quorum_of_too_few_benchmarks_is_named() -> None:
    """Four benchmarks are never judged as a whole, so the quorum would be a gate that cannot fire."""
    policy = Policy(limits=(Limit(service="cache", quorum=0.5),))
    few, enough = (judged(0.06, seed=1, benchmarks=count, policy=policy) for count in (4, 5))
    codes = [{note.code for note in made.notes if not isinstance(note, str)} for made in (few, enough)]
    assert [NoteCode.UNUSED_QUORUM in found for found in codes] == [True, False]


def merged(parts: list[Report]) -> Report:
    """Put the series of reports with the same runs into one."""
    return replace(parts[0], series=tuple(series for part in parts for series in part.series))


def values_of(sizes: dict[str, int], runs: int, noise: float, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw the log values of services, each with as many benchmarks."""
    return {service: random.uniform(-noise, noise, (size, runs)) for service, size in sizes.items()}


def by_definition(service: str, steps: np.ndarray, design: tuple[float, ...], policy: Policy) -> dict[str, Any]:
    """Judge the typical benchmark: its mean, Student's interval and test, at a hundredth divided by the services."""
    d, se, df, services, margin = steps.mean(), *design
    p = 2 * stats.t.sf(abs(d) / se, df)
    low, high = (np.exp(d + sign * stats.t.ppf(0.975, df) * se) for sign in (-1, 1))
    verdict = Verdict.UNCHANGED if high < margin else Verdict.INCONCLUSIVE
    if p < 0.01 / services:
        verdict = Verdict.REGRESSION if d > 0 else Verdict.IMPROVEMENT
    bands = [(policy.service_threshold, Severity.SLIGHT), (1.5, Severity.MINOR), (2.0, Severity.MODERATE)]
    graded = next((severity for limit, severity in bands if np.exp(d) < limit), Severity.CRITICAL)
    return {
        "service": service or None,
        "ratio": pytest.approx(np.exp(d)),
        "ratio_low": pytest.approx(low),
        "ratio_high": pytest.approx(high),
        "p_value": pytest.approx(p),
        "verdict": verdict,
        "severity": graded if verdict is Verdict.REGRESSION else Severity.NONE,
    }


def middle_half(values: np.ndarray) -> np.ndarray:
    """Return the mean of each column without a quarter of its values at either end."""
    cut = len(values) // 4
    return np.array([np.mean(sorted(column)[cut : len(column) - cut]) for column in values.T])


@pytest.mark.parametrize("seed", range(30))
def test_services_in_pairs_are_judged_by_the_definition(seed: int) -> None:
    """Two services and benchmarks of none, each of four to twelve, in five to nine pairs, changed by much or little."""
    random = np.random.default_rng(seed)
    sizes = {name: int(random.integers(4, 13)) for name in ("", "a", "b")}
    runs = int(random.integers(5, 10))
    noise = random.choice([0.002, 0.03, 0.1])
    base, head = (values_of(sizes, runs, noise, random) for _ in range(2))
    for service in head:
        head[service] += random.choice([-0.3, -0.05, 0.0, 0.012, 0.06, 0.2, 0.5, 0.9])
    head["a"][0, 1] = np.nan
    sides = [
        merged([
            *(pairs({f"{service}{n}": np.exp(row) for n, row in enumerate(rows)}, service=service)
              for service, rows in side.items()),
            pairs({"heap": np.exp(side["b"][0])}, metric=Metric("peak_memory", "B"), service="b"),
            pairs({f"{n}": np.exp(row) for n, row in enumerate(side["b"])}, metric=Metric("wait", "s"), service="c"),
            pairs({"loops": np.exp(side["b"][0])}, metric=Metric("time", "count"), service="b"),
        ])
        for side in (base, head)
    ]  # fmt: skip
    policy = Policy(service_threshold=1.07)
    judgement = analysis.compare([sides[0]], [sides[1]], policy)
    differences = {service: head[service] - base[service] for service, size in sizes.items() if size >= 5}
    steps = {service: middle_half(of[:, ~np.isnan(of).any(axis=0)]) for service, of in differences.items()}
    usable = {service: step for service, step in steps.items() if len(step) >= 5}
    expected = []
    for service, step in usable.items():
        _, d, variance, df = designs.trimmed(step[None, :])
        design = float(np.sqrt(variance[0] / len(step) + 0.0075**2)), float(df[0]), len(usable), 1.03
        expected.append(by_definition(service, np.array(d), design, policy))
    expected.sort(key=lambda one: (-one["severity"].rank, -one["ratio"].expected))
    assert [
        {name: getattr(found, name) for name in one} for found, one in zip(judgement.services, expected, strict=True)
    ] == expected
    for found in judgement.services:
        own = [
            row
            for row in judgement.comparisons
            if row.benchmark.service == (found.service or "") and row.metric == TIME
        ]
        assert (found.benchmarks, found.runs, found.mode) == (
            sizes[found.service or ""],
            len(usable[found.service or ""]),
            Mode.PAIRED,
        )
        assert found.leaning == sum(number(row.ratio) > 1 and number(row.p_value) <= 0.2 for row in own)
        assert (found.confirmed, found.threshold) == (None, 1.07)


@pytest.mark.parametrize("seed", range(20))
def test_services_against_a_history_are_judged_by_the_definition(seed: int) -> None:
    """Each stored session is one value, of benchmarks whose level is steady, and each new one as well."""
    random = np.random.default_rng(seed)
    sizes = {"a": int(random.integers(5, 9)), "b": int(random.integers(4, 9))}
    stored, new = int(random.choice([4, 5, 6, 9])), int(random.choice([1, 1, 3]))
    base = values_of(sizes, stored, 0.01, random)
    head = values_of(sizes, new, 0.01, random)
    for service in head:
        head[service] += random.choice([-0.3, 0.0, 0.04, 0.2, 0.8]) + random.normal(0, 0.02, (sizes[service], 1))
    wild = np.resize([0.0, 0.9, 0.45], stored)
    reports = [
        merged([
            *(session({f"{service}{n}": [np.exp(row[at])] for n, row in enumerate(rows)}, service=service,
                      name=f"{side}{at}", created=day(at + 20 * side), environment=OWN)
              for service, rows in values.items()),
            session({"a wild": [np.exp(wild[at % stored])]}, service="a", name=f"{side}{at}"),
        ])
        for side, values, count in ((0, base, stored), (1, head, new))
        for at in range(count)
    ]  # fmt: skip
    judgement = analysis.compare(reports[:stored], reports[stored:])
    expected = []
    for service, size in sizes.items():
        if size < 5 or stored < 5:
            continue
        level = np.median(base[service], axis=1)[:, None]
        before, after = middle_half(base[service] - level), middle_half(head[service] - level)
        estimate = designs.history(before[None], after[None], designs.no_prior(1), 5)
        services = 1 if sizes["b"] < 5 else 2
        design = float(estimate.se[0]), float(estimate.df[0]), services, 1.05
        expected.append(by_definition(service, estimate.d, design, Policy()))
    expected.sort(key=lambda one: (-one["severity"].rank, -one["ratio"].expected))
    if judgement.summary.environment_shift is not None:
        expected = []
    assert [
        {name: getattr(found, name) for name in one} for found, one in zip(judgement.services, expected, strict=True)
    ] == expected
    for found in judgement.services:
        decided = found.verdict in {Verdict.REGRESSION, Verdict.IMPROVEMENT}
        assert (found.mode, found.runs, found.benchmarks) == (Mode.HISTORY, stored + new, sizes[found.service or ""])
        assert found.confirmed is (False if decided else None)


def test_pairs_that_never_differ_show_no_service() -> None:
    """Without any noise, and none assumed, there is no interval."""
    side = pairs({f"b{n}": [1.0] * 6 for n in range(6)}, service="cache")
    assert analysis.compare([side], [side], Policy(session_spread=SessionSpread(paired=0.0))).services == ()
    assert len(analysis.compare([side], [side]).services) == 1


@pytest.mark.parametrize(("p_value", "proven"), [(0.0099, True), (0.0101, False)])
def test_a_service_is_proven_at_a_hundredth(p_value: float, *, proven: bool) -> None:
    """Six benchmarks that move alike in six pairs, by as much as makes this p-value."""
    steps = np.array([0.01, -0.01, 0.02, -0.02, 0.015, -0.015])
    error = np.sqrt(steps.var(ddof=1) / 6 + 0.0075**2)
    head = np.exp(steps + stats.t.isf(p_value / 2, 5) * error)
    sides = [pairs({f"b{n}": values for n in range(6)}, service="cache") for values in (np.ones(6), head)]
    service = the_service(analysis.compare([sides[0]], [sides[1]]))
    assert service.p_value == pytest.approx(p_value)
    assert (service.verdict is Verdict.REGRESSION) is proven


def test_the_ratio_of_a_service_stays_a_number() -> None:
    """Values at either end of what a number holds."""
    sides = [pairs({f"b{n}": [value] * 6 for n in range(6)}, service="cache") for value in (1e-170, 1e170)]
    assert the_service(analysis.compare([sides[0]], [sides[1]])).ratio == pytest.approx(np.exp(700))


def test_a_quorum_counts_the_benchmarks_of_its_service() -> None:
    """One service is large enough and named, another one is neither; a quorum nobody can reach is named."""
    (row,) = analysis.compare([pairs({"b": [1.0] * 6})], [pairs({"b": [1.0] * 6})]).comparisons
    named = [replace(row, benchmark=replace(row.benchmark, service=name)) for name in [*["cache"] * 5, *["http"] * 4]]
    policy = Policy(limits=(Limit("cache", quorum=0.5), Limit("http", quorum=0.5), Limit("http")))
    assert [note.names for note in suite.unused_quorums(named, policy)] == [("http",)]
