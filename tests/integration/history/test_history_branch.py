"""A history on a branch: real git, over smart HTTP and from the disk."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import pytest

from integration.history.smart_http import Backend, bare_repository, serving
from regress_action.history import EVERYTHING, History, Selection, open_history, verify
from regress_action.history.branch import Backoff, BranchStore, GitPusher
from regress_action.history.clone import remote_of
from regress_action.model.errors import HistoryError, SettingsError
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series
from typed_fields import ReportFields

ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


def report(number: int, **changes: Unpack[ReportFields]) -> Report:
    """One of many reports that differ."""
    made = Report(
        series=(Series(Benchmark("parse"), Metric("time", "s"), (1.0 + number,)),),
        runs=(Run(),),
        suite="unit",
        commit=f"{number:04x}" * 10,
        branch="main",
        created=f"2025-{1 + number % 12:02}-01T00:00:00Z",
        provenance=(("event", "push"), ("run_id", str(number))),
    )
    return replace(made, **changes)


def git(repository: Path, *arguments: str) -> str:
    """What git says about a repository."""
    return subprocess.run(
        ["git", "-C", repository, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An empty bare repository, as a host has it after "new repository"."""
    return bare_repository(tmp_path / "project.git")


@pytest.fixture
def served(bare: Path) -> Iterator[tuple[str, type[Backend]]]:
    """The URL of the repository over smart HTTP, and the server's handler."""
    with serving(bare.parent) as (url, handler):
        yield f"{url}/{bare.name}", handler


@pytest.fixture(params=["http", "path", "file"])
def where(request: pytest.FixtureRequest, bare: Path, served: tuple[str, type[Backend]]) -> str:
    """The same branch by each way to a repository."""
    return "branch:regress-data@" + {"http": served[0], "path": str(bare), "file": bare.as_uri()}[request.param]


def numbers(history: History, selection: Selection = EVERYTHING) -> list[int]:
    """Which reports a fresh look at the branch finds."""
    return [int((stored.commit or "")[:4], 16) for stored in history.load(selection)]


def test_the_branch_is_made_on_demand_and_says_what_it_is(where: str, bare: Path) -> None:
    """The first record makes an orphan branch with a README; an empty repository is no error before."""
    assert open_history(where, environ=ENVIRON).load() == ()
    path = open_history(where, environ=ENVIRON).append(report(1))
    assert open_history(where, environ=ENVIRON).load() == (report(1),)
    assert git(bare, "ls-tree", "-r", "--name-only", "regress-data").splitlines() == ["README.md", path]
    assert "regress-action" in git(bare, "show", "regress-data:README.md")
    assert git(bare, "rev-list", "--count", "regress-data") == "1"


def test_reports_are_added_on_top_and_stored_once(where: str, bare: Path) -> None:
    """Each report is one commit on top of the last; one that is there already makes none."""
    for number in (1, 2, 3, 2):
        open_history(where, environ=ENVIRON).append(report(number))
    assert numbers(open_history(where, environ=ENVIRON)) == [1, 2, 3]
    assert numbers(open_history(where, environ=ENVIRON), Selection(last=2)) == [2, 3]
    assert git(bare, "rev-list", "--count", "regress-data") == "3"
    assert git(bare, "fsck", "--no-dangling") == ""


def test_many_reports_are_one_commit(where: str, bare: Path) -> None:
    """A merge of shards, or an import of years, is one push."""
    open_history(where, environ=ENVIRON).extend([report(number) for number in range(40)])
    assert sorted(numbers(open_history(where, environ=ENVIRON))) == list(range(40))
    assert git(bare, "rev-list", "--count", "regress-data") == "1"


def test_a_server_that_cannot_filter_sends_the_tip(bare: Path, served: tuple[str, type[Backend]]) -> None:
    """Old servers know no partial clones; the history reads the same."""
    git(bare, "config", "uploadpack.allowFilter", "false")
    for number in (1, 2):
        open_history(f"branch:regress-data@{served[0]}", environ=ENVIRON).append(report(number))
    assert numbers(open_history(f"branch:regress-data@{served[0]}", environ=ENVIRON)) == [1, 2]


def test_a_window_is_read_without_the_rest(bare: Path, served: tuple[str, type[Backend]]) -> None:
    """Two of sixty months cost a handful of requests, whatever else is stored."""
    years = [report(number, created=f"{2020 + number // 12}-{1 + number % 12:02}-01T00:00:00Z") for number in range(60)]
    open_history(str(f"branch:regress-data@{bare}"), environ=ENVIRON).extend(years)
    served[1].requests.clear()
    history = open_history(f"branch:regress-data@{served[0]}", environ=ENVIRON)
    assert numbers(history, Selection(last=2)) == [58, 59]
    assert len(served[1].requests) <= 7
    assert isinstance(history.store, BranchStore)
    assert len(history.store._clone._here or ()) < 25


def test_the_origin_of_the_checkout_is_the_default(bare: Path, tmp_path: Path) -> None:
    """On a laptop, `branch:regress-data` is the branch of the repository one stands in; its files are never touched."""
    checkout = tmp_path / "checkout"
    git(tmp_path, "clone", "-q", str(bare), str(checkout))
    (checkout / "mine.txt").write_text("unsaved")
    open_history("branch:regress-data", repository=checkout, environ=ENVIRON).append(report(1))
    assert git(bare, "rev-list", "--count", "regress-data") == "1"
    assert git(checkout, "status", "--porcelain") == "?? mine.txt"
    assert git(checkout, "for-each-ref") == ""


def test_a_repository_without_origin_keeps_the_branch_itself(tmp_path: Path) -> None:
    """A repository that was never pushed anywhere can have a history, too."""
    git(tmp_path, "init", "-q", "alone")
    open_history("branch:regress-data", repository=tmp_path / "alone", environ=ENVIRON).append(report(1))
    assert numbers(open_history("branch:regress-data", repository=tmp_path / "alone", environ=ENVIRON)) == [1]
    assert sorted(path.name for path in (tmp_path / "alone").iterdir()) == [".git"]


def test_in_a_workflow_the_repository_and_the_token_come_from_the_environment(
    bare: Path, served: tuple[str, type[Backend]]
) -> None:
    """The token travels in a header: not in a URL, an argument, the private clone or a message."""
    server = served[0].rpartition("/")[0]
    bare.rename(bare.parent / "repo")
    (bare.parent / "acme").mkdir()
    shutil.move(bare.parent / "repo", bare.parent / "acme" / "project")
    environ = ENVIRON | {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": server,
        "GITHUB_REPOSITORY": "acme/project",
        "GITHUB_TOKEN": "sesame-open",
    }
    history = open_history("branch:regress-data", environ=environ)
    history.append(report(1))
    assert set(served[1].authorizations) == {"basic eC1hY2Nlc3MtdG9rZW46c2VzYW1lLW9wZW4="}
    assert "github-actions[bot]" in git(bare.parent / "acme" / "project", "log", "-1", "--format=%an", "regress-data")
    assert isinstance(history.store, BranchStore)
    kept = [path.read_bytes() for path in history.store._clone.git.folder.rglob("*") if path.is_file()]
    assert not [data for data in kept if b"sesame" in data or b"eC1hY2Nlc3M" in data]
    assert "sesame" not in repr(history) + history.where


def test_a_branch_with_code_on_it_is_refused(where: str, bare: Path, tmp_path: Path) -> None:
    """Records never get among somebody's files, even if the branch was named by mistake."""
    git(tmp_path, "clone", "-q", str(bare), str(tmp_path / "code"))
    code = tmp_path / "code"
    (code / "setup.py").write_text("")
    git(code, "add", ".")
    git(code, "-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "x")
    git(code, "push", "-q", "origin", "HEAD:regress-data")
    with pytest.raises(HistoryError, match=r"setup\.py"):
        open_history(where, environ=ENVIRON).append(report(1))
    assert git(bare, "rev-list", "--count", "regress-data") == "1"


def test_a_deleted_branch_is_made_anew(where: str, bare: Path) -> None:
    """Deleting the branch starts the history over."""
    history = open_history(where, environ=ENVIRON)
    history.append(report(1))
    git(bare, "update-ref", "-d", "refs/heads/regress-data")
    assert open_history(where, environ=ENVIRON).load() == ()
    history.append(report(2))
    assert numbers(open_history(where, environ=ENVIRON)) == [2]


def test_a_force_pushed_branch_is_taken_as_it_is(where: str, bare: Path) -> None:
    """A writer that knew the old branch builds on the new one."""
    history = open_history(where, environ=ENVIRON)
    history.append(report(1))
    old = git(bare, "rev-parse", "regress-data")
    history.append(report(2))
    git(bare, "update-ref", "refs/heads/regress-data", old)
    history.append(report(3))
    assert numbers(open_history(where, environ=ENVIRON)) == [1, 3]


@pytest.mark.parametrize("way", ["http", "path"])
def test_a_repository_that_names_by_sha_256_is_one_like_any_other(tmp_path: Path, way: str) -> None:
    """Recorded, read and verified: from the first report, which finds nothing to tell the names by."""
    other = bare_repository(tmp_path / "other.git", "sha256")
    with serving(tmp_path) as (url, _):
        where = "branch:regress-data@" + {"http": f"{url}/{other.name}", "path": str(other)}[way]
        history = open_history(where, environ=ENVIRON)
        for number in (1, 2):
            history.append(report(number))
        open_history(where, environ=ENVIRON).append(report(3))
        assert numbers(open_history(where, environ=ENVIRON)) == [1, 2, 3]
        result = verify(open_history(where, environ=ENVIRON))
    assert (result.holds, result.commits, len(result.head or "")) == (True, 3, 64)
    assert git(other, "fsck", "--strict", "--no-dangling") == ""


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("branch:regress-data@{url}/nothing.git", "does not exist"),
        ("branch:regress-data@/nonexistent/x.git", "does not exist"),
    ],
)
def test_a_repository_that_is_not_there_is_named(served: tuple[str, type[Backend]], place: str, words: str) -> None:
    """The message names the repository, what git said, and what to do."""
    with pytest.raises(HistoryError, match=words) as caught:
        open_history(place.format(url=served[0].rpartition("/")[0]), environ=ENVIRON).load()
    assert "branch:regress-data@" in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("place", ["branch:", "branch:-x", "branch:a..b", "branch:a b", "branch:x@", "branch:a.lock"])
def test_a_bad_name_is_refused_before_git_sees_it(place: str) -> None:
    """Names git would not take, or would take for an option, are errors of the call."""
    with pytest.raises(SettingsError):
        open_history(place, environ=ENVIRON)


def with_short_backoff(url: str, limit_s: float, environ: dict[str, str] = ENVIRON) -> History:
    """A history that gives up soon."""
    publisher = GitPusher("tester <t@localhost>")
    return History(BranchStore(remote_of(url, None, environ), "regress-data", environ, publisher, Backoff(limit_s)))


def test_a_server_that_does_not_answer_is_named() -> None:
    """After some attempts the message says that the network is to blame."""
    with pytest.raises(HistoryError, match="could not be reached"):
        with_short_backoff("http://127.0.0.1:9/x.git", 0.5).load()


def test_a_broken_connection_stores_nothing_or_everything(bare: Path, served: tuple[str, type[Backend]]) -> None:
    """An answer that is cut is an error of the network; when it is back, the report is stored once."""
    open_history(f"branch:regress-data@{served[0]}", environ=ENVIRON).append(report(1))
    served[1].cut_after = 10
    with pytest.raises(HistoryError, match="could not be reached"):
        with_short_backoff(served[0], 0.5).append(report(2))
    served[1].cut_after = None
    open_history(f"branch:regress-data@{served[0]}", environ=ENVIRON).append(report(2))
    assert git(bare, "rev-list", "--count", "regress-data") == "2"
    assert numbers(open_history(f"branch:regress-data@{served[0]}", environ=ENVIRON)) == [1, 2]


@pytest.mark.parametrize("cut_after", [0, 100, 600])
def test_a_pack_that_is_cut_is_an_error(bare: Path, served: tuple[str, type[Backend]], cut_after: int) -> None:
    """A connection that ends in the middle of what is fetched is an error of the network, never a shorter window."""
    years = [report(number, created=f"{2020 + number // 12}-{1 + number % 12:02}-01T00:00:00Z") for number in range(60)]
    open_history(f"branch:regress-data@{bare}", environ=ENVIRON).extend(years)
    served[1].cut_after = cut_after
    with pytest.raises(HistoryError):
        with_short_backoff(served[0], 0.5).load(Selection(last=50))
    served[1].cut_after = None
    assert len(open_history(f"branch:regress-data@{served[0]}", environ=ENVIRON).load(Selection(last=50))) == 50


def test_a_full_disk_is_named_and_leaves_the_branch_as_it_was(bare: Path) -> None:
    """Where no file may grow beyond a few bytes, git fails; the message says that the disk is full, and what to do."""
    open_history(f"branch:regress-data@{bare}", environ=ENVIRON).append(report(1))
    before = git(bare, "rev-parse", "regress-data")
    done = subprocess.run(  # -B, because cached bytecode would be cut as well, and stay
        [sys.executable, "-B", "-c", APPEND, f"branch:regress-data@{bare}"],
        preexec_fn=small_disk,
        env=ENVIRON | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "The disk is full" in done.stderr
    assert "TMPDIR" in done.stderr
    assert git(bare, "rev-parse", "regress-data") == before
    assert git(bare, "fsck", "--strict", "--no-dangling") == ""
    assert numbers(open_history(f"branch:regress-data@{bare}", environ=ENVIRON)) == [1]


def small_disk() -> None:
    """Let the kernel refuse to write more than a few bytes into a file, as a full disk would."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))


APPEND = """
import os, sys
from random import Random
from regress_action.model.errors import HistoryError
from regress_action.history import open_history
from regress_action.model.measurements import Benchmark, Metric, Report, Run, Series
rng = Random(1)
series = tuple(Series(Benchmark(f"b{n}-{rng.random()}"), Metric("time", "s"), (rng.random(),)) for n in range(200))
try:
    open_history(sys.argv[1], environ=os.environ).append(Report(series, (Run(),), created="2025-01-01T00:00:00Z"))
except HistoryError as error:
    sys.exit(str(error))
"""


def test_one_answer_that_is_cut_while_reading_is_asked_for_again(
    bare: Path, served: tuple[str, type[Backend]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network failed once in the middle of a fetch: the reader tries again and finds everything."""
    open_history(f"branch:regress-data@{bare}", environ=ENVIRON).extend([report(1), report(2)])
    answer = served[1]._run
    fetches = []

    def cut_once(self: Backend, body: bytes) -> None:
        if self.path.endswith("git-upload-pack"):
            fetches.append(body)
            self.cut_after = 50 if len(fetches) in {2, 4} else None
        answer(self, body)

    monkeypatch.setattr(served[1], "_run", cut_once)
    assert numbers(open_history(f"branch:regress-data@{served[0]}", environ=ENVIRON)) == [1, 2]
    assert len(fetches) > 4


def test_foreign_text_in_a_commit_message_is_one_plain_line(where: str, bare: Path) -> None:
    """A suite, an actor or a reason with line breaks and terminal sequences forges no line of the message."""
    hostile = "ci\x1b[31m\nSigned-off-by: admin\x1e\x1f"
    history = open_history(where, environ=ENVIRON)
    history.append(report(1, provenance=(("event", "push"), ("actor", hostile)), suite=hostile))
    history.extend([report(2)], message=f"Import\n\nactor: {hostile}")
    for commit in ("regress-data", "regress-data~1"):
        message = git(bare, "log", "-1", "--format=%B", commit)
        assert "\x1b" not in message
        assert "\x1e" not in message
    assert not [
        line
        for line in git(bare, "log", "-1", "--format=%B", "regress-data~1").splitlines()
        if line.startswith("Signed")
    ]


def test_messages_of_others_do_not_confuse_the_audit(where: str, bare: Path, tmp_path: Path) -> None:
    """A commit that somebody else made, with any character in its message, is read as one commit."""
    open_history(where, environ=ENVIRON).append(report(1))
    git(tmp_path, "clone", "-q", "-b", "regress-data", str(bare), str(tmp_path / "c"))
    identity = ("-c", "user.name=a", "-c", "user.email=b")
    git(tmp_path / "c", *identity, "commit", "-q", "--allow-empty", "-m", "x\x1e\x1fy\n\n:100644 100644 a b M\x01z")
    git(tmp_path / "c", "push", "-q")
    result = verify(open_history(where, environ=ENVIRON))
    assert (result.holds, result.commits) == (True, 2)


def test_a_lost_answer_does_not_write_twice(
    bare: Path, served: tuple[str, type[Backend]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server took the push, and the writer did not hear of it: the next attempt finds the record and is content."""
    answer = served[1]._run
    lost: list[bytes] = []

    def losing(self: Backend, body: bytes) -> None:
        if self.path.endswith("git-receive-pack") and self.command == "POST" and len(body) > 10 and not lost:
            lost.append(body)
            self.cut_after = 0
        answer(self, body)

    monkeypatch.setattr(served[1], "_run", losing)
    with_short_backoff(served[0], 20).append(report(1))
    assert lost
    assert git(bare, "rev-list", "--count", "regress-data") == "1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_writer_that_is_ended_leaves_no_clone(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM in the middle of `record` removes the temporary repository and ends git."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (tmp_path / "tmp").mkdir()
        (tmp_path / "r.json").write_text('{"parse": {"latency": {"value": 1.0}}}')
        where = f"branch:regress-data@http://127.0.0.1:{silent.getsockname()[1]}/x.git"
        environ = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", "regress_action", "record", str(tmp_path / "r.json"), "--history", where]
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE) as writer:
            connection, _ = silent.accept()
            assert list((tmp_path / "tmp").glob("regress-history-*"))
            writer.send_signal(number)
            assert writer.wait(30) == 128 + number
            connection.close()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_rule_of_the_repository_is_explained(bare: Path, served: tuple[str, type[Backend]]) -> None:
    """Where signed commits are demanded, the message says how to have them made by GitHub."""
    hook = bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'GH013: Repository rule violations found' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(HistoryError, match="REGRESS_HISTORY_COMMITS=api"):
        open_history(f"branch:regress-data@{served[0]}", environ=ENVIRON).append(report(1))


@pytest.mark.timeout(300)
def test_twenty_four_writers_at_once_lose_nothing(bare: Path, served: tuple[str, type[Backend]]) -> None:
    """A matrix of 24 jobs that end in the same second: 24 records, each once, each in a commit of its own."""
    failed: list[BaseException] = []
    start = threading.Barrier(24)

    def write(number: int) -> None:
        history = open_history(f"branch:regress-data@{served[0]}", environ=ENVIRON)
        start.wait()
        try:
            history.append(report(number))
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=write, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert sorted(numbers(open_history(f"branch:regress-data@{bare}", environ=ENVIRON))) == list(range(24))
    assert git(bare, "rev-list", "--count", "regress-data") == "24"
    assert git(bare, "fsck", "--strict", "--no-dangling") == ""
