"""A pytest plugin for suites that are measured in turns: rounds of one benchmark alternate between base and head.

It works where the measurer names a socket in REGRESS_TURNS, and does nothing anywhere else. Before each benchmark, and
between two rounds when its turn is used up, the process waits until the measurer gives it the next turn. Nothing is
ever stopped inside a round, so the suite's own clock is right. Works with Python 3.9 and newer, with pytest-benchmark
and with the fixture of regress-action. The messages are JSON lines; `measure/cooperative_turns.py` reads them.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_ADDRESS = "REGRESS_TURNS"
_SELECTED = "REGRESS_SELECTED"
_ROUNDS = "REGRESS_ROUNDS"
_ONE_PROCESSOR = 1.05  # CPU seconds per second, above which a benchmark uses several processors
_LONGEST_ANSWER = 65536
_COMPUTED = 0.9  # of the length of a turn, as CPU time
_LONGEST_TURN = 20
_SHORT_S = 0.05
_TINY_S = 0.001
_IN_A_ROW = 10  # tiny rounds, whose time is taken together
_ALIKE = 10
_MUCH_SLOWER = 4  # times a round, above which the first call says nothing of its length
_MOST_ROUNDS = 10_000  # between two looks at the clock

Answer = dict[str, Any]


class Turns:
    """The suite's end of the connection to the measurer."""

    def __init__(self, address: str, side: str, names: list[str]) -> None:
        self._socket: socket.socket | None = _connected(address)
        self._process = os.getpid()
        self._until = self._latest = self._enough_s = float("inf")
        self._length_s = self._looked = 0.0
        self._skipped = 0
        self._calibrating = False
        self._mask: set[int] | None = None
        self._checked = True
        self.shared: Answer = {}
        self._cpu: int | None = None
        self._send({"hello": side, "names": names})

    def enter(self, name: str) -> None:
        """Wait until the other side is at this benchmark as well and it is our turn."""
        self._checked = False
        self._skipped = 0
        self._looked = time.perf_counter()
        self.shared = {}
        self._ask({"at": name})

    def leave(self, name: str) -> None:
        """Say that a test is over, whether it was a benchmark or not."""
        self._unpin()
        self._send({"done": name})

    def finish(self) -> None:
        """Wait until the other side has no benchmarks left either: what follows may run on both at the same time."""
        self._ask({"finish": True})

    def pause(self) -> int:
        """Give the turn away if it is used up, and return how many rounds may follow before the next call.

        It is used up when so much was computed in it: where others want the processor as well, a turn of the clock's
        time would hold a round or two, and all of them right after a switch. What sleeps gives it away later. The
        rounds until the next look take half of what is left of the turn, so that looks cost tiny rounds little.
        """
        if self._calibrating or not self._checked:
            return 0
        now = time.perf_counter()
        round_s = max((now - self._looked) / (self._skipped + 1), 1e-9)
        if now >= self._until and (now >= self._latest or time.process_time() >= self._enough_s):
            self._ask({"used": True})
            now = time.perf_counter()
        left_s = max(self._until - now, self._length_s / 4)
        self._skipped = int(min(left_s / 2 / round_s, 2 * self._skipped + 2, _MOST_ROUNDS))
        self._looked = now
        return self._skipped

    def agree(self, first: Callable[[], tuple[float, int]], again: Callable[[int], float]) -> tuple[float, int]:
        """Return the seconds of a round and its iterations, the same for both sides, so that both time as many rounds.

        Where a share of the rounds is enough, a round passes for that much longer, so that fewer fit into the time.
        """
        duration, loops = self._agree(first, again)
        return duration / float(os.environ.get(_ROUNDS, "1")), loops

    def _agree(self, first: Callable[[], tuple[float, int]], again: Callable[[int], float]) -> tuple[float, int]:
        """Return the seconds of a round and its iterations.

        The side that is first calibrates by `first`; `again` runs a round of so many iterations. A first call is often
        slower than the next ones, which leaves time for other benchmarks, but one that is much slower must not pass for
        the length of a round. What goes on between two tiny rounds belongs to it.
        """
        loops, of_both = self.shared.get("iterations"), self.shared.get("duration_s")
        if isinstance(loops, int) and loops > 0:
            own: float = self._calibrate(partial(_round_s, again, loops))
            if isinstance(of_both, float):
                if own > _MUCH_SLOWER * of_both:  # it was the first call
                    own = min(own, self._calibrate(partial(_round_s, again, loops)))
                own = of_both if own / _ALIKE < of_both < own * _ALIKE else own
            return own, loops

        def calibration() -> tuple[float, int]:
            duration, loops = first()
            return (min(duration, _MUCH_SLOWER * _round_s(again, loops)) if duration < _SHORT_S else duration), loops

        duration, loops = self._calibrate(calibration)
        self.share(iterations=loops, duration_s=duration)
        return duration, loops

    def _calibrate(self, calibration: Callable[[], Any]) -> Any:  # noqa: ANN401 - what it returns
        """Calibrate without giving the turn away, and note whether the benchmark uses one processor."""
        self._calibrating = True
        began, used = time.perf_counter(), _used_s()
        try:
            return calibration()
        finally:
            self._calibrating = False
            self._check(time.perf_counter() - began, _used_s() - used)

    def first_round(self, run: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the runner returns
        """Run a round; note at the first one of a benchmark without calibration whether it uses one processor."""
        if self._checked or self._calibrating:
            return run()
        began, used = time.perf_counter(), _used_s()
        try:
            return run()
        finally:
            self._check(time.perf_counter() - began, _used_s() - used)

    def share(self, **values: object) -> None:
        """Tell the other side what was found out about the benchmark."""
        self.shared.update(values)
        self._send({"share": self.shared})

    def _check(self, wall_s: float, used_s: float) -> None:
        self._checked = True
        if "pin" not in self.shared:
            self.share(pin=used_s <= _ONE_PROCESSOR * wall_s)
        self._pin()

    def _pin(self) -> None:
        if self._cpu is not None and self.shared.get("pin") and self._mask is None:
            with contextlib.suppress(OSError, AttributeError):
                self._mask = os.sched_getaffinity(0)
                os.sched_setaffinity(0, {self._cpu})

    def _unpin(self) -> None:
        if self._mask is not None:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, self._mask)
            self._mask = None

    def _ask(self, message: Answer) -> None:
        """Send a message and wait for the next turn."""
        self._send(message)
        if self._socket is None or self._process != os.getpid():
            return
        text = b""
        try:
            while not text.endswith(b"\n"):
                data = self._socket.recv(_LONGEST_ANSWER)
                if not data:
                    break
                text += data
            answer = json.loads(text)  # of an incomplete text: ValueError
        except (OSError, ValueError):
            self._close()
            return
        length = answer.get("slice_s")
        if length:
            began = time.perf_counter()
            self._until, self._latest, self._length_s = began + length, began + _LONGEST_TURN * length, length
            self._enough_s = time.process_time() + _COMPUTED * length
        else:
            self._until = float("inf")
        self.shared = dict(answer.get("shared") or {})
        self._cpu = answer.get("cpu")
        self._pin()

    def _send(self, message: Answer) -> None:
        if self._socket is None or self._process != os.getpid():
            return
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self._close()

    def _close(self) -> None:
        """Go on alone: the measurer has ended, or it does not want us."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._until = float("inf")


def _connected(address: str) -> socket.socket:
    """Connect to a socket whose path may be longer than the 107 bytes that such an address holds.

    Raises:
        OSError: nobody listens there.
    """
    folder, name = os.path.split(address)
    connection = socket.socket(socket.AF_UNIX)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        connection.connect(f"/proc/self/fd/{descriptor}/{name}")
    finally:
        os.close(descriptor)
    return connection


def _round_s(again: Callable[[int], float], loops: int) -> float:
    """Return the seconds of a round of `loops` iterations; of a tiny one, with what goes on between two of them."""
    single_s = again(loops)
    if single_s > _TINY_S:
        return single_s
    times = []
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(_IN_A_ROW):
            again(loops)
        times.append((time.perf_counter() - began) / _IN_A_ROW)
    return min(times)


def _used_s() -> float:
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


_turns: Turns | None = None


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:  # noqa: ANN401 - pytest is not imported here
    """Keep the benchmarks that are selected and nothing else, where each of them is here under its name.

    An expression for -k cannot hold the parameters of most benchmarks, so it selects more than it should.
    """
    selected = set(filter(None, os.environ.get(_SELECTED, "").split("\n")))
    chosen = [item for item in items if item.nodeid in selected]
    if os.environ.get(_ADDRESS) and chosen and len(chosen) == len(selected) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in selected])
        items[:] = chosen


def pytest_collection_finish(session: Any) -> None:  # noqa: ANN401 - pytest is not imported here
    """Connect to the measurer if this process will run benchmarks."""
    global _turns  # noqa: PLW0603 - one session in one process
    address, side = os.environ.get(_ADDRESS), os.environ.get("REGRESS_SIDE")
    if _turns or not address or not side or "PYTEST_XDIST_WORKER" in os.environ or session.config.option.collectonly:
        return
    patched = [patch() for patch in (_patch_pytest_benchmark, _patch_own_fixture)]
    names = [item.nodeid for item in session.items]
    if names and any(patched):
        with contextlib.suppress(OSError):
            _turns = Turns(address, side, names)


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Tell the measurer that a test is over."""
    if _turns:
        _turns.leave(nodeid)


def pytest_sessionfinish() -> Generator[None, None, None]:
    """Wait with what follows the last test, such as statistics and the result file, until no side measures."""
    if _turns:
        _turns.finish()
    yield


# What pytest.hookimpl does, and pytest is not imported here. The one of pytest-benchmark is a wrapper as well.
vars(pytest_sessionfinish)["pytest_impl"] = {"hookwrapper": True, "tryfirst": True}


def _patch_pytest_benchmark() -> bool:
    """Make pytest-benchmark's fixture ask for turns; return whether it could be done."""
    module = sys.modules.get("pytest_benchmark.fixture")
    fixture: Any = getattr(module, "BenchmarkFixture", None)
    if not all(hasattr(fixture, name) for name in ("_raw", "_raw_pedantic", "_make_runner", "_calibrate_timer")):
        return False
    _patch_entry(fixture, "_raw")
    _patch_entry(fixture, "_raw_pedantic")
    make_runner, calibrate_timer = fixture._make_runner, fixture._calibrate_timer  # noqa: SLF001

    def make_runner_in_turns(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return _runner_in_turns(make_runner(self, *args, **kwargs))

    def calibrate_in_turn(self: Any, runner: Any) -> Any:  # noqa: ANN401
        if _turns is None:
            return calibrate_timer(self, runner)
        duration, loops = _turns.agree(lambda: calibrate_timer(self, runner)[:2], lambda loops: runner(range(loops)))
        return duration, loops, range(loops)

    fixture._make_runner, fixture._calibrate_timer = make_runner_in_turns, calibrate_in_turn  # noqa: SLF001
    return True


def _patch_entry(fixture: Any, name: str) -> None:  # noqa: ANN401 - a class of another package
    method = getattr(fixture, name)

    def enter(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if _turns and self.enabled:
            _turns.enter(self.fullname)
        return method(self, *args, **kwargs)

    setattr(fixture, name, enter)


def _patch_own_fixture() -> bool:
    """Make the fixture of regress-action ask for turns; return whether it could be done."""
    fixture = getattr(sys.modules.get("regress_action.pytest_plugin.benchmark_fixture"), "BenchmarkFixture", None)
    timing: Any = sys.modules.get("regress_action.pytest_plugin.timing")
    if fixture is None or not all(
        hasattr(timing, name) for name in ("timed", "timed_once", "round_timer", "calibrate")
    ):
        return False
    _patch_entry(fixture, "__call__")
    _patch_entry(fixture, "pedantic")
    calibrate, round_timer = timing.calibrate, timing.round_timer

    def calibrate_in_turn(work: Any, options: Any) -> Any:  # noqa: ANN401
        if _turns is None:
            return calibrate(work, options)
        run = round_timer(work, options)
        return _turns.agree(lambda: calibrate(work, options), lambda loops: run(range(loops)))

    timing.calibrate = calibrate_in_turn
    for name in ("timed", "timed_once"):
        _patch_round(timing, name)
    timing.round_timer = lambda *args: _runner_in_turns(round_timer(*args))
    return True


def _patch_round(timing: Any, name: str) -> None:  # noqa: ANN401 - a module of another package
    setattr(timing, name, _in_turns(getattr(timing, name)))


def _in_turns(run_round: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that runs a round, in a turn of its own where the present one is used up."""

    def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - what the round takes and gives
        if _turns is None:
            return run_round(*args, **kwargs)
        _turns.pause()
        return _turns.first_round(lambda: run_round(*args, **kwargs))

    return run


def _runner_in_turns(run_round: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the same for a function that runs all rounds of one benchmark, which may be tiny."""
    turns, left = _turns, 0
    if turns is None:
        return run_round

    def run(repetitions: Any) -> Any:  # noqa: ANN401 - what the round takes and gives
        nonlocal left
        if left:
            left -= 1
            return run_round(repetitions)
        left = turns.pause()
        return turns.first_round(lambda: run_round(repetitions))

    return run
