"""The steps of a bisection, on simulated histories whose first bad commit is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from regress_action.analysis.bisection.observations import Observations
from regress_action.analysis.bisection.posterior import Posterior, posterior, prior_of_levels, prior_weight
from regress_action.analysis.bisection.search import BATCHES, Bisection, MeasurementStep, choose, information
from regress_action.model.changes import Ending


def search(
    truth: int | None,
    *,
    commits: int = 32,
    step: float = 1.05,
    noise: float = 0.02,
    seed: int = 1,
    broken: frozenset[int] = frozenset(),
) -> tuple[Bisection, Ending]:
    """Bisect a simulated history in which commit `truth` is the first bad one."""
    rng = np.random.default_rng(seed)
    now = Bisection(np.tril(np.ones((commits, commits), dtype=bool)), np.ones(commits))
    for _ in range(500):
        action = now.next_step()
        if isinstance(action, Ending):
            return now, action
        assert action.commit not in now.skipped
        if action.commit in broken:
            now = _with(now, skipped=now.skipped | {action.commit})
            continue
        level = math.log(step) if truth is not None and action.commit >= truth else 0.0
        values = rng.normal(level, noise * math.sqrt(2), action.pairs).tolist() if noise else [level] * action.pairs
        before = list(now.measured.get(action.commit, ()))
        now = _with(now, measured={**now.measured, action.commit: [*before, *values]})
    raise AssertionError("the search does not end")


def _with(now: Bisection, **changes: object) -> Bisection:
    fields = {name: getattr(now, name) for name in now.__dataclass_fields__} | changes
    return Bisection(**fields)


@pytest.mark.parametrize(("truth", "seed"), [(0, 1), (7, 2), (16, 3), (31, 4)])
def test_the_first_bad_commit_is_found_in_noise(truth: int, seed: int) -> None:
    """A step of 5 % in noise of 2 % a run is found, with about as many builds as halving needs."""
    now, ending = search(truth, seed=seed)
    assert ending is Ending.FOUND
    assert now.posterior.best == truth
    assert now.builds <= 8


@given(st.integers(0, 31))
@settings(max_examples=8, deadline=None)
def test_without_noise_halving_is_all_that_is_needed(truth: int) -> None:
    """Counts without noise need log2 of the commits, and one pair each after the first commit."""
    now, ending = search(truth, noise=0.0)
    assert ending is Ending.FOUND
    assert now.posterior.best == truth
    assert now.builds <= 6


def test_an_improvement_is_found_as_well() -> None:
    """The first commit that made it faster is found by the same model."""
    now, ending = search(9, step=0.9)
    assert (now.posterior.best, ending) == (9, Ending.FOUND)
    assert now.posterior.step < 0


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_equal_ends_are_no_change(noise: float) -> None:
    """Where the bad commit is as fast as the good one, no commit is named and none between them is built."""
    now, ending = search(None, noise=noise)
    assert ending is Ending.NO_CHANGE
    assert now.builds == 0
    middle, low, high = now.interval(ending)
    assert low <= middle <= high
    assert high - middle == pytest.approx(1.96 * now.posterior.pair_spread / len(now.measured[31]) ** 0.5, rel=1e-3)


def test_commits_that_cannot_be_built_leave_a_group() -> None:
    """The change inside a run of broken commits is one of them or the next good one; none is named alone."""
    now, ending = search(12, noise=0.005, broken=frozenset({10, 11, 12, 13}))
    assert ending is Ending.INDISTINGUISHABLE
    group = np.flatnonzero(now.posterior.first > 0.05)
    assert set(group) == {10, 11, 12, 13, 14}


def test_a_broken_commit_elsewhere_does_not_matter() -> None:
    """A commit that cannot be built is passed over when it does not hide the change."""
    now, ending = search(20, noise=0.005, broken=frozenset({15, 16}))
    assert (now.posterior.best, ending) == (20, Ending.FOUND)


def test_the_middle_is_measured_first() -> None:
    """After a clear step at the end, the commit that halves the probability tells most."""
    now = Bisection(np.tril(np.ones((16, 16), dtype=bool)), np.ones(16), {15: [0.1, 0.101, 0.099, 0.1]})
    step = now.next_step()
    assert isinstance(step, MeasurementStep)
    assert step.commit in (6, 7, 8)


def test_changed_files_move_the_first_choice() -> None:
    """With all weight on the last commits, the search begins among them."""
    weights = np.array([prior_weight(["docs/a.md"])] * 12 + [prior_weight(["src/a.py"])] * 4)
    now = Bisection(np.tril(np.ones((16, 16), dtype=bool)), weights, {15: [0.1, 0.101, 0.099, 0.1]})
    step = now.next_step()
    assert isinstance(step, MeasurementStep)
    assert step.commit >= 12


@given(st.floats(0.001, 0.999), st.floats(0, 8), st.floats(0, 4))
@settings(max_examples=60, deadline=None)
def test_information_grows_with_separation_up_to_the_entropy(p: float, separation: float, more: float) -> None:
    """A measurement tells nothing without separation, never more than the question holds, and more when clearer."""
    ask = np.array([p])
    entropy = -(p * math.log2(p) + (1 - p) * math.log2(1 - p))
    little, much = (float(information(ask, np.array([d]))[0]) for d in (separation, separation + more))
    assert information(ask, np.array([0.0]))[0] == pytest.approx(0, abs=1e-9)
    assert -1e-9 <= little <= entropy + 1e-9
    assert much >= little - 1e-3
    assert information(ask, np.array([30.0]))[0] == pytest.approx(entropy, abs=1e-6)


def test_what_is_certain_has_nothing_to_tell() -> None:
    """No measurement tells anything of a question that was answered."""
    assert information(np.array([0.0, 1.0]), np.array([3.0, 3.0])) == pytest.approx([0, 0], abs=1e-9)


def test_the_bits_of_a_choice_are_those_of_the_mean_of_its_pairs() -> None:
    """A mean of n pairs of a new build has the variance of a pair by n, and that of a build."""
    contains = np.tril(np.ones((8, 8), dtype=bool))
    now = posterior(contains, np.ones(8), Observations.of({7: [0.02, 0.06, 0.03, 0.05]}))
    chosen = choose(contains, now, available=[3], measured={}, build_cost=10, batches=(5,))
    separation = abs(now.step) / math.sqrt(now.pair_spread**2 / 5 + now.build_spread**2)
    assert chosen is not None
    assert chosen.bits == pytest.approx(information(contains[[3]] @ now.first, np.array([separation]))[0])

    more = choose(contains, now, available=[3], measured={3: 1}, build_cost=10, batches=(5,))
    six, one = (1 / (now.pair_spread**2 / pairs + now.build_spread**2) for pairs in (6, 1))
    assert more is not None
    assert more.bits == pytest.approx(
        information(contains[[3]] @ now.first, np.array([abs(now.step) * math.sqrt(six - one)]))[0]
    )


def test_more_pairs_of_one_build_tell_less() -> None:
    """A commit that was measured often is left for a new one, since its own build may be the difference."""
    contains = np.tril(np.ones((8, 8), dtype=bool))
    measured = {7: [0.05] * 5 + [0.06] * 5, 3: [0.024, 0.026] * 50}
    now = posterior(contains, np.ones(8), Observations.of(measured))
    chosen = choose(contains, now, available=range(8), measured={7: 10, 3: 100}, build_cost=10)
    assert chosen is not None
    assert chosen.commit != 3


def test_one_pair_of_a_commit_means_that_it_is_built() -> None:
    """Where building is dear, more pairs of what was measured once come before a new commit."""
    contains = np.tril(np.ones((8, 8), dtype=bool))
    measured = {7: [0.05, 0.06, 0.05, 0.06], 1: [0.02]}
    now = posterior(contains, np.ones(8), Observations.of(measured))
    chosen = choose(contains, now, available=[1, 4], measured={7: 4, 1: 1}, build_cost=1000)
    assert chosen is not None
    assert chosen.commit == 1


def test_runs_that_do_not_differ_take_a_fifth_of_the_pairs() -> None:
    """The bad commit's first ten pairs are two, and the search goes on by single ones."""
    contains, even = np.tril(np.ones((8, 8), dtype=bool)), np.ones(8)
    assert Bisection(contains, even, exact=True).next_step() == MeasurementStep(7, 2)
    after = Bisection(contains, even, {7: [0.1, 0.1]}, exact=True).next_step()
    assert isinstance(after, MeasurementStep)
    assert after.pairs == 1


@pytest.mark.parametrize(
    ("files", "weight"),
    [
        ((), 0.03),
        (("README.md", "docs/x/y.png"), 0.05),
        ((".github/workflows/a.yml", "tests/test_a.py"), 0.15),
        (("README.md", "src/a.py"), 1.0),
        (("requirements.txt",), 1.0),
        (("tests/benchmarks/test_speed.py",), 1.0),
    ],
)
def test_weights_follow_the_changed_files(files: tuple[str, ...], weight: float) -> None:
    """Documents and tests rarely change the speed; requirements and benchmarks may."""
    assert prior_weight(files) == weight
    assert prior_weight(files, is_merge=True) == min(weight, 0.2)


def test_stored_values_raise_the_commits_around_their_step() -> None:
    """Records of the history that step between commits 8 and 12 make these the likely ones, and rule out none."""
    contains = np.tril(np.ones((20, 20), dtype=bool))
    levels = [(-1, 0.0), (4, 0.01), (8, -0.01), (12, 0.1), (16, 0.11), (19, 0.1)]
    weights = prior_of_levels(contains, np.ones(20), levels)
    assert set(np.argsort(weights)[-4:]) == {9, 10, 11, 12}
    assert weights.min() >= 0.05


def test_stored_values_without_noise_leave_every_weight_a_number() -> None:
    """Where one candidate explains them to the last digit it takes nearly all, and the rest keep their twentieth."""
    weights = prior_of_levels(np.tril(np.ones((3, 3), dtype=bool)), np.ones(3), [(-1, 0.0), (0, 0.0), (1, 0.5)])
    assert weights == pytest.approx([0.05, 1.05, 0.05], abs=1e-3)


def test_stored_values_weigh_as_the_likelihood_of_the_split_with_unknown_means_and_variance() -> None:
    """The sum of squares to the power of -(n - 1) / 2, with a variance of 1e-8 at least, and a twentieth on top."""
    values = np.array([0.0, 1e-4, -1e-4, 3e-4, 2e-4])
    weights = prior_of_levels(np.tril(np.ones((4, 4), dtype=bool)), np.arange(1.0, 5.0), list(enumerate(values, -1)))

    splits = [np.split(values, [candidate + 1]) for candidate in range(4)]
    squares = np.array([sum(((part - part.mean()) ** 2).sum() for part in split) + 5e-8 for split in splits])
    assert weights == pytest.approx(np.arange(1, 5) * (0.05 + (squares / squares.min()) ** -2.0))


def test_of_choices_that_tell_nothing_the_shortest_is_made() -> None:
    """Where the change is certain, no batch has any information."""
    contains = np.tril(np.ones((2, 2), dtype=bool))
    now = replace(
        posterior(contains, np.ones(2), Observations.of({1: [0.1] * 5})), first=np.array([1.0, 0.0]), step=0.0
    )

    chosen = choose(contains, now, available=[0], measured={}, build_cost=10, batches=(5, 10))

    assert chosen is not None
    assert chosen.pairs == 5
    assert chosen.bits == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("separation", [0.1, 1.0, 4.0])
@pytest.mark.parametrize("probability", [0.01, 0.3, 0.9])
def test_information_is_the_mutual_information_of_the_answer_and_its_mean(
    probability: float, separation: float
) -> None:
    """The integral of both densities against their mixture, in bits, by quadrature."""

    def bits(x: float) -> float:
        no, yes = (1 - probability) * stats.norm.pdf(x), probability * stats.norm.pdf(x - separation)
        return float(no * np.log2(no / (no + yes) / (1 - probability)) + yes * np.log2(yes / (no + yes) / probability))

    expected = integrate.quad(bits, -8, 8 + separation, epsabs=1e-8)[0]
    assert information(np.array([probability]), np.array([separation]))[0] == pytest.approx(expected, abs=2e-4)


def asked(unchanged: float, values: list[float], pair_spread: float = 0.02, *, exact: bool = False) -> Bisection:
    """Return a bisection that has measured the bad commit alone, as if its posterior were this one."""
    now = Bisection(np.tril(np.ones((4, 4), dtype=bool)), np.ones(4), measured={3: values}, exact=exact)
    vars(now)["posterior"] = Posterior(np.full(4, (1 - unchanged) / 4), unchanged, 0.03, 0.004, pair_spread, 0.0)
    return now


@pytest.mark.parametrize(
    ("unchanged", "ratio", "pairs", "spread", "expected"),
    [
        (0.951, 0.5, 10, 0.02, Ending.NO_CHANGE),
        (0.949, 0.5, 10, 0.02, MeasurementStep(3, 10)),
        (0.2, 0.0, 16, 0.0203, Ending.NO_CHANGE),  # 1.96 · 0.0203 / 4 is a little less than 1 %
        (0.2, 0.0, 16, 0.0205, MeasurementStep(3, 10)),
        (0.2, 0.005, 16, 0.0101, Ending.NO_CHANGE),
        (0.2, -0.005, 16, 0.0103, MeasurementStep(3, 10)),
        (0.2, 0.5, 59, 0.02, MeasurementStep(3, 10)),
        (0.2, 0.5, 60, 0.02, Ending.UNDECIDED),
        (0.51, 0.5, 60, 0.02, Ending.NO_CHANGE),
    ],
)
def test_a_search_begins_once_it_is_settled_that_something_changed(
    unchanged: float, ratio: float, pairs: int, spread: float, expected: MeasurementStep | Ending
) -> None:
    """Before, the bad commit is measured: until no change is probable, or smaller than 1 %, or after sixty pairs."""
    assert asked(unchanged, [ratio] * pairs, spread).next_step() == expected
    begun = asked(0.049, [ratio] * pairs, spread).next_step()
    assert isinstance(begun, MeasurementStep)
    assert begun.pairs in BATCHES


def test_runs_that_do_not_differ_are_asked_for_a_fifth_as_often() -> None:
    """Two pairs, two more, and after twelve nothing more; usual runs for ten."""
    assert Bisection(np.ones((1, 1), dtype=bool), np.ones(1)).next_step() == MeasurementStep(0, 10)
    assert replace(asked(0.2, []), measured={}, exact=True).next_step() == MeasurementStep(3, 2)
    assert asked(0.2, [0.5] * 11, exact=True).next_step() == MeasurementStep(3, 2)
    assert asked(0.2, [0.5] * 12, exact=True).next_step() is Ending.UNDECIDED


def test_the_interval_is_that_of_the_step_or_of_the_bad_commit() -> None:
    """1.96 standard errors on either side; where nothing changed, of the mean of its pairs."""
    now = asked(0.2, [0.01, 0.03, 0.02, 0.02])

    assert now.interval(Ending.FOUND) == pytest.approx((0.03, 0.03 - 1.96 * 0.004, 0.03 + 1.96 * 0.004), rel=1e-4)
    for ending in (Ending.NO_CHANGE, Ending.UNDECIDED):
        assert now.interval(ending) == pytest.approx((0.02, 0.02 - 0.0196, 0.02 + 0.0196), rel=1e-3)
    assert now.level(0) is None
