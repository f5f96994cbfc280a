"""The thresholds file: units from the key's suffix, one error per mistake."""

import pytest

from regress_action.model.errors import SettingsError
from regress_action.model.yaml_text import parse_yaml
from regress_action.settings import gate

DOCUMENTED = """
orchestration: {simple_operation_ms: 100, complex_operation_ms: 1000, memory_limit_mb: 50, regression_threshold: 1.2}
cache:         {cache_get_ms: 5, cache_set_ms: 10, throughput_ops_per_sec: 1000, regression_threshold: 1.15}
session:       {session_create_ms: 50, concurrent_sessions: 100, memory_per_session_mb: 5, regression_threshold: 1.3}
"""


def read(text: str) -> gate.Thresholds:
    """Return the thresholds of a file with this content."""
    return gate.parse_thresholds(parse_yaml(text.encode(), "thresholds.yml"), "thresholds.yml")


def test_the_documented_shape_is_read() -> None:
    """Ratios and budgets of the documented example arrive in base units."""
    loaded = read(DOCUMENTED)
    assert loaded.ratios == (("orchestration", 1.2), ("cache", 1.15), ("session", 1.3))
    limits = {(budget.service, budget.name): (budget.limit, budget.unit) for budget in loaded.budgets}
    assert limits == {
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


def test_service_as_a_whole_has_a_threshold() -> None:
    """It stands beside the one of its benchmarks, and is no budget."""
    loaded = read("default: {service_threshold: 1.05}\ncache: {service_threshold: 1.3, regression_threshold: 1.2}\n")
    assert loaded.service_ratios == (("default", 1.05), ("cache", 1.3))
    assert loaded.budgets == ()


def test_quorum_is_no_budget() -> None:
    """A share or a number, by service; a benchmark of that name can have a budget with a unit all the same."""
    loaded = read("default: {quorum: 0.6}\ncache: {quorum: 5, quorum_ms: 3}\n")
    assert loaded.quorums == (("default", 0.6), ("cache", 5.0))
    assert [budget.name for budget in loaded.budgets] == ["quorum"]


def test_trade_offs_are_sentences() -> None:
    """For all benchmarks of a service or for some, with either minus sign, and with or without `allowed`."""
    loaded = read("""
cache:
  trade_offs:
    - memory +10 % allowed if time -5 %
    - throughput −2.5% if service time −1%
    - {benchmark: "test_get*", allow: file_size +1 % if instructions -3 %}
session: {trade_offs: memory +10 % if time -5 %}
""")
    assert [(entry.service, entry.benchmark, entry.metric, entry.other) for entry in loaded.trade_offs] == [
        ("cache", "*", "memory", "time"),
        ("cache", "*", "throughput", "time"),
        ("cache", "test_get*", "file_size", "instructions"),
        ("session", "*", "memory", "time"),
    ]
    assert [entry.factor for entry in loaded.trade_offs] == pytest.approx([1.1, 0.975, 1.01, 1.1])
    assert [entry.needed for entry in loaded.trade_offs] == pytest.approx([0.95, 0.99, 0.97, 0.95])
    assert [entry.of_service for entry in loaded.trade_offs] == [False, True, False, False]
    assert loaded.trade_offs[0].rule == "memory +10 % allowed if time -5 %"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cache: 5\n", "service 'cache' holds 5"),
        ("cache: {get_ms: fast}\n", "cache.get_ms is 'fast'"),
        ("cache: {get_ms: -1}\n", "cache.get_ms is -1"),
        ("cache: {get_ms: .nan}\n", "cache.get_ms is nan"),
        ("cache: {get_ms: true}\n", "cache.get_ms is True"),
        ("cache: {regression_threshold: 0.8}\n", "A threshold is a ratio"),
        ("cache: {regresion_threshold: 1.2}\n", "did you mean regression_threshold?"),
        ("cache: {regression-threshold: 1.2}\n", "did you mean regression_threshold?"),
        ("cache: {services_threshold: 1.2}\n", "did you mean service_threshold?"),
        ("cache: {service_threshold: 0.9}\n", "A threshold is a ratio"),
        ("cache: {threshold: 1.2}\n", "did you mean regression_threshold?"),
        ("cache: {quorums: 0.5}\n", "did you mean quorum?"),
        ("cache: {Quorum: 0.5}\n", "did you mean quorum?"),
        ("cache: {quorum: 0}\n", "a share up to 1"),
        ("cache: {quorum: 2.5}\n", "a whole number from 2"),
        ("cache: {quorum: most}\n", "cache.quorum is 'most'"),
        ("cache: {trade-offs: [memory +10 % if time -5 %]}\n", "did you mean trade_offs?"),
        ("cache: {tradeoff: 1}\n", "did you mean trade_offs?"),
        ("cache: {trade_offs: 5}\n", "cache.trade_offs is 5"),
        ("cache: {trade_offs: [memory may grow]}\n", "cache.trade_offs[0] is 'memory may grow'"),
        ("cache: {trade_offs: [memory +10 if time -5]}\n", "Write it like  memory +10 % allowed if time -5 %"),
        ("cache: {trade_offs: [memory +0 % if time -5 %]}\n", "cache.trade_offs[0] holds +0 %"),
        ("cache: {trade_offs: [memory +10 % if time -100 %]}\n", "cache.trade_offs[0] holds -100 %"),
        ("cache: {trade_offs: [time +10 % if time -5 %]}\n", "trades time for itself"),
        ("cache: {trade_offs: [time +5 % if service memory -5 %]}\n", "Only times are compared for a service"),
        ("cache: {trade_offs: [{benchmark: a}]}\n", "cache.trade_offs[0] is None"),
        ("cache: {trade_offs: [{allow: memory +10 % if time -5 %, for: a}]}\n", "{benchmark: PATTERN, allow: "),
        ("cache: {trade_offs: [{allow: memory +10 % if time -5 %, benchmark: 3}]}\n", "'benchmark': 3"),
    ],
)
def test_a_mistake_is_named(text: str, message: str) -> None:
    """Service, key and value stand in the message."""
    with pytest.raises(SettingsError) as error:
        read(text)
    assert message in str(error.value)
