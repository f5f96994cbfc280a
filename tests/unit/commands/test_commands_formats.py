"""`formats` lists what can be read, `show` what was understood."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from regress_action.commands.formats import command as formats
from regress_action.commands.show import command as show
from regress_action.formats.registry import READERS, reader

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data" / "formats"


def test_the_page_of_formats_is_the_one_that_the_program_writes() -> None:
    """Whoever adds a reader writes the page again: regress-action formats --markdown > docs/formats.md."""
    assert (ROOT / "docs" / "formats.md").read_text() == CliRunner().invoke(formats, ["--markdown"]).output


def test_the_list_names_every_reader_and_how_its_file_is_written() -> None:
    """The name behind --format is one that the option takes."""
    output = " ".join(CliRunner().invoke(formats).output.split())

    for name in READERS:
        assert f"--format {name.replace('_', '-')}" in output
        assert " ".join(reader(name).WRITTEN_BY.split()) in output


def test_show_prints_a_table_of_what_was_understood() -> None:
    """Benchmarks, metrics, values and directions stand in a row each; failures and warnings follow."""
    output = CliRunner().invoke(show, [str(DATA / "go" / "configured.txt")]).output

    assert output.splitlines()[0] == "Go benchmark: 1 run, linux"
    assert ["example.org/m.BenchmarkRun", "[stable]", "time", "20", "ns", "lower", "1"] in map(
        str.split, output.splitlines()
    )
    assert "failed: example.org/m.BenchmarkLost: It was started" in output
    assert "warning: example.org/m.BenchmarkRun [stable] has no ratio" in output


def test_show_writes_one_object_in_base_units() -> None:
    """The shape is documented, and several files are runs of one suite."""
    files = [str(DATA / "timed-lines" / "dart.txt"), str(DATA / "tinybench" / "tasks.json")]

    content = json.loads(CliRunner().invoke(show, [*files, "--json", "-"]).output)

    assert content["schema"] == 1
    assert content["format"] == "Dart benchmark_harness or console.time, tinybench"
    assert content["benchmarks"][0] == {
        "benchmark": "Template",
        "metric": "time",
        "unit": "s",
        "direction": "lower",
        "runs": 1,
        "value": 1.5e-06,
    }
    assert content["failed"] == [{"benchmark": "broken", "reason": "The benchmark failed: boom"}]
    assert content["warnings"] == []
