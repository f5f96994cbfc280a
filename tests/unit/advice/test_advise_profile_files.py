"""Profiles are read from files that a suite wrote: a profile or a clear error comes out, whatever is in them."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.advice.profile_files import callgrind, formats, perf_script, read_profiles
from regress_action.advice.profile_files.folder import joined_calls, mode_of, read_calls, read_lines
from regress_action.model.errors import InputError
from regress_action.model.profiles import CostMode, FunctionKey, StackFrame

if TYPE_CHECKING:
    from pathlib import Path

MAIN, LOAD = StackFrame("main", "app.py", 3), StackFrame("Store.load", "pkg/store.py", 12)


def test_collapsed_stacks_have_functions_paths_and_lines() -> None:
    """A frame is a function with its file and line, a function of a module, or a bare name."""
    text = "main (app.py:3);Store.load (pkg/store.py:12) 250\nmain (app.py:3);memcpy (libc.so) 4\nidle 1\n"
    profile = formats.read_collapsed(text, "x", CostMode.CPU, 1e-3)
    assert profile.stacks == {
        (MAIN, LOAD): pytest.approx(0.25),
        (MAIN, StackFrame("memcpy", "libc.so")): pytest.approx(0.004),
        (StackFrame("idle"),): pytest.approx(0.001),
    }


def test_speedscope_events_become_times_between_them() -> None:
    """An evented profile counts the time between two events for the frames that are open meanwhile."""
    events = [("O", 0, 0), ("O", 1, 2), ("C", 1, 7), ("C", 0, 10)]
    content = {
        "shared": {"frames": [{"name": "main", "file": "app.py", "line": 3}, {"name": "inner"}]},
        "profiles": [
            {
                "type": "evented",
                "unit": "milliseconds",
                "startValue": 0,
                "endValue": 10,
                "events": [{"type": kind, "frame": frame, "at": at} for kind, frame, at in events],
            }
        ],
    }
    profile = formats.read_speedscope(json.dumps(content).encode(), "x", CostMode.WALL)
    assert profile.mode is CostMode.WALL
    assert profile.stacks == {
        (MAIN,): pytest.approx(0.005),
        (MAIN, StackFrame("inner")): pytest.approx(0.005),
    }


def test_pprof_is_read_by_its_cpu_time() -> None:
    """The value in nanoseconds is taken, locations are turned root first, and inlined functions keep their order."""
    profile = formats.read_pprof(gzip.compress(pprof_profile()), "cpu.pb.gz")
    assert profile.mode is CostMode.CPU
    assert profile.stacks == {(MAIN, LOAD): pytest.approx(0.03)}


def pprof_profile() -> bytes:
    """Return a profile of one sample: main calls Store.load, 3 samples, 30 ms."""
    strings = ["", "samples", "count", "cpu", "nanoseconds", "main", "app.py", "Store.load", "pkg/store.py"]
    kinds = [varint(1, 1) + varint(2, 2), varint(1, 3) + varint(2, 4)]
    functions = [varint(1, 1) + varint(2, 5) + varint(4, 6), varint(1, 2) + varint(2, 7) + varint(4, 8)]
    locations = [
        varint(1, 1) + block(4, varint(1, 1) + varint(2, 3)),
        varint(1, 2) + block(4, varint(1, 2) + varint(2, 12)),
    ]
    sample = block(1, bytes([2, 1])) + block(2, number(3) + number(30_000_000))
    return b"".join(
        [
            *(block(1, kind) for kind in kinds),
            block(2, sample),
            *(block(4, location) for location in locations),
            *(block(5, function) for function in functions),
            *(block(6, text.encode()) for text in strings),
        ]
    )


def number(value: int) -> bytes:
    """Return a number as protocol buffers write it."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def varint(field: int, value: int) -> bytes:
    """Return a field with a number."""
    return number(field << 3) + number(value)


def block(field: int, content: bytes) -> bytes:
    """Return a field with bytes."""
    return number(field << 3 | 2) + number(len(content)) + content


def test_a_compressed_bomb_is_refused() -> None:
    """What unpacks to more than a profile may have is not unpacked."""
    with pytest.raises(InputError, match="larger"):
        formats.read_pprof(gzip.compress(bytes(200 * 2**20), 1), "x")


@given(st.binary(max_size=200), st.integers(0, 200))
def test_damage_is_a_clear_error(noise: bytes, at: int) -> None:
    """A damaged file of any kind gives an error that names it, or a profile."""
    damaged = pprof_profile()[:at] + noise + pprof_profile()[at:]
    for read in (
        lambda: formats.read_pprof(damaged, "name"),
        lambda: formats.read_speedscope(noise, "name", CostMode.CPU),
        lambda: formats.read_collapsed(noise.decode("latin-1"), "name", CostMode.CPU),
        lambda: read_calls(noise, "name"),
        lambda: read_lines(noise, "name"),
    ):
        try:
            read()
        except InputError as error:
            assert "name" in error.what  # noqa: PT017 - a profile is right as well


def test_stacks_of_too_many_frames_are_refused() -> None:
    """A small file can say that thousands of functions call one another, all as deep; the same stack counts once."""
    builder = formats.StackBuilder("callgrind.out", CostMode.INSTRUCTIONS, frames=formats.MOST_FRAMES - 2)
    for _ in range(3):
        builder.add((formats.frame("a"), formats.frame("b")), 1.0)
    with pytest.raises(InputError, match="more than 8000000 frames"):
        builder.add((formats.frame("c"),), 1.0)


def test_only_the_costliest_callers_of_a_function_are_followed() -> None:
    """Where hundreds of functions call one another, all of them in every chain would take minutes."""
    lines = ["# callgrind format", "events: Ir"]
    for number in range(60):
        lines += [f"fn=f{number}", "1 1"]
        for called in range(60):
            lines += [f"cfn=f{called}", "calls=1 1", f"{number + called} {1000 - number}"]
    profile = callgrind.read("\n".join(lines), "callgrind.out")
    assert max(map(len, profile.stacks)) == 34


@pytest.mark.parametrize("cost", ["-5", "nan", "1e400", "inf"])
def test_costs_are_finite_and_positive(cost: str) -> None:
    """A cost that is no plausible number is refused in every format."""
    content = '{"shared": {"frames": [{"name": "a"}]}, "profiles": [{"type": "sampled", "unit": "seconds", '
    content += f'"samples": [[0]], "weights": ["{cost}"]}}]}}'
    with pytest.raises(InputError):
        formats.read_speedscope(content.encode(), "x", CostMode.CPU)
    with pytest.raises(InputError):
        formats.read_collapsed(f"main {cost}", "x", CostMode.CPU)


def test_the_profiles_of_a_measurement_are_read_by_run(tmp_path: Path) -> None:
    """All processes of a run are added up, modes stay apart, and a file that cannot be read is a warning."""
    folder = tmp_path / "profiles" / "01" / "stacks-head-01"
    folder.mkdir(parents=True)
    (folder / "cpu-1.collapsed").write_text("main (app.py:3) 1000000\n")
    (folder / "cpu-2.collapsed").write_text("main (app.py:3) 500000\n")
    (folder / "wall-1.collapsed").write_text("main (app.py:3) 4000000\n")
    (folder / "wall-2.collapsed").write_text("nothing of the kind\n")
    (folder / "link.collapsed").symlink_to("/etc/passwd")
    run = {"kind": "stacks", "side": "head", "pair": 1, "folder": folder.name, "failure": None}
    entries = [{"folder": "01", "benchmarks": ["b"], "runs": [run]}]
    (tmp_path / "measurement.json").write_text(json.dumps({"profiles": entries}))
    (target,) = read_profiles(tmp_path)
    assert target.benchmarks == ("b",)
    (read,) = target.runs
    assert {mode: profile.total for mode, profile in read.stacks.items()} == {CostMode.CPU: 1.5, CostMode.WALL: 4.0}
    assert len(read.warnings) == 2


@pytest.mark.parametrize("folder", ["../..", "a/b", "", 7])
def test_a_folder_outside_of_the_measurement_is_refused(tmp_path: Path, folder: object) -> None:
    """The index comes from the suite's side of the job: a name in it is a plain name."""
    run = {"kind": "stacks", "side": "head", "pair": 1, "folder": folder, "failure": None}
    entries = [{"folder": "01", "benchmarks": [], "runs": [run]}]
    (tmp_path / "measurement.json").write_text(json.dumps({"profiles": entries}))
    with pytest.raises(InputError):
        read_profiles(tmp_path)


def test_counts_of_calls_are_added_up() -> None:
    """A function that two processes call has the sum of their calls."""
    row = ["f", "a.py", 4, 10, 0.5, 1.0]
    data = json.dumps({"schema": 1, "functions": [row], "callers": [["main (a.py)", "f (a.py)", 10]]}).encode()
    both = joined_calls([read_calls(data, "x"), read_calls(data, "y")])
    assert both.functions[FunctionKey("f", "a.py")].calls == 20
    assert both.callers[FunctionKey("main", "a.py"), FunctionKey("f", "a.py")] == 20


def test_the_mode_is_in_the_name() -> None:
    """A file says which time it counts; what says nothing counts samples."""
    assert [mode_of(name) for name in ("cpu-1.collapsed", "wall.pb.gz", "perf.folded")] == [
        CostMode.CPU,
        CostMode.WALL,
        CostMode.SAMPLES,
    ]


CALLGRIND = """\
# callgrind format
creator: callgrind-3.19.0
positions: line
events: Ir

fl=(1) /tree/bench.c
fn=(1) main
10 5
cfn=(2) work
calls=3 +10
12 90

fn=(2)
20 60
+1 20
* 10
fi=(2) /tree/inlined.h
7 4
fe=(1)
"""


def test_callgrind_gives_the_instructions_of_lines_below_their_callers() -> None:
    """Names are abbreviated after their first use, positions may be relative, inlined code has its own file."""
    profile = callgrind.read(CALLGRIND, "callgrind.out")
    lines = {(stack[-1].function, stack[-1].path, stack[-1].line): cost for stack, cost in profile.stacks.items()}
    assert callgrind.looks_like(CALLGRIND.encode())
    assert lines == {
        ("main", "/tree/bench.c", 10): 5,
        ("work", "/tree/bench.c", 20): 60,
        ("work", "/tree/bench.c", 21): 30,
        ("work", "/tree/inlined.h", 7): 4,
    }
    assert {stack[0].function for stack in profile.stacks} == {"main"}
    assert (profile.mode, profile.total) == (CostMode.INSTRUCTIONS, 99)


@pytest.mark.parametrize("text", ["positions: instr line\nevents: Ir\nfn=a\n1 2\n", "events: Ir\nfn=a\n1 x\n"])
def test_damaged_callgrind_files_are_refused(text: str) -> None:
    """One clear error, whatever stands in it."""
    with pytest.raises(InputError):
        callgrind.read(text, "callgrind.out")


PERF = """\
# captured on a machine of somebody
bench 17992  2630.690495:    2004008 cpu-clock:ppp:
\t           702db __sin_fma+0x1b (/usr/lib/x86_64-linux-gnu/libm.so.6)
  ./math/../sysdeps/x86/fpu/fenv_private.h:416
\t            11d8 outer(int (*)(long))+0x2a (/tree/bench (deleted))
  /tree/bench.c:4
\t            1210 main+0xe (/tree/bench)

my bench 17992/17993 [001]  2630.713184:    1000000 cpu-clock:ppp:
\tffffffff8160f3a2 __mmap_region+0x992 ([kernel.kallsyms])
\t4652455000727375 [unknown] ([unknown])

bench 17992  2630.713184:    1 page-faults:u:
\t            1210 main+0xe (/tree/bench)

"""
LIBM = "/usr/lib/x86_64-linux-gnu/libm.so.6"


def test_perf_script_is_read_as_it_is_printed() -> None:
    """Periods of a clock are CPU seconds; a frame has its source or its program; another event is not mixed in."""
    assert perf_script.looks_like(PERF)
    profile = perf_script.read(PERF, "perf.txt")
    outer = StackFrame("outer(int (*)(long))", "/tree/bench.c", 4)
    assert profile.mode is CostMode.CPU
    assert profile.stacks == {
        (StackFrame("main", "/tree/bench"), outer, StackFrame("__sin_fma", LIBM)): pytest.approx(0.002004008),
        (StackFrame("[unknown]", "[unknown]"), StackFrame("__mmap_region", "[kernel.kallsyms]")): pytest.approx(0.001),
    }


@pytest.mark.parametrize(("event", "mode", "cost"), [("cycles:u", "samples", 1), ("instructions", "instructions", 90)])
def test_events_of_perf_without_stacks_are_counted(event: str, mode: str, cost: float) -> None:
    """Without -g a sample is one line; of a counter that is no clock each sample counts one."""
    line = f"bench   55 12.000001:   90 {event}:   10d0 work+0x10 (/tree/bench)\n"
    profile = perf_script.read(line, "x")
    assert (profile.mode, profile.stacks) == (mode, {(StackFrame("work", "/tree/bench"),): cost})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# nothing\n", "no sample"),
        (PERF + "what is this\n", "line 16 begins no sample"),
        (PERF + "a" * 30_000, "line 16 is too long"),
        ("b 1 1.0: 9 cycles: 1f strange\n", "line 1 is no frame"),
    ],
)
def test_what_perf_script_did_not_print_is_refused(text: str, why: str) -> None:
    """The line is named."""
    assert not perf_script.looks_like("main;work 12\n")
    with pytest.raises(InputError, match=why):
        perf_script.read(text, "perf.txt")


@given(st.text("ab 0159:()+x[]/.\t\n", max_size=300))
def test_any_text_behind_a_sample_is_a_profile_or_an_error(text: str) -> None:
    """Nothing else comes out."""
    with suppress(InputError):
        assert perf_script.read(PERF + text, "x").stacks
