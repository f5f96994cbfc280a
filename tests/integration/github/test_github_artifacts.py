"""Publishing what a run without rights has measured: its artifact is data, its pull request is looked up."""

from __future__ import annotations

import base64
import io
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fake_github.data import Artifact, WorkflowRun
from integration.github.github_scenarios import Job, compared, judged, pull, sha
from regress_action.github import artifacts
from regress_action.github.event import Plan, Stage
from regress_action.model.errors import InfrastructureError, InputError

if TYPE_CHECKING:
    from fake_github import FakeGitHub
    from regress_action.github.client import Client

FORK = "outsider/widgets"


def publishing(head: int = 77, repository: str | None = FORK, branch: str = "feature") -> Plan:
    """Plan as a workflow_run event for a fork's run would tell it."""
    return Plan(
        mode=Stage.PUBLISH,
        why="a run has finished",
        event="workflow_run",
        repository="octo/widgets",
        head_sha=sha(head),
        head_ref=branch,
        head_repository=repository,
        is_fork=True,
        may_comment=True,
        measured_run_id=500,
        run_id=501,
    )


def test_a_fork_gets_its_comment_and_check_run_in_the_end(github: FakeGitHub, client: Client) -> None:
    """The pull request follows from the event's head, and then everything is as for any other."""
    github.data.add_pull(head_sha=sha(77), head_repository=FORK, user="outsider", labels=["bug"])

    plan = artifacts.with_pull_request(client, publishing())
    Job().run(client, plan, judged([compared("cache.get", 2.5)], head=sha(77)))

    assert (plan.pull_request, plan.pull_request_author, plan.labels) == (1, "outsider", ("bug",))
    assert (github.data.check_runs[0].conclusion, len(github.data.comments)) == ("failure", 1)


@pytest.mark.parametrize(
    "plan",
    [
        publishing(head=76),
        publishing(repository="octo/widgets"),
        publishing(repository="outsider/other"),
        publishing(repository=None),
        publishing(branch="elsewhere"),
    ],
    ids=["overtaken", "not-the-base", "another-fork", "deleted-fork", "another-branch"],
)
def test_a_head_that_does_not_match_finds_no_pull_request(github: FakeGitHub, client: Client, plan: Plan) -> None:
    """Repository, branch and commit must all be the event's; nothing else is commented on."""
    github.data.add_pull(head_sha=sha(77), head_repository=FORK)

    looked_up = artifacts.with_pull_request(client, plan)
    assert (looked_up.mode, looked_up.pull_request) == (Stage.NONE, None)


def test_a_forks_run_speaks_for_no_other_pull_request_of_the_same_commit(github: FakeGitHub, client: Client) -> None:
    """Somebody pushes another one's commit to a fork: a check run on it would count for the other pull request."""
    github.data.add_pull(head_sha=sha(77), head_repository="victim/widgets", user="victim")
    github.data.add_pull(head_sha=sha(77), head_repository=FORK, user="outsider")

    with pytest.raises(InputError, match="#2 and #1 have the same commit"):
        artifacts.with_pull_request(client, publishing())

    github.data.issues[0].state = "closed"
    assert artifacts.with_pull_request(client, publishing()).pull_request == 2


def test_a_pull_request_of_the_repository_itself_is_not_held_up_by_a_copy(github: FakeGitHub, client: Client) -> None:
    """Who may push to the repository is trusted more than who may fork it."""
    github.data.add_pull(head_sha=sha(77), head_repository="octo/widgets")
    github.data.add_pull(head_sha=sha(77), head_repository=FORK, user="outsider")

    plan = replace(publishing(repository="octo/widgets"), is_fork=False)
    assert artifacts.with_pull_request(client, plan).pull_request == 1


def test_an_artifact_is_fetched_without_showing_the_token(github: FakeGitHub, client: Client) -> None:
    """The store sees no Authorization header; the fake would report a violation."""
    github.data.runs.append(WorkflowRun(500, head_repository=FORK))
    github.data.add_artifact("other", {"x": b"y"}, 500)
    github.data.add_artifact("regress", {"head.jsonl": b"{}\n", "sub/base.jsonl": b"[]\n"}, 500)
    github.data.add_artifact("regress", {"head.jsonl": b"poison"}, 499)

    archive = artifacts.download(client, 500, "regress")

    assert dict(artifacts.files(archive)) == {"head.jsonl": b"{}\n", "sub/base.jsonl": b"[]\n"}


def test_a_download_that_breaks_off_is_repeated(github: FakeGitHub, client: Client) -> None:
    """Reading may be repeated as often as need be."""
    github.data.runs.append(WorkflowRun(500))
    github.data.add_artifact("regress", {"head.jsonl": b"{}"}, 500)
    github.fail("truncated", "GET", "/artifacts$")
    github.fail("502-before", "GET", "/zip$")

    assert artifacts.download(client, 500, "regress")


def test_an_artifact_that_is_not_there_says_what_to_do(github: FakeGitHub, client: Client) -> None:
    """Absent, expired and too large are told apart."""
    github.data.runs.append(WorkflowRun(500))
    github.data.artifacts += [
        Artifact(1, "old", 500, "", expired=True),
        Artifact(2, "huge", 500, "", claimed_size=10**9),
    ]

    with pytest.raises(InputError, match="does not exist"):
        artifacts.download(client, 500, "regress")
    with pytest.raises(InputError, match="has expired"):
        artifacts.download(client, 500, "old")
    with pytest.raises(InputError, match="1000000000 bytes"):
        artifacts.download(client, 500, "huge")


def test_a_claimed_size_is_not_believed(github: FakeGitHub, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds for what arrives."""
    monkeypatch.setattr(artifacts, "MAX_ARCHIVE_BYTES", 1000)
    github.data.runs.append(WorkflowRun(500))
    content = base64.b64encode(bytes(range(256)) * 10).decode()
    github.data.artifacts.append(Artifact(1, "regress", 500, content, claimed_size=10))

    with pytest.raises(InputError, match="more than 1000 bytes"):
        artifacts.download(client, 500, "regress")


def test_without_the_permission_the_yaml_line_is_named(github: FakeGitHub, client: Client) -> None:
    """`actions: read` is what a private repository needs."""
    github.data.runs.append(WorkflowRun(500))
    github.data.add_artifact("regress", {"x": b"y"}, 500)
    github.fail("422", "GET", "/zip$")

    with pytest.raises(InfrastructureError, match="actions: read"):
        artifacts.download(client, 500, "regress")


def packed(names: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive with any names."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return target.getvalue()


def test_names_that_lead_elsewhere_are_left_out() -> None:
    """Nothing is written anyway; names are not even passed on."""
    archive = packed({"../up": b"1", "/root": b"2", "a/../../b": b"3", "C:\\x": b"4", "good.json": b"5", "dir/": b""})

    assert dict(artifacts.files(archive)) == {"good.json": b"5"}


def test_zip_bomb_is_refused() -> None:
    """One file or many that unpack to more than a set of results can be."""
    with pytest.raises(InputError, match="unpacks to more"):
        list(artifacts.files(packed({"zeros": bytes(60_000_000)})))
    with pytest.raises(InputError, match="files; 20000"):
        list(artifacts.files(packed({str(number): b"" for number in range(20_001)})))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_refused_whatever_its_compression(method: int) -> None:
    """Half an archive, an archive of garbage, and one whose size is a lie."""
    archive = packed({"a.json": bytes(range(256)) * 40}, method)
    garbage = archive[:50] + b"\xff" * 60 + archive[110:]
    for damaged in (archive[: len(archive) // 2], garbage):
        with pytest.raises(InputError, match="damaged"):
            list(artifacts.files(damaged))


def test_a_file_that_was_uploaded_bare_is_taken_as_it_is() -> None:
    """A newer uploader does not pack single files."""
    assert dict(artifacts.files(b'{"schema": 1}\n')) == {"report.jsonl": b'{"schema": 1}\n'}


def test_the_pull_request_of_another_event_is_left_alone(github: FakeGitHub, client: Client) -> None:
    """A plan that knows its pull request asks nobody."""
    github.data.add_pull(head_sha=sha(77))

    assert artifacts.with_pull_request(client, pull(github, 1)).pull_request == 1
    assert github.log == []
