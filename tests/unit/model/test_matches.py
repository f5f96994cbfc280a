"""Patterns of names mean the full name of a benchmark and the short ones that people use."""

import pytest

from regress_action.model.measurements import matches

CACHE = "benchmarks/test_cache.py::TestCache::test_cache_get[a/b::c]"


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        (CACHE, CACHE),
        (CACHE, "benchmarks/*"),
        (CACHE, "test_cache_get[a/b::c]"),
        (CACHE, "cache_get[a/b::c]"),
        (CACHE, "cache_get*"),
        ("example.org/m.BenchmarkParse/size=1", "BenchmarkParse/size=1"),
        ("example.org/m.BenchmarkParse/size=1", "BenchmarkParse*"),
        ("time", "time"),
        ("test_add[1-2]", "test_add[1-2]"),
    ],
)
def test_a_name_fits_its_short_forms(name: str, pattern: str) -> None:
    """Without file and class, without `test_`, without the package, with wildcards."""
    assert matches(name, pattern)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        (CACHE, "get*"),
        (CACHE, "c"),
        (CACHE, "test_cache.py"),
        ("example.org/m.BenchmarkParse/size=1", "size=1"),
        ("api/list", "list"),
        ("test_", ""),
    ],
)
def test_a_part_of_a_name_is_not_enough(name: str, pattern: str) -> None:
    """Only the forms that people use are names; any other part needs a wildcard."""
    assert not matches(name, pattern)
