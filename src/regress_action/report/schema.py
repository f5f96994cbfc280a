"""The JSON Schemas of what the program writes: `python -m regress_action.report.schema FOLDER` writes them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from regress_action.report.json_objects import JudgementObject, TrendObject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SHAPES: Final[dict[str, tuple[str, Any]]] = {
    "judgement.schema.json": ("regress-action judgement", JudgementObject),
    "trend.schema.json": ("regress-action trend", TrendObject),
}


class _Schema(GenerateJsonSchema):
    """A schema without the titles that only repeat the name of a key."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401 - pydantic's own union of dictionaries
        """Leave the titles of fields out."""
        del schema
        return False


def schemas() -> dict[str, str]:
    """Return the text of each schema by the name of its file."""
    return {name: _text(title, shape) for name, (title, shape) in _SHAPES.items()}


def _text(title: str, shape: Any) -> str:  # noqa: ANN401 - any type that pydantic reads
    return text_of(title, TypeAdapter(shape).json_schema(schema_generator=_Schema))


def text_of(title: str, schema: dict[str, Any]) -> str:
    """Return the text of a schema's file, with the dialect and its title."""
    complete = {"$schema": _DIALECT} | schema | {"title": title}
    return json.dumps(complete, indent=2, ensure_ascii=False) + "\n"


def write(texts: Mapping[str, str], words: Sequence[str]) -> None:
    """Write every schema into the folder that the words of the command line name, or that of the documentation."""
    folder = Path(words[0] if words else "docs/schemas")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(schemas(), sys.argv[1:])
