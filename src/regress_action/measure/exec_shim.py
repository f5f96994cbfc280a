"""Becomes the suite's command: the smallest process that can start it and note its exact start time.

On Linux a process keeps the memory high-water mark of the process that forked it, even over exec. A command started by
the measurer itself would therefore seem to use the measurer's memory. This script runs on a bare interpreter, forks,
and leaves the child to the measurer, which adopts it. It is a file to be run, not a module to be imported.
"""

import os
import signal
import sys
import time


def main(report_fd: int, adopted: str, cpus: str, nice: str, *argv: str) -> None:
    """Write process id, start time in nanoseconds and, if exec failed, the errno to `report_fd`; exec `argv`."""
    if adopted and os.fork():
        os._exit(0)
    os.set_inheritable(report_fd, False)  # noqa: FBT003 - the function takes it so
    # Python ignores these, and an ignored signal stays ignored over exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    if cpus:
        os.sched_setaffinity(0, map(int, cpus.split(",")))
    os.nice(int(nice))
    os.write(report_fd, b"%d %d" % (os.getpid(), time.monotonic_ns()))
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - without a shell, as the caller asked
    except OSError as error:
        os.write(report_fd, b" %d" % (error.errno or 0))
    os._exit(127)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
