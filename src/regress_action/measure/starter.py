"""Turns into the suite's command: the smallest process that could start it, and its exact moment.

Linux hands the memory high-water mark of the forking process down over exec, so a command started by the measurer
itself would seem to use the measurer's memory. This script runs on a bare interpreter, forks, and leaves the child to
the measurer, which adopts it. It is a file to be run, not a module to be imported.
"""

import os
import signal
import sys
import time


def main(report: int, adopted: str, cpus: str, nice: str, *argv: str) -> None:
    """Tell `report` the process id, the moment in nanoseconds and, if exec failed, why; become `argv`."""
    if adopted and os.fork():
        os._exit(0)
    os.set_inheritable(report, False)  # noqa: FBT003 - the function takes it so
    # Python ignores these, and what is ignored stays so over exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    if cpus:
        os.sched_setaffinity(0, map(int, cpus.split(",")))
    os.nice(int(nice))
    os.write(report, b"%d %d" % (os.getpid(), time.monotonic_ns()))
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is what was asked for
    except OSError as error:
        os.write(report, b" %d" % (error.errno or 0))
    os._exit(127)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
