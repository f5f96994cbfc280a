"""The thresholds file: units from the key's suffix, one error per mistake."""

from pathlib import Path

import pytest

from regress_action.model.errors import SettingsError
from regress_action.settings import thresholds

DOCUMENTED = """
orchestration: {simple_operation_ms: 100, complex_operation_ms: 1000, memory_limit_mb: 50, regression_threshold: 1.2}
cache:         {cache_get_ms: 5, cache_set_ms: 10, throughput_ops_per_sec: 1000, regression_threshold: 1.15}
session:       {session_create_ms: 50, concurrent_sessions: 100, memory_per_session_mb: 5, regression_threshold: 1.3}
"""


def read(tmp_path: Path, text: str) -> thresholds.Thresholds:
    """Write and load a thresholds file."""
    path = tmp_path / "thresholds.yml"
    path.write_text(text)
    return thresholds.load(path)


def test_the_documented_shape_is_read(tmp_path: Path) -> None:
    """Ratios and budgets of the documented example arrive in base units."""
    loaded = read(tmp_path, DOCUMENTED)
    assert loaded.ratios == (("orchestration", 1.2), ("cache", 1.15), ("session", 1.3))
    found = {(budget.service, budget.name): (budget.limit, budget.unit) for budget in loaded.budgets}
    assert found == {
        ("orchestration", "simple_operation"): (0.1, "s"),
        ("orchestration", "complex_operation"): (1.0, "s"),
        ("orchestration", "memory_limit"): (50e6, "B"),
        ("cache", "cache_get"): (0.005, "s"),
        ("cache", "cache_set"): (0.01, "s"),
        ("cache", "throughput"): (1000.0, "1/s"),
        ("session", "session_create"): (0.05, "s"),
        ("session", "concurrent_sessions"): (100.0, "count"),
        ("session", "memory_per_session"): (5e6, "B"),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cache: 5\n", "service 'cache' holds 5"),
        ("cache: {get_ms: fast}\n", "cache.get_ms is 'fast'"),
        ("cache: {get_ms: -1}\n", "cache.get_ms is -1"),
        ("cache: {get_ms: .nan}\n", "cache.get_ms is nan"),
        ("cache: {get_ms: true}\n", "cache.get_ms is True"),
        ("cache: {regression_threshold: 0.8}\n", "A threshold is a ratio"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, said: str) -> None:
    """Service, key and value stand in the message."""
    with pytest.raises(SettingsError) as error:
        read(tmp_path, text)
    assert said in str(error.value)
