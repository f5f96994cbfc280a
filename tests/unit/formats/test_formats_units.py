"""Units as tools write them."""

from __future__ import annotations

import pytest

from regress_action.formats.units import base_unit, direction_of, metric_from_key
from regress_action.model.measurements import Direction


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("second", ("s", 1.0)),
        ("seconds", ("s", 1.0)),
        ("ms", ("s", 1e-3)),
        ("µs", ("s", 1e-6)),
        ("ns", ("s", 1e-9)),
        ("byte", ("B", 1.0)),
        ("MB", ("B", 1e6)),
        ("MiB", ("B", 2.0**20)),
        ("ops/s", ("1/s", 1.0)),
        ("kb/s", ("B/s", 1e3)),
        ("integer", ("count", 1.0)),
        ("apples", ("apples", 1.0)),
        ("ops/ms", ("1/s", 1e3)),
        ("queries/sec", ("1/s", 1.0)),
        ("Mreq/s", ("1/s", 1e6)),
        ("MSa/s", ("1/s", 1e6)),
        ("requests per second", ("1/s", 1.0)),
        ("FPS", ("1/s", 1.0)),
        ("MHz", ("1/s", 1e6)),
        ("Gbit/s", ("B/s", 125e6)),
        ("MB per second", ("B/s", 1e6)),
        ("ns/op", ("s", 1e-9)),
        ("B/op", ("B", 1.0)),
        ("allocs/op", ("count", 1.0)),
        ("ms/s", ("ratio", 1e-3)),
        ("cycles/iter", ("cycles/iter", 1.0)),
    ],
)
def test_units_lead_to_base_units(written: str, expected: tuple[str, float]) -> None:
    """Known units have a base and a factor; unknown ones are their own."""
    assert base_unit(written) == expected


@pytest.mark.parametrize(
    ("key", "name", "unit", "factor"),
    [
        ("warmup_s", "warmup", "s", 1.0),
        ("latency_p99_ms", "latency_p99", "s", 1e-3),
        ("latency_p99_us", "latency_p99", "s", 1e-6),
        ("tick_ns", "tick", "s", 1e-9),
        ("peak_memory_mb", "peak_memory", "B", 1e6),
        ("peak_memory_kb", "peak_memory", "B", 1e3),
        ("peak_memory_mib", "peak_memory", "B", 2.0**20),
        ("artifact_bytes", "artifact", "B", 1.0),
        ("throughput_ops_per_sec", "throughput", "1/s", 1.0),
        ("requests_per_sec", "requests", "1/s", 1.0),
        ("copy_mb_per_sec", "copy", "B/s", 1e6),
        ("allocations_count", "allocations", "count", 1.0),
        ("throughput_mb_s", "throughput", "B/s", 1e6),
        ("read_gib_per_second", "read", "B/s", 2.0**30),
        ("cols_per_s", "cols", "1/s", 1.0),
        ("tokens_per_second", "tokens", "1/s", 1.0),
        ("frames_per_ms", "frames", "1/s", 1e3),
        ("rate_MSa_s", "rate_MSa", "1/s", 1e6),
        ("queries_s", "queries", "1/s", 1.0),
        ("render_FPS", "render", "1/s", 1.0),
        ("FPS", "FPS", "1/s", 1.0),
        ("link_mbps", "link", "B/s", 125e3),
    ],
)
def test_the_suffix_of_a_key_is_its_unit(key: str, name: str, unit: str, factor: float) -> None:
    """The rule that turns `extra_info` into metrics."""
    named = metric_from_key(key)

    assert named is not None
    assert (named[0].name, named[0].unit, named[1]) == (name, unit, factor)
    assert named[0].direction is (Direction.HIGHER if unit.endswith("/s") else Direction.LOWER)
    assert not named[0].signed


@pytest.mark.parametrize(
    ("name", "unit", "direction"),
    [
        ("hits", "hits", Direction.HIGHER),
        ("hit%", "hit%", Direction.HIGHER),
        ("cacheHitRate", "%", Direction.HIGHER),
        ("cache_misses", "1/s", Direction.LOWER),
        ("gc.alloc.rate", "B/s", Direction.LOWER),
        ("failures", "1/s", Direction.LOWER),
        ("sent", "B/s", Direction.HIGHER),
        ("cycles/iter", "cycles/iter", Direction.LOWER),
        ("hit_latency", "s", Direction.LOWER),
        ("rows", "count", Direction.UNKNOWN),
        ("apples", "apples", Direction.UNKNOWN),
    ],
)
def test_name_and_unit_show_the_direction_or_it_is_unknown(name: str, unit: str, direction: Direction) -> None:
    """The words of the name go before the unit, and nothing is guessed."""
    assert direction_of(name, unit) is direction


@pytest.mark.parametrize("key", ["bytes", "_ms", "size", "n", "class"])
def test_a_key_without_a_unit_is_no_metric(key: str) -> None:
    """A bare unit or a bare name says too little."""
    assert metric_from_key(key) is None


@pytest.mark.parametrize("key", ["memory_growth_bytes", "leak_bytes", "delta_ms"])
def test_growth_and_differences_are_signed(key: str) -> None:
    """What may shrink as well as grow has no ratio."""
    named = metric_from_key(key)

    assert named is not None
    assert named[0].signed
