"""YAML files that a pull request may have written."""

import pytest

from regress_action.model.errors import SettingsError
from regress_action.model.yaml_text import parse_yaml

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"b{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 9)}]\n" for n in range(9)
)
MERGES = "a: &a {k: 1}\n" + "".join(
    f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}' if n else '*a'] * 40)}]}}\n" for n in range(6)
)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", [LAUGHS, MERGES], ids=["lists", "merges"])
def test_aliases_that_multiply_are_refused_before_they_are_replaced(text: str) -> None:
    """A kilobyte could hold billions of values, and keep the processor busy for ever."""
    with pytest.raises(SettingsError, match="too large"):
        parse_yaml(text.encode(), "regress.yml")


@pytest.mark.parametrize(
    "text",
    [
        "benchmarks: &x [*x]",
        "x: &x {<<: *x}",
        "a: " + "[" * 3000 + "]" * 3000,
        "a: " + "9" * 5000,
        "a: 2026-99-99",
        "a: !!python/object/apply:os.system ['true']",
        "? [a, b]\n: 1",
        "a: \0",
        "- a",
    ],
    ids=["circle", "merged-circle", "nested", "digits", "date", "object", "key", "null", "list"],
)
def test_hostile_yaml_is_one_clear_error(text: str) -> None:
    """Nothing is executed, and nothing ends with a fault of ours."""
    with pytest.raises(SettingsError, match=r"^regress\.yml "):
        parse_yaml(text.encode(), "regress.yml")


def test_aliases_and_merges_of_ordinary_size_are_replaced() -> None:
    """People who use them to avoid repetition may go on."""
    text = "base: &base {threshold: 1.2}\napi:\n  <<: *base\n  budget: 3\nweb: *base\n"
    assert parse_yaml(text.encode(), "thresholds.yml") == {
        "base": {"threshold": 1.2},
        "api": {"threshold": 1.2, "budget": 3},
        "web": {"threshold": 1.2},
    }
