"""Pairs whose sides take turns: real commands, real pytest suites, and kills."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integration.measure.lockstep_kills import VICTIMS, WAYS, Killer, killer
from integration.measure.measure_repository import VARIABLES, Measured, Measurer, Repository, python
from regress_action import analysis, formats

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from regress_action.model.measurements import Report

KILLS = int(os.environ.get("REGRESS_KILLS", "1"))
BUSY = python("import time\nwhile time.process_time() < 0.25: pass")
SUITE = """
import time
cold = []
def work():
    if not cold:
        cold.append(time.sleep(0.02))
    return sum(range(500))
def test_slow_at_first(benchmark): benchmark(work)
def test_one(benchmark): benchmark(sum, range(500))
def test_no_benchmark(): pass
def test_fails_at_the_head(benchmark):
    benchmark.pedantic(sum, args=(range(50),), rounds=3, iterations=2)
def test_only_{version}(benchmark): benchmark(sum, range(300))
"""
PYTEST = f"{sys.executable} -m pytest -q -p no:cacheprovider --benchmark-max-time=0.03"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="taking turns needs Linux")


def interleaved(measured: Measured) -> dict[str, object]:
    """Return how the measurement says that base and head alternated."""
    described: dict[str, object] = measured.document["interleave"]
    return described


def test_busy_command_is_stopped_in_turn(measure: Measurer) -> None:
    """A command that computes: one trial pair that is not kept, then pairs of which one side is always stopped."""
    measured = measure("--base", "HEAD~1", "--pairs", "2", "--interleave", "auto", "--", BUSY)
    assert measured.status == 0, measured.stderr
    runs = measured.runs
    assert (interleaved(measured)["kind"], len(runs)) == ("frozen", 4)
    assert [(run["side"], run["pair"], run["position"]) for run in runs] == [
        ("base", 1, 0), ("head", 1, 1), ("base", 2, 1), ("head", 2, 0),
    ]  # fmt: skip
    for run in runs:
        assert run["failure"] is None
        assert run["turns"]["turns"] >= 5
        # The CPU time of one side only: the other one was stopped, so its time is in neither figure.
        assert 0.2 <= run["user_s"] + run["system_s"] <= run["wall_s"] + 0.1
        assert run["wall_s"] == run["turns"]["active_s"]
    assert not measured.document["survivors"]


def test_waiting_command_is_measured_run_by_run(measure: Measurer) -> None:
    """A command that sleeps: lockstep was asked for by name, so a warning says why it is not used."""
    measured = measure("--base", "HEAD~1", "--pairs", "2", "--interleave", "lockstep", "--", "sleep 0.3")
    assert measured.status == 0, measured.stderr
    assert interleaved(measured)["kind"] == "run"
    assert len(measured.runs) == 4
    assert all(run["turns"] is None for run in measured.runs)
    assert any("waited for" in warning for warning in measured.document["warnings"])


def test_sides_that_exclude_one_another_are_measured_run_by_run(measure: Measurer, tmp_path: Path) -> None:
    """A lock that the stopped side holds: noticed, the pair measured again run by run, and said."""
    code = (
        "import fcntl, sys, time\nlock = open(sys.argv[1], 'w')\nfcntl.flock(lock, fcntl.LOCK_EX)\n"
        "while time.process_time() < 0.4: pass"
    )
    command = python(code, f"{tmp_path}/lock")
    measured = measure("--base", "HEAD~1", "--pairs", "1", "--interleave", "lockstep", "--", command)
    assert measured.status == 0, measured.stderr
    assert interleaved(measured)["kind"] == "run"
    why = str(interleaved(measured)["why"])
    assert "holds what it needs" in why or "the stopped side holds" in why
    assert [run["turns"] for run in measured.runs] == [None, None]


def test_command_that_fails_beside_itself_is_measured_run_by_run(measure: Measurer, tmp_path: Path) -> None:
    """Two sides that want the same port or file: the failure of the pair counts for nothing, single runs succeed."""
    claim = f"mkdir {tmp_path}/taken && {{ {BUSY}; rmdir {tmp_path}/taken; }}"
    measured = measure("--base", "HEAD~1", "--pairs", "1", "--interleave", "lockstep", "--", claim)
    assert interleaved(measured)["kind"] == "run"
    assert "while it took turns" in str(interleaved(measured)["why"])


def test_suite_that_is_over_at_once_is_measured_run_by_run(measure: Measurer) -> None:
    """Its times are those of the trial, so nothing is measured twice."""
    measured = measure("--base", "HEAD~1", "--pairs", "1", "--interleave", "lockstep", "--", "echo 1 > {out}")
    assert interleaved(measured)["kind"] == "run"
    assert any("alternate fast enough" in warning for warning in measured.document["warnings"])


def _suite(repository: Repository, version: str) -> None:
    repository.commit(test_suite_dot_py=SUITE.replace("{version}", version))


@pytest.mark.parametrize(
    ("interleave", "kind", "option"),
    [("lockstep", "cooperative", ""), ("lockstep", "cooperative", " -p no:benchmark"), ("benchmark", "benchmark", "")],
    ids=["pytest-benchmark", "own fixture", "by benchmark"],
)
def test_pytest_suites_give_turns_to_one_another(
    repository: Repository, measure: Measurer, interleave: str, kind: str, option: str
) -> None:
    """Benchmarks on both sides take turns, one of a single side runs alone, and both have the same iterations."""
    _suite(repository, "base")
    _suite(repository, "head")
    measured = measure(
        "--base",
        "HEAD~1",
        "--pairs",
        "2",
        "--interleave",
        interleave,
        "--",
        f"{PYTEST}{option} --benchmark-max-time=0.2 --benchmark-json={{out}}",
    )
    assert measured.status == 0, measured.stderr
    assert interleaved(measured)["kind"] == kind
    for run in measured.runs:
        assert run["failure"] is None, run["output_tail"]
        assert run["turns"]["met"] == 3
        assert (run["turns"]["turns"] > 6) == (kind == "cooperative")
    base, head = (
        {entry["name"]: entry["stats"] for entry in json.loads(measured.results(side)[0])["benchmarks"]}
        for side in ("base", "head")
    )
    assert set(base) ^ set(head) == {"test_only_base", "test_only_head"}
    for name in set(base) & set(head):
        assert base[name]["iterations"] == head[name]["iterations"]
        assert base[name]["rounds"] == head[name]["rounds"]
    assert base["test_slow_at_first"]["rounds"] > 5


FAILING = """
import os
def test_one(benchmark): benchmark(sum, range(500))
def test_two(benchmark):
    benchmark(sum, range(500))
    {assertion}
"""


def test_benchmark_that_fails_without_turns_too_costs_no_turns(repository: Repository, measure: Measurer) -> None:
    """The first pair is measured again run by run; as the head fails there as well, the second one takes turns."""
    repository.commit(test_suite_dot_py=FAILING.format(assertion="assert True"))
    repository.commit(test_suite_dot_py=FAILING.format(assertion="assert False"))
    words = ["--base", "HEAD~1", "--pairs", "2", "--interleave", "lockstep", "--"]
    measured = measure(*words, f"{PYTEST} --benchmark-json={{out}}")
    assert measured.status == 0, measured.stderr
    assert interleaved(measured)["kind"] == "cooperative"
    assert measured.failures() == ["exited with status 1"] * 2
    assert [run["turns"] is None for run in measured.runs] == [True, True, False, False]
    assert all("test_one" in result for result in measured.results())


def test_benchmark_that_fails_only_in_turns_ends_them(repository: Repository, measure: Measurer) -> None:
    """Two sides that want the same port: nothing of that pair is kept, and the rest is measured run by run."""
    for _ in range(2):
        repository.commit(test_suite_dot_py=FAILING.format(assertion="assert 'REGRESS_TURNS' not in os.environ"))
    words = ["--base", "HEAD~1", "--pairs", "2", "--interleave", "lockstep", "--"]
    measured = measure(*words, f"{PYTEST} --benchmark-json={{out}}")
    assert measured.status == 0, measured.stderr
    assert interleaved(measured)["kind"] == "run"
    assert "exited with status 1 only while it took turns" in str(interleaved(measured)["why"])
    assert measured.failures("base") + measured.failures("head") == [None] * 4


def test_killed_measurer_leaves_no_temporary_folder(repository: Repository, measure: Measurer, tmp_path: Path) -> None:
    """The watchdog removes the trees and the folder with the socket through which suites ask for turns."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for _ in range(2):
        repository.commit(test_suite_dot_py="import time\ndef test_a(benchmark): benchmark(time.sleep, 0.5)\n")
    words = ["--base", "HEAD~1", "--pairs", "1", "--interleave", "lockstep", "--"]
    process = measure.start(*words, f"{PYTEST} --benchmark-json={{out}}", TMPDIR=str(scratch))
    until = time.monotonic() + 60
    while not list(scratch.glob("regress-turns-*/*/s")) and time.monotonic() < until:
        time.sleep(0.02)
    assert list(scratch.glob("regress-turns-*/*/s"))
    process.kill()
    process.communicate()
    while list(scratch.iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not list(scratch.iterdir())


def test_selected_parameters_are_measured_alone(repository: Repository, measure: Measurer) -> None:
    """An expression for -k holds no `=`, so it selects all parameters; where suites take turns, the plugin is exact."""
    text = (
        "import pytest\n@pytest.mark.parametrize('n', [100, 200, 300], ids='n={}'.format)\n"
        "def test_sum(benchmark, n): benchmark(sum, range(n))\n"
    )
    for _ in range(2):
        repository.commit(test_suite_dot_py=text)
    words = ["--base", "HEAD~1", "--pairs", "1", "--interleave", "lockstep", "--select-style", "pytest"]
    words += ["--select", "test_suite.py::test_sum[n=200]"]
    command = f"{PYTEST} test_suite.py {{select}} --benchmark-json={{out}}"
    measured = measure(*words, "--", command)
    names = [[entry["name"] for entry in json.loads(result)["benchmarks"]] for result in measured.results()]
    assert names == [["test_sum[n=200]"]], measured.stderr
    assert [run["turns"]["met"] for run in measured.runs] == [1, 1]


def test_shards_take_turns_and_become_one_comparison(repository: Repository, measure: Measurer, tmp_path: Path) -> None:
    """Each leg of a matrix measures its own benchmarks in pairs, which stay pairs where the shards are merged."""
    for _ in range(2):
        repository.commit(
            **{f"test_{name}_dot_py": "def test_it(benchmark): benchmark(sum, range(100))\n" for name in "ab"}
        )
    sides: dict[str, list[Report]] = {"base": [], "head": []}
    for name in "ab":
        leg = replace(measure, out=tmp_path / name)
        command = f"{PYTEST} test_{name}.py --benchmark-json={{out}}"
        measured = leg("--base", "HEAD~1", "--pairs", "2", "--interleave", "lockstep", "--", command)
        assert interleaved(measured)["kind"] == "cooperative", measured.stderr
        read = formats.read_measurement(leg.out)
        assert read.base is not None
        sides["base"].append(read.base)
        sides["head"].append(read.head)
    merged = [formats.merge(sides[side]) for side in ("base", "head")]
    rows = analysis.compare(merged[:1], merged[1:]).comparisons
    times = {row.benchmark.name: (row.baseline.runs, row.head.runs) for row in rows if row.metric.name == "time"}
    assert times == {"test_a.py::test_it": (2, 2), "test_b.py::test_it": (2, 2)}


def test_rounds_are_shortened_by_a_decision(repository: Repository, measure: Measurer, tmp_path: Path) -> None:
    """The program that decides knows that processes differ by more than rounds: a quarter is timed from then on."""
    text = (
        "import os\ndef test_sum(benchmark):\n"
        "    benchmark.extra_info['rounds'] = os.environ['REGRESS_ROUNDS']\n    benchmark(sum, range(100))\n"
    )
    for _ in range(2):
        repository.commit(test_suite_dot_py=text)
    (tmp_path / "decision.json").write_text('{"continue": true, "rounds": 0.25}')
    words = [
        "--base",
        "HEAD~1",
        "--pairs",
        "6",
        "--interleave",
        "lockstep",
        "--decide",
        f"head {tmp_path}/decision.json",
    ]
    measured = measure(*words, "--", f"{PYTEST} --benchmark-json={{out}}")
    shares = [json.loads(result)["benchmarks"][0]["extra_info"]["rounds"] for result in measured.results("head")]
    assert shares == ["1"] * 5 + ["0.25"], measured.stderr
    assert measured.document["interleave"]["rounds"] == 0.25


def test_socket_of_the_turns_may_lie_deep(repository: Repository, measure: Measurer, tmp_path: Path) -> None:
    """The address of a socket holds 107 bytes, and the folder of temporary files may be longer."""
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    deep.mkdir(parents=True)
    _suite(repository, "base")
    _suite(repository, "head")
    command = f"{PYTEST} --benchmark-json={{out}}"
    measured = measure("--base", "HEAD~1", "--pairs", "1", "--interleave", "lockstep", "--", command, TMPDIR=str(deep))
    assert [run["turns"]["met"] for run in measured.runs] == [3, 3], measured.stderr


def test_budget_counts_the_pairs_in_turns(measure: Measurer) -> None:
    """A pair in turns takes as long as two runs, and none is begun that would end after the budget."""
    measured = measure(
        "--base", "HEAD~1", "--pairs", "90", "--budget-minutes", "0.02", "--interleave", "auto", "--", BUSY
    )
    assert interleaved(measured)["kind"] == "frozen"
    assert measured.document["stopped"]["word"] == "budget"
    assert len(measured.runs) % 2 == 0
    assert len(measured.runs) < 20


def test_selected_benchmarks_are_measured_one_after_the_other(measure: Measurer) -> None:
    """Base and head of one benchmark stand next to each other, each begins in turn, and each has all its pairs."""
    words = ["--select", "BenchmarkA", "--select", "BenchmarkB", "--select-style", "go", "--interleave", "benchmark"]
    measured = measure("--base", "HEAD~1", "--pairs", "5", *words, "--", "echo {select} > {out}")
    assert measured.status == 0, measured.stderr
    assert interleaved(measured)["kind"] == "selected"
    of_b = [run for run in measured.runs if run["selection"] == ["BenchmarkB"]]
    assert [run["selection"] for run in measured.runs[:4]] == [["BenchmarkA"]] * 2 + [["BenchmarkB"]] * 2
    assert [(run["pair"], run["side"]) for run in of_b] == [
        (2, "head"), (2, "base"), (4, "base"), (4, "head"), (6, "head"), (6, "base"),
        (8, "base"), (8, "head"), (10, "head"), (10, "base"),
    ]  # fmt: skip
    assert "BenchmarkB" in measured.results()[1]


def test_plugin_is_loaded_where_the_command_turns_the_search_off(repository: Repository, measure: Measurer) -> None:
    """Only the suite's own process sees a variable that the command sets."""
    _suite(repository, "base")
    _suite(repository, "head")
    command = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {PYTEST} -p pytest_benchmark.plugin --benchmark-json={{out}}"
    measured = measure("--base", "HEAD~1", "--pairs", "1", "--interleave", "lockstep", "--", command)
    assert measured.status == 0, measured.stderr
    assert [run["turns"]["met"] for run in measured.runs] == [3, 3]


def test_suite_that_does_not_load_the_plugin_is_measured_run_by_run(repository: Repository, measure: Measurer) -> None:
    """`python -I` hides PYTHONPATH: the first pair ran one side after the other, counts, and the rest as well."""
    _suite(repository, "base")
    _suite(repository, "head")
    command = f"{sys.executable} -I -m pytest -q -p no:cacheprovider --benchmark-max-time=0.03 --benchmark-json={{out}}"
    measured = measure("--base", "HEAD~1", "--pairs", "2", "--interleave", "lockstep", "--", command)
    assert measured.status == 0, measured.stderr
    assert [run["turns"] is None for run in measured.runs] == [False, False, True, True]
    assert any("did not load the plugin" in warning for warning in measured.document["warnings"])


def test_side_that_computes_in_the_turns_of_the_other_one_is_noticed(repository: Repository, measure: Measurer) -> None:
    """A process of the head goes on while the base has its turn: no pair in turns counts, and the log says why."""
    _suite(repository, "base")
    suite = SUITE.format(version="head") + (
        "import pytest, subprocess, sys\n@pytest.fixture(scope='session', autouse=True)\ndef busy():\n"
        "    with subprocess.Popen([sys.executable, '-c', 'while True: pass']) as child:\n"
        "        yield\n        child.kill()\n"
    )
    repository.commit(test_suite_dot_py=suite)
    command = f"{PYTEST} --benchmark-max-time=0.5 --benchmark-json={{out}}"
    for _ in range(4):  # on a busy machine the child may hardly get a processor
        measured = measure("--overwrite", "--base", "HEAD~1", "--pairs", "1", "--", command)
        assert measured.status == 0, measured.stderr
        if interleaved(measured)["kind"] == "run":
            break
    assert re.match(r"head computed for \d+ % of the other side's turns", str(interleaved(measured)["why"]))
    assert [(run["side"], run["turns"]) for run in measured.runs] == [("base", None), ("head", None)]


def test_suites_that_exclude_one_another_are_noticed(repository: Repository, tmp_path: Path) -> None:
    """A lock that one suite holds for its whole session: the other one would wait for it for ever in its turn."""
    suite = (
        "import fcntl, pytest\n@pytest.fixture(scope='session')\ndef lock():\n"
        f"    file = open('{tmp_path}/lock', 'w'); fcntl.flock(file, fcntl.LOCK_EX); yield\n"
        "def test_one(lock, benchmark): benchmark(sum, range(500))\n"
    )
    (repository.folder / "test_suite.py").write_text(suite)
    program = (
        "import os, sys\nfrom pathlib import Path\n"
        "from regress_action.measure.cooperative_turns import CooperativeTurns\n"
        "from regress_action.measure.held_command import BlockedError\n"
        "from regress_action.measure.reporting import OutputLog\n"
        "from regress_action.measure.process_tree import ProcessTree, become_subreaper\n"
        "from regress_action.measure.process_tree import SignalWaiter\n"
        "from regress_action.measure.spawn import Task\n"
        "become_subreaper()\nprocesses = ProcessTree('x')\n"
        "argv = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--benchmark-max-time=0.03']\n"
        "tasks = [Task(argv, Path(), {**os.environ, 'REGRESS_SIDE': side}) for side in ('base', 'head')]\n"
        "with SignalWaiter().installed() as signals:\n"
        "    try:\n"
        "        CooperativeTurns(tasks, [OutputLog(), OutputLog()], signals, processes, blocked_s=2.0).run()\n"
        "    except BlockedError as error:\n"
        "        sys.exit(f'blocked {error} {processes.members()}')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=repository.folder,
        env=VARIABLES,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert ended.stderr.strip() == "blocked head []"


CONNECT = """
import json, os, socket
def connect(below="."):
    folder = os.open(os.path.join(os.path.dirname(os.environ["REGRESS_TURNS"]), below), os.O_RDONLY)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(f"/proc/self/fd/{folder}/s")
    os.close(folder)
    return connection
"""
SPEAKS_FOR_BASE = 'json.dumps({"hello": "base", "names": ["test_suite.py::test_one"]}).encode() + b"\\n"'


@pytest.mark.parametrize(
    "attack",
    [
        "connect().sendall(b'[' * 200_000 + b'\\n')",
        "for kept in [connect() for _ in range(1100)]:\n    kept.close()",
        f"kept = connect()\nkept.sendall({SPEAKS_FOR_BASE})",
        f"kept = connect('../base')\ntry: kept.sendall({SPEAKS_FOR_BASE})\nexcept OSError: pass",
    ],
    ids=["nested message", "many connections", "the other side's name", "the other side's socket"],
)
def test_suite_that_misuses_the_socket_changes_nothing(repository: Repository, measure: Measurer, attack: str) -> None:
    """The head ends no measurement, and does not speak for the base: both pairs take turns."""
    suite = "def test_one(benchmark): benchmark(sum, range(500))\n"
    repository.commit(test_suite_dot_py=suite)
    repository.commit(conftest_dot_py=CONNECT + attack)
    measured = measure("--base", "HEAD~1", "--pairs", "2", "--", f"{PYTEST} --benchmark-json={{out}}")
    assert measured.status == 0, measured.stderr
    assert [run["turns"]["met"] for run in measured.runs if run["turns"]] == [1] * 4


def test_parallel_pair_runs_at_the_same_time(measure: Measurer, tmp_path: Path) -> None:
    """Each side waits for the other's file, which run by run would never come."""
    both = f"$(ls {tmp_path} | grep -c -- -$REGRESS_PAIR'$')"
    wait = f'touch {tmp_path}/$REGRESS_SIDE-$REGRESS_PAIR; while [ "{both}" -lt 2 ]; do sleep 0.01; done'
    measured = measure("--base", "HEAD~1", "--pairs", "2", "--interleave", "parallel", "--timeout", "30", "--", wait)
    assert measured.status == 0, measured.stderr
    assert interleaved(measured)["kind"] == "parallel"


@pytest.fixture(name="killer", scope="module")
def killer_of_pairs() -> Iterator[Killer]:
    """Start pairs to be killed."""
    with killer() as made:
        yield made


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("victim", VICTIMS)
def test_kill_leaves_nothing_stopped_or_alive(killer: Killer, victim: str, way: str) -> None:
    """Whoever of a pair is killed, at whatever moment: every process of it ends."""
    assert shutil.which("setsid")
    for seed in range(KILLS):
        assert killer.once(victim, way, seed) == []
