"""Our own records are read like any other format."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from regress_action.formats import read
from regress_action.model import records
from regress_action.model.errors import InputError

DATA = Path(__file__).parents[2] / "data" / "formats"


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    """What one tool's file says survives being recorded and read again."""
    (report,) = read(DATA / "pytest-benchmark" / "saved.json")
    path = tmp_path / "report.jsonl"
    path.write_bytes(records.encode(report))

    (again,) = read(path)

    assert again == dataclasses.replace(report, origin=str(path))


def test_a_cut_record_names_its_file(tmp_path: Path) -> None:
    """A record without its last line is refused with its name."""
    (report,) = read(DATA / "pytest-benchmark" / "saved.json")
    path = tmp_path / "report.jsonl"
    path.write_bytes(records.encode(report).rsplit(b"\n", 2)[0] + b"\n")

    with pytest.raises(InputError, match=r"report\.jsonl"):
        read(path)
