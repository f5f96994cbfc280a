"""Histograms of latencies: bounded, precise to a thousandth, and honest about what few samples can say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from regress_action.instruments.load.recorder import (
    InFlightSampler,
    LatencyHistogram,
    Recorder,
    bucket_of,
    design_effect,
    seconds_of,
)


def filled(seconds: np.ndarray) -> LatencyHistogram:
    """Return a histogram of `seconds`."""
    histogram = LatencyHistogram()
    histogram.record(seconds)
    return histogram


@given(st.floats(1e-6, 3000))
def test_every_time_is_kept_to_a_thousandth(seconds: float) -> None:
    """The middle of the bucket lies within 0.1 % of what was recorded, or within half a unit of 100 ns."""
    (bucket,) = bucket_of(np.array([seconds]))

    assert seconds_of(int(bucket)) == pytest.approx(seconds, rel=1e-3, abs=6e-8)


def test_buckets_are_in_order_and_bounded() -> None:
    """A longer time never has a lower bucket; what is longer than any bucket falls into the last one."""
    buckets = bucket_of(np.geomspace(1e-8, 1e9, 5000))

    assert (np.diff(buckets) >= 0).all()
    assert filled(np.array([1e12])).total == 1


@given(st.lists(st.floats(1e-5, 10), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99]))
def test_quantiles_are_those_of_the_samples(seconds: list[float], share: float) -> None:
    """The quantiles are the smallest sample that so many do not exceed, to the precision of the buckets."""
    expected = np.quantile(seconds, share, method="inverted_cdf")

    assert filled(np.array(seconds)).quantile(share) == pytest.approx(expected, rel=2e-3)


def test_the_encoded_form_is_read_by_the_library() -> None:
    """The text is that which other tools of the family exchange."""
    histogram = filled(np.array([0.001, 0.002, 0.002]))
    encoded = histogram.encoded()

    assert encoded is not None
    assert HdrHistogram.decode(encoded).get_total_count() == 3


def test_a_percentile_needs_ten_samples_beyond_it() -> None:
    """Of 500 samples p99 is not given, of 2000 it is, with an interval around it."""
    chance = np.random.default_rng(1)
    few, many = filled(chance.exponential(size=500)), filled(chance.exponential(size=2000))
    interval = many.interval(0.99)

    assert few.interval(0.99) is None
    assert interval is not None
    assert interval[0] < many.quantile(0.99) < interval[1]
    assert math.isnan(LatencyHistogram().quantile(0.5))


def test_the_interval_of_a_percentile_holds_the_truth() -> None:
    """Of 300 intervals of p95 at most a tenth miss the true value, though seconds differ among each other."""
    chance, missed = np.random.default_rng(2), 0
    truth = float(np.quantile(np.exp(chance.normal(size=400_000) * 0.5 + chance.normal(size=400_000) * 0.2), 0.95))
    for _ in range(300):
        histogram, parts = LatencyHistogram(), []
        for _ in range(40):
            shift = chance.normal() * 0.2
            parts.append(histogram.record(np.exp(chance.normal(size=100) * 0.5 + shift)))
        bucket = int(bucket_of(np.array([histogram.quantile(0.95)]))[0])
        interval = histogram.interval(0.95, design_effect(parts, bucket, 0.95))
        assert interval is not None
        missed += not interval[0] <= truth <= interval[1]

    assert missed <= 30


def test_histograms_add_up() -> None:
    """Two halves give the whole."""
    values = np.random.default_rng(3).exponential(size=1000)
    full, half = filled(values), filled(values[:400])
    half.add(filled(values[400:]))

    assert half.quantile(0.9) == full.quantile(0.9)
    assert half.mean_s == pytest.approx(full.mean_s)
    assert half.longest_s == full.longest_s


def test_seconds_without_an_answer_do_not_hide_the_scatter_of_the_others() -> None:
    """Requests that share disturbed seconds count for less, also where another second has no answer."""
    fast, slow = (np.array([seconds]) for seconds in (0.001, 0.1))
    histogram = LatencyHistogram()
    parts = [histogram.record(np.repeat(slow if number == 3 else fast, 100)) for number in range(10)]
    bucket = int(bucket_of(fast)[0])
    empty = histogram.record(np.empty(0))

    assert design_effect(parts, bucket, 0.9) > 10
    assert design_effect([*parts, empty], bucket, 0.9) == design_effect(parts, bucket, 0.9)


def test_open_requests_are_weighted_by_time() -> None:
    """A look that comes late stands for all the time since the one before; what is not measured does not count."""
    recorder = Recorder()
    sampler = InFlightSampler(recorder)

    for at_s, in_flight in ((0.0, 50), (1.0, 50)):
        recorder.in_flight = in_flight
        sampler.note(at_s)
    sampler.measure()
    for at_s, in_flight in ((2.0, 50), (3.0, 2), (7.0, 12)):
        recorder.in_flight = in_flight
        sampler.note(at_s)
    sampler.pause()
    sampler.note(100.0)

    assert sampler.mean == (2 * 1 + 12 * 4) / 5


def test_only_the_part_of_a_request_within_the_measurement_is_open_in_it() -> None:
    """Two requests are open all the time from second 1 to 5, however they lie across its edges."""
    recorder = Recorder(1.0, 5.0)
    for sent_s, ended_s in ((0.0, 3.0), (3.0, 9.0), (0.5, 1.5), (1.5, 4.5), (4.5, 5.5), (0.0, 0.9), (6.0, 8.0)):
        recorder.answered(sent_s, sent_s, ended_s)
    recorder.fold(9.0)

    assert recorder.service.sum_s + recorder.edges_s == pytest.approx(2 * 4)
