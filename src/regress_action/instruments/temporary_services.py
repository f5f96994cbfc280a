"""Servers for the length of a test: a real PostgreSQL or Redis where one is installed, and SQLite always."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.model.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LONGEST_START_S = 30.0
_PAUSE_S = 0.05
_POSTGRESQL_FOLDERS = "/usr/lib/postgresql/*/bin"
_UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class TemporaryService:
    """Where the service answers: a URL that clients understand, and its host, port and folder."""

    url: str
    folder: Path
    host: str = "127.0.0.1"
    port: int = 0


def is_available(name: str) -> bool:
    """Whether the programs of `postgresql` or `redis` are installed; `sqlite` always is."""
    if name == "sqlite":
        return True
    programs = {"postgresql": ("initdb", "postgres"), "redis": ("redis-server",)}
    return all(_program(program) for program in programs.get(name, ("",)))


@contextmanager
def sqlite_service() -> Iterator[TemporaryService]:
    """Give the path of an empty SQLite database, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="regress-sqlite-") as folder:
        path = Path(folder) / "database.sqlite"
        yield TemporaryService(f"sqlite:///{path}", Path(folder))


@contextmanager
def postgresql_service() -> Iterator[TemporaryService]:
    """Start PostgreSQL on loopback with a database `postgres` and a user `postgres`; it is gone afterwards.

    Raises:
        InfrastructureError: it is not installed, or does not start.
    """
    initdb, server = _required("initdb"), _required("postgres")
    with _folder("postgresql") as folder:
        data, port = folder / "data", _free_port()
        _run([initdb, "-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8"], folder)
        options = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
        with _served([server, "-D", str(data), "-p", str(port), *options], port, folder, signal.SIGINT):
            yield TemporaryService(f"postgresql://postgres@127.0.0.1:{port}/postgres", folder, port=port)


@contextmanager
def redis_service() -> Iterator[TemporaryService]:
    """Start Redis on loopback, without a file; it is gone afterwards.

    Raises:
        InfrastructureError: it is not installed, or does not start.
    """
    server = _required("redis-server")
    with _folder("redis") as folder:
        port = _free_port()
        command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with _served([*command, "--dir", str(folder)], port, folder, signal.SIGTERM):
            yield TemporaryService(f"redis://127.0.0.1:{port}/0", folder, port=port)


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    """Give a folder that the user who runs the server may write."""
    with tempfile.TemporaryDirectory(prefix=f"regress-{name}-") as text:
        folder = Path(text)
        user = _user()
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        yield folder


@contextmanager
def _served(command: Sequence[str], port: int, folder: Path, stop: signal.Signals) -> Iterator[None]:
    """Run the server until the context ends, once it listens on `port`."""
    user, log = _user(), folder / "server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - a program of the operating system
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            cwd=folder,
        )
    try:
        _wait_for(process, port, log)
        yield
    finally:
        process.send_signal(stop)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ends = time.monotonic() + _LONGEST_START_S
    while process.poll() is None and time.monotonic() < ends:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(_PAUSE_S)
    raise InfrastructureError(
        "The temporary service did not start.",
        meaning=log.read_text(encoding="utf-8", errors="replace")[-1000:],
        remedy="Start the program by hand to see more.",
    )


def _run(command: Sequence[str], folder: Path) -> None:
    user = _user()
    done = subprocess.run(  # noqa: S603 - a program of the operating system
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
    )
    if done.returncode:
        raise InfrastructureError(f"{Path(command[0]).name} failed.", meaning=(done.stderr or done.stdout)[-1000:])


def _user() -> pwd.struct_passwd | None:
    """Return the user to run servers as where this process is root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    return None


def _required(program: str) -> str:
    path = _program(program)
    if path is None:
        raise InfrastructureError(
            f"{program} is not installed.", remedy="Install the Debian package postgresql or redis-server."
        )
    return path


def _program(name: str) -> str | None:
    """Return the path of a program, on the PATH or where Debian keeps the servers of PostgreSQL."""
    if not name:
        return None
    root, _, pattern = _POSTGRESQL_FOLDERS.rpartition("/usr/")
    folders = sorted(Path(root or "/").glob(f"usr/{pattern}"), reverse=True)
    return shutil.which(name) or next((str(f / name) for f in folders if (f / name).is_file()), None)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
