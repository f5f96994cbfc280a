"""Run two pytest suites that give turns to one another between the rounds of the same benchmark; nothing is stopped.

The plugin in `suite_plugin` connects to a socket that the variable REGRESS_TURNS names. A suite that never connects
runs to its end before the other one begins, as in a pair that is measured run by run.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import struct
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regress_action.measure.held_command import BlockedError, HeldCommand, collect, end_commands, pause_s
from regress_action.measure.turn_order import Grant, TurnOrder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from regress_action.measure.held_command import TurnResult
    from regress_action.measure.process_tree import ProcessTree, SignalWaiter
    from regress_action.measure.reporting import OutputLog
    from regress_action.measure.spawn import Task

SLICE_S = 0.01
_JITTER = 1 / 3
_ADDRESS = "REGRESS_TURNS"
_SELECTED = "REGRESS_SELECTED"
_ROUNDS = "REGRESS_ROUNDS"
_LONGEST_MESSAGE = 4 * 2**20
_READ_SIZE = 65536
_BLOCKED_SHARE = 0.01
_IN_CONTAINER = 20
_MOST_CONNECTIONS = 8  # of one side: its pytest, and what connects by mistake
_PEER = struct.Struct("3i")  # process, user, group
_SIDES = ("base", "head")
_SOCKETS = "REGRESS_SOCKETS"
CONTAINER = "REGRESS_SUITE_IMAGE"
"""The variable that names the image in whose containers `bin/suite` runs the suite.

REGRESS_SOCKETS then names a folder that no container sees as a whole: each has the socket of its own side only.
"""


_PLUGIN = Path(__file__).with_name("suite_plugin")


@dataclass(slots=True)
class _Connection:
    """A suite's connection and what arrived on it so far.

    `owner` is the side to whose socket it connected. `side` is the one that it speaks for, None before it said so.
    """

    end: socket.socket
    owner: int
    side: int | None = None
    text: bytes = b""

    def messages(self) -> list[dict[str, Any]] | None:
        """Return the messages that arrived, None where the connection was closed or the text makes no sense."""
        try:
            data = self.end.recv(_READ_SIZE)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data or len(self.text) > _LONGEST_MESSAGE:
            return None
        *lines, self.text = (self.text + data).split(b"\n")
        try:
            messages = [json.loads(line) for line in lines]
        except (ValueError, RecursionError):
            return None
        return messages if all(isinstance(message, dict) for message in messages) else None


@dataclass(frozen=True, slots=True)
class _WatchedTurn:
    """A turn that is watched since `began`, when the processes of its side had used `used_s`."""

    side: int
    number: int
    began: float
    used_s: float


def _prefix(session_id: str) -> str:
    return f"regress-turns-{session_id}-"


def _place() -> Path:
    return Path(os.environ.get(_SOCKETS) or tempfile.gettempdir())


def remove_folders(session_id: str) -> None:
    """Remove the folders with sockets that a session left because it was killed."""
    for folder in _place().glob(f"{_prefix(session_id)}*"):
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid == os.getuid() and not folder.is_symlink():
                shutil.rmtree(folder)


@dataclass(slots=True)
class CooperativeTurns:
    """Two suites that ask for their turns; `slice_s` None alternates benchmark by benchmark, not round by round.

    `cpu` is the processor on which a benchmark runs that uses one processor only, None for any. A turn of `blocked_s`
    in which next to nothing is computed means that the side waits for what the other one holds. What a suite in a
    container computes is not seen, so there a turn twenty times as long means it. With `narrows` the plugin keeps
    exactly the benchmarks that are selected, and each times the share `rounds` of its rounds.
    """

    tasks: Sequence[Task]
    logs: Sequence[OutputLog]
    signals: SignalWaiter
    processes: ProcessTree
    slice_s: float | None = SLICE_S
    cpu: int | None = None
    order: TurnOrder = field(default_factory=TurnOrder)
    seed: int = 0
    blocked_s: float = 30.0
    narrows: bool = False
    rounds: float = 1.0
    _connections: list[_Connection] = field(default_factory=list)
    _chance: random.Random = field(default_factory=random.Random)
    _watched: _WatchedTurn | None = None

    def run(self) -> list[TurnResult]:
        """Run both suites until they end, reach a limit or a signal asks to stop.

        Raises:
            BlockedError: a suite made no progress for half a minute while the other one waited. Both were ended.
            MeasureUsageError: there is no such program.
            EnvironmentFailedError: no process could be started.
        """
        spent = time.process_time()
        self._chance.seed(self.seed)
        commands: list[HeldCommand] = []
        folder = Path(tempfile.mkdtemp(prefix=_prefix(self.processes.session_id), dir=_place()))
        with ExitStack() as cleanup:
            cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
            cleanup.callback(self._disconnect)
            listeners = [cleanup.enter_context(_listener(folder / side)) for side in _SIDES]
            cleanup.callback(lambda: end_commands(commands, self.signals, self.processes))
            for side, task, log in zip(_SIDES, self.tasks, self.logs, strict=True):
                added = {_ADDRESS: str(folder / side / "s"), _ROUNDS: f"{self.rounds:g}"}
                variables = plugin_variables(task.variables) | added
                if self.narrows:
                    variables[_SELECTED] = task.variables.get("REGRESS_SELECT", "")
                commands.append(HeldCommand.start(replace(task, variables=variables), log, self.processes))
            self._take_turns(commands, listeners)
        watching = (time.process_time() - spent) / len(commands)
        return [command.result(watching) for command in commands]

    @property
    def _look_s(self) -> float:
        return self.blocked_s / 6

    @property
    def met(self) -> int:
        """How many benchmarks both sides ran in turns."""
        return self.order.met

    def _take_turns(self, commands: Sequence[HeldCommand], listeners: Sequence[socket.socket]) -> None:
        while True:
            self._grant(commands)
            if all(command.ended for command in commands):
                return
            if self.signals.stop is not None or any(command.over_limit for command in commands):
                return
            self._wait(commands, listeners)
            self._check_progress(commands)
            for side, command in enumerate(commands):
                if command.ended and not self.order.sides[side].ended:
                    self.order.sides[side].ended = True
                    command.end_turn(alone=self.order.sides[1 - side].ended)

    def _grant(self, commands: Sequence[HeldCommand]) -> None:
        while grant := self.order.next():
            self._give(grant, commands)

    def _give(self, grant: Grant, commands: Sequence[HeldCommand]) -> None:
        started = commands[grant.side].released
        other = commands[1 - grant.side]
        if not grant.alone:
            other.off_turn.begin(other.members)
        commands[grant.side].begin_turn()
        if not started:
            return
        length = None
        if self.slice_s is not None and not grant.alone:
            length = self.slice_s * self._chance.uniform(1 - _JITTER, 1 + _JITTER)
        answer = {"slice_s": length, "shared": self.order.shared, "cpu": self.cpu}
        for connection in self._connections:
            if connection.side == grant.side:
                with contextlib.suppress(OSError):
                    connection.end.sendall(json.dumps(answer).encode() + b"\n")

    def _wait(self, commands: Sequence[HeldCommand], listeners: Sequence[socket.socket]) -> None:
        """Wait until something happens, and take note of it."""
        streams = {stream: command for command in commands for stream in command.streams}
        peers = {connection.end.fileno(): connection for connection in self._connections}
        running = [command for command in commands if command.turn_began is not None]
        own = {listener.fileno(): side for side, listener in enumerate(listeners)}
        for stream in self.signals.wait([*own, *peers, *streams], min(self._look_s, pause_s(running))):
            if stream in peers:
                self._hear(peers[stream], commands)
            elif stream in streams:
                streams[stream].read(stream)
            else:
                with contextlib.suppress(OSError):
                    self._accept(listeners[own[stream]].accept()[0], own[stream], commands[own[stream]])
        collect(commands)
        for command in running:
            command.reaper.check()
            if not command.ended:
                command.sampler.sample()

    def _accept(self, end: socket.socket, side: int, command: HeldCommand) -> None:
        """Take a connection of a process of the side whose socket it is; others, and more than a few, are closed.

        The processes of a container are not those of the command, but only its own container has the socket of a side.
        """
        pid, *_ = _PEER.unpack(end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
        is_own = CONTAINER in command.task.variables or pid in command.members()
        if not is_own or sum(connection.owner == side for connection in self._connections) >= _MOST_CONNECTIONS:
            end.close()
            return
        end.setblocking(False)  # noqa: FBT003 - the method takes it so
        self._connections.append(_Connection(end, side))

    def _check_progress(self, commands: Sequence[HeldCommand]) -> None:
        """Compare from time to time what the side that has the turn has computed since.

        Raises:
            BlockedError: next to nothing.
        """
        running = [at for at, command in enumerate(commands) if command.turn_began is not None]
        side = running[0] if len(running) == 1 else None
        if side is None or commands[1 - side].ended or not commands[1 - side].released:
            self._watched = None
            return
        now, command, watched = time.monotonic(), commands[side], self._watched
        if watched is None or (watched.side, watched.number) != (side, command.turns):
            if now - (command.turn_began or now) > self._look_s:
                command.ready.note(command.members())
                self._watched = _WatchedTurn(side, command.turns, now, command.ready.used_s)
        elif now - watched.began > self.blocked_s * (_IN_CONTAINER if CONTAINER in command.task.variables else 1):
            command.ready.note(command.members())
            if command.ready.used_s - watched.used_s < _BLOCKED_SHARE * self.blocked_s:
                raise BlockedError(_SIDES[side])
            self._watched = None

    def _disconnect(self) -> None:
        for connection in self._connections:
            connection.end.close()

    def _hear(self, connection: _Connection, commands: Sequence[HeldCommand]) -> None:
        """Take the messages of a connection; one that makes no sense is closed, and its suite goes on alone."""
        messages = connection.messages()
        try:
            for message in messages or ():
                self._take(connection, message, commands)
        except ValueError:
            messages = None
        if messages is None:
            connection.end.close()
            self._connections.remove(connection)

    def _take(self, connection: _Connection, message: dict[str, Any], commands: Sequence[HeldCommand]) -> None:
        """Take one message.

        Raises:
            ValueError: it has no meaning, or it speaks for the other side, or for one that is connected already.
        """
        if connection.side is None:
            side = connection.owner
            if message.get("hello") != _SIDES[side]:
                raise ValueError("no side, or the other one")
            if any(other.side == side for other in self._connections):
                raise ValueError("a side that is connected already")
            connection.side = side
        if self.order.asks(connection.side, message):
            commands[connection.side].end_turn(alone=self.order.sides[1 - connection.side].ended)
            other = commands[1 - connection.side]
            other.off_turn.end(other.members)


@contextlib.contextmanager
def _listener(folder: Path) -> Iterator[socket.socket]:
    """Yield a socket that listens at the path `s` in a new folder."""
    folder.mkdir(mode=0o700)
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{descriptor}/s")  # the path itself may be longer than an address can be
            listener.listen()
            listener.setblocking(False)  # noqa: FBT003 - the method takes it so
            yield listener
    finally:
        os.close(descriptor)


def plugin_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with which pytest finds the plugin that takes turns, if it obeys PYTHONPATH."""
    path = os.pathsep.join(filter(None, (str(_PLUGIN), variables.get("PYTHONPATH"))))
    added = {"PYTHONPATH": path}
    if "PYTEST_DISABLE_PLUGIN_AUTOLOAD" in variables:
        added["PYTEST_PLUGINS"] = ",".join(filter(None, (variables.get("PYTEST_PLUGINS"), "regress_turns")))
    return {**variables, **added}
