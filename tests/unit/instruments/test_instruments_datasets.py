"""Datasets have exactly the size that was asked, and the same bytes everywhere."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.instruments.datasets import DataKind, dataset, write_dataset
from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

DIGESTS = {
    "tabular": "3c291710b8b822ff7d6452d04ccafe372132a7e96109272f2d5d6d46764710d6",
    "json": "9f91577030c50f014786eeb3caff35f68b8a0dba030726c36e492dcdda771441",
    "text": "ff90cd91b20fcd9cda88e1f84fc00c60284f86702bf5f9871516ffbc3daf1aa3",
    "binary": "63e75adc2adb62e30ad77270f2c9cba21ff2e6847d9a3bef6607831bdd7bf954",
}


def content(kind: str, size: int, seed: int = 0) -> bytes:
    """Return a whole dataset."""
    return b"".join(dataset(kind, size, seed=seed))


@pytest.mark.parametrize(("kind", "digest"), DIGESTS.items())
def test_the_bytes_are_the_same_on_every_machine(kind: str, digest: str) -> None:
    """A hundred thousand bytes of each kind have the digest that they had when this was written."""
    assert hashlib.sha256(content(kind, 100_000, seed=7)).hexdigest() == digest


@given(st.sampled_from(list(DataKind)), st.integers(0, 200_000), st.integers(0, 3))
def test_the_size_is_exact_and_a_shorter_one_is_the_beginning(kind: DataKind, size: int, seed: int) -> None:
    """Any size is met to the byte."""
    full = content(kind, size, seed)

    assert len(full) == size
    assert content(kind, size // 2, seed) == full[: size // 2]


def test_seeds_differ() -> None:
    """Another seed gives other data."""
    assert content("binary", 100, 1) != content("binary", 100, 2)


def test_rows_are_rows() -> None:
    """Every whole line of the kinds that have lines can be read."""
    *lines, _ = content("json", 20_000).decode().splitlines()
    rows = list(csv.reader(io.StringIO(content("tabular", 20_000).decode())))

    assert {frozenset(json.loads(line)) for line in lines} == {frozenset({"id", "name", "tags", "amount", "nested"})}
    assert {len(row) for row in rows[:-1]} == {5}
    assert rows[0] == ["id", "name", "amount", "ratio", "flag"]
    assert content("text", 2000).decode().isascii()


def test_large_data_are_streamed(tmp_path: Path) -> None:
    """Twenty megabytes are written with less than one in memory, and their digest is returned."""
    tracemalloc.start()
    try:
        digest = write_dataset(tmp_path / "big.bin", "binary", 20_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 1_000_000
    assert hashlib.sha256((tmp_path / "big.bin").read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(("kind", "size"), [("video", 10), ("text", -1)])
def test_what_cannot_be_made_is_refused(kind: str, size: int) -> None:
    """The kinds are listed."""
    with pytest.raises(UsageError, match="tabular, json, text, binary"):
        content(kind, size)
