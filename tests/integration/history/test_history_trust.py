"""What a pull request or a suite can write decides neither what git executes nor where a token goes."""

import os
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread

import pytest

from integration.history.smart_http import Backend, Server, bare_repository, serving
from regress_action.history import Checkout, open_history
from regress_action.history.git_repository import PrivateRepository
from regress_action.model.errors import HistoryError, SettingsError
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series

ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
REPORT = Report((Series(Benchmark("parse"), Metric("time", "s"), (1.0,)),), (Run(),), created="2025-01-01T00:00:00Z")


def git(repository: Path, *arguments: str) -> str:
    """What git prints about a repository."""
    command = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@localhost", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, type[Backend]]]:
    """The URL of a repository over smart HTTP, and the server's handler."""
    bare_repository(tmp_path / "acme" / "project")
    with serving(tmp_path) as (url, handler):
        yield url, handler


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A program of an attacker, which leaves its environment in a file beside it when git starts it."""
    path = tmp_path / "attack"
    path.write_text(f"#!/bin/sh\nenv > {tmp_path}/executed\nexit 1\n")
    path.chmod(0o755)
    return path


def test_the_configuration_of_the_checkout_is_not_executed(tmp_path: Path, script: Path) -> None:
    """A lazy fetch, a monitor, a hook or an ssh command that the suite configured is not run, whatever is asked."""
    root = tmp_path / "code"
    git(tmp_path, "init", "-q", "-b", "main", str(root))
    for message in "ab":
        git(root, "commit", "-q", "--allow-empty", "-m", message)
    for setting in (
        "core.repositoryFormatVersion=1",
        "extensions.partialClone=origin",
        "remote.origin.promisor=true",
        f"remote.origin.url={root}",
        f"remote.origin.uploadpack={script}",
        f"core.fsmonitor={script}",
        f"core.sshCommand={script}",
        f"core.gitProxy={script}",
        f"credential.helper={script}",
        f"include.path={tmp_path}/missing",
    ):
        git(root, "config", *setting.split("=", 1))
    checkout = Checkout(root, ENVIRON | {"GITHUB_TOKEN": "secret"})
    assert len(checkout.ancestors("HEAD")) == 2
    assert checkout.merge_base("HEAD~1", "main") == checkout.ancestors("main")[1]
    assert checkout.default_branch() == "main"
    assert checkout.newest_tag() is None
    assert checkout.origin == str(root)
    with pytest.raises(HistoryError, match="does not know"):
        checkout.ancestors("1" * 40)
    assert not (tmp_path / "executed").exists()


def test_a_pipe_in_the_place_of_a_reference_does_not_block(tmp_path: Path) -> None:
    """References are copied when they are regular files; a pipe and a link are left out."""
    root = tmp_path / "code"
    git(tmp_path, "init", "-q", "-b", "main", str(root))
    git(root, "commit", "-q", "--allow-empty", "-m", "a")
    os.mkfifo(root / ".git" / "refs" / "heads" / "pipe")
    (root / ".git" / "refs" / "heads" / "link").symlink_to("/etc/passwd")
    assert len(Checkout(root, ENVIRON).ancestors("main")) == 1
    for name in ("pipe", "link"):
        with pytest.raises(HistoryError):
            Checkout(root, ENVIRON).ancestors(name)


@pytest.mark.parametrize("kind", ["worktree", "packed", "subfolder", "bare", "sha256", "shallow"])
def test_every_form_of_a_checkout_is_read(tmp_path: Path, kind: str) -> None:
    """Worktrees, packed references, subfolders, bare repositories, long hashes and shallow clones."""
    root = tmp_path / "code"
    git(tmp_path, "init", "-q", "-b", "main", *(["--object-format=sha256"] if kind == "sha256" else []), str(root))
    for message in "abc":
        git(root, "commit", "-q", "--allow-empty", "-m", message)
    commits = git(root, "rev-list", "main").split()
    match kind:
        case "worktree":
            git(root, "worktree", "add", "-q", "-b", "topic", str(tmp_path / "tree"))
            root = tmp_path / "tree"
        case "packed":
            git(root, "pack-refs", "--all")
        case "subfolder":
            (root / "src").mkdir()
            root /= "src"
        case "bare":
            git(tmp_path, "clone", "-q", "--bare", str(root), str(tmp_path / "bare"))
            root = tmp_path / "bare"
        case "shallow":
            git(tmp_path, "clone", "-q", "--depth=1", root.as_uri(), str(tmp_path / "shallow"))
            root = tmp_path / "shallow"
    checkout = Checkout(root, ENVIRON)
    assert list(checkout.ancestors("HEAD")) == (commits[:1] if kind == "shallow" else commits)
    assert checkout.parents() == (commits[1],)
    assert checkout.is_shallow is (kind == "shallow")


@pytest.mark.parametrize(
    ("branches", "head", "origin_head", "configured", "expected"),
    [
        (["main", "topic"], "topic", None, None, "main"),
        (["trunk", "topic"], "topic", None, None, "trunk"),
        (["trunk"], "trunk", None, None, "trunk"),
        (["master", "develop", "topic"], "topic", None, "develop", "develop"),
        (["main", "stable"], "main", "stable", None, "stable"),
        (["trunk", "topic", "other"], "topic", None, None, None),
    ],
)
def test_the_default_branch_is_what_the_repository_shows(
    tmp_path: Path,
    branches: list[str],
    head: str,
    origin_head: str | None,
    configured: str | None,
    expected: str | None,
) -> None:
    """The head of origin, then init.defaultBranch, main and master, then the only other branch; else nobody knows."""
    root = tmp_path / "code"
    git(tmp_path, "init", "-q", "-b", branches[0], str(root))
    git(root, "commit", "-q", "--allow-empty", "-m", "a")
    for branch in branches[1:]:
        git(root, "branch", branch)
    git(root, "checkout", "-q", head)
    if origin_head:
        git(root, "symbolic-ref", "refs/remotes/origin/HEAD", f"refs/remotes/origin/{origin_head}")
    if configured:
        git(root, "config", "init.defaultBranch", configured)
    assert Checkout(root, ENVIRON).default_branch() == expected


def test_git_sees_no_token(tmp_path: Path) -> None:
    """The environment of git holds what git needs, and no variable that it does not know."""
    (tmp_path / "git").write_text("#!/bin/sh\nenv\n")
    (tmp_path / "git").chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.defpath}", "GITHUB_TOKEN": "secret", "REGRESS_HISTORY_TOKEN": "secret"}
    poisoned = {"GIT_SSH_COMMAND": "evil", "GIT_CONFIG_GLOBAL": "/evil", "GIT_EXEC_PATH": "/evil", "LD_PRELOAD": "evil"}
    printed = PrivateRepository(tmp_path, environ | poisoned).run("status").decode()
    assert "secret" not in printed
    assert "evil" not in printed
    assert "GIT_ALLOW_PROTOCOL=none" in printed


def test_the_global_configuration_counts_only_where_no_token_travels(
    tmp_path: Path, served: tuple[str, type[Backend]]
) -> None:
    """A suite that rewrites addresses in ~/.gitconfig gets no token; on a laptop the user's own settings work."""
    url, handler = served
    (tmp_path / ".gitconfig").write_text(f'[url "{url}/acme/project"]\n\tinsteadOf = {url}/acme/other\n')
    environ = ENVIRON | {"HOME": str(tmp_path)}
    open_history(f"branch:data@{url}/acme/other", environ=environ).append(REPORT)
    token = {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": url, "GITHUB_TOKEN": "secret"}
    handler.requests.clear()
    with pytest.raises(HistoryError):
        open_history(f"branch:data@{url}/acme/other", environ=environ | token).load()
    assert not [path for _, path in handler.requests if "project" in path]


def test_another_server_does_not_get_a_token(served: tuple[str, type[Backend]]) -> None:
    """Each token is for one server; another one gets none, or nothing at all where a token was meant for it."""
    url, handler = served
    where = f"branch:data@{url}/acme/project"
    environ = ENVIRON | {"GITHUB_TOKEN": "secret", "GITHUB_SERVER_URL": "https://github.example"}
    open_history(where, environ=environ).append(REPORT)
    assert set(handler.authorizations) == {None}
    handler.requests.clear()
    with pytest.raises(SettingsError, match=r"REGRESS_HISTORY_TOKEN is for https://github\.example"):
        open_history(where, environ=environ | {"REGRESS_HISTORY_TOKEN": "x"})
    assert handler.requests == []
    open_history(where, environ=environ | {"REGRESS_HISTORY_TOKEN": "x", "REGRESS_HISTORY_SERVER": url}).load()
    assert handler.authorizations[-1] is not None


def test_a_redirect_does_not_get_a_token(served: tuple[str, type[Backend]]) -> None:
    """A server that sends git elsewhere is an error, because git would take the token along."""
    url, handler = served

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Redirect to the other server."""
            self.send_response(302)
            self.send_header("Location", f"{url}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = Server(("127.0.0.1", 0), Elsewhere)
    Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_address[1]}"
    environ = ENVIRON | {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": here, "GITHUB_REPOSITORY": "acme/project"}
    try:
        with pytest.raises(HistoryError, match="redirects"):
            open_history("branch:data", environ=environ | {"GITHUB_TOKEN": "secret"}).load()
    finally:
        server.shutdown()
        server.server_close()
    assert handler.authorizations == []


@pytest.mark.parametrize("form", ["{path}", "file://{path}", "../remote", "ext::sh -c evil"])
def test_a_workflow_uses_no_repository_on_its_disk(tmp_path: Path, form: str) -> None:
    """A local repository may be the suite's work, and a push would run its hooks."""
    bare_repository(tmp_path / "remote")
    (tmp_path / "code").mkdir()
    where = f"branch:data@{form.format(path=tmp_path / 'remote')}"
    with pytest.raises(SettingsError, match="no repository on a server"):
        open_history(where, repository=tmp_path / "code", environ=ENVIRON | {"GITHUB_ACTIONS": "true"})


def test_a_transport_that_runs_a_command_is_refused(tmp_path: Path) -> None:
    """`ext::` would start a program; git may use no other protocol than the one of the address."""
    with pytest.raises(HistoryError):
        open_history(f"branch:data@ext::sh -c 'touch {tmp_path}/executed'", environ=ENVIRON).load()
    assert not (tmp_path / "executed").exists()
