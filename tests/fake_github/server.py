"""The HTTP server: takes requests apart, holds them and their answers to the description, lets things go wrong."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from fake_github import routes_checks, routes_issues, routes_repository  # noqa: F401 - they register themselves
from fake_github.data import GithubData
from fake_github.faults import Fault
from fake_github.routing import ROUTES, Answer, Call, RefusedError, allowed
from fake_github.schema import DESCRIPTION
from fake_github.shapes import localised

if TYPE_CHECKING:
    from types import TracebackType

Json = Any


@dataclass
class Logged:
    """One request and how it was answered; `at` in seconds of a steady clock."""

    method: str
    path: str
    query: dict[str, str]
    body: Json
    status: int
    at: float
    fault: str | None = None


@dataclass
class FakeGitHub:
    """A GitHub on loopback; `prefix` is `/api/v3` to stand for an enterprise server."""

    data: GithubData = field(default_factory=GithubData)
    prefix: str = ""
    port: int = 0
    faults: list[Fault] = field(default_factory=list)
    log: list[Logged] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Start serving on loopback."""
        github = self

        class Handler(_Handler):
            fake: FakeGitHub = github

        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """What `GITHUB_API_URL` holds."""
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    def fail(self, kind: str, method: str = ".*", path: str = ".*", **rest: Json) -> Fault:
        """Let something go wrong; see `Fault`."""
        self.faults.append(Fault(kind, method, path, **rest))
        return self.faults[-1]

    @property
    def writes(self) -> list[Logged]:
        """Every request that was meant to change something."""
        return [request for request in self.log if request.method != "GET" and request.path != "/graphql"]

    def state(self) -> dict[str, Json]:
        """Everything, as JSON."""
        return {
            "data": self.data.as_json(),
            "requests": [asdict(request) for request in self.log],
            "violations": self.violations,
        }

    def seed(self, wanted: dict[str, Json]) -> None:
        """Change the data; `faults` are added here."""
        for fault in wanted.pop("faults", []):
            self.fail(**fault)
        self.data.seed(wanted)

    def serve(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> tuple[Answer, Fault | None]:
        """Answer one request, and say what shall go wrong with the answer."""
        with self._lock:
            parts = urlsplit(target)
            path, query = unquote(parts.path), dict(parse_qsl(parts.query, keep_blank_values=True))
            body = json.loads(raw) if raw else None
            if path in {"/_state", "/_seed"}:
                return self._control(path, body), None
            if path.startswith(f"{self.prefix}/_blob/"):
                return self._blob(path, headers), None
            if path == f"{self.prefix.removesuffix('/v3')}/graphql" and "authorization" in headers:
                return self._graphql(body), None
            fault = next((fault for fault in self.faults if fault.strikes(method, path)), None)
            answer = self._answer(method, path, query, body, headers, fault)
            kind = fault.kind if fault else None
            self.log.append(Logged(method, path, query, body, answer.status, time.monotonic(), kind))
            return answer, fault

    def _control(self, path: str, body: Json) -> Answer:
        if path == "/_seed":
            self.seed(body)
        return Answer(200, self.state())

    def _graphql(self, body: Json) -> Answer:
        """Answer the one query that is served: whose token it is."""
        if "viewer" not in body["query"]:
            self.violations.append("an unknown GraphQL query")
        self.log.append(Logged("POST", "/graphql", {}, body, 200, time.monotonic()))
        login = self.data.login if self.data.tells_login else None
        return Answer(200, {"data": {"viewer": login and {"login": login}}})

    def _blob(self, path: str, headers: dict[str, str]) -> Answer:
        """Give out an archive, as the store does: to whoever has the address, and to nobody who sends a token."""
        if "authorization" in headers:
            self.violations.append("the token was sent to the artifact store")
            return Answer(400, {"message": "InvalidAuthenticationInfo"})
        artifact = next(kept for kept in self.data.artifacts if str(kept.id) == path.rsplit("/", 1)[1])
        return Answer(200, base64.b64decode(artifact.content))

    def _answer(
        self, method: str, path: str, query: dict[str, str], body: Json, headers: dict[str, str], fault: Fault | None
    ) -> Answer:
        if "authorization" not in headers:
            return Answer(401, {"message": "Requires authentication"})
        inside = path.startswith(self.prefix + "/")
        operation = DESCRIPTION.operation(method, path.removeprefix(self.prefix)) if inside else None
        if operation is None or operation.name not in ROUTES:
            self.violations.append(f"{method} {path} is not served")
            return Answer(404, {"message": "Not Found"})
        if fault and fault.refusal:
            return fault.refusal
        errors = DESCRIPTION.request_errors(operation, query, body)
        if errors:
            self.violations += [f"{operation.name}: {error}" for error in errors]
            return Answer(422, {"message": "Invalid request.", "errors": errors})
        answer = self._handle(operation.name, Call(operation.values, query, body, self.data.login))
        answer.body = localised(self.data, self.url, answer.body)
        answer.headers = localised(self.data, self.url, answer.headers)
        if "X-Next-Page" in answer.headers:
            following = re.sub(r"&?\bpage=\d+", "", "&".join(f"{key}={value}" for key, value in query.items()))
            number = answer.headers.pop("X-Next-Page")
            base = f"http://127.0.0.1:{self.port}{path}"
            answer.headers["Link"] = f'<{base}?{following}&page={number}>; rel="next"'
        errors = DESCRIPTION.response_errors(operation, answer.status, answer.body)
        self.violations += [f"answer of {operation.name}: {error}" for error in errors]
        return answer if fault is None else fault.spoil(answer)

    def _handle(self, operation: str, call: Call) -> Answer:
        handler, needs = ROUTES[operation]
        if f"{call.values.get('owner')}/{call.values.get('repo')}" not in {self.data.repository, "None/None"}:
            return RefusedError(404, "Not Found").answer
        if not allowed(self.data, needs):
            return RefusedError(403, "Resource not accessible by integration").answer
        try:
            return handler(self.data, call)
        except RefusedError as refused:
            return refused.answer


class _Handler(BaseHTTPRequestHandler):
    """Bytes in, bytes out."""

    fake: FakeGitHub
    protocol_version = "HTTP/1.1"
    timeout = 30
    wbufsize = -1  # header and body in one packet, or every answer waits 40 ms for an acknowledgement
    disable_nagle_algorithm = True

    def _respond(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {key.lower(): value for key, value in self.headers.items()}
        answer, fault = self.fake.serve(self.command, self.path, headers, raw)
        kind = fault.kind if fault else None
        if fault and kind == "slow":
            time.sleep(fault.delay_s)
        self.close_connection = kind in {"dropped", "truncated"}
        if kind == "dropped":
            return
        payload = answer.body if isinstance(answer.body, bytes) else b"" if answer.body is None else _json(answer.body)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload[: len(payload) // 2] if kind == "truncated" else payload)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _respond  # noqa: N815 - the names http.server calls

    def log_message(self, *_: object) -> None:
        """Stay silent; `FakeGitHub.log` has it."""


def _json(body: Json) -> bytes:
    return json.dumps(body).encode()
