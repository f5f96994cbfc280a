"""`cache` prints the recommendation, or one JSON object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from regress_action.commands.cache import command
from regress_action.model.errors import InputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_plain_trace_gives_a_size(tmp_path: Path) -> None:
    """One key a line is enough; further sizes and the current one are in the tables."""
    trace = tmp_path / "keys.txt"
    trace.write_text("\n".join(f"key-{number}" for number in range(64)) + "\n")
    trace.write_text(trace.read_text() * 20)
    result = CliRunner().invoke(command, [str(trace), "--current", "16", "--sizes", "32", "48", "--json", "-"])
    content = json.loads(result.output)
    assert content["schema"] == 1
    assert content["recommended"]["size"] == 64
    assert [row["size"] for row in content["sizes"]] == [16, 32, 48, 64]
    assert "Recommended size: 64 entries." in CliRunner().invoke(command, [str(trace)]).output


def test_times_to_live_and_loading_times_can_be_given(tmp_path: Path) -> None:
    """What the trace does not hold is taken from the options."""
    trace = tmp_path / "keys.csv"
    trace.write_text("time,key,hit\n" + "".join(f"{number},k,{number % 2}\n" for number in range(10)))
    result = CliRunner().invoke(command, [str(trace), "--ttl", "1500ms", "--load-time", "3s", "--json", "-"])
    content = json.loads(result.output)
    assert content["expiry"]["miss_ratio"] == pytest.approx(0.5)
    assert content["stampedes"]["needless"] == 4


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    """A file that is missing and a size that is none are errors of the call."""
    with pytest.raises(InputError, match="does not exist"):
        CliRunner().invoke(command, [str(tmp_path / "none")], catch_exceptions=False)
    (tmp_path / "keys").write_text("a\n")
    with pytest.raises(UsageError, match="'many' is no size"):
        CliRunner().invoke(command, [str(tmp_path / "keys"), "--sizes", "many"], catch_exceptions=False)
