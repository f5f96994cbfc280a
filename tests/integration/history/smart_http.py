"""A real git server over smart HTTP on loopback: `git http-backend` behind Python's own HTTP server."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Backend(BaseHTTPRequestHandler):
    """Hands each request to `git http-backend`; remembers what it was asked."""

    root: ClassVar[Path]
    requests: ClassVar[list[tuple[str, str]]]
    authorizations: ClassVar[list[str | None]]
    cut_after: int | None = None
    token: ClassVar[str | None] = None  # whoever pushes has to have it; None lets everybody push
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer what git reads."""
        self._run(b"")

    def do_POST(self) -> None:
        """Answer what git sends."""
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self._chunk, b""))
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self._run(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def _knows_token(self) -> bool:
        scheme, _, secret = (self.headers.get("Authorization") or "").partition(" ")
        return scheme.lower() == "basic" and base64.b64decode(secret).decode().endswith(f":{self.token}")

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _run(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        self.requests.append((self.command, self.path))
        self.authorizations.append(self.headers.get("Authorization"))
        if self.token is not None and "git-receive-pack" in self.path and not self._knows_token():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        environ = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": "tester",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environ, capture_output=True, check=False)
        head, _, payload = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if self.cut_after is not None and "service" not in query:
            payload = payload[: self.cut_after]
            self.close_connection = True
        self.wfile.write(payload)


class Server(ThreadingHTTPServer):
    """Many clients at once, as on a real server."""

    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent about clients that went away; they are killed on purpose."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serving(root: Path, kind: type[Backend] = Backend, **more: object) -> Iterator[tuple[str, type[Backend]]]:
    """Serve the bare repositories below `root`; yields the URL and the handler, a `kind` that holds `more`."""
    handler = type("Handler", (kind,), {"root": root, "requests": [], "authorizations": [], **more})
    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", handler
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def bare_repository(path: Path, algorithm: str = "sha1") -> Path:
    """Make an empty bare repository that accepts pushes and filters, as hosts do."""
    subprocess.run(
        ["git", "init", "-q", "--bare", "--template=", f"--object-format={algorithm}", str(path)], check=True
    )
    for setting in ("http.receivepack=true", "uploadpack.allowFilter=true", "receive.autogc=false"):
        subprocess.run(["git", "-C", str(path), "config", *setting.split("=")], check=True)
    return path
