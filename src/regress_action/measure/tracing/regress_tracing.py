"""A plugin for pytest that notes which code of a repository one benchmark executes, and what makes that uncertain.

It runs inside the suite's interpreter, so it uses the standard library only and imports nothing of the package. It
starts when pytest loads it, before any conftest, and writes JSON to REGRESS_TRACE_OUT at the end. With
REGRESS_TRACE_ITEM only that test runs; without it none does, and the names of all are written.
"""

# ruff: noqa: SLF001, ANN401, PTH100, PTH105, PTH119, PTH123 - frames are private, and pathlib would trace itself

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
from typing import Any

ROOT = os.path.realpath(os.environ.get("REGRESS_TRACE_ROOT", os.curdir)) + os.sep
ITEM = os.environ.get("REGRESS_TRACE_ITEM")
OUT = os.environ.get("REGRESS_TRACE_OUT", "")
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_IMPORTERS = ("<frozen importlib", f"{os.sep}_pytest{os.sep}")
_PATH_MODULES = frozenset({"pathlib.py", "_local.py", "_abc.py", "os.py", "<frozen os>", "genericpath.py"})
_OBSERVERS = (f"{os.sep}pytest_benchmark{os.sep}", f"{os.sep}cpuinfo{os.sep}")
_PROCESS_EVENTS = frozenset(
    {"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.spawn", "pty.spawn"}
)


class Trace:
    """What was seen: code by file and first line, what was read as data, code outside of the tree, and doubts."""

    def __init__(self) -> None:
        self.executed: dict[str, set[int]] = {}
        self.late: set[str] = set()
        self.opened: set[str] = set()
        self.listed: set[str] = set()
        self.outside: set[str] = set()
        self.doubts: set[str] = set()
        self.items: list[str] = []
        self.seen: set[Any] = set()
        self.places: dict[str, str | None] = {}
        self.status: int | None = None

    def place(self, name: str) -> str | None:
        """Return the path below the root of a file of the repository, None for any other."""
        if name not in self.places:
            path = os.path.realpath(name) if not name.startswith("<") else ""
            inside = (path + os.sep).startswith(ROOT) and not any(part in path for part in _INSTALLED)
            self.places[name] = path[len(ROOT) :] if inside else None
        return self.places[name]

    def on_call(self, frame: Any, event: str, _argument: object) -> None:
        """Note the code of a frame that begins, once."""
        code = frame.f_code
        if event != "call" or code in self.seen:
            return
        self.seen.add(code)
        path = self.place(code.co_filename)
        if path is None:
            self.outside.add(code.co_filename)
            return
        is_module = code.co_name == "<module>"  # its first line may be that of a function
        self.executed.setdefault(path, set()).add(0 if is_module else code.co_firstlineno)
        if is_module and self.below_function(frame.f_back):
            self.late.add(path)

    def below_function(self, frame: Any) -> bool:
        """Whether a function of the repository is among the callers: it imports while it runs."""
        while frame is not None:
            code = frame.f_code
            if code.co_name != "<module>" and self.place(code.co_filename) is not None:
                return True
            frame = frame.f_back
        return False

    def on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note what an audit event says of files, processes and threads."""
        if event == "open":
            self.on_file(arguments[0], self.opened)
        elif event in {"os.listdir", "os.scandir"}:
            self.on_file(arguments[0] if arguments[0] is not None else os.curdir, self.listed)
        elif event in _PROCESS_EVENTS:
            if not self.by_observer():
                self.doubts.add("it starts processes")
        elif event == "_thread.start_new_thread" and sys._getframe(1).f_code.co_filename != threading.__file__:
            self.doubts.add("it starts threads that cannot be followed")

    def on_file(self, name: object, seen: set[str]) -> None:
        """Note a file or folder of the repository that is read by anything but an import or pytest's collection."""
        if not isinstance(name, str | bytes):
            if not isinstance(name, int):
                self.doubts.add("it opens files in a way that cannot be followed")
            return
        path = self.place(os.path.abspath(os.fsdecode(name)))
        if path is None or path in seen:
            return
        frame = sys._getframe(2)
        while frame.f_back is not None and os.path.basename(frame.f_code.co_filename) in _PATH_MODULES:
            frame = frame.f_back
        caller = frame.f_code.co_filename
        if not caller.startswith(_IMPORTERS[0]) and not any(part in caller for part in _IMPORTERS[1:]):
            seen.add(path)

    def by_observer(self) -> bool:
        """Whether a process is started by pytest-benchmark to describe the machine, with no code of the repository."""
        observed = False
        frame: Any = sys._getframe(2)
        while frame is not None:
            name = frame.f_code.co_filename
            if self.place(name) is not None:
                return False
            observed = observed or any(part in name for part in _OBSERVERS)
            frame = frame.f_back
        return observed

    def write(self) -> None:
        """Write everything, once, as the last act of the process."""
        if sys.getprofile() is not PROFILE:
            self.doubts.add("its calls could not be followed to the end, because another profiler ran")
        content = {
            "executed": {path: sorted(lines) for path, lines in self.executed.items()},
            "late": sorted(self.late),
            "opened": sorted(self.opened),
            "listed": sorted(self.listed),
            "outside": sorted(self.outside),
            "doubts": sorted(self.doubts),
            "items": self.items,
            "status": self.status,
        }
        sys.setprofile = _SET_PROFILE
        _SET_PROFILE(None)
        with open(f"{OUT}.part", "w", encoding="utf-8") as file:
            json.dump(content, file)
        os.replace(f"{OUT}.part", OUT)


TRACE = Trace()
PROFILE = TRACE.on_call
_SET_PROFILE = sys.setprofile


def _keep_profile(function: object) -> None:
    """Stand in for `sys.setprofile`: plugins take profilers off while they time, and new threads set ours."""
    if function is PROFILE:
        _SET_PROFILE(PROFILE)


def _ignore_profile(_function: object) -> None:
    """Stand in for `threading.setprofile`."""


def _start() -> None:
    sys.addaudithook(TRACE.on_event)
    threading.setprofile(PROFILE)
    sys.setprofile(PROFILE)
    sys.setprofile = _keep_profile
    threading.setprofile = _ignore_profile  # type: ignore[assignment]
    _watch_multiprocessing()
    atexit.register(TRACE.write)


def _watch_multiprocessing() -> None:
    """Note processes that multiprocessing starts, some of which raise no audit event."""
    from multiprocessing.process import BaseProcess

    start = BaseProcess.start

    def watched(self: BaseProcess) -> None:
        if not TRACE.by_observer():
            TRACE.doubts.add("it starts processes")
        start(self)

    BaseProcess.start = watched  # type: ignore[method-assign]


def pytest_configure(config: Any) -> None:
    """Note a run that is spread over processes."""
    if getattr(config.option, "numprocesses", None) or os.environ.get("PYTEST_XDIST_WORKER"):
        TRACE.doubts.add("pytest runs it in processes of its own")


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Keep the one test that is traced; without one, none."""
    TRACE.items = [item.nodeid for item in items]
    kept = [item for item in items if item.nodeid == ITEM]
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid != ITEM])
    items[:] = kept


pytest_collection_modifyitems.trylast = True  # type: ignore[attr-defined]


def pytest_sessionfinish(session: Any, exitstatus: int) -> None:
    """Keep the exit status; one test that fails executes only a part of its code."""
    del session
    TRACE.status = int(exitstatus)


if OUT:
    _start()
