"""What `compare` writes: waivers in force, files for CI systems, and a page with the runs."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from regress_action.action.judge import load_rules
from regress_action.commands.compare import command, compare_files
from regress_action.commands.output import deliver
from regress_action.settings import Settings


def test_every_report_lists_the_waivers_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the terminal, in Markdown and in HTML; the one that has expired is not listed."""
    monkeypatch.chdir(tmp_path)
    for side in ("base", "head"):
        for number in range(5):
            content = {"parse": {"latency": {"value": 100 + number}}}
            (tmp_path / f"{side}{number}.json").write_text(json.dumps(content))
    today = datetime.now(UTC).date()
    waivers = "\n".join(
        f"- {{benchmark: {name}, metric: time, ceiling: 1.3, reason: worth it all, expires: {today + timedelta(days)}}}"
        for name, days in (("other_one", 9), ("bygone", -9))
    )
    (tmp_path / "regress-waivers.yml").write_text(f"waivers:\n{waivers}\n")
    judged = compare_files(["base*.json"], ["head*.json"], load_rules(Settings(), tmp_path))
    deliver(judged, markdown="report.md", html="report.html")
    shown = (capsys.readouterr().out, Path("report.md").read_text(), Path("report.html").read_text())
    for text in shown:
        assert "one (time) up to 1.3× until" in text.replace("\n", " ")
        assert "bygone" not in text


def test_compare_exports_several_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--export FORMAT FILE` may be repeated, beside options that take several files each."""
    monkeypatch.chdir(tmp_path)
    for side, latency in (("base", 100), ("head", 300)):
        for number in range(5):
            content = {"parse": {"latency": {"value": latency + number}}}
            (tmp_path / f"{side}{number}.json").write_text(json.dumps(content))
    arguments = ["--export", "junit", "out/junit.xml", "--export", "openmetrics", "-", "--baseline"]
    files = [*(f"base{number}.json" for number in range(5)), "--head", *(f"head{number}.json" for number in range(5))]
    result = CliRunner().invoke(command, [*arguments, *files])
    assert result.exit_code == 1
    assert Path("out/junit.xml").read_text().count("<failure") == 1
    assert result.output.endswith("# EOF\n")


def test_names_over_time_count_in_a_folder_of_the_project_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stand beside the regress.yml that is found above."""
    (tmp_path / "regress.yml").write_text("fail-on: minor\n")
    (tmp_path / "regress-aliases.yml").write_text("aliases:\n- {old: load, new: parse}\n")
    folder = tmp_path / "results"
    folder.mkdir()
    for side, name, latency in (("base", "load", 100), ("head", "parse", 300)):
        for number in range(5):
            content = {name: {"latency": {"value": latency + number}}}
            (folder / f"{side}{number}.json").write_text(json.dumps(content))
    monkeypatch.chdir(folder)

    done = CliRunner().invoke(command, ["--baseline", "base*.json", "--head", "head*.json"])

    assert done.exit_code == 1, done.output
    assert "parse" in done.output


def test_page_of_a_comparison_shows_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The HTML page gets the runs of both sides, not only the verdicts."""
    monkeypatch.chdir(tmp_path)
    for side in ("base", "head"):
        for number in range(5):
            content = {"parse": {"latency": {"value": 100 + number}}}
            (tmp_path / f"{side}{number}.json").write_text(json.dumps(content))
    result = CliRunner().invoke(command, ["--baseline", "base*.json", "--head", "head*.json", "--html", "report.html"])
    assert result.exit_code == 0
    assert Path("report.html").read_text().count("<circle") == 10


@pytest.mark.parametrize(("factor", "code"), [(1, 0), (3, 1)])
def test_a_reader_that_went_away_changes_no_exit_code(tmp_path: Path, factor: int, code: int) -> None:
    """`compare | head -1` ends with the code of the verdict, which a shell with pipefail passes on."""
    for side, level in (("base", 100), ("head", 100 * factor)):
        for number in range(5):
            content = {f"parse {at}": {"latency": {"value": (100 if at else level) + number}} for at in range(200)}
            (tmp_path / f"{side}{number}.json").write_text(json.dumps(content))
    command_line = [sys.executable, "-m", "regress_action", "compare", "-v"]
    sides = ["--baseline", "base*.json", "--head", "head*.json"]
    with subprocess.Popen([*command_line, *sides], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()

    assert process.returncode == code
