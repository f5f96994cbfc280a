"""What is reported during a measurement: to a person, to a GitHub job, to a program."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from integration.measure.measure_repository import SOURCES, VARIABLES, Measurer, Repository, python

if TYPE_CHECKING:
    from pathlib import Path


def test_log_has_one_line_per_run(measure: Measurer) -> None:
    """One line per run, with the pair, the side, how long it took and what is left."""
    lines = measure("--base", "HEAD~1", "--pairs", "2", "--", "echo chatter").stdout.splitlines()
    assert lines[0] == "measuring 2 pairs of base and head · echo chatter"
    assert [line.split(" · ")[:2] for line in lines[2:4]] == [["pair 1/2", "base"], ["pair 1/2", "head"]]
    assert lines[4].startswith("base and head alternate run by run: a run takes ")
    assert [line.split(" · ")[:2] for line in lines[5:7]] == [["pair 2/2", "head"], ["pair 2/2", "base"]]
    assert re.fullmatch(r"pair 2/2 · head · \d+ ms", lines[5])
    assert lines[7].startswith("measured all 2 pairs · good runs: 2 of base, 2 of head")
    assert "chatter" not in "".join(lines[1:])


def test_output_is_logged_and_shown_with_show_output(measure: Measurer) -> None:
    """Standard output and error go to the run's log, and with --show-output to the terminal."""
    measured = measure("--runs", "1", "--show-output", "--", "echo one; echo two >&2")
    assert (measured.out / "runs/head-01.log").read_text() == "one\ntwo\n"
    assert "one\ntwo\n" in measured.stdout


def test_failure_shows_the_end_of_its_output(measure: Measurer) -> None:
    """The cause is visible without opening the log file."""
    lines = measure("--runs", "1", "--", "seq 12; exit 1").stdout.splitlines()
    assert lines[1] == "run 1/1 · head · exited with status 1"
    assert lines[2:12] == [f"    {number}" for number in range(3, 13)]


def test_suite_output_runs_no_workflow_commands(measure: Measurer) -> None:
    """Under GitHub Actions every pair is a group, and commands in the suite's output are switched off."""
    command = "echo '::set-output name=x::y'"
    lines = measure("--base", "HEAD~1", "--pairs", "2", "--", command, GITHUB_ACTIONS="true").stdout.splitlines()
    assert [line for line in lines if "group::" in line] == [
        "::group::pair 1/2",
        "::endgroup::",
        "::group::pair 2/2",
        "::endgroup::",
    ]
    stops = [index for index, line in enumerate(lines) if line.startswith("::stop-commands::")]
    assert len(stops) == 4
    for index in stops:
        word = lines[index].removeprefix("::stop-commands::")
        assert lines[index + 1 : index + 3] == ["::set-output name=x::y", f"::{word}::"]
    assert len({lines[index] for index in stops}) == 4


def test_quoted_output_runs_no_workflow_commands(measure: Measurer) -> None:
    """The output that an error quotes contains no command either, wherever a line of it begins."""
    command = r"printf '::error::one\n  ::error::two\r::error::three\n##[error]four\n'; exit 1"
    measured = measure("--runs", "1", "--", command, GITHUB_ACTIONS="true")
    lines = re.split(r"[\r\n]", measured.stderr)
    assert not [line for line in lines if line.strip().startswith("::") or "##[" in line]
    assert [word for word in ("one", "two", "three", "four") if word not in measured.stderr] == []


NAMED_BY_THE_SUITE = """
import shutil, subprocess
name = "a" * 15
shutil.copy("/bin/sleep", name)
words = [name + "\\n::error::injected \\x1b[31m\\u202e" + 200 * "b", "60"]
subprocess.Popen(words, executable="./" + name, start_new_session=True, stdout=-3, stderr=-3)
"""


def test_name_of_a_process_is_no_command(measure: Measurer) -> None:
    """A process that is left behind may have any name: one that breaks the line, colours a terminal, or has no end."""
    measured = measure("--runs", "1", "--", python(NAMED_BY_THE_SUITE), GITHUB_ACTIONS="true")
    assert [line for line in measured.stdout.splitlines() if line.startswith("::error")] == []
    mark = "\N{REPLACEMENT CHARACTER}"
    shown = f"{'a' * 15}{mark}::error::injected {mark}[31m{mark}"
    assert measured.runs[0]["left_behind"] == [shown + (100 - len(shown)) * "b"]
    assert f"which were ended: {shown}" in measured.stdout


def test_events_are_json_lines(measure: Measurer, tmp_path: Path) -> None:
    """With --events every event is a JSON line, and nothing is printed."""
    with (tmp_path / "events").open("w") as file:
        measured = subprocess.run(
            measure.argv(
                "--events", str(file.fileno()), "--base", "HEAD~1", "--pairs", "1", "--setup", "true", "--", "true"
            ),
            cwd=measure.folder,
            env=VARIABLES,
            pass_fds=[file.fileno()],
            capture_output=True,
            check=True,
        )
    assert (measured.stdout, measured.stderr) == (b"", b"")
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert [event["event"] for event in events] == [
        *["started", "setup", "setup-finished", "setup", "setup-finished", "warning"],
        *["run-started", "run-finished", "run-started", "run-finished", "interleaved", "finished"],
    ]
    assert {"pair": 1, "pairs": 1, "side": "head"}.items() <= events[8].items()
    assert events[-1]["good"] == {"base": 1, "head": 1}


def test_error_is_an_event(measure: Measurer, tmp_path: Path) -> None:
    """The event holds the same three parts as the text."""
    with (tmp_path / "events").open("w") as file:
        subprocess.run(
            measure.argv("--events", str(file.fileno()), "--base", "nowhere", "--", "true"),
            cwd=measure.folder,
            env=VARIABLES,
            pass_fds=[file.fileno()],
            check=False,
        )
    event = json.loads((tmp_path / "events").read_text())
    assert event["event"] == "error"
    assert event["exit_code"] == 2
    assert all(event[part] for part in ("what", "meaning", "remedy"))


def test_help_works_without_psutil(repository: Repository) -> None:
    """--help answers on a Python without any package; measuring there says what to install."""
    bare = [sys.executable, "-S", "-m", "regress_action.measure"]
    environment = {**VARIABLES, "PYTHONPATH": str(SOURCES)}
    shown = subprocess.run([*bare, "--help"], env=environment, capture_output=True, text=True, check=True)
    assert "--base REF" in shown.stdout
    refused = subprocess.run(
        [*bare, "--out", "m", "--", "true"],
        cwd=repository.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 4
    assert "pip install psutil" in refused.stderr


def test_measurer_imports_nothing_else_of_the_package() -> None:
    """Measuring loads the standard library, psutil and `regress_action.measure` only."""
    code = """
import sys
from regress_action.measure import session
print(sorted({".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("regress_action.")}))
print(bool({"numpy", "rich", "pydantic", "click"} & set(sys.modules)))
"""
    shown = subprocess.run([sys.executable, "-c", code], env=VARIABLES, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == ["['regress_action.measure']", "False"]
