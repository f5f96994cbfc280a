"""The JSON Schemas of the files that people write: `python -m regress_action.settings.schema FOLDER` writes them.

Editors read them from the first line of a file: `# yaml-language-server: $schema=ADDRESS`.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, RootModel
from pydantic.json_schema import SkipJsonSchema

from regress_action.history.waivers import WaiversFile
from regress_action.report.schema import text_of, write
from regress_action.settings.gate import TRADE_OFF, AliasesFile
from regress_action.settings.model import Settings

_Rule = Annotated[str, Field(pattern=TRADE_OFF, max_length=300, examples=["memory +10 % allowed if time -5 %"])]


class BenchmarkTradeOff(BaseModel):
    """A trade-off of the benchmarks that match a name, a short name or a shell pattern."""

    model_config = ConfigDict(extra="forbid")

    benchmark: str = Field("*", min_length=1)
    allow: _Rule


class ServiceThresholds(BaseModel):
    """The thresholds of a service, and any number of budgets whose unit is in the suffix of the key."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    regression_threshold: float = Field(
        1.2, gt=1, description="Ratio to the baseline from which a change is a regression: 1.2 means 20 % worse."
    )
    service_threshold: float = Field(
        1.1, gt=1, description="Ratio from which a change of all benchmarks of the service together alarms."
    )
    quorum: float | SkipJsonSchema[None] = Field(
        None,
        gt=0,
        description="How many benchmarks of the service (2 or more), or which share of them (at most 1), have to "
        "lean to the worse for a proven regression of the service to alarm below its threshold.",
    )
    trade_offs: list[_Rule | BenchmarkTradeOff] = Field(
        [],
        max_length=100,
        description="Regressions that are allowed while something else is proven to be better.",
    )


class ThresholdsFile(RootModel[dict[str, ServiceThresholds]]):
    """Thresholds and budgets by service; the service `default` stands for every service."""


_FILES: Final[dict[str, tuple[str, type[BaseModel]]]] = {
    "regress.schema.json": ("regress-action settings", Settings),
    "thresholds.schema.json": ("regress-action thresholds", ThresholdsFile),
    "aliases.schema.json": ("regress-action aliases", AliasesFile),
    "waivers.schema.json": ("regress-action waivers", WaiversFile),
}


def schemas() -> dict[str, str]:
    """Return the text of each schema by the name of its file."""
    return {name: _text(title, model) for name, (title, model) in _FILES.items()}


def _text(title: str, model: type[BaseModel]) -> str:
    schema: dict[str, Any] = model.model_json_schema(by_alias=True)
    if model is Settings:
        del schema["properties"]["github-token"]  # is never read from a file
        for setting in schema["properties"].values():
            setting.pop("action_input", None)
    return text_of(title, schema)


if __name__ == "__main__":
    write(schemas(), sys.argv[1:])
