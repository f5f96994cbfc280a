"""action.yml, its documentation and the model of the settings say the same."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from regress_action.settings import Settings

ROOT = Path(__file__).parents[3]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
ROW = re.compile(r"^\| `([a-z-]+)` \| (.+?) \|$", re.MULTILINE)


def table(heading: str) -> dict[str, str]:
    """Return the rows of the table below a heading of the documentation."""
    text = (ROOT / "docs/action.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return dict(ROW.findall(text))


def test_inputs_are_those_of_the_model() -> None:
    """Every input has the model's name and sentence, in the model's order."""
    assert {name: entry["description"] for name, entry in ACTION["inputs"].items()} == Settings.inputs()
    assert list(ACTION["inputs"]) == list(Settings.inputs())


def test_no_input_has_a_default_but_the_token() -> None:
    """An input with a default would outrank regress.yml without anybody having asked for it."""
    defaults = {name: entry["default"] for name, entry in ACTION["inputs"].items() if "default" in entry}
    assert defaults == {"github-token": "${{ github.token }}"}


def test_the_documentation_lists_every_input() -> None:
    """The table of inputs has the model's names and sentences."""
    assert table("Inputs") == Settings.inputs()


def test_the_documentation_lists_every_output() -> None:
    """The table of outputs has the names and sentences of action.yml."""
    assert table("Outputs") == {name: entry["description"] for name, entry in ACTION["outputs"].items()}


@pytest.mark.parametrize("step", ACTION["runs"]["steps"], ids=lambda step: step["name"])
def test_no_expression_is_pasted_into_a_script(step: dict[str, Any]) -> None:
    """What a caller passes reaches the shell as a variable, never as code."""
    assert "${{" not in step["run"]


@pytest.mark.parametrize("name", ["Measure", "Measure suspects again"])
def test_measuring_is_given_neither_token_nor_inputs(name: str) -> None:
    """The steps that run the suite have nothing by which they could speak for the repository."""
    measure = next(step for step in ACTION["runs"]["steps"] if step["name"] == name)
    assert "REGRESS_INPUTS" not in measure["env"]
    assert not [value for value in measure["env"].values() if "token" in value or "secrets" in value]
