"""`network=off` of isolated tests: a network namespace of its own, and where that is not allowed an audit hook."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any

OFF, LOOPBACK = "off", "loopback"
COVERED = "off, programs that a test starts included"
NOT_COVERED = "off for Python code, not for programs that a test starts: this machine allows no network namespace"
LOOPBACK_ONLY = "loopback only, for Python code"

_NEW_NETWORK, _NEW_USER = 0x40000000, 0x10000000  # linux/sched.h
_SET_FLAGS, _UP = 0x8914, 0x1  # SIOCSIFFLAGS and IFF_UP of linux/sockios.h and linux/if.h
_OWN_HOST = frozenset({"", "localhost", "::1", "::", "0.0.0.0", socket.gethostname()})  # noqa: S104 - to tell it, not to bind it
_ADDRESS_OF = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
}
"""Audit events of Python that reach for the network → which of their arguments is the address."""


def apply(limit: str) -> str:
    """Limit this process, and say in words for a report what holds.

    In a namespace there is a loopback interface and nothing else, so servers that run outside are not reached either.
    The audit hook refuses the rest with a sentence, where a namespace would only leave an address unreachable.
    """
    covered = limit == OFF and _leave_network()
    sys.addaudithook(_refuse)
    return COVERED if covered else NOT_COVERED if limit == OFF else LOOPBACK_ONLY


def _leave_network() -> bool:
    """Move this process into a network namespace of its own, as root or in a user namespace; False where refused."""
    if sys.platform != "linux":
        return False
    unshare = ctypes.CDLL(None, use_errno=True).unshare
    if unshare(_NEW_NETWORK) != 0:
        user, group = os.getuid(), os.getgid()
        if unshare(_NEW_USER | _NEW_NETWORK) != 0:
            return False
        with contextlib.suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        import fcntl

        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
    return True


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _ADDRESS_OF:
        return
    address = arguments[_ADDRESS_OF[event]]
    host = address[0] if isinstance(address, tuple) else address if event.startswith("socket.get") else None
    if host is None:  # a socket of the file system, one that is connected, or any address of this machine
        return
    name = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
    if name not in _OWN_HOST and not name.removeprefix("::ffff:").startswith("127."):
        raise PermissionError(f"This performance test may not use the network, and reaches for {name}.")
