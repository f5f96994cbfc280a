"""The fake itself: it is held to GitHub's description, and says so when somebody strays from it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from fake_github import FakeGitHub, shapes
from fake_github.routing import ROUTES
from fake_github.schema import DESCRIPTION
from integration.github.github_scenarios import Job, compared, connected, judged, push, sha

HERE = Path(__file__).parents[2] / "fake_github"
REPO = "/repos/octo/widgets"


def call(github: FakeGitHub, method: str, path: str, body: Any = None, token: str | None = "x") -> tuple[int, Any]:  # noqa: S107 - opens nothing
    """Send one request by hand."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"token {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(github.url + path, data, headers, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
            return answer.status, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or "null")


@pytest.mark.parametrize(
    ("method", "path", "body", "violation"),
    [
        ("GET", f"{REPO}/check-run", None, "is not served"),
        ("POST", f"{REPO}/check-runs", {"name": "x"}, '"head_sha" is a required property'),
        ("POST", f"{REPO}/check-runs", {"name": "x", "head_sha": "a", "sha": "b"}, "unknown key 'sha'"),
        ("POST", f"{REPO}/check-runs", {"name": "x", "head_sha": "a", "status": "done"}, "status"),
        ("POST", f"{REPO}/issues", None, "not of type"),
        ("GET", f"{REPO}/issues?label=x", None, "unknown parameter 'label'"),
        ("GET", f"{REPO}/issues?state=ajar", None, "parameter state"),
    ],
)
def test_a_request_that_github_does_not_know_is_a_violation(method: str, path: str, body: Any, violation: str) -> None:
    """Unknown paths, parameters, keys and values are refused and remembered."""
    with FakeGitHub() as github:
        status, _ = call(github, method, path, body)

        assert status in {404, 422}
        assert violation in "".join(github.violations)


def test_an_answer_that_github_would_not_give_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shape that drifts from the description is noticed at once."""
    real = shapes.issue
    monkeypatch.setattr(shapes, "issue", lambda *arguments: real(*arguments) | {"number": "one"})
    with FakeGitHub() as github:
        call(github, "POST", f"{REPO}/issues", {"title": "t"})

        assert any("number" in violation and "answer of POST" in violation for violation in github.violations)


def test_every_operation_that_is_described_is_served() -> None:
    """Nothing is kept in the description that no route needs, and no route goes beyond it."""
    described = {
        f"{method.upper()} {path}" for path, methods in DESCRIPTION.document["paths"].items() for method in methods
    }
    assert described == set(ROUTES)


def test_the_description_says_where_it_comes_from() -> None:
    """Package, version and licence stand in the file."""
    packed = HERE / "openapi.json.gz"
    info = json.loads(gzip.decompress(packed.read_bytes()))["info"]

    assert info["source"].startswith("@octokit/openapi@")
    assert info["license"] == "MIT"
    assert packed.stat().st_size < 100_000


def test_without_a_token_nothing_is_answered() -> None:
    """As GitHub does for what needs authentication."""
    with FakeGitHub() as github:
        assert call(github, "GET", REPO, token=None)[0] == 401
        assert call(github, "GET", "/repos/other/widgets")[0] == 404
        assert call(github, "GET", REPO)[1]["full_name"] == "octo/widgets"


def test_it_runs_alone_is_seeded_and_keeps_its_state_in_a_file(tmp_path: Path) -> None:
    """For suites that start real containers: an address on standard output, a data to change, a file to read."""
    state = tmp_path / "state.json"
    environ = os.environ | {"PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, "-m", "fake_github", "--prefix", "/api/v3", "--state", str(state)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        github = FakeGitHub(prefix="/api/v3", port=int(process.stdout.readline().strip().split(":")[2].split("/")[0]))
        control = f"http://127.0.0.1:{github.port}"
        seed = {"pulls": [{"head_sha": sha(77)}], "faults": [{"kind": "502-after", "method": "POST"}], "lag": 1}
        request = urllib.request.Request(f"{control}/_seed", json.dumps(seed).encode(), method="POST")  # noqa: S310
        urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 - loopback
        with connected(github) as client:
            Job().run(client, push(5), judged([compared("cache.get", 2.5)], head=sha(5)))
        with urllib.request.urlopen(f"{control}/_state", timeout=5) as answer:  # noqa: S310 - loopback
            live = json.loads(answer.read())
        process.terminate()
        process.wait(10)

    assert live == json.loads(state.read_text())
    assert [issue["state"] for issue in live["data"]["issues"]] == ["open", "open"]
    assert live["requests"][1]["fault"] == "502-after"
    assert live["violations"] == []
