"""Read and write files in folders that a suite can change, without following its links.

The suite has the user id of the measurer, so it can replace each file and folder of its tree, and of the measurement,
by a link, a FIFO or a device. The functions here work below a directory descriptor, open regular files only, and read a
bounded number of bytes.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAX_FILES = 20_000
MAX_DEPTH = 32
_MOST_LEVELS = 100_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 2**20


class UnsafeFileError(Exception):
    """Something is no regular file, or there is too much of it; the message completes `the run wrote …`."""


@dataclass(frozen=True, slots=True)
class RegularFile:
    """A regular file below a folder: its path from there, and its size in bytes."""

    parts: tuple[str, ...]
    size: int


@contextlib.contextmanager
def open_folder(root: Path | int, *parts: str, create: bool = False) -> Iterator[int]:
    """Yield a descriptor of the folder `parts` below `root`, a path or a descriptor; none of `parts` may be a link.

    Raises:
        OSError: a part does not exist and `create` is false, or it is a link or no folder.
    """
    descriptor = os.dup(root) if isinstance(root, int) else os.open(root, _FOLDER)
    try:
        for part in parts:
            if create:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def exists(folder: int, name: str) -> bool:
    """Whether anything has this name, a link that leads nowhere included."""
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def remove(folder: int, name: str) -> None:
    """Remove a file, a link or a folder with all that is in it; nothing happens where it does not exist.

    Raises:
        OSError: something in it cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError):
        if not _is_folder(folder, name):
            os.unlink(name, dir_fd=folder)
            return
        try:
            shutil.rmtree(name, dir_fd=folder)
        except (OSError, RecursionError):  # a folder that may not be read or written, or more levels than the stack has
            _remove_level_by_level(folder, name)


def remove_tree(path: Path) -> None:
    """Remove a folder of the measurer's own, into which a suite may have written; what cannot be removed stays."""
    with contextlib.suppress(OSError), open_folder(path.parent) as parent:
        remove(parent, path.name)


def _is_folder(folder: int, name: str) -> bool:
    return stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode)


def _remove_level_by_level(folder: int, name: str) -> None:
    """Remove a folder of any depth: whatever lies in a folder of its first level moves up into that level.

    Raises:
        OSError: something in it cannot be removed.
    """
    os.chmod(name, stat.S_IRWXU, dir_fd=folder)
    with open_folder(folder, name) as top:
        for _ in range(_MOST_LEVELS):  # a living process could make more for ever
            if not (entries := os.listdir(top)):  # noqa: PTH208 - of a descriptor
                break
            for entry in entries:
                if _is_folder(top, entry):
                    _move_up(top, entry)
                else:
                    os.unlink(entry, dir_fd=top)
    os.rmdir(name, dir_fd=folder)


def _move_up(top: int, name: str) -> None:
    """Move what lies in the folder `name` into the folder `top`, under new names, and remove the empty folder."""
    os.chmod(name, stat.S_IRWXU, dir_fd=top)
    with open_folder(top, name) as opened:
        for entry in os.listdir(opened):  # noqa: PTH208 - of a descriptor
            if _is_folder(opened, entry):
                os.chmod(entry, stat.S_IRWXU, dir_fd=opened)  # else it cannot get another parent
            os.rename(entry, secrets.token_hex(8), src_dir_fd=opened, dst_dir_fd=top)
    os.rmdir(name, dir_fd=top)


def write(folder: int, name: str, content: bytes) -> None:
    """Write a file in one step, so that it is never incomplete; whatever had the name is replaced.

    Raises:
        OSError: the disk is full or cannot be written; what had the name is then unchanged.
    """
    unfinished = f".{name[:200]}.{secrets.token_hex(8)}"
    descriptor = os.open(unfinished, _CREATE, 0o644, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.replace(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
        except IsADirectoryError:
            remove(folder, name)
            os.replace(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(unfinished, dir_fd=folder)
        raise


def regular_files(folder: int, name: str) -> list[RegularFile]:
    """Return the regular files that a name stands for: the file itself, or all below a folder, sorted by path.

    Raises:
        UnsafeFileError: a link, a FIFO, a socket or a device is among them, something cannot be read, or there are too
            many files or levels.
    """
    files: list[RegularFile] = []
    try:
        _collect(folder, (), name, files)
    except OSError as error:
        raise UnsafeFileError(f"{name!r}, which cannot be read: {error.strerror}") from error
    return files


def _collect(folder: int, above: tuple[str, ...], name: str, files: list[RegularFile]) -> None:
    """Add the files that `name` stands for in `folder`, which lies at the path `above`."""
    parts = (*above, name)
    status = os.lstat(name, dir_fd=folder)
    if stat.S_ISREG(status.st_mode):
        files.append(RegularFile(parts, status.st_size))
    elif not stat.S_ISDIR(status.st_mode):
        raise UnsafeFileError(f"{'/'.join(parts)!r}, which is {_kind(status.st_mode)}: only regular files are read")
    elif len(parts) > MAX_DEPTH:
        raise UnsafeFileError(f"folders more than {MAX_DEPTH} levels deep")
    else:
        with open_folder(folder, name) as below:
            for entry in sorted(os.listdir(below)):  # noqa: PTH208 - of a descriptor
                _collect(below, parts, entry, files)
                if len(files) > MAX_FILES:
                    raise UnsafeFileError(f"more than {MAX_FILES} files")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def copy(source: int, name: str, target: int, parts: Sequence[str], limit: int) -> int:
    """Copy a regular file of at most `limit` bytes to `parts` below the folder `target`; return its size in bytes.

    Raises:
        UnsafeFileError: it is no regular file, larger, or cannot be read.
        OSError: the copy cannot be written.
    """
    try:
        descriptor = os.open(name, _READ, dir_fd=source)
    except OSError as error:
        raise UnsafeFileError(f"{name!r}, which cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise UnsafeFileError(f"{name!r}, which is {_kind(mode)}: only regular files are read")
        with open_folder(target, *parts[:-1], create=True) as folder:
            remove(folder, parts[-1])
            copied = 0
            with os.fdopen(os.open(parts[-1], _CREATE, 0o644, dir_fd=folder), "wb") as written:
                while chunk := file.read(min(_CHUNK, limit + 1 - copied)):
                    copied += len(chunk)
                    if copied > limit:
                        raise UnsafeFileError(f"more than {limit} bytes")
                    written.write(chunk)
    return copied
