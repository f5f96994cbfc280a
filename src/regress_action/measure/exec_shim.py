"""Becomes the suite's command: the smallest process that can start it and note its exact start time.

On Linux a process keeps the memory high-water mark of the process that forked it, even over exec. A command started by
the measurer itself would therefore seem to use the measurer's memory. This script runs on a bare interpreter, forks,
and leaves the child to the measurer, which adopts it. It is a file to be run, not a module to be imported.

With a namespace (`pid`, or `user` where only a user namespace allows one) the child is the first process of a PID
namespace and the command its child. The suite then sees no process but its own, cannot signal the measurer, and the
kernel ends all of it when the first process ends: when the measurer closes the control pipe, or dies.

In the mode `keep` this process itself stays the parent of everything that the command begins, without a namespace, and
ends it when the control pipe closes. It can stand beside another one: what one command used is told from the other's.

With REGRESS_ADDRESSES=fixed the kernel draws no addresses for the command, where the system allows that.

A library that REGRESS_PRELOAD names is loaded into the command, and not into this process, which the suite could change
through it.

With a hold pipe the command waits before its first instruction until a byte arrives, and ends if the pipe closes.

The report pipe carries lines: `pid N` (the child), `began NANOSECONDS [ERRNO]`, and from a first process or a keeper
`status N` and `usage USER_S SYSTEM_S MAX_RSS SWITCHES READ_BLOCKS WRITTEN_BLOCKS`.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

_NEW_MOUNTS, _NEW_USER, _NEW_PIDS = 0x00020000, 0x10000000, 0x20000000  # <sched.h>
_SET_CHILD_SUBREAPER = 36  # <sys/prctl.h>
_SLAVE_ALL = 1 << 19 | 1 << 14  # MS_SLAVE | MS_REC of <sys/mount.h>
_PROC_FLAGS = 2 | 4 | 8  # nosuid, nodev, noexec
_ADDR_NO_RANDOMIZE, _ASK = 0x0040000, 0xFFFFFFFF  # <sys/personality.h>, personality(2)
_RESET = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


def main(report_fd: int, control_fd: int, hold_fd: int, mode: str, cpus: str, nice: str, *argv: str) -> None:
    """Start `argv` in a mode: `self` becomes it, `orphan` leaves it to the measurer, `pid` and `user` contain it.

    `keep` stays its parent and that of its orphans. A `hold_fd` below 0 stands for none.
    """
    if mode == "keep":
        _call("prctl", _SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        os.write(report_fd, b"pid %d\n" % os.getpid())
        _init(report_fd, control_fd, hold_fd, cpus, nice, argv)
    elif mode in {"pid", "user"}:
        _enter_namespaces(mode)
        reported_read, reported_write = os.pipe()
        child = os.fork()
        if child:
            os.write(report_fd, b"pid %d\n" % child)
            os._exit(0)
        os.close(reported_write)
        os.read(reported_read, 1)  # ends when the parent does: its line comes first, whoever is scheduled first
        os.close(reported_read)
        _mount_proc()
        _init(report_fd, control_fd, hold_fd, cpus, nice, argv)
    elif mode == "orphan" and os.fork():
        os._exit(0)
    os.write(report_fd, b"pid %d\n" % os.getpid())
    _become(report_fd, hold_fd, cpus, nice, argv)


def probe(mode: str) -> None:
    """Exit with 0 if the namespaces can be entered here, with another status or an exception if not."""
    _enter_namespaces(mode)
    child = os.fork()
    if not child:
        _mount_proc()
        os._exit(0 if os.getpid() == 1 and os.path.exists("/proc/1/status") else 1)  # noqa: PTH110 - bare interpreter
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _become(report_fd: int, hold_fd: int, cpus: str, nice: str, argv: tuple[str, ...]) -> None:
    """Report the start time and exec `argv`; report the errno if that fails."""
    if hold_fd >= 0:
        if not os.read(hold_fd, 1):
            os._exit(127)
        os.close(hold_fd)
    os.set_inheritable(report_fd, False)  # noqa: FBT003 - the function takes it so
    # What Python ignores, or the first process of a namespace handles, has its default action in the command.
    for number in _RESET:
        signal.signal(number, signal.SIG_DFL)
    if cpus:
        os.sched_setaffinity(0, map(int, cpus.split(",")))
    os.nice(int(nice))
    if preloaded := os.environ.pop("REGRESS_PRELOAD", None):
        os.environ["LD_PRELOAD"] = preloaded
    if os.environ.pop("REGRESS_ADDRESSES", None) == "fixed":
        with contextlib.suppress(AttributeError):  # Linux only, and Docker's seccomp profile refuses it
            personality = ctypes.CDLL(None).personality
            personality(personality(_ASK) | _ADDR_NO_RANDOMIZE)
    os.write(report_fd, b"began %d" % time.monotonic_ns())
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - without a shell, as the caller asked
    except OSError as error:
        os.write(report_fd, b" %d" % (error.errno or 0))
    os._exit(127)


def _enter_namespaces(mode: str) -> None:
    """Give this process namespaces of its own; the PID namespace begins with its next child.

    Raises:
        OSError: the system does not allow it.
    """
    user, group = os.getuid(), os.getgid()
    _call("unshare", _NEW_PIDS | _NEW_MOUNTS | (_NEW_USER if mode == "user" else 0))
    if mode == "user":
        for name, content in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - bare interpreter
                file.write(content)
    _call("mount", None, b"/", None, _SLAVE_ALL, None)


def _mount_proc() -> None:
    _call("mount", b"proc", b"/proc", b"proc", _PROC_FLAGS, None)


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc[name](*arguments):
        raise OSError(ctypes.get_errno(), name)


def _init(report_fd: int, control_fd: int, hold_fd: int, cpus: str, nice: str, argv: tuple[str, ...]) -> None:
    """Run `argv` as the parent of its orphans: reap, report, and end everything when control closes."""
    _call("prctl", 4, 0, 0, 0, 0)  # not dumpable: the suite cannot open the pipes of this process
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    began_read, began_write = os.pipe()
    command = os.fork()
    if not command:
        signal.set_wakeup_fd(-1)
        os.close(control_fd)
        os.close(report_fd)
        if hold_fd >= 0:
            os.setpgid(0, 0)  # a group without this process, so that the whole of it can be stopped
        _become(began_write, hold_fd, cpus, nice, argv)
    os.close(began_write)
    if hold_fd >= 0:
        os.close(hold_fd)
    began = b""
    usage = [0.0] * 6
    watched = [control_fd, wake_read, began_read]
    # The command may be stopped before it reports that it began, so that is waited for together with the control pipe.
    while control_fd not in (ready := select.select(watched, [], [])[0]):
        with contextlib.suppress(BlockingIOError):
            os.read(wake_read, 4096)
        if began_read in ready:
            part = os.read(began_read, 256)
            began += part
            if not part:
                watched.remove(began_read)
                with contextlib.suppress(OSError):
                    os.write(report_fd, began + b"\n")
        if began_read not in watched:  # whether it began is reported before how it ended
            _reap(command, report_fd, usage)
    if os.getpid() == 1:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
    else:
        _kill_children(command, report_fd, usage)
    _reap(command, report_fd, usage, options=0)
    with contextlib.suppress(OSError):
        os.write(report_fd, b"usage %f %f %d %d %d %d\n" % tuple(usage))
    os._exit(0)


def _kill_children(command: int, report_fd: int, usage: list[float]) -> None:
    """Kill the children until there are none: what they leave behind becomes a child of this process."""
    while _has_children():
        for child in _children():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        _reap(command, report_fd, usage)
        time.sleep(0.001)


def _has_children() -> bool:
    """Ask the kernel, whose list of them may be incomplete while one ends."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:  # noqa: PTH123 - bare interpreter
        return list(map(int, file.read().split()))


def _reap(command: int, report_fd: int, usage: list[float], options: int = os.WNOHANG) -> None:
    """Collect every child that ended and add up what it used; report the status of the command itself."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status, used = os.wait4(-1, options)
            if pid == 0:
                return
            if pid == command:
                with contextlib.suppress(OSError):  # the measurer has gone, and what is left must end all the same
                    os.write(report_fd, b"status %d\n" % status)
            usage[0] += used.ru_utime
            usage[1] += used.ru_stime
            usage[2] = max(usage[2], used.ru_maxrss)
            usage[3] += used.ru_nvcsw + used.ru_nivcsw
            usage[4] += used.ru_inblock
            usage[5] += used.ru_oublock


if __name__ == "__main__":
    if sys.argv[1] == "probe":
        probe(sys.argv[2])
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
