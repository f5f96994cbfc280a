"""The published JSON Schemas of settings, thresholds and waivers are those of the models, and accept real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from regress_action.commands.init import initialise
from regress_action.settings import schema

ROOT = Path(__file__).parents[3]


def check(name: str, content: Any) -> bool:
    """Whether the content fits the generated schema."""
    return jsonschema_rs.is_valid(json.loads(schema.schemas()[f"{name}.schema.json"]), content)


@pytest.mark.parametrize("name", schema.schemas())
def test_published_schema_is_current(name: str) -> None:
    """A change of a model is published by `make schemas`."""
    assert (ROOT / "docs/schemas" / name).read_text(encoding="utf-8") == schema.schemas()[name]


def test_schemas_accept_what_init_writes(tmp_path: Path) -> None:
    """Both files name their schema in the first line, and fit it."""
    list(initialise(tmp_path, suite="my suite", branch="trunk", action="o/a@v1"))
    for name in ("regress", "thresholds"):
        text = (tmp_path / f"{name}.yml").read_text()
        first = text.splitlines()[0]
        assert (
            first
            == f"# yaml-language-server: $schema=https://raw.githubusercontent.com/o/a/v1/docs/schemas/{name}.schema.json"
        )
        assert check(name, yaml.safe_load(text))


def test_schemas_accept_the_thresholds_of_the_example() -> None:
    """Budgets are keys of any name with a number."""
    assert check("thresholds", yaml.safe_load((ROOT / "examples/services/thresholds.yml").read_text()))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("regress", {"rnus": 3}),
        ("regress", {"fail-on": "always"}),
        ("regress", {"github-token": "x"}),
        ("thresholds", {"cache": {"regression_threshold": 0.9}}),
        ("thresholds", {"cache": {"cache_get_ms": "fast"}}),
        ("waivers", {"waivers": [{"benchmark": "x"}]}),
    ],
)
def test_schemas_refuse_mistakes(name: str, content: object) -> None:
    """An editor marks what the program would refuse."""
    assert not check(name, content)
