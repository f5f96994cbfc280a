"""The profiler in a suite's Python processes, in real processes: what it writes, and that it changes nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from regress_action.advice.profile_files import formats
from regress_action.advice.profile_files.folder import joined_calls, read_calls, read_lines
from regress_action.measure import python_start
from regress_action.measure.profiling import changed_lines
from regress_action.model.profiles import CostMode, FunctionKey

if TYPE_CHECKING:
    from integration.measure.measure_repository import Measurer, Repository

HOOK = Path(python_start.__file__).parent
PROGRAM = """\
import os, sys, threading, time


def compute(count):
    total = 0
    for number in range(count):
        total += number * number
    return total


def wait():
    time.sleep(0.3)


def main():
    until = time.process_time() + 0.3
    while time.process_time() < until:
        compute(2000)
    wait()
    thread = threading.Thread(target=wait)
    thread.start()
    thread.join()


main()
print(sys.argv[1:], "sitecustomize" in sys.modules)
"""


def profiled(folder: Path, kind: str, program: str = PROGRAM, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the profiler; its files are in `out`."""
    (folder / "program.py").write_text(program)
    (folder / "out").mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{HOOK}:{variables.pop('PYTHONPATH', '')}".rstrip(":"),
        "REGRESS_PROFILE": kind,
        "REGRESS_PROFILE_OUT": str(folder / "out"),
        "REGRESS_PROFILE_ROOT": str(folder),
        **variables,
    }
    line = [sys.executable, "program.py", "argument"]
    return subprocess.run(line, cwd=folder, env=environ, capture_output=True, text=True, check=True, timeout=100)


def test_stacks_have_cpu_and_elapsed_time_apart(tmp_path: Path) -> None:
    """Computing is in both, waiting in the elapsed time only, and other threads are told from the main one."""
    ended = profiled(tmp_path, "stacks")
    assert ended.stderr == ""
    assert ended.stdout.startswith("['argument']")
    files = {path.name.partition("-")[0]: path for path in (tmp_path / "out").iterdir()}
    cpu = formats.read_collapsed(files["cpu"].read_text(), "cpu", CostMode.CPU, 1e-6)
    wall = formats.read_collapsed(files["wall"].read_text(), "wall", CostMode.WALL, 1e-6)
    computing = [cost for stack, cost in cpu.stacks.items() if stack[-1].key == FunctionKey("compute", "program.py")]
    waiting = {stack[0].function for stack in wall.stacks if stack[-1].key == FunctionKey("wait", "program.py")}
    assert sum(computing) > 0.1
    assert waiting == {"[main thread]", "[other threads]"}
    assert sum(cost for stack, cost in cpu.stacks.items() if stack[-1].function == "wait") < 0.1


def test_calls_are_counted_exactly_in_all_threads(tmp_path: Path) -> None:
    """Every call is counted, whichever thread makes it."""
    program = PROGRAM.replace("time.process_time() < until", "False").replace(
        "    wait()\n    thread", "    [compute(2) for _ in range(50)]\n    thread"
    )
    profiled(tmp_path, "calls", program.replace("target=wait", "target=lambda: [compute(3) for _ in range(7)]"))
    (file,) = (tmp_path / "out").iterdir()
    counted = read_calls(file.read_bytes(), file.name).functions
    assert counted[FunctionKey("compute", "program.py")].calls == 57
    assert counted[FunctionKey("main", "program.py")].calls == 1


def test_lines_are_timed_in_functions_with_changed_lines_only(tmp_path: Path) -> None:
    """The lines of a changed function have counts; other functions have none."""
    profiled(tmp_path, "lines", REGRESS_PROFILE_LINES="program.py\t12")
    (file,) = (tmp_path / "out").iterdir()
    timed = read_lines(file.read_bytes(), file.name)
    assert list(timed) == [FunctionKey("wait", "program.py")]
    count, seconds = timed[FunctionKey("wait", "program.py")][12]
    assert count == 2
    assert seconds > 0.5


def test_forked_processes_write_profiles_of_their_own(tmp_path: Path) -> None:
    """A worker of multiprocessing ends without atexit, and writes all the same."""
    program = (
        "import multiprocessing\n\n\ndef work(number):\n    return sum(range(number))\n\n\n"
        "if __name__ == '__main__':\n    context = multiprocessing.get_context('fork')\n"
        "    worker = context.Process(target=work, args=(10,))\n    worker.start()\n    worker.join()\n"
    )
    profiled(tmp_path, "calls", program)
    counted = joined_calls([read_calls(path.read_bytes(), path.name) for path in (tmp_path / "out").iterdir()])
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert counted.functions[FunctionKey("work", "program.py")].calls == 1


def test_the_users_own_sitecustomize_runs(tmp_path: Path) -> None:
    """The profiler hides no other module of that name, and stays out of the suite's path."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import builtins\nbuiltins.greeting = 'hello'\n")
    program = "import sys\nprint(greeting, [part for part in sys.path if 'python_start' in part])\n"
    assert profiled(tmp_path, "calls", program, PYTHONPATH=str(own)).stdout == "hello []\n"


def test_allocations_lie_elsewhere_in_every_process(repository: Repository, measure: Measurer) -> None:
    """The place of an object in its page, which is the same in every process of an unchanged program otherwise."""
    program = (
        "places = lambda make: [id(it) % 4096 for it in [make() for _ in range(8)]]\n"
        "print([places(make) for make in (object, lambda: bytes(90), lambda: bytes(300), lambda: lambda: 0)])"
    )
    repository.commit(program_dot_py=program)
    measured = measure("--runs", "6", "--", f"{sys.executable} program.py > {{out}}")
    assert measured.status == 0, measured.stderr
    for places in zip(*(json.loads(result) for result in measured.results("head")), strict=True):
        assert len({tuple(of_process) for of_process in places}) > 1


def test_a_folder_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    """The suite ends as it would without the profiler."""
    ended = profiled(tmp_path, "calls", "print('done')", REGRESS_PROFILE_OUT=str(tmp_path / "missing"))
    assert (ended.stdout, ended.stderr) == ("done\n", "")


@pytest.mark.parametrize(
    ("side", "lines"), [("head", {"a.py": [3, 4], "b.py": [10]}), ("base", {"a.py": [3], "b.py": [10, 11]})]
)
def test_changed_lines_of_a_side(side: str, lines: dict[str, list[int]]) -> None:
    """Added lines of the head, removed ones of the base; what was removed counts as the line that follows."""
    diff = (
        "--- a/a.py\n+++ b/a.py\n@@ -3 +3,2 @@\n-x\n+y\n+z\n--- a/b.py\n+++ b/b.py\n@@ -10,2 +9,0 @@ def f():\n-x\n-y\n"
    )
    assert changed_lines(diff, side) == lines


def test_what_is_written_is_json(tmp_path: Path) -> None:
    """The files of counts have a schema."""
    profiled(tmp_path, "calls", "print('done')")
    (file,) = (tmp_path / "out").iterdir()
    assert json.loads(file.read_text())["schema"] == 1


def interpreters() -> list[str]:
    """Return other Pythons on this machine that start, the newest of each minor version."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    paths = [path for path in sorted(versions.glob("3.*/bin/python3")) if path.exists()]
    named = [path for name in ("python3.12", "python3.13", "python3.14") if (path := shutil.which(name))]
    usable = (str(path) for path in (*paths, *named))
    return [path for path in usable if _run(path, "-c", "import sys; print(sys.version_info >= (3, 8))") == "True\n"]


def _run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("kind", ["stacks", "calls", "lines", "memory"])
def test_the_hook_runs_in_every_python_of_the_machine(tmp_path: Path, kind: str) -> None:
    """From 3.8 on the program does what it does without it, and a profile with its function in it is written."""
    work = "def work():\n    return [bytes(1000) for _ in range(3000)]\n"
    (tmp_path / "program.py").write_text(f"{work}\n\nfor _ in range(30):\n    kept = work()\nprint(len(kept))\n")
    for number, python in enumerate((sys.executable, *interpreters())):
        out = tmp_path / f"out{number}"
        out.mkdir()
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(HOOK),
            "REGRESS_PROFILE": kind,
            "REGRESS_PROFILE_OUT": str(out),
            "REGRESS_PROFILE_ROOT": str(tmp_path),
            "REGRESS_PROFILE_LINES": "program.py\t2",
        }
        ended = subprocess.run(
            [python, "program.py"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert (ended.stdout, ended.returncode) == ("3000\n", 0), (python, ended.stderr)
        written = "".join(path.read_text() for path in out.iterdir() if not path.name.startswith("garbage"))
        assert ("program.py" if kind == "memory" else "work") in written, python
