"""A look at the site on this machine: a server on loopback that serves one folder, and says where."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from regress_action.model.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


class _Handler(SimpleHTTPRequestHandler):
    """Serves files without keeping them in the browser's cache, and without a line per request."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the signature of http.server
        """Print nothing: the address is all that is of use."""


def server_of(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of `folder` on 127.0.0.1 that is not running yet; port 0 is any free port.

    Raises:
        UsageError: the port is taken.
    """
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, directory=str(folder)))
    except OSError as error:
        raise UsageError(
            f"Port {port} cannot be used: {error.strerror or error}.", remedy="Give another one with --port."
        ) from error
