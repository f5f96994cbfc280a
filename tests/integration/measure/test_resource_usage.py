"""The measured resource usage of programs whose usage is known."""

from __future__ import annotations

import sys

import pytest

from integration.measure.measure_repository import Measurer, python

MIB = 2**20
FORKED_AWAY = """
import os, signal, time
if DISOWN:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(CHILDREN):
    if os.fork() == 0:
        while time.process_time() < BURN:
            pass
        os._exit(0)
    try:
        os.wait()
    except ChildProcessError:
        pass
"""


def test_peak_memory_is_measured(measure: Measurer) -> None:
    """A process that holds 200 MiB for a moment is measured to within a tenth."""
    measured = measure("--runs", "1", "--", python(f"x = b'x' * {200 * MIB}; del x"))
    assert measured.runs[0]["peak_rss_bytes"] == pytest.approx(200 * MIB, rel=0.1)


def test_peak_memory_is_summed_over_processes(measure: Measurer) -> None:
    """Two processes with 100 MiB each, at the same time, use 200."""
    hold = python(f"import time; x = b'x' * {100 * MIB}; time.sleep(0.5)")
    measured = measure("--runs", "1", "--", f"{hold} & {hold}; wait")
    assert measured.runs[0]["peak_rss_bytes"] == pytest.approx(200 * MIB, rel=0.2)


def test_small_command_does_not_show_the_measurers_memory(measure: Measurer) -> None:
    """Linux hands the high-water mark of the forking process down over exec; a sleep still uses 2 MiB."""
    measured = measure("--runs", "1", "--", "sleep 0.2")
    assert measured.runs[0]["peak_rss_bytes"] < 8 * MIB


def test_child_before_exec_is_not_counted_twice(measure: Measurer) -> None:
    """Between fork and exec a child shows all its parent's memory a second time, which nobody uses."""
    code = (
        "import os, time\nx = b'x' * {size}\nuntil = time.time() + 1.5\nwhile time.time() < until:\n {fork}\n os.wait()"
    )
    fork = "if os.fork() == 0: time.sleep(0.005); os.execv('/bin/true', ['true'])"
    measured = measure("--runs", "1", "--", python(code.format(size=100 * MIB, fork=fork)))
    assert measured.runs[0]["peak_rss_bytes"] == pytest.approx(110 * MIB, rel=0.1)


def test_peak_memory_of_a_short_command_is_stable(measure: Measurer) -> None:
    """What ends before it can be sampled is known from the kernel, so that equal runs have equal peaks."""
    measured = measure("--runs", "5", "--", python("x = b'x' * 4_000_000"))
    peaks = [run["peak_rss_bytes"] for run in measured.runs]
    assert max(peaks) < 1.05 * min(peaks)


def test_cpu_time_of_short_children_is_counted(measure: Measurer) -> None:
    """Processes that live and die between two samples are counted by the kernel."""
    measured = measure("--runs", "1", "--", python("DISOWN, CHILDREN, BURN = False, 8, 0.05" + FORKED_AWAY))
    assert measured.runs[0]["user_s"] + measured.runs[0]["system_s"] == pytest.approx(0.4, abs=0.25)


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")
def test_cpu_time_of_orphans_is_counted(measure: Measurer) -> None:
    """A child whose parent left is adopted, and its time is not lost."""
    burn = python("import time\nwhile time.process_time() < 0.4: pass\nopen('burned', 'w')")
    measured = measure("--runs", "1", "--", f"({burn} &); until test -e burned; do sleep 0.05; done")
    assert measured.runs[0]["user_s"] + measured.runs[0]["system_s"] > 0.35


def test_cpu_time_of_disowned_children_is_sampled(measure: Measurer) -> None:
    """Where children are disowned the kernel does not count them, and the samples are used instead."""
    measured = measure("--runs", "1", "--", python("DISOWN, CHILDREN, BURN = True, 1, 0.6" + FORKED_AWAY))
    assert measured.runs[0]["user_s"] + measured.runs[0]["system_s"] > 0.3


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not account for bytes")
def test_written_bytes_are_counted(measure: Measurer) -> None:
    """What reaches the page cache counts, to the block."""
    measured = measure("--runs", "1", "--", "dd if=/dev/zero of=written bs=1M count=8 status=none")
    assert measured.runs[0]["write_bytes"] == pytest.approx(8 * MIB, rel=0.05)


def test_context_switches_are_counted(measure: Measurer) -> None:
    """A hundred sleeps are at least a hundred switches."""
    measured = measure("--runs", "1", "--", python("import time\nfor _ in range(100): time.sleep(0.001)"))
    assert 100 <= measured.runs[0]["context_switches"] < 5000


def test_wall_time_is_that_of_the_command(measure: Measurer) -> None:
    """Half a second takes half a second, start of the process included."""
    measured = measure("--runs", "1", "--", "sleep 0.5")
    assert 0.5 <= measured.runs[0]["wall_s"] < 1.5


def test_cost_of_sampling_is_recorded(measure: Measurer) -> None:
    """The measurement records the share of a CPU that sampling used."""
    monitor = measure("--runs", "1", "--", "sleep 1").document["monitor"]
    assert 0 < monitor["share"] < 0.05
    assert monitor["samples"] >= 3
