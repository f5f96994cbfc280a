"""`run` from end to end: real git, real processes, the exit code a CI job needs."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from regress_action.model import records

SUITE = """
import json, sys, time
LOOPS = {loops}
def work():
    total = 0
    for i in range(LOOPS):
        total += i * i
    return total
rounds = []
for _ in range(12):
    begin = time.process_time(); work(); rounds.append(time.process_time() - begin)
stats = dict(data=rounds, rounds=len(rounds), iterations=1, median=sorted(rounds)[6])
benchmark = dict(group="maths", name="test_work", fullname="bench.py::test_work", stats=stats, options=dict())
document = dict(machine_info=dict(), commit_info=dict(), benchmarks=[benchmark], version="5.1.0")
json.dump(document, open(sys.argv[1], "w"))
"""


CALM = """
work = lambda: None
rounds = [LOOPS * 1e-6 * (1 + 0.002 * (time.time_ns() % 7)) for _ in range(12)]
"""


def calm(loops: int) -> str:
    """Return a suite that tells the times of a quiet machine, for what is not about measuring."""
    measuring = SUITE[SUITE.index("def work") : SUITE.index("stats = ")]
    return SUITE.replace(measuring, CALM).format(loops=loops)


def git(folder: Path, *arguments: str) -> str:
    """Run git with a fixed identity."""
    identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.com", "-c", "init.defaultBranch=main")
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a repository whose second commit does three times the work of the first."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for loops in (40_000, 120_000):
        (folder / "suite.py").write_text(SUITE.format(loops=loops))
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", f"{loops} loops")
    return folder


def regress(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in `folder` as a user does; pytest-benchmark measures nothing in a worker of pytest-xdist."""
    command = [sys.executable, "-m", "regress_action", *arguments]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


MEASURE = ("run", "--pairs", "5", "--json", "out.json")
COMMAND = ("--", sys.executable, "suite.py", "{out}")


def test_one_failing_benchmark_of_a_pytest_suite_costs_no_other(tmp_path: Path) -> None:
    """The others are compared, the failed one is named, and the verdict is `incomplete`, whichever side misses it."""
    git(tmp_path, "init", "--quiet")
    good = "def test_a(benchmark): benchmark(sum, range(2000))\ndef test_b(benchmark): benchmark(sum, range(999))\n"
    for text in (good, good.replace("sum, range(999)", "int, 'x'")):
        (tmp_path / "test_suite.py").write_text(text)
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", "next")
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-max-time=0.02")
    ended = regress(tmp_path, *MEASURE, "--base", "HEAD~1", "--", *command, "--benchmark-json={out}")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    judged = json.loads((tmp_path / "out.json").read_text())
    rows = {row["benchmark"]: row for row in judged["comparisons"]}
    assert judged["summary"]["verdict"] == "incomplete"
    assert rows["test_suite.py::test_b"]["verdict"] == "failed"
    assert rows["test_suite.py::test_a"]["head"]["runs"] == 5
    assert "5 of 5 runs of the head failed: the run exited with status 1." in " ".join(judged["notes"])
    assert "benchmark failed (test_suite.py::test_b)" in ended.stdout.splitlines()[0]


def test_a_slower_commit_is_named_graded_and_fails(project: Path) -> None:
    """Three times the work is a critical regression: exit code 1, the benchmark's name on the first line."""
    ended = regress(project, *MEASURE, "--base", "HEAD~1", *COMMAND)
    assert ended.returncode == 1, ended.stderr
    assert "test_work" in ended.stdout.splitlines()[0]
    comparison = json.loads((project / "out.json").read_text())["comparisons"][0]
    assert (comparison["verdict"], comparison["severity"], comparison["service"]) == ("regression", "critical", "maths")
    assert comparison["ratio_low"] < comparison["ratio"] < comparison["ratio_high"]
    assert 2 < comparison["ratio"] < 4.5


def test_the_same_commit_passes_and_nothing_is_left_behind(project: Path) -> None:
    """A commit against itself raises no alarm, and the tree is as it was but for .regress, which hides itself."""
    ended = regress(project, *MEASURE[:3], "--base", "HEAD", *COMMAND)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert git(project, "status", "--porcelain") == ""
    assert len(git(project, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize(("option", "asked"), [((), "auto"), (("--interleave", "run"), "run")])
def test_how_base_and_head_alternate_is_passed_on(project: Path, option: tuple[str, ...], asked: str) -> None:
    """Whole runs only where that was asked for; else as finely as the suite allows."""
    ended = regress(project, "run", "--pairs", "1", "--base", "HEAD~1", *option, "--", "true")
    assert ended.returncode in {0, 1, 3}, ended.stderr
    (file,) = project.rglob("measurement.json")
    assert json.loads(file.read_text()).get("interleave", {"asked": "run"})["asked"] == asked


def test_results_that_nothing_can_read_end_the_measurement(project: Path) -> None:
    """After five pairs without one value the rest would give none either, and the headline says so."""
    ended = regress(project, "run", "--base", "HEAD~1", "--pairs", "20", "--", "echo 3 GB/s > {out}")

    assert ended.returncode == 3
    assert "pair 5/20" in ended.stderr
    assert "pair 6/20" not in ended.stderr
    assert "Nothing was measured: not one run gave a value" in ended.stdout


def test_uncommitted_work_is_measured_and_untouched(project: Path) -> None:
    """What is on disk is the head; neither file nor index changes by being measured."""
    (project / "suite.py").write_text(SUITE.format(loops=40_000))
    (project / "new.txt").write_text("not added\n")
    before = git(project, "status", "--porcelain"), git(project, "diff")
    ended = regress(project, *MEASURE, "--base", "HEAD~1", *COMMAND)
    assert ended.returncode == 0, ended.stdout
    assert "new files, which were measured with it: new.txt, suite.py." in " ".join(ended.stdout.split())
    (project / "out.json").unlink()
    assert (git(project, "status", "--porcelain"), git(project, "diff")) == before


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--base", "no-such-ref", *COMMAND), 2, "no-such-ref"),
        (("--base", "HEAD~1", "--", sys.executable, "-c", "raise SystemExit(1)"), 3, "exit"),
        (("--base", "HEAD~1", "--results", "absent.json", "--", "true"), 3, "absent.json"),
        (("--timeout", "0.3", "--runs", "1", "--", "sleep", "60"), 3, "0.3"),
        (("--base", "HEAD~1"), 2, "no command"),
    ],
    ids=["unknown ref", "suite exits 1", "suite writes nothing", "suite hangs", "no command"],
)
def test_what_cannot_be_measured_says_why(project: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    """Each failure has its exit code and a message with the reason."""
    ended = regress(project, "run", *arguments)
    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False), ended.stderr
    assert said in ended.stderr


def unconfigured(project: Path, makefile: str) -> Path:
    """Add a suite that needs a program which no machine of ours has, and a target that may work."""
    (project / "phpbench.json").write_text("{}")
    (project / "Makefile").write_text(makefile)
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "ways")
    return project


def test_another_way_is_measured_where_the_first_one_does_not_work(project: Path) -> None:
    """Without a configuration, what fails is told in a line, and the way that a trial finds is measured."""
    ended = regress(unconfigured(project, "bench:\n\t@sleep 0.01\n"), "run", "--runs", "1")

    assert ended.returncode == 0, ended.stderr
    assert "That did not work: The setup of head failed" in ended.stderr
    assert "Missing here: the program composer" in ended.stderr
    assert "Mended: the program is timed as a whole" in ended.stderr
    assert "make bench" in (project / ".regress/head.jsonl").read_text()


def test_each_way_that_did_not_work_is_named_where_none_does(project: Path) -> None:
    """With what to type, and the exit code of a wrong use."""
    ended = regress(unconfigured(project, "bench:\n\tfalse\n"), "run", "--runs", "1")

    assert ended.returncode == 2
    assert "No way to measure this project works here." in ended.stderr
    assert "phpbench: the program composer" in ended.stderr
    assert "make: " in ended.stderr


def test_wrong_base_ends_without_a_trial_of_other_suites(project: Path) -> None:
    """No other suite makes a reference exist."""
    ended = regress(unconfigured(project, "bench:\n\t@sleep 0.01\n"), "run", "--base", "nowhere", "--pairs", "1")

    assert ended.returncode == 2
    assert "nowhere" in ended.stderr
    assert "Trying what init would try" not in ended.stderr


def test_a_shallow_clone_says_what_to_fetch(project: Path, tmp_path: Path) -> None:
    """A clone that lacks the base is told apart from a wrong name, with the line to paste."""
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{project}", "shallow")
    base = git(project, "rev-parse", "HEAD~1")
    ended = regress(tmp_path / "shallow", "run", "--base", base, *COMMAND)
    assert ended.returncode == 2
    assert "fetch-depth: 0" in ended.stderr


def interrupted(project: Path, runs: int) -> tuple[str, int]:
    """Measure, press Ctrl-C once there are so many runs, and return what was printed and how many succeeded."""
    command = [sys.executable, "-m", "regress_action", "run", "--base", "HEAD~1", "--pairs", "200", *COMMAND]
    with subprocess.Popen(
        command, cwd=project, start_new_session=True, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as running:
        index = project / ".regress/measurement/measurement.json"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if index.exists() and len(json.loads(index.read_text())["runs"]) >= runs:
                break
            time.sleep(0.1)
        os.killpg(running.pid, signal.SIGINT)
        said, _ = running.communicate(timeout=60)
        assert running.returncode == 130
    return said, sum(not run["failure"] for run in json.loads(index.read_text())["runs"])


def test_an_interrupt_keeps_what_was_measured(project: Path) -> None:
    """Ctrl-C ends with 130, leaves no worktree, keeps the finished runs readable and tells what they say so far."""
    said, runs = interrupted(project, 3)
    assert said.startswith("What was measured so far, which decides nothing:")
    assert runs >= 3
    assert len(git(project, "worktree", "list").splitlines()) == 1


def test_what_was_interrupted_goes_on(project: Path) -> None:
    """Whole pairs count, only the others are measured, and all of them are judged together."""
    _, runs = interrupted(project, 5)
    done = runs // 2
    resume = ("run", "--base", "HEAD~1", "--resume", "--fixed", "--json", "out.json", "--pairs", str(done + 3))

    ended = regress(project, *resume, *COMMAND)

    assert ended.returncode == 1, ended.stderr
    assert f"{done} of {done + 3} pairs are measured; 3 are left." in ended.stderr
    judged = json.loads((project / "out.json").read_text())
    (row,) = judged["comparisons"]
    assert (row["head"]["runs"], row["verdict"]) == (done + 3, "regression")
    again = regress(project, *resume, *COMMAND)
    assert f"{done + 3} of {done + 3} pairs are measured; 0 are left." in again.stderr


def test_what_is_left_of_a_plan_that_nobody_chose(project: Path) -> None:
    """The measurement that was interrupted says how long its plan is."""
    _, runs = interrupted(project, 5)
    done = runs // 2
    index = project / ".regress/measurement/measurement.json"
    content = json.loads(index.read_text())
    index.write_text(json.dumps(content | {"plan": content["plan"] | {"pairs": done + 2}}))

    ended = regress(project, "run", "--base", "HEAD~1", "--resume", *COMMAND)

    assert f"{done} of {done + 2} pairs are measured; 2 are left." in ended.stderr


@pytest.mark.parametrize(
    ("change", "arguments", "expected"),
    [
        ("", ("--base", "HEAD~1", "--resume", "--", "true"), "measured another command"),
        ("commit", ("--base", "HEAD~1", "--resume", *COMMAND), "measured other commits"),
        ("forget", ("--base", "HEAD~1", "--resume", *COMMAND), "There is no measurement"),
    ],
)
def test_something_else_is_not_gone_on_with(
    project: Path, change: str, arguments: tuple[str, ...], expected: str
) -> None:
    """Two measurements that are of different things must never be one."""
    interrupted(project, 3)
    if change == "commit":
        git(project, "commit", "--quiet", "--allow-empty", "--message", "another")
    if change == "forget":
        (project / ".regress/measurement/measurement.json").unlink()

    ended = regress(project, "run", *arguments)

    assert ended.returncode == 2
    assert expected in ended.stderr


def test_a_history_in_a_folder_remembers_and_detects(project: Path) -> None:
    """Five recorded runs of the fast program are a baseline; the slow commit is found against it."""
    (project / "suite.py").write_text(calm(40_000))
    for _ in range(5):
        assert regress(project, "run", "--runs", "1", *COMMAND).returncode == 0
        assert regress(project, "record", ".regress/head.jsonl", "--history", ".regress/history").returncode == 0
    (project / "suite.py").write_text(calm(120_000))
    git(project, "commit", "--quiet", "--all", "--message", "slower")
    assert regress(project, "run", "--runs", "3", *COMMAND).returncode == 0
    ended = regress(project, "detect", ".regress/head.jsonl", "--history", ".regress/history", "--json", "out.json")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert json.loads((project / "out.json").read_text())["mode"] == "history"


def test_compiled_code_is_held_to_the_builds_of_the_history_that_run_records_in(project: Path) -> None:
    """×1.3 is proven where nothing is known; where builds before differed by more, it is suspected."""
    text = "import sys; open(sys.argv[1], 'w').write('pkg: p\\n' + 'BenchmarkWork 9 {} ns/op\\n' * 3 + 'PASS\\n')"
    for cost in (900, 1000, 1300):
        (project / "bench.py").write_text(text.format(cost))
        git(project, "add", "--all")
        git(project, "commit", "--quiet", "--message", f"{cost} ns")
    measure = ("run", "--pairs", "5", "--json", "out.json", "--results", "bench.txt", "--base", "HEAD~1")
    command = ("--", sys.executable, "bench.py", "bench.txt")
    regress(project, *measure, *command)
    assert json.loads((project / "out.json").read_text())["comparisons"][0]["confirmed"] is None
    head = records.decode((project / ".regress/head.jsonl").read_bytes(), "head")
    for number in range(8):
        factor = 1 + number % 2 / 2
        series = tuple(replace(row, values=tuple(value * factor for value in row.values)) for row in head.series)
        day = f"2026-01-0{number + 1}T12:00:00Z"
        earlier = replace(head, commit=f"{number:040x}", created=day, series=series)
        (project / f"{number}.jsonl").write_bytes(records.encode(earlier))
    assert regress(project, "record", *(f"{number}.jsonl" for number in range(8)), "--history", "kept").returncode == 0

    regress(project, *measure, "--record", "kept", *command)

    comparison = json.loads((project / "out.json").read_text())["comparisons"][0]
    assert comparison["confirmed"] is False
    assert "as 8 builds in the history show" in comparison["reason"]
