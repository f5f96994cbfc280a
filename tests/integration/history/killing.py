"""Writers that are killed: one process imports the program once and forks a writer for every moment.

    python killing.py anywhere WHERE KILLS SEED    writers that write on and on, killed at random moments
    python killing.py steps WHERE FOLDER [BARE]    writers that are killed by the git of `steps_folder`, at every step;
                                                   each finds the repository BARE without the branch

Prints one JSON object per writer: `reported`, the numbers of the reports that it called stored, and `stored`, those
that a fresh look then finds.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from regress_action.history import open_history
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series

if TYPE_CHECKING:
    from collections.abc import Callable

UNTOUCHED = dict(os.environ)
STEP = """\
#!/bin/sh
. "{folder}/settings"
export GIT_EXEC_PATH="{folder}"
number=$(($(cat "{folder}/count" 2>/dev/null || echo 0) + 1))
echo "$number" > "{folder}/count"
[ "$number" = "$KILL_BEFORE" ] && kill -9 "$WRITER" 0
"{git}" "$@"
status=$?
[ "$number" = "$KILL_AFTER" ] && kill -9 "$WRITER" 0
exit $status
"""


def report(number: int) -> Report:
    """One of many reports that differ."""
    series = Series(Benchmark("parse"), Metric("time", "s"), (1.0 + number,))
    return Report((series,), (Run(),), commit=f"{number:04x}" * 10, created="2025-01-01T00:00:00Z")


def stored(where: str) -> list[int]:
    """The numbers of the reports that a fresh look finds."""
    return sorted(int((report.commit or "")[:4], 16) for report in open_history(where, environ=UNTOUCHED).load())


def steps_folder(folder: Path) -> Path:
    """Fill a folder for PATH with a git that counts its starts, those of its own helpers too, and kills.

    It kills the writer and all of git before start number KILL_BEFORE or after KILL_AFTER, as in the file `settings`.
    """
    folder.mkdir()
    programs = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True).stdout.strip()
    for program in os.scandir(programs):
        if program.name != "git":
            (folder / program.name).symlink_to(program.path)
    git = subprocess.run(["sh", "-c", "command -v git"], check=True, capture_output=True, text=True).stdout.strip()
    (folder / "git").write_text(STEP.replace("{git}", git).replace("{folder}", str(folder)))
    (folder / "settings").touch()
    (folder / "git").chmod(0o755)
    return folder


def forked(work: Callable[[int], None]) -> tuple[int, int]:
    """Start a writer that does `work` and reports through a pipe; return its process and our end of the pipe."""
    ours, theirs = os.pipe()
    if child := os.fork():
        os.close(theirs)
        return child, ours
    os.close(ours)
    try:
        work(theirs)
    finally:
        os._exit(0)


def ended(child: int, pipe: int) -> list[int]:
    """Wait for the end of a writer, and return the numbers that it reported."""
    os.waitpid(child, 0)
    with open(pipe) as lines:
        return [int(line) for line in lines]


def write(where: str, number: int, out: int) -> None:
    """Write one report, then report its number."""
    open_history(where, environ=os.environ).append(report(number))
    os.write(out, b"%d\n" % number)


def write_from(where: str, first: int, out: int) -> None:
    """Write one report after the other, from this number on."""
    for number in range(first, 0xFFFF):
        write(where, number, out)


def kill(child: int, *, helpers: bool) -> None:
    """Kill a writer as it is at this moment, and with `helpers` all of its git."""
    os.kill(child, signal.SIGSTOP)
    below = psutil.Process(child).children(recursive=True) if helpers else []
    os.kill(child, signal.SIGKILL)
    for process in below:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(below, timeout=10)


def print_result(where: str, reported: list[int]) -> None:
    """Print what a writer reported, and what is stored."""
    print(json.dumps({"reported": reported, "stored": stored(where)}), flush=True)  # noqa: T201 - the answer of this program


def anywhere(where: str, kills: int, seed: int) -> None:
    """Kill writers at random moments, every second one with all of its git.

    Every second writer is killed after it has reported one report, so what is stored does not depend on speed.
    """
    rng = random.Random(seed)  # noqa: S311 - moments, no secrets
    write(where, 0, os.open(os.devnull, os.O_WRONLY))
    started = time.perf_counter()
    write(where, 1, os.open(os.devnull, os.O_WRONLY))
    longest_s = 2 * (time.perf_counter() - started)
    for number in range(kills):
        first = len(stored(where))
        child, pipe = forked(partial(write_from, where, first))
        early = b"" if number % 2 else os.read(pipe, 100)
        time.sleep(rng.uniform(0, longest_s))
        kill(child, helpers=number % 4 < 2)
        print_result(where, [int(line) for line in early.split()] + ended(child, pipe))


def steps(where: str, folder: str, bare: str | None = None) -> None:
    """Kill writers before, and then after, the first step of git, the second, and so on until one comes through."""
    prepare = ["git", "-C", bare, "update-ref", "-d", "refs/heads/regress-data"] if bare else ["true"]
    os.environ["PATH"] = os.pathsep.join([folder, os.environ["PATH"]])
    settings, count = Path(folder, "settings"), Path(folder, "count")
    for variable in ("KILL_BEFORE", "KILL_AFTER"):
        for step in range(1, 100):
            settings.write_text("")
            subprocess.run(prepare, check=True)
            first = len(stored(where))
            count.unlink(missing_ok=True)

            def work(out: int, variable: str = variable, step: int = step, first: int = first) -> None:
                settings.write_text(f"{variable}={step}\nWRITER={os.getpid()}\n")
                write(where, first, out)

            reported = ended(*forked(work))
            settings.write_text("")
            print_result(where, reported)
            if reported:
                break


def main() -> None:
    """Start the writers that the arguments name."""
    mode, where, *more = sys.argv[1:]
    if mode == "steps":
        steps(where, *more)
    else:
        anywhere(where, *map(int, more))


if __name__ == "__main__":
    main()
