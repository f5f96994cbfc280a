"""The published JSON Schemas are those that the program generates, and what it writes fits them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import orjson
import pytest

from regress_action.commands import trend
from regress_action.report import schema

PUBLISHED = Path(__file__).parents[3] / "docs" / "schemas"
CSV = "time,commit,parse_s\n" + "".join(
    f"2026-01-{day:02},{day:040x},{1.0 + 0.001 * (day % 3) + (0.5 if day > 15 else 0)}\n" for day in range(1, 29)
)


@pytest.mark.parametrize("name", schema.schemas())
def test_published_schema_is_current(name: str) -> None:
    """Whoever changes a shape publishes its schema with it: make schemas."""
    assert (PUBLISHED / name).read_text(encoding="utf-8") == schema.schemas()[name]


@pytest.mark.parametrize("name", schema.schemas())
def test_schema_describes_every_object(name: str) -> None:
    """A schema is valid, and none of its objects is left without a description."""
    content = json.loads(schema.schemas()[name])
    jsonschema_rs.meta.validate(content)
    assert all(shape.get("description") for shape in [content, *content["$defs"].values()])


def test_trend_of_a_csv_file_fits_its_schema(tmp_path: Path) -> None:
    """What `trend --json` writes has only keys that its schema knows."""
    path = tmp_path / "series.csv"
    path.write_text(CSV, encoding="utf-8")
    content = orjson.loads(orjson.dumps(trend.from_csv(path)))
    jsonschema_rs.Draft202012Validator(json.loads(schema.schemas()["trend.schema.json"])).validate(content)
    assert content["series"][0]["change_points"]
