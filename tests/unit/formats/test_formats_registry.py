"""Which reader takes which file, and what becomes of files that nobody takes."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from regress_action.formats import read
from regress_action.formats.document import LARGEST_FILE, load
from regress_action.formats.registry import READERS, reader
from regress_action.model.errors import InputError

DATA = Path(__file__).parents[2] / "data" / "formats"
SAMPLES = {
    "pytest_benchmark": [*DATA.glob("pytest-benchmark/*.json")],
    "pyperf": [*DATA.glob("pyperf/*.json")],
    "hyperfine": [*DATA.glob("hyperfine/*.json")],
    "google_benchmark": [*DATA.glob("google-benchmark/*.json")],
    "go_bench": [*DATA.glob("go/*.txt")],
    "asv": [*DATA.glob("asv/results/**/*.json")],
    "vitest": [*DATA.glob("vitest/*.json")],
    "libtest": [*DATA.glob("libtest/*.txt")],
    "bencher": [*DATA.glob("bencher/*.json")],
}


@pytest.mark.parametrize(("owner", "path"), [(name, path) for name, paths in SAMPLES.items() for path in paths])
def test_exactly_one_reader_takes_a_file(owner: str, path: Path) -> None:
    """Sniffing does not depend on the order in which the readers are asked."""
    document = load(path)

    assert [name for name in READERS if reader(name).sniff(document)] == [owner]


@pytest.mark.parametrize("name", ["benchmarks.json", "machine.json", "measurement.jsonl", "x.txt"])
def test_the_name_of_a_file_says_nothing(tmp_path: Path, name: str) -> None:
    """Results are known by their content, even under the names that asv gives to other files."""
    shutil.copy(SAMPLES["hyperfine"][0], tmp_path / name)

    assert read(tmp_path / name)[0].source == "hyperfine"


def test_a_hint_overrules_sniffing() -> None:
    """The named format is the one that is tried, and it says what it misses."""
    path = SAMPLES["pyperf"][0]

    assert read(path, hint="pyperf") == read(path)
    with pytest.raises(InputError, match="cannot be read as hyperfine: results is null where a list"):
        read(path, hint="hyperfine")


def test_an_unknown_hint_names_the_known_ones() -> None:
    """A misspelt format is answered with the list."""
    with pytest.raises(InputError, match="no format called 'pytest'") as caught:
        read(SAMPLES["pyperf"][0], hint="pytest")

    assert "pytest_benchmark" in caught.value.remedy


def _bad(folder: Path, content: bytes) -> InputError:
    path = folder / "bad.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path)
    return caught.value


def test_no_such_file(tmp_path: Path) -> None:
    """A missing file is named, and why a tool may have written none."""
    with pytest.raises(InputError, match="There is no file") as caught:
        read(tmp_path / "none.json")

    assert "none.json" in caught.value.what
    assert "pytest-benchmark 5" in caught.value.meaning


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_an_empty_file_names_the_tools_that_leave_one(tmp_path: Path, content: bytes) -> None:
    """Zero bytes are normal after a run without benchmarks."""
    error = _bad(tmp_path, content)

    assert "is empty" in error.what
    assert "pytest-benchmark 4" in error.meaning


def test_half_a_file_is_said_to_end_in_the_middle(tmp_path: Path) -> None:
    """A file that was cut while it was written is told apart from a foreign one, with the place."""
    error = _bad(tmp_path, SAMPLES["pytest_benchmark"][0].read_bytes()[:1000])

    assert "ends in the middle, at line " in error.what
    assert "stopped while it wrote" in error.meaning


def test_broken_json_names_line_and_column(tmp_path: Path) -> None:
    """A stray character is shown where it stands."""
    assert "line 2, column 1" in _bad(tmp_path, b'{"benchmarks":\n}').what


LINK = b"[![a badge](https://example.org)](x)\n"


@pytest.mark.parametrize(
    "content", [b"total nonsense", b"{}", b"[]", b"[1, 2]", b'{"a": {"b": 1}}', b"3", b'"x"', LINK]
)
def test_a_foreign_file_says_what_was_tried(tmp_path: Path, content: bytes) -> None:
    """Valid but unknown content lists the formats that were tried."""
    error = _bad(tmp_path, content)

    assert "no known format" in error.what
    assert "hyperfine" in error.meaning


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        ("    http_req_duration....: avg=1.2ms min=1ms med=1.1ms max=2ms p(90)=2ms p(95)=2ms\n", "--summary-export"),
        ("Timestamp,User Count,Type,Name,Requests/s\n1700000000,1,,Aggregated,1.0\n", "_stats.csv"),
        ("Method,Name,Error,Occurrences\nGET,/,refused,3\n", "_stats.csv"),
        ("Count,Message,Traceback,Nodes\n", "_stats.csv"),
    ],
)
def test_what_load_generators_write_beside_their_results_names_the_results(
    tmp_path: Path, content: str, remedy: str
) -> None:
    """The summary for people, the history by seconds and the lists of errors are told from the results."""
    (tmp_path / "x").write_text(content)

    with pytest.raises(InputError, match=re.escape(remedy)):
        read(tmp_path / "x")


def test_a_binary_file_is_not_text(tmp_path: Path) -> None:
    """An image or an archive is named as such."""
    assert "is not text" in _bad(tmp_path, b"\x89PNG\r\n\x1a\n\x00\x00").what


def test_damaged_gzip(tmp_path: Path) -> None:
    """A gzip file that is none inside is unreadable, not a crash."""
    assert "gzip data is damaged" in _bad(tmp_path, b"\x1f\x8b not really").what


def test_deep_nesting(tmp_path: Path) -> None:
    """A file made to exhaust the stack is refused."""
    assert "nested too deeply" in _bad(tmp_path, b"[" * 200_000).what


def test_a_number_of_many_digits(tmp_path: Path) -> None:
    """An integer made to exhaust the parser is no number."""
    assert "JSON in no known format" in _bad(tmp_path, b'{"a": ' + b"9" * 5000 + b"}").what


def test_a_file_beyond_the_cap(tmp_path: Path) -> None:
    """A file above 128 MiB is refused before it is parsed, packed or not."""
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)

    with pytest.raises(InputError, match="larger than 128 MiB"):
        read(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A named pipe without a writer would block for ever."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InputError, match="no regular file"):
        read(tmp_path / "pipe")


def test_no_benchmark_at_all(tmp_path: Path) -> None:
    """A valid file without benchmarks is neither empty nor broken."""
    error = _bad(tmp_path, b'{"benchmarks": [], "machine_info": {}, "commit_info": {}}')

    assert "holds no benchmark" in error.what
    assert "-k" in error.remedy


def test_not_a_number_everywhere(tmp_path: Path) -> None:
    """When no benchmark has a value there is nothing to compare."""
    content = json.loads((DATA / "pytest-benchmark" / "saved.json").read_text())
    for entry in content["benchmarks"]:
        entry["stats"] |= {"median": float("nan"), "mean": float("nan")}

    assert "No benchmark" in _bad(tmp_path, json.dumps(content).encode()).what


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    """A byte order mark and the UTF-16 of a PowerShell redirection are no obstacle."""
    text = SAMPLES["hyperfine"][0].read_text()
    path = tmp_path / "results.json"
    mark = "\ufeff" if encoding.endswith(("be", "le")) else ""  # the other two codecs write one themselves
    path.write_bytes((mark + text).encode(encoding))

    assert read(path)[0].series == read(SAMPLES["hyperfine"][0])[0].series


def test_names_are_safe_to_print(tmp_path: Path) -> None:
    """Control characters in a name do not reach the report."""
    content = {"results": [{"command": "\x1b[2J::error::x\n", "mean": 1.0}]}
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))

    assert read(path)[0].series[0].benchmark.name.startswith("[2J::error::x~")


def test_more_benchmarks_than_any_suite_has_are_refused(tmp_path: Path) -> None:
    """A file that would keep the judge busy for a minute is one error, with the limit in it."""
    results = ",".join('{"command":"b%d","mean":1,"times":[1]}' % number for number in range(50_001))  # noqa: UP031 - braces
    error = _bad(tmp_path, f'{{"results":[{results}]}}'.encode())

    assert "more than 50,000 benchmarks" in error.what
