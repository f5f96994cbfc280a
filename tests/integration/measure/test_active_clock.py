"""Suites that time themselves and are stopped all the same: their clock leaves out the time of the stops."""

from __future__ import annotations

import os
import platform
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.measure.measure_repository import Measured, Measurer, python
from regress_action.measure.active_clock import ActiveClocks, NoClockError, build_clocks
from regress_action.measure.errors import EnvironmentFailedError
from regress_action.measure.frozen_turns import ClockFreezer, SignalFreezer
from regress_action.measure.spawn import Task, start_held

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="a clock is corrected on Linux with x86-64 only"
)
SOURCE = Path(__file__).with_name("self_timed.c")
TIMED_PYTHON = python(
    "import sys, time\nbegan = time.perf_counter()\nwhile time.process_time() < 0.4: time.perf_counter()\n"
    "open(sys.argv[1], 'w').write(str(time.perf_counter() - began))"
)


@pytest.fixture(scope="module")
def suites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return commands for the program that times itself, linked as most programs are and statically."""
    folder, commands = tmp_path_factory.mktemp("programs"), {}
    for name, options in (("dynamic", ()), ("static", ("-static",))):
        subprocess.run(["cc", "-O1", "-pthread", *options, "-o", folder / name, SOURCE], check=True)
        commands[name] = shlex.quote(str(folder / name))
    return commands


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveClocks]:
    """Return clocks whose library was compiled here."""
    built = build_clocks(tmp_path_factory.mktemp("library"))
    yield built
    built.close()
    assert not built.library.parent.exists()


def lockstep(measure: Measurer, command: str, **variables: str) -> Measured:
    """Measure one pair of a suite that writes a result, and again where it seemed to wait as the machine was busy."""
    words = ("--overwrite", "--base", "HEAD~1", "--pairs", "1", "--interleave", "lockstep")
    for _ in range(4):
        measured = measure(*words, "--", command, **variables)
        if "waited for" not in measured.document["interleave"]["why"]:
            break
    assert measured.status == 0, measured.stderr
    assert [run["failure"] for run in measured.runs] == [None, None]
    return measured


def preloaded(clocks: ActiveClocks) -> dict[str, str]:
    """Return the variables of a process that reads the clock of the base."""
    variables = clocks.begin("base", {})
    return {**os.environ, "LD_PRELOAD": variables["REGRESS_PRELOAD"], "REGRESS_CLOCK": variables["REGRESS_CLOCK"]}


@pytest.mark.parametrize("kind", ["C", "Python"])
def test_suite_that_times_itself_is_stopped_and_shows_the_time_of_its_turns(
    measure: Measurer, suites: dict[str, str], kind: str
) -> None:
    """A clock that went on would show the turns of both sides, about twice the time."""
    command = f"{suites['dynamic']} {{out}} loop" if kind == "C" else f"{TIMED_PYTHON} {{out}}"
    measured = lockstep(measure, command)
    interleaved = measured.document["interleave"]
    assert (interleaved["kind"], "leaves out the time" in interleaved["why"]) == ("frozen", True)
    for run in measured.runs:
        assert run["turns"]["turns"] >= 5
        shown = float((measured.out / run["result"]).read_text())
        assert run["user_s"] * 0.8 <= shown <= run["wall_s"]


@pytest.mark.parametrize(
    ("suite", "work", "why"),
    [
        ("static", "loop", "did not load the library"),
        ("dynamic", "none", "no clock that can be corrected"),
        ("dynamic", "counter", "no clock that can be corrected"),
    ],
)
def test_suite_whose_clock_is_not_proven_to_be_corrected_is_never_stopped(
    measure: Measurer, suites: dict[str, str], suite: str, work: str, why: str
) -> None:
    """The library does not reach a static program, nor one that asks the processor itself."""
    measured = lockstep(measure, f"{suites[suite]} {{out}} {work}")
    assert measured.document["interleave"]["kind"] == "run"
    assert [run["turns"] for run in measured.runs] == [None, None]
    assert why in measured.document["interleave"]["why"]
    assert any(why in warning for warning in measured.document["warnings"])


def test_without_a_compiler_a_suite_that_times_itself_is_measured_run_by_run(measure: Measurer, tmp_path: Path) -> None:
    """The reason says what is missing."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "bash"):
        found = next(path for path in (Path(f"/usr/bin/{name}"), Path(f"/bin/{name}")) if path.exists())
        (programs / name).symlink_to(found)
    measured = lockstep(measure, f"{TIMED_PYTHON} {{out}}", PATH=str(programs))
    assert measured.document["interleave"]["kind"] == "run"
    assert "none is there" in measured.document["interleave"]["why"]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("printf 'one\\n\\377 two\\n' >&2; exit 1", "could not be compiled: \N{REPLACEMENT CHARACTER} two"),
        (": > $TMPDIR/part; exit 7", "could not be compiled: it failed with status 7"),
        ("exit 0", "could not be compiled: .*/cc wrote nothing"),
    ],
)
def test_compiler_that_fails_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    """Whatever it prints, the suite is measured run by run, and nothing of the attempt is left."""
    compiler = tmp_path / "bin/cc"
    compiler.parent.mkdir()
    compiler.write_text(f"#!/bin/sh\n{script}\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(compiler.parent))
    with pytest.raises(NoClockError, match=reason):
        build_clocks(tmp_path)
    assert list(tmp_path.iterdir()) == [compiler.parent]


def test_library_that_cannot_be_preloaded_is_not_compiled(tmp_path: Path) -> None:
    """A space or a colon ends the path of a library in LD_PRELOAD."""
    for name in ("a b", "a:b"):
        with pytest.raises(NoClockError, match="set TMPDIR to another one"):
            build_clocks(tmp_path / name)


def test_full_disk_below_a_clock_names_its_folder(tmp_path: Path) -> None:
    """It is the folder for temporary files that cannot be written, not that of the measurement."""
    clocks = ActiveClocks(tmp_path / "gone/active_clock.so")
    with pytest.raises(EnvironmentFailedError, match=f"Writing to {tmp_path / 'gone'} failed") as raised:
        clocks.begin("base", {})
    assert raised.value.remedy == "Free some space, or name another folder with TMPDIR."


def test_suite_that_fails_with_the_library_is_measured_without_it(measure: Measurer) -> None:
    """Some programs refuse to start with a preloaded library, as those that check their memory do."""
    refuses = f'test -z "$LD_PRELOAD" && {TIMED_PYTHON} {{out}}'
    measured = lockstep(measure, refuses)
    assert measured.document["interleave"]["kind"] == "run"
    assert "exited with status 1 with the library" in measured.document["interleave"]["why"]


def test_clock_that_the_suite_changed_is_not_trusted(measure: Measurer) -> None:
    """The file has one writer, which is not the suite."""
    spoil = python("import os\nf = os.environ.get('REGRESS_CLOCK')\nf and open(f, 'r+b').write(b'x')")
    measured = lockstep(measure, f"{spoil}; {TIMED_PYTHON} {{out}}")
    assert measured.document["interleave"]["kind"] == "run"
    assert "changed the clock" in measured.document["interleave"]["why"]


def test_clock_goes_on_by_what_the_process_was_not_stopped_and_never_back(clocks: ActiveClocks) -> None:
    """Four stops: every clock shows the time between them, and the kernel's uptime shows all of it."""
    code = (
        "import time\n"
        "def look(): return [time.clock_gettime(c) for c in (0, 1, 4, 5, 6, 7)] + [time.time(), time.monotonic()]\n"
        "uptime = lambda: float(open('/proc/uptime').read().split()[0])\n"
        "up, first = uptime(), look()\nlast, back = first, 0.0\nprint('ready', flush=True)\n"
        "while last[1] - first[1] < 0.3:\n"
        "    seen = look()\n    back = min(back, *(a - b for a, b in zip(seen, last)))\n    last = seen\n"
        "print(back, uptime() - up, *(a - b for a, b in zip(last, first)))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code], env=preloaded(clocks), stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    clock = clocks.sides["base"]
    freezer = ClockFreezer(SignalFreezer(process.pid, process.pid), clock)
    for _ in range(4):
        freezer.freeze()
        time.sleep(0.25)
        freezer.thaw()
        time.sleep(0.02)
    back, up, *shown = map(float, process.communicate(timeout=30)[0].split())
    assert process.returncode == 0
    assert back == 0
    assert clock.stopped_ns > 1e9
    assert shown == pytest.approx([up - clock.stopped_ns / 1e9] * len(shown), abs=0.1)
    assert not clock.was_changed


def test_deadlines_on_the_corrected_clock_are_kept(
    clocks: ActiveClocks, suites: dict[str, str], tmp_path: Path
) -> None:
    """After ten seconds of stops a deadline lies ten seconds before the kernel's time, and is kept all the same."""
    variables = preloaded(clocks)
    clock = clocks.sides["base"]
    clock.stops()
    assert clock._since is not None
    clock._since -= 10_000_000_000
    clock.goes_on()
    out = tmp_path / "out"
    subprocess.run([suites["dynamic"], out, "deadlines"], env=variables, check=True, timeout=60)
    assert {line.partition(" ")[2] for line in out.read_text().splitlines()} == {"in time"}
    assert len(out.read_text().splitlines()) == 6


def test_library_is_loaded_into_the_command_only(clocks: ActiveClocks) -> None:
    """The process above it is ours, and the suite could change the library."""
    variables = {**os.environ, **clocks.begin("base", {})}
    root = start_held(Task(["sleep", "60"], Path.cwd(), variables))
    try:
        os.write(root.hold or 0, b"!")
        until = time.monotonic() + 20
        while not any(clocks.library.name in maps for maps in _maps_below(root.pid)):
            assert time.monotonic() < until
            time.sleep(0.01)
        assert clocks.library.name not in Path(f"/proc/{root.pid}/maps").read_text()
    finally:
        os.close(root.control or 0)
        os.kill(root.pid, signal.SIGKILL)
        os.waitpid(root.pid, 0)
        for descriptor in (root.output, root.report, root.hold):
            os.close(descriptor or 0)


def _maps_below(pid: int) -> list[str]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path(f"/proc/{child}/maps").read_text() for child in children]
