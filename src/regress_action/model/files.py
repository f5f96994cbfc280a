"""Files that somebody else may have written: read without following links and up to a limit, written by renaming.

A pull request can put a link, a device, a named pipe or gigabytes in the place of any file of its checkout. Every read
and every write outside of a folder that we made ourselves goes through this module:

* `read_bounded` reads a regular file up to a limit, `read_optional` returns None where there is no file;
* `open_named` opens a regular file that a person named, which may be a link;
* `write_replace` writes a file completely or not at all, and replaces a link instead of writing to its target;
* `write_new` does the same for a file that must not exist yet.

With `below`, the part of the path under that folder is walked one folder at a time, and a link in it is refused.
Without it, only the last part of the path may not be a link. `below` itself is trusted.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from regress_action.model.errors import InfrastructureError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)  # Windows has neither flag
_READ: Final = os.O_RDONLY | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | getattr(os, "O_CLOEXEC", 0)
_FOLDER: Final = os.O_RDONLY | _NO_FOLLOW | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_HAS_DESCRIPTORS: Final = os.open in os.supports_dir_fd
UNFINISHED: Final = ".unfinished-"  # how the names of files begin that a writer has not finished
_CHUNK: Final = 1 << 20
_NOT_REGULAR: Final = "it is no regular file (a folder, a device or a named pipe)"
_NO_HARD_LINKS: Final = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES}
_DISK_REMEDIES: Final = {
    errno.ENOSPC: "Free some space on that disk, and run it again.",
    errno.EDQUOT: "Free some space on that disk, and run it again.",
    errno.EROFS: "Name a folder that can be written.",
    errno.EACCES: "Allow this user to use the folder, or name another one.",
    errno.EPERM: "Allow this user to use the folder, or name another one.",
}


def read_bounded(path: Path, limit: int, *, below: Path | None = None) -> bytes:
    """Return the content of the regular file `path`, which has at most `limit` bytes.

    Raises:
        InputError: there is no such file, it is a link or no regular file, it is larger, or it cannot be read.
    """
    try:
        content = read_optional(path, limit, below=below)
    except IsADirectoryError as error:
        raise _unreadable(path, "it is a folder") from error
    if content is None:
        raise InputError(f"{path} does not exist.", remedy="Check the path.")
    return content


def read_optional(path: Path, limit: int, *, below: Path | None = None) -> bytes | None:
    """Return what `read_bounded` does, or None where there is no file.

    Raises:
        InputError: the file is a link or no regular file, it is larger, or it cannot be read.
    """
    try:
        with _parent(path, below) as (name, folder):
            descriptor = os.open(name, _READ, dir_fd=folder)
        try:
            return _content(path, descriptor, limit)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, _reason(error)) from error


@contextmanager
def open_named(path: Path) -> Iterator[BinaryIO]:
    """Yield the regular file that a person named, open for reading; where it is a link, the file that it leads to.

    A named pipe is refused without waiting for its writer. The caller bounds what is read.

    Raises:
        InputError: it is no regular file.
        OSError: it does not exist, or cannot be opened.
    """
    with os.fdopen(os.open(path, _READ & ~_NO_FOLLOW), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise _unreadable(path, _NOT_REGULAR)
        yield file


def write_replace(path: Path, data: bytes, *, below: Path | None = None) -> None:
    """Write `data` to a new file beside `path` and rename it: readers see the old content or the new one.

    Parents that do not exist are made.

    Raises:
        InfrastructureError: the disk is full or cannot be written; `path` is then as it was.
    """
    try:
        with _parent(path, below, create=True) as (name, folder), _unfinished(name, data, folder) as part:
            os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as error:
        raise unwritable(path, error) from error


def write_new(path: Path, data: bytes, *, below: Path | None = None) -> bool:
    """Write `data` to the new file `path`, and flush it to the disk before it gets its name.

    Parents that do not exist are made.

    Returns:
        Whether it was written; False where something of that name exists, which stays as it is.

    Raises:
        OSError: the disk is full or cannot be written; there is then no such file.
    """
    with _parent(path, below, create=True) as (name, folder), _unfinished(name, data, folder, flush=True) as part:
        try:
            os.link(part, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS or os.path.lexists(path):
                raise
            os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        if folder is not None:
            with suppress(OSError):  # some file systems cannot flush folders
                os.fsync(folder)
        return True


def unwritable(path: Path, error: OSError) -> InfrastructureError:
    """Return the error for a file that could not be written, with the remedy for its cause."""
    return InfrastructureError(
        f"{path} could not be written: {_reason(error)}.",
        meaning="The file is as it was before.",
        remedy=disk_remedy(error),
    )


def disk_remedy(error: OSError) -> str:
    """Return what to do about a disk that refuses."""
    return _DISK_REMEDIES.get(error.errno or 0, "Check the folder, and run it again.")


@contextmanager
def _unfinished(name: str, data: bytes, folder: int | None, *, flush: bool = False) -> Iterator[str]:
    """Yield the name of a new file beside `name` with the content `data`; it is removed if it still has that name."""
    beside, _, _ = name.rpartition(os.sep)
    part = os.path.join(beside, f"{UNFINISHED}{os.getpid()}-{secrets.token_hex(4)}")  # noqa: PTH118 - beside a descriptor
    descriptor = os.open(part, _CREATE, 0o666, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if flush:
                file.flush()
                os.fsync(file.fileno())
        yield part
    finally:
        with suppress(OSError):
            os.unlink(part, dir_fd=folder)


@contextmanager
def _parent(path: Path, below: Path | None, *, create: bool = False) -> Iterator[tuple[str, int | None]]:
    """Yield the name to open and the descriptor of its folder; the whole path and None where no folder is walked."""
    if below is None or not _HAS_DESCRIPTORS:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield os.fspath(path), None
        return
    *folders, name = path.relative_to(below).parts
    if ".." in folders or name == "..":
        raise _unreadable(path, f"it lies outside of {below}")
    if create:
        below.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(below, _FOLDER & ~_NO_FOLLOW)
    try:
        for part in folders:
            if create:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            inner = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield name, descriptor
    finally:
        os.close(descriptor)


def _content(path: Path, descriptor: int, limit: int) -> bytes:
    """Read the open file up to `limit` bytes; its size may be a lie (a device) or grow while it is read."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise _unreadable(path, _NOT_REGULAR)
    content = bytearray()
    while chunk := os.read(descriptor, min(_CHUNK, limit + 1 - len(content))):
        content += chunk
        if len(content) > limit:
            raise InputError(
                f"{path} is larger than {limit:,} bytes.",
                meaning="No file of this kind is that large, so it is not read.",
                remedy="Give a smaller file, or split it.",
            )
    return bytes(content)


def _reason(error: OSError) -> str:
    """Return the cause in words; what O_NOFOLLOW refuses is named as a link."""
    if error.errno == errno.ELOOP or (error.errno == errno.ENOTDIR and _NO_FOLLOW):
        return "it is a link, or a part of its path is a link or no folder"
    return error.strerror or type(error).__name__


def _unreadable(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} cannot be read: {reason}.",
        meaning="Only regular files are read, because a link can lead anywhere and a pipe never ends.",
        remedy="Put the file itself there.",
    )
