"""Files as tools leave them: packed, cut, large, and not quite JSON."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import pytest

from regress_action.formats import read
from regress_action.formats.document import MOST_LINES, document_of, parse_json
from regress_action.model.errors import InputError

CONTENT = json.dumps({"results": [{"command": "x", "mean": 0.5}]}).encode()


def _refused(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        _viewed(data)
    return caught.value


def _viewed(data: bytes) -> None:
    document = document_of(Path("results.json"), data)
    _ = (document.json, document.lines, document.xml)


def test_every_member_of_a_gzip_file_is_read() -> None:
    """`cat a.gz b.gz` is one file whose second half must not be lost."""
    packed = gzip.compress(CONTENT[:10]) + gzip.compress(CONTENT[10:]) + bytes(512)

    assert document_of(Path("x"), packed).data == CONTENT


def test_half_a_gzip_file_is_refused() -> None:
    """What was unpacked so far would pass for the whole."""
    assert "ends in the middle" in _refused(gzip.compress(CONTENT * 100)[:-20]).what


def test_bytes_behind_a_gzip_file_are_refused() -> None:
    """They are not gzip, so nobody knows what they are."""
    assert "not gzip follow" in _refused(gzip.compress(CONTENT) + b"more").what


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (gzip.compress(bytes(200 * 1024**2)), "larger than 128 MiB"),
        (b"".join([gzip.compress(bytes(100 * 1024**2))] * 2), "larger than 128 MiB"),
        (b"[" + b"[]," * 10_000_000 + b"0]", "too many values"),
        (b"a\n" * (MOST_LINES + 1), "lines"),
        (b"x" * (17 * 1024**2), "16 MiB"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares entities"),
        (b"<a>" * 500_001, "500,000 tags"),
    ],
    ids=["gzip", "gzip-members", "values", "lines", "text", "entities", "tags"],
)
def test_what_would_exhaust_the_memory_is_refused(data: bytes, what: str) -> None:
    """Each limit has an error that says what to leave out."""
    error = _refused(data)

    assert what in error.what
    assert error.remedy


def test_a_file_of_many_rounds_is_read(tmp_path: Path) -> None:
    """Rounds are summarised, so that sixty megabytes of them are no obstacle."""
    rounds = ", ".join(["0.00000008123456789"] * 3_000_000)
    path = tmp_path / "large.json"
    path.write_text('{"results": [{"command": "x", "mean": 1, "times": [' + rounds + "]}]}")

    assert read(path)[0].series[0].rounds == (3_000_000,)


@pytest.mark.parametrize(
    ("text", "value", "repairs"),
    [
        ('{"a": -nan, "b": inf}', {"a": math.nan, "b": math.inf}, 2),
        ('{"a": nan(ind)}', {"a": math.nan}, 1),
        ('{"a": [1, 2,],}', {"a": [1, 2]}, 2),
        ('{"a": "nan, ]"}', {"a": "nan, ]"}, 0),
        ('{"a": ' + "9" * 5000 + "}", {"a": math.inf}, 0),
    ],
)
def test_what_is_not_quite_json_is_mended_and_named(text: str, value: object, repairs: int) -> None:
    """Numbers of C++ and commas before a bracket are read; strings stay as they are."""
    result, problem, sentences = parse_json(text)

    assert repr(result) == repr(value)
    assert problem is None
    assert len(sentences) == repairs
    assert all("line 1, column " in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ('{"a": 1', "ends in the middle", "Run it again"),
        ('{"a": 12,5e3}', "decimal comma", "LC_ALL=C"),
        ('{"a": 1}\n{"a": 2}', "follows its first value, at line 2", "a file of their own"),
        ('{"a" 1}', "Expecting ':' delimiter at line 1, column 6", "with the tool itself"),
        ("[" * 100_000, "nested too deeply", "with the tool itself"),
    ],
)
def test_the_true_cause_is_named(text: str, what: str, remedy: str) -> None:
    """Only a file that ends too early was cut."""
    _, problem, _ = parse_json(text)

    assert problem is not None
    assert what in problem.what
    assert remedy in problem.remedy


def test_what_was_mended_is_a_warning_of_the_report(tmp_path: Path) -> None:
    """The user sees that the file was not quite JSON."""
    path = tmp_path / "x.json"
    path.write_text('{"results": [{"command": "x", "mean": 0.5, "median": null},]}')

    assert "comma before a closing bracket" in read(path)[0].warnings[0]
