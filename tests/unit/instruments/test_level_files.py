"""Levels of load are read from CSV and from results of load tests, and what is wrong is named."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from regress_action.instruments.load.level_files import read_levels
from regress_action.model.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def result(users: int, throughput: float, **changes: Any) -> dict[str, Any]:
    """Return what `load --json` writes for one run, as far as it is read."""
    scenario = {"users": users, "rate": None, "think_s": 0.0, **changes.pop("scenario", {})}
    return {"scenario": scenario, "throughput": throughput, "latency": {"mean": 0.01}, "requests": 100, **changes}


def test_csv_has_a_header_in_any_order_or_plain_columns(tmp_path: Path) -> None:
    """Common names of the columns are known, milliseconds become seconds, and levels are put in order."""
    path = tmp_path / "a.csv"
    path.write_text("latency_ms,rps,Users\n20,190,4\n,60,1\n")
    levels = read_levels([path])
    assert levels.concurrency.tolist() == [1, 4]
    assert levels.throughput.tolist() == [60, 190]
    assert math.isnan(levels.latency_s[0])
    assert levels.latency_s[1] == pytest.approx(0.02)
    path.write_text("# a comment\n1, 10\n2, 19\n")
    assert read_levels([path]).throughput.tolist() == [10, 19]


def test_results_of_load_tests_are_read(tmp_path: Path) -> None:
    """One result, a list of them, or the object of `load --levels`: users, throughput, mean latency and failures."""
    single, several, object_ = tmp_path / "1.json", tmp_path / "2.json", tmp_path / "3.json"
    single.write_text(json.dumps(result(1, 100.0)))
    several.write_text(json.dumps([result(2, 190.0, errors=7), result(4, 300.0)]))
    object_.write_text(json.dumps({"schema": 1, "results": [result(8, 350.0)], "scalability": None}))
    levels = read_levels([single, several, object_])
    assert levels.concurrency.tolist() == [1, 2, 4, 8]
    assert levels.failed == pytest.approx(0.07)
    assert np.isfinite(levels.latency_s).all()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "has no measurement"),
        ("users,price\n1,2\n", "no column throughput"),
        ("users,rps\n0,2\n", "not above zero"),
        ("users,rps\n1,fast\n", "measurement 1 has the throughput 'fast'"),
        ("users,rps\n1\n", "has 1 fields"),
        ("{", "is no JSON"),
        ("[1]", "holds no results"),
        ('{"results": 3}', "holds no results"),
        (json.dumps(result(1, 5.0, scenario={"rate": 20.0})), "arrivals at a rate"),
        (json.dumps([result(1, 5.0), result(2, 9.0, scenario={"think_s": 1.0})]), "different think times"),
    ],
)
def test_what_is_no_measurement_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    """The error says what is missing and where."""
    path = tmp_path / "levels"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_levels([path])
    assert reason in str(caught.value)
