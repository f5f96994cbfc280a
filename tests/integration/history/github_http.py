"""GitHub as far as a history needs it, on loopback: git over HTTP, commits through the API, and artifacts."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from typing import TYPE_CHECKING, Any, ClassVar

from integration.history.smart_http import Backend

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "sesame"  # noqa: S105 - opens nothing


class GitHub(Backend):
    """One repository, `acme/project`, whose git is real."""

    artifacts: ClassVar[list[dict[str, Any]]]
    archives: ClassVar[dict[int, bytes]]
    seen: ClassVar[list[tuple[str, str | None]]]
    refuse: ClassVar[int | None] = None
    before_commit: ClassVar[Any] = None
    lost_answers: ClassVar[int] = 0  # so many commits are made, and the answer is 502

    def _run(self, body: bytes) -> None:
        if "/api/" not in self.path and "/store/" not in self.path:
            super()._run(body)
            return
        type(self).seen.append((self.path, self.headers.get("Authorization")))
        if self.path.startswith("/store/"):
            self._send(200, self.archives[int(self.path.rpartition("/")[2])])
        elif self.refuse:
            self._json(self.refuse, {"message": "Resource not accessible by integration"})
        else:
            self._api(self.path.partition("?")[0].removeprefix("/api/v3"), json.loads(body or b"{}"))

    def _api(self, path: str, asked: dict[str, Any]) -> None:
        repository = "/repos/acme/project"
        match self.command, path:
            case "POST", "/api/graphql":
                self._graphql(asked["variables"]["input"])
            case "GET", "/repos/acme/project":
                url = f"{self._base}{repository}"
                self._json(200, {"id": 7, "default_branch": "main", "full_name": "acme/project", "url": url})
            case "GET", "/repos/acme/project/actions/artifacts":
                self._json(200, {"total_count": len(self.artifacts), "artifacts": self.artifacts})
            case "GET", _ if match := re.fullmatch(rf"{repository}/actions/artifacts/(\d+)/zip", path):
                self._send(302, b"", Location=f"http://{self.headers['Host']}/store/{match[1]}")
            case "POST", "/repos/acme/project/git/trees":
                tree = "".join(
                    f"M 100644 inline {item['path']}\ndata {len(item['content'].encode())}\n{item['content']}\n"
                    for item in asked["tree"]
                )
                commit = self._commit(tree, "x", None, "refs/tmp/tree")
                self._json(201, {"sha": self._git("rev-parse", f"{commit}^{{tree}}"), "url": f"{self._base}/t"})
            case "POST", "/repos/acme/project/git/commits":
                commit = self._git("commit-tree", asked["tree"], "-m", asked["message"])
                self._json(201, {"sha": commit, "url": f"{self._base}/c"})
            case "POST", "/repos/acme/project/git/refs":
                self._git("update-ref", asked["ref"], asked["sha"])
                self._json(201, {"ref": asked["ref"], "object": {"sha": asked["sha"]}, "url": f"{self._base}/r"})
            case _:
                self._json(404, {"message": "Not Found"})

    def _graphql(self, asked: dict[str, Any]) -> None:
        branch = f"refs/heads/{asked['branch']['branchName']}"
        if type(self).before_commit:
            hook, type(self).before_commit = type(self).before_commit, None
            hook()
        if asked["expectedHeadOid"] != self._git("rev-parse", branch):
            error = {"type": "STALE_DATA", "message": "Expected branch to point to another commit but it did not."}
            self._json(200, {"data": {"createCommitOnBranch": None}, "errors": [error]})
            return
        changes = "".join(f"D {item['path']}\n" for item in asked["fileChanges"]["deletions"])
        for item in asked["fileChanges"]["additions"]:
            content = base64.b64decode(item["contents"]).decode()
            changes += f"M 100644 inline {item['path']}\ndata {len(content.encode())}\n{content}\n"
        message = f"{asked['message']['headline']}\n\n{asked['message']['body']}"
        commit = self._commit(f"from {branch}^0\n{changes}", message, "GitHub <noreply@github.com>", branch)
        if type(self).lost_answers:
            type(self).lost_answers -= 1
            self._json(502, {"message": "Bad Gateway"})
            return
        self._json(200, {"data": {"createCommitOnBranch": {"commit": {"oid": commit}}}})

    @property
    def _base(self) -> str:
        return f"http://{self.headers['Host']}/api/v3"

    @property
    def _bare(self) -> Path:
        return self.root / "acme" / "project"

    def _git(self, *arguments: str, feed: str = "") -> str:
        who = {f"GIT_{role}_{what}": "bot" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return subprocess.run(
            ["git", "-C", self._bare, *arguments],
            input=feed,
            check=True,
            capture_output=True,
            text=True,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", **who},
        ).stdout.strip()

    def _commit(self, changes: str, message: str, who: str | None, reference: str) -> str:
        size = len(message.encode())
        head = (
            f"commit {reference}\ncommitter {who or 'bot <bot@localhost>'} 1700000000 +0000\ndata {size}\n{message}\n"
        )
        self._git("fast-import", "--quiet", "--force", feed=head + changes)
        return self._git("rev-parse", reference)

    def _json(self, status: int, answer: dict[str, Any]) -> None:
        self._send(status, json.dumps(answer).encode(), **{"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
