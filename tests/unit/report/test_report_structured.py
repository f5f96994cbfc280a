"""The JSON is what the schema says, for any judgement."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson
from hypothesis import given, settings

from judgements import EXAMPLES, foreign, judgements
from regress_action.report import schema, structured

if TYPE_CHECKING:
    from collections.abc import Callable

    from regress_action.model.comparisons import Judgement

SCHEMA = json.loads(schema.schemas()["judgement.schema.json"])


def closed(schema: object) -> Any:
    """Return the schema without space for keys it does not describe."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {key: closed(part) for key, part in schema.items()}
    return {"additionalProperties": False, **shut} if "properties" in shut and "type" in shut else shut


VALIDATOR = jsonschema_rs.Draft202012Validator(closed(SCHEMA))


def test_schema_is_valid_json_schema() -> None:
    """The schema itself is valid, and describes every object it mentions."""
    jsonschema_rs.meta.validate(SCHEMA)
    assert closed(SCHEMA)["additionalProperties"] is False


@settings(max_examples=60)
@given(judgements(), foreign)
def test_any_judgement_fits_the_schema(made: Judgement, suite: str) -> None:
    """Every key is described, every number finite, every text encodable, by the strictest writers."""
    content = structured.as_object(made, suite=suite.encode(errors="replace").decode())
    VALIDATOR.validate(json.loads(orjson.dumps(content)))
    assert json.loads(json.dumps(content, allow_nan=False)) == json.loads(orjson.dumps(content))


def test_json_object_matches_its_golden_file(golden: Callable[[str, str], None]) -> None:
    """Names and order of the keys are part of the interface."""
    content = structured.as_object(EXAMPLES["everything"], suite="services")
    golden("everything.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def test_another_machine_is_suggested_in_the_object() -> None:
    """A program that reads the judgement can repeat the sentence, or act on its presence."""
    content = structured.as_object(EXAMPLES["inconclusive"], elsewhere="Measure it elsewhere.")
    VALIDATOR.validate(content)
    assert content["elsewhere"] == "Measure it elsewhere."


def test_numbers_json_cannot_hold_are_null() -> None:
    """No reader has to know about NaN."""
    example = EXAMPLES["one-regression"]
    wild = replace(example.comparisons[0], ratio_high=math.inf, p_value=math.nan)
    content = structured.as_object(replace(example, comparisons=(wild,)))
    assert [content["comparisons"][0][key] for key in ("ratio_high", "p_value")] == [None, None]
