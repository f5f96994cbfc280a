"""Waivers name what they excuse, up to where, why, and until when."""

from datetime import date

import pytest

from regress_action.history import in_force, parse_waivers
from regress_action.model.errors import SettingsError

TODAY = date(2025, 6, 1)
GOOD = """
waivers:
  - {benchmark: "cache_get*", metric: time, ceiling: 1.3, reason: "checksums, see 412", expires: 2025-06-01}
  - {benchmark: "old_one", metric: "*", ceiling: 1.1, reason: "moved to disk", expires: 2025-05-20}
"""


def test_waivers_excuse_up_to_their_ceiling_until_their_day() -> None:
    """The last day counts, the expired one does not, and beyond the ceiling nothing is excused."""
    waivers = parse_waivers(GOOD, "regress-waivers.yml", TODAY)
    (waiver,) = in_force(waivers, TODAY)
    assert waiver.covers("cache_get_hot", "time", 1.3)
    assert not waiver.covers("cache_get_hot", "time", 1.31)
    assert not waiver.covers("cache_get_hot", "peak_memory", 1.1)
    assert not waiver.covers("cache_set", "time", 1.1)
    assert in_force(waivers, date(2025, 6, 2)) == ()


def test_a_short_name_is_no_broad_pattern() -> None:
    """Only patterns can be too broad; a benchmark may be called `io`."""
    (waiver, _) = parse_waivers(GOOD.replace("cache_get*", "io"), "regress-waivers.yml", TODAY)
    assert waiver.covers("io", "time", 1.1)


def test_an_empty_file_waives_nothing() -> None:
    """No waivers is the normal case."""
    assert parse_waivers("", "regress-waivers.yml", TODAY) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("cache_get*", "*"), "too broad"),
        (("cache_get*", "c*"), "too broad"),
        (("cache_get*", "test_*"), "too broad"),
        (("cache_get*", "benchmarks/*.py::test_*"), "too broad"),
        (("2025-06-01", "2025-04-30"), "stale"),
        (("2025-06-01", "2027-01-01"), "more than a year"),
        (("1.3", "0.9"), "ceiling"),
        (("1.3", "99"), "ceiling"),
        (("1.3", ".nan"), "ceiling"),
        (("checksums, see 412", "x"), "reason"),
        (("ceiling: 1.3, ", ""), "ceiling"),
        (("metric: time", "metrics: time"), "metric"),
        (("2025-06-01", "someday"), "expires"),
        (("waivers:", "waivers: ["), "is not YAML"),
        (("waivers:", "waiver:"), "waiver"),
    ],
)
def test_a_bad_waiver_is_refused_by_name(change: tuple[str, str], words: str) -> None:
    """The message says which waiver and what is wrong with it."""
    with pytest.raises(SettingsError, match=words) as caught:
        parse_waivers(GOOD.replace(*change), "regress-waivers.yml", TODAY)
    assert caught.value.what.startswith("regress-waivers.yml")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("reason", "is_cut"),
    [
        ("the checksum is worth it, see #412", True),
        ('"the checksum is worth it, see #412"', False),
        ("the checksum is worth it (#412)", False),
        ("the checksum is worth it  # until May", False),
    ],
)
def test_a_reason_that_yaml_cuts_is_refused(reason: str, is_cut: bool) -> None:
    """A number of an issue after a space starts a comment, and the reason would lack it."""
    text = f"waivers:\n- benchmark: parse\n  metric: time\n  ceiling: 1.3\n  reason: {reason}\n  expires: 2026-03-01\n"
    if is_cut:
        with pytest.raises(SettingsError, match="a reason is cut at '#412'"):
            parse_waivers(text, "waivers.yml", date(2026, 1, 1))
    else:
        assert parse_waivers(text, "waivers.yml", date(2026, 1, 1))
